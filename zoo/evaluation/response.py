"""Response E_pred / E_true: its mode, its tails, and the objects that no correction within 2 can mend."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zoo.arrays import Bools
from zoo.evaluation.resolution import shortest_interval

__all__ = ["REACH", "TAILS", "mode", "outside", "reachable"]

REACH = (0.5, 2.0)
"""E_raw / E_true within which a correction exp(mu), |mu| <= ln 2, can be right."""
TAILS = (0.5, 1.5)
"""Responses outside count as tails."""

_MODE_FRACTION = 0.4  # narrow enough to ignore the tails, wide enough to be stable with some hundred entries


def mode(values: npt.ArrayLike) -> float:
    """Most probable value: the centre of the shortest interval with 40 % of the values; NaN without any."""
    low, high = shortest_interval(values, _MODE_FRACTION)
    return 0.5 * (low + high)


def outside(response: npt.ArrayLike, limits: tuple[float, float] = TAILS) -> Bools:
    """Marks responses outside an interval; a response that is not finite is outside.

    Args:
        response: [N].
        limits: Lower and upper end.

    Returns:
        [N] bool.
    """
    values = np.asarray(response, np.float64)
    return ~((values >= limits[0]) & (values <= limits[1]))


def reachable(raw_energy_gev: npt.ArrayLike, true_energy_gev: npt.ArrayLike) -> Bools:
    """Marks objects with 0.5 < E_raw / E_true < 2; the others are inefficiency, for every method alike.

    Args:
        raw_energy_gev: [N] GeV.
        true_energy_gev: [N] GeV.

    Returns:
        [N] bool.
    """
    ratio = np.asarray(raw_energy_gev, np.float64) / np.asarray(true_energy_gev, np.float64)
    return (ratio > REACH[0]) & (ratio < REACH[1])
