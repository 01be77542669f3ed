"""Losses: a pure function and one `keras.losses.Loss` class a file.

| module | loss |
| --- | --- |
| `crystal_ball` | negative log-likelihood of a double-sided crystal ball |
| `set_cross_entropy` | yes or no for each node, the mean over its set |
| `soft_f1` | 1 - F1 of a selection of nodes, weighted by energy |
| `energy_regression` | Huber and quantile loss of an energy |
"""

__all__ = ["crystal_ball", "energy_regression", "set_cross_entropy", "soft_f1"]
