"""Losses: a pure function and one `keras.losses.Loss` class a file.

| module | loss |
| --- | --- |
| `crystal_ball` | negative log-likelihood of a double-sided crystal ball |
| `set_cross_entropy` | yes or no for each node, the mean over its set |
| `set_focal` | focal loss of the class of each node, the mean over its set |
| `soft_f1` | 1 - F1 of a selection of nodes, weighted by energy |
| `energy_regression` | Huber and quantile loss of an energy |
| `momentum_sums` | sums of particles: missing transverse momentum, jets (functions alone) |
| `particle_density` | particles as a distribution: per area, sliced Wasserstein (functions alone) |
"""

__all__ = [
    "crystal_ball",
    "energy_regression",
    "momentum_sums",
    "particle_density",
    "set_cross_entropy",
    "set_focal",
    "soft_f1",
]
