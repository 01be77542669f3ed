"""The effective resolution: half of the shortest 68.3 % interval of the responses, over their median.

It needs no shape and no fit. Weighted forms take a matrix of weights [R, N], one row a bootstrap replica,
so that the responses are sorted once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats
from zoo.errors import InvalidValue

__all__ = ["ONE_SIGMA", "effective_width", "median", "relative_resolution", "shortest_interval"]


ONE_SIGMA = 0.6826894921370859
"""Probability within one sigma of a normal distribution."""


def shortest_interval(values: npt.ArrayLike, fraction: float = ONE_SIGMA) -> tuple[float, float]:
    """Finds the shortest interval that holds a fraction of the values.

    Args:
        values: [N], in any order.
        fraction: Share of the values inside, in (0, 1].

    Returns:
        Lower and upper end; NaN without values.

    Raises:
        InvalidValue: The fraction is not in (0, 1].
    """
    _check(fraction)
    ordered = np.sort(np.asarray(values, np.float64))
    size = len(ordered)
    if size == 0:
        return float("nan"), float("nan")
    inside = max(int(np.ceil(fraction * size - 1e-9)), 1)
    start = int(np.argmin(ordered[inside - 1 :] - ordered[: size - inside + 1]))
    return float(ordered[start]), float(ordered[start + inside - 1])


def effective_width(
    values: npt.ArrayLike, fraction: float = ONE_SIGMA, weights: npt.ArrayLike | None = None
) -> Floats:
    """Half of the length of the shortest interval that holds a fraction of the weight.

    Args:
        values: [N], ascending if weights are given.
        fraction: Share inside, in (0, 1].
        weights: [R, N] non-negative, or None for one row of ones.

    Returns:
        [R] half-widths (one without weights), in the unit of the values; NaN where a row has no weight.
    """
    if weights is None:
        low, high = shortest_interval(values, fraction)
        return np.array([0.5 * (high - low)])
    _check(fraction)
    ordered = np.asarray(values, np.float64)
    sums = np.cumsum(np.asarray(weights, np.float64), axis=-1)
    widths = np.full(len(sums), np.nan)
    for row, upto in enumerate(sums):
        if len(upto) == 0 or upto[-1] <= 0:
            continue
        goal = fraction * upto[-1] * (1.0 - 1e-12)
        before = np.concatenate([[0.0], upto[:-1]])
        starts = int(np.searchsorted(before, upto[-1] - goal, side="right"))
        ends = np.searchsorted(upto, before[:starts] + goal, side="left")
        ends = np.minimum(ends, len(upto) - 1)
        widths[row] = 0.5 * float(np.min(ordered[ends] - ordered[:starts]))
    return widths


def median(ordered: npt.ArrayLike, weights: npt.ArrayLike) -> Floats:
    """Weighted median of ascending values.

    Args:
        ordered: [N] ascending.
        weights: [R, N] non-negative.

    Returns:
        [R]: the mean of the smallest values that reach, and that pass, half of the weight; NaN without
        weight.
    """
    values = np.asarray(ordered, np.float64)
    sums = np.cumsum(np.asarray(weights, np.float64), axis=-1)
    found = np.full(len(sums), np.nan)
    for row, upto in enumerate(sums):
        if len(upto) and upto[-1] > 0:
            half = 0.5 * upto[-1]
            low = np.searchsorted(upto, half * (1 - 1e-12), side="left")
            high = min(int(np.searchsorted(upto, half * (1 + 1e-12), side="right")), len(upto) - 1)
            found[row] = 0.5 * (values[low] + values[high])
    return found


def relative_resolution(response: npt.ArrayLike, fraction: float = ONE_SIGMA) -> float:
    """Effective width over median of responses E_pred / E_true; NaN without entries."""
    values = np.asarray(response, np.float64)
    if len(values) == 0:
        return float("nan")
    return float(effective_width(values, fraction)[0] / np.median(values))


def _check(fraction: float) -> None:
    if not 0.0 < fraction <= 1.0:
        raise InvalidValue("fraction", "a number in (0, 1]", fraction)
