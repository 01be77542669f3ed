"""Does a predicted uncertainty mean what it says? The probability-integral transform (PIT).

u = F(E_true), with F the predicted cumulative distribution, is uniform in [0, 1] if the prediction is
right. The central interval of probability p then holds the truth in a fraction p of the objects. A pull
width would mislead here: power tails make it what one likes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

from zoo.arrays import Bools, Floats

__all__ = ["LEVELS", "inside_central", "normal_pit"]

LEVELS = (0.68, 0.95)
"""Central intervals whose coverage a report shows."""


def inside_central(pit: npt.ArrayLike, level: float) -> Bools:
    """Marks objects whose truth lies in the central interval of probability `level`.

    Args:
        pit: [N] in [0, 1]; NaN counts as outside.
        level: Probability of the interval.

    Returns:
        [N] bool.
    """
    return np.asarray(np.abs(np.asarray(pit, np.float64) - 0.5) <= 0.5 * level)


def normal_pit(true_energy_gev: npt.ArrayLike, energy_gev: npt.ArrayLike, sigma_gev: npt.ArrayLike) -> Floats:
    """PIT of a prediction that gives an energy and a width only: a normal distribution.

    Args:
        true_energy_gev: [N] GeV.
        energy_gev: [N] GeV.
        sigma_gev: [N] GeV.

    Returns:
        [N] in [0, 1]; NaN where sigma is not positive.
    """
    width = np.asarray(sigma_gev, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        pull = (np.asarray(true_energy_gev, np.float64) - np.asarray(energy_gev, np.float64)) / width
    return np.where(width > 0, special.ndtr(pull), np.nan)
