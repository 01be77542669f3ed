"""Quantiles of many values with errors over clusters of events, from one table of counts.

Millions of particles times a hundred replicas do not fit into memory; the counts of each cluster in fine
cells do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats, Ints
from zoo.evaluation.bootstrap import ClusterBootstrap
from zoo.evaluation.measures import Figure

__all__ = ["quantiles", "spread_measures"]


CELLS = 500


def quantiles(
    values: npt.ArrayLike, event: Ints, bootstrap: ClusterBootstrap, levels: Sequence[float]
) -> Floats:
    """Quantiles, nominal and in each replica.

    Args:
        values: [M], any number of them of one event.
        event: [M] the event of each.
        bootstrap: Replicas over clusters of events.
        levels: L of them, in (0, 1).

    Returns:
        [L, 1 + R]: the nominal ones exact, those of replicas shifted as the counts in cells of 1/500 of the
        central 99 % say; NaN without values.
    """
    found = np.full((len(levels), 1 + bootstrap.replicas), np.nan)
    data = np.asarray(values, np.float64)
    if not len(data):
        return found
    exact = np.quantile(data, levels)
    low, high = np.quantile(data, (0.005, 0.995))
    if high <= low:
        found[:] = exact[:, None]
        return found
    cell = np.clip(np.floor((data - low) / (high - low) * CELLS) + 1, 0, CELLS + 1).astype(np.int64)
    width = CELLS + 2
    place = bootstrap.cluster[event] * width + cell
    table = np.bincount(place, minlength=bootstrap.n_clusters * width).reshape(-1, width).astype(np.float64)
    weights = np.concatenate([np.ones((1, bootstrap.n_clusters)), bootstrap.weights.astype(np.float64)])
    sums = np.cumsum(weights @ table, axis=1)
    ends = low + (high - low) * np.arange(width) / CELLS  # upper end of each cell
    for row, upto in enumerate(sums):
        if upto[-1] > 0:
            found[:, row] = np.interp(np.asarray(levels) * upto[-1], upto, ends)
    shift = exact - found[:, 0]
    found += shift[:, None]
    return found


def spread_measures(values: npt.ArrayLike, event: Ints, bootstrap: ClusterBootstrap) -> dict[str, Figure]:
    """Median, distance of the quartiles ("iqr"), and that over the median ("iqr_over_median")."""
    low, middle, high = quantiles(values, event, bootstrap, (0.25, 0.5, 0.75))
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = (high - low) / middle
    named = {"median": middle, "iqr": high - low, "iqr_over_median": relative}
    return {name: Figure.of(replicas) for name, replicas in named.items()}
