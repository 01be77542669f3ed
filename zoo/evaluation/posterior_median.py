"""What the best mass regressor says of single photons: the median of a one-dimensional posterior.

A shower measures m^2 with a Gaussian error s = sigma(m^2) that hardly depends on m. Trained on decays flat in
m from 0 to `highest_gev` and on photons with labels flat from `lowest_gev` to 0, at one density, the minimum
of the absolute error is the median of the labels' posterior given the measured x. It is above 0 where

    int_0^highest exp(-(x - m^2)^2 / 2 s^2) dm  >  |lowest| exp(-x^2 / 2 s^2),

whose left side over the right one grows with x: above one threshold.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.stats import norm

from zoo.arrays import Floats
from zoo.errors import InvalidValue

__all__ = ["best_answers", "positive_fraction", "sigma_m2_gev2"]

SIGMA_M2 = ((20.0, 40.0, 60.0, 80.0, 100.0), (0.0050, 0.0109, 0.0176, 0.0252, 0.0336))
"""pT in GeV, sigma(m^2) in GeV^2 of an ideal calorimeter at eta 0 with 60 MeV of noise: what two showers of
a mean profile with Poisson fluctuations tell, without material and pile-up."""

_STEPS = 4000  # of the integral over the mass: 1e-6 of the result
_LABELS, _NODES = 800, 24  # places of a table of medians, and tables


def positive_fraction(
    sigma_m2_gev2: npt.ArrayLike, lowest_gev: float = -0.3, highest_gev: float = 1.6
) -> Floats:
    """Computes P(m > 0) of single photons.

    Args:
        sigma_m2_gev2: Error of the measured m^2, GeV^2, any shape.
        lowest_gev: Where the labels of photons begin, below 0.
        highest_gev: Where the masses end.

    Returns:
        A probability for each.

    Raises:
        InvalidValue: A number is on the wrong side of 0.
    """
    sigma = np.asarray(sigma_m2_gev2, np.float64)
    if np.any(~(sigma > 0)):
        raise InvalidValue("sigma_m2_gev2", "above 0", sigma[~(sigma > 0)][:5])
    if not lowest_gev < 0 < highest_gev:
        raise InvalidValue("label range", "lowest_gev < 0 < highest_gev", (lowest_gev, highest_gev))
    mass = (np.arange(_STEPS) + 0.5) * highest_gev / _STEPS

    def fraction(s: float) -> float:
        def excess(x: float) -> float:
            # in units of the photon's density at x, so that nothing underflows
            exponent = (x * mass**2 - 0.5 * mass**4) / s**2
            top = exponent.max()
            integral = np.log(np.exp(exponent - top).sum() * highest_gev / _STEPS) + top
            return float(integral - np.log(-lowest_gev))

        threshold = brentq(excess, -50.0 * s - 1.0, 50.0 * s + 1.0)
        return float(norm.sf(threshold / s))

    return np.asarray(np.vectorize(fraction, otypes=[np.float64])(sigma), np.float64)


def best_answers(
    mass_gev: npt.ArrayLike,
    pt_gev: npt.ArrayLike,
    lowest_gev: float = -0.3,
    highest_gev: float = 1.6,
    seed: int = 0,
) -> Floats:
    """Draws what the best mass regressor would say of decays: a measured x, and the posterior's median.

    The same posterior as in `positive_fraction`, for a calorimeter with the error of `SIGMA_M2`.

    Args:
        mass_gev: [N] true masses in GeV, 0 for single photons.
        pt_gev: [N] pT in GeV, for `sigma_m2_gev2`.
        lowest_gev: Where the labels of photons begin, below 0.
        highest_gev: Where the masses end.
        seed: Of the measurements' errors.

    Returns:
        [N] masses in GeV, below 0 for what is no different from a photon.
    """
    mass, pt = np.asarray(mass_gev, np.float64), np.asarray(pt_gev, np.float64)
    sigma = sigma_m2_gev2(pt)
    measured = mass**2 + sigma * np.random.default_rng(seed).standard_normal(mass.shape)
    label = np.linspace(lowest_gev, highest_gev, _LABELS)
    squared = np.maximum(label, 0.0) ** 2
    answers = np.empty_like(measured)
    nodes = np.linspace(SIGMA_M2[1][0], SIGMA_M2[1][-1], _NODES)  # sigma of one table
    nearest = np.argmin(np.abs(sigma[:, None] - nodes), axis=1)
    for node in np.unique(nearest):
        s, inside = nodes[node], nearest == node
        x = np.linspace(measured[inside].min(), measured[inside].max(), _LABELS)
        posterior = np.exp(-(((x[:, None] - squared) / s) ** 2) / 2.0)
        upto = np.cumsum(posterior, axis=1)
        median = np.array([np.interp(0.5 * row[-1], row, label) for row in upto])
        answers[inside] = np.interp(measured[inside], x, median)
    return answers


def sigma_m2_gev2(pt_gev: npt.ArrayLike) -> Floats:
    """Interpolates `SIGMA_M2`, GeV^2; beyond its ends it stays at the nearest value."""
    return np.asarray(np.interp(np.asarray(pt_gev, np.float64), *SIGMA_M2), np.float64)
