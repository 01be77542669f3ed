"""Simulated calorimeter objects: frozen Geant4 showers, pile-up, material, response, samples.

| module | what it gives |
| --- | --- |
| `samples` | the samples of objects, of clusters and of whole events: start here |
| `sources` | what a sample is, and how it is opened |
| `showers`, `shower_table`, `shower_file` | the frozen Geant4 library: draw, scale, put at any impact point |
| `splits` | 7, 1 and 2 of ten for training, validation and test |
| `rebinning` | exact sharing of a shower's deposit among crystals |
| `shower_packing` | command that packs a folder of showers into the shipped library |
| `pileup`, `overlay` | the minimum-bias pool, whole crossings of it, crossings laid over objects |
| `interactions`, `minimum_bias` | the pool's record and file; the command that makes it with Pythia |
| `jets`, `pythia_jets` | the same for jets rich in neutral pions |
| `grindhammer_peters` | parametrised showers: a second, independent simulation |
| `shifts` | samples with other showers, noise, thresholds or dead crystals |
| `flat_segment` | the flat 30 x 85 segment of the ClusTEX talk |
| `information_limit`, `window_model`, `mean_shower` | how well any estimate could measure an energy |
| `transport`, `material`, `bremsstrahlung`, `helix` | material and field before the calorimeter |
| `hadrons`, `decays` | charged hadrons in field and crystals; two-body decays |
| `response`, `readout` | noise, thresholds, dead crystals, leakage variable |
| `objects`, `deposits`, `patches`, `windows`, `columns` | one batch of objects, and how it becomes records |
| `cluster_events`, `generated`, `arrivals`, `region_clusters` | one batch of superclustering events |
| `candidates`, `diphotons` | one batch of candidates: merged decays to photons, single photons |
| `element_events`, `crossings`, `upstream`, `tracker`, `calorimeters` | one batch of whole events |
| `cell_grids`, `cell_clusters`, `surfaces` | its cells, clusters, and paths to the detectors' faces |
| `collisions`, `pythia_collisions` | the pool of collisions at the vertex; the command that makes it |

NumPy and SciPy only; every random draw takes a seed or a generator.
"""

__all__ = [
    "interactions",
    "pileup",
    "samples",
    "showers",
]
