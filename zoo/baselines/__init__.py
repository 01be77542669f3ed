"""Classical algorithms, each with the calling convention `predict(records) -> records`.

| module | what it is |
| --- | --- |
| `raw_sum` | the sum of the rechit energies, the start of every other method |
| `linear_calibration` | that sum times a factor, in bins of energy and abs(eta) |
| `bdt_regression` | boosted trees on shower shapes: correction and its uncertainty, the CMS Run-2 scheme |
| `pf_clustering` | rechits to clusters: the CMS algorithm |
| `mustache` | CMS superclustering with dynamic dphi: clusters to superclusters |
| `particle_flow` | rule-based particle flow in the manner of CMS: tracks and clusters to particles |
| `shower_shapes` | the inputs of the trees, from the crystals |
| `mass_shapes`, `image_shapes` | the mass of merged photons by boosted trees, and their inputs |
| `three_by_three` | that mass from the two highest crystals' neighbourhoods |
| `template_fit` | that mass by a fit of two mean showers: a limit |

Trained baselines have a card here and weights in `saved_models/`, like any network; `Baseline.beside` finds
those that belong beside a network's.
"""

__all__ = [
    "bdt_regression",
    "image_shapes",
    "linear_calibration",
    "mass_shapes",
    "mustache",
    "particle_flow",
    "pf_clustering",
    "raw_sum",
    "shower_shapes",
    "template_fit",
    "three_by_three",
]
