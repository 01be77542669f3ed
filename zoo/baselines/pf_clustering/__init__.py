"""PFClustering of the CMS ECAL: rechits of many events to clusters, and the part of each hit in each cluster.

    clusters = pf_clusters(row_splits, ieta, iphi, energy_gev)
    clusters.energy_gev, clusters.eta, clusters.seed_ieta
    clusters.fractions.cluster, clusters.fractions.hit, clusters.fractions.fraction
    corrected_energy_gev(clusters)

| module | what it gives |
| --- | --- |
| `clustering` | `pf_clusters` on the barrel, `lattice_clusters` on any lattice: start here |
| `cluster_events` | the same on records: events of rechits to events of clusters |
| `config` | the constants, with their names in CMSSW |
| `lattice` | crystals in rows and columns: the barrel, a plane |
| `topology` | seeds and topological clusters |
| `sharing` | hits shared among the seeds of a topological cluster |
| `corrections` | `corrected_energy_gev`: the energies of the clusters' particles, by corrections that ship |
| `energy_correction` | the form of a correction, and its fit |
| `cluster_variables` | what a correction knows of a cluster |
"""

from zoo.baselines.pf_clustering.clustering import Fractions, PFClusters, lattice_clusters, pf_clusters
from zoo.baselines.pf_clustering.config import BARREL, FLAT_SEGMENT, PFClusteringConfig
from zoo.baselines.pf_clustering.corrections import corrected_energy_gev, load_correction
from zoo.baselines.pf_clustering.energy_correction import EnergyCorrection
from zoo.baselines.pf_clustering.lattice import Lattice

__all__ = [
    "BARREL",
    "FLAT_SEGMENT",
    "EnergyCorrection",
    "Fractions",
    "Lattice",
    "PFClusteringConfig",
    "PFClusters",
    "corrected_energy_gev",
    "lattice_clusters",
    "load_correction",
    "pf_clusters",
]
