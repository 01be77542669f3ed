"""PFClustering of the CMS ECAL on the barrel or on any lattice of cells; without corrections of energies.

| module | content |
| --- | --- |
| `pf_clusters` | `pf_clusters` on the barrel, `lattice_clusters` on any lattice: start here |
| `config` | the constants, with their names in CMSSW |
| `lattice` | cells in rows and columns: the barrel, a plane |
| `topology` | seeds and topological clusters |
| `sharing` | hits shared among the seeds of a topological cluster |
"""
