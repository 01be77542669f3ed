"""PFClustering of the CMS ECAL: rechits of many events to clusters, and the part of each hit in each cluster.

    clusters = pf_clusters(row_splits, ieta, iphi, energy_gev)
    clusters.energy_gev, clusters.eta, clusters.seed_ieta
    clusters.fractions.cluster, clusters.fractions.hit, clusters.fractions.fraction
    corrected_energy_gev(clusters)

| module | what it gives |
| --- | --- |
| `cluster_events` | `zoo.clustering` on records: events of rechits to events of clusters |
| `corrections` | `corrected_energy_gev`: the energies of the clusters' particles, by corrections that ship |
| `energy_correction` | the form of a correction, and its fit |
| `cluster_variables` | what a correction knows of a cluster |
"""

from pathlib import Path

import awkward as ak

from zoo.baselines.baseline import Baseline
from zoo.baselines.pf_clustering.cluster_events import cluster_events
from zoo.baselines.pf_clustering.corrections import FILES, corrected_energy_gev, load_correction
from zoo.baselines.pf_clustering.energy_correction import EnergyCorrection
from zoo.clustering.config import BARREL, FLAT_SEGMENT, PFClusteringConfig
from zoo.clustering.lattice import Lattice
from zoo.clustering.pf_clusters import Fractions, PFClusters, lattice_clusters, pf_clusters
from zoo.data.kinds.clusters import RECHIT_EVENTS

__all__ = [
    "BARREL",
    "FLAT_SEGMENT",
    "EnergyCorrection",
    "Fractions",
    "Lattice",
    "PFClusteringBaseline",
    "PFClusteringConfig",
    "PFClusters",
    "cluster_events",
    "corrected_energy_gev",
    "lattice_clusters",
    "load_correction",
    "pf_clusters",
]


class PFClusteringBaseline(Baseline):
    """PFClustering, as `baseline()` gives it; its weights are corrections of single clusters' energies."""

    schema = RECHIT_EVENTS
    files = FILES

    def predict(self, records: ak.Array, weights: str | Path = "default") -> ak.Array:
        """Clusters the rechits of each event; events keep raw energies, so that `weights` decide nothing."""
        return cluster_events(records)
