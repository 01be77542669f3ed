"""The energy of a cluster corrected to its particle's: a closed form, fitted on simulation.

    correction = EnergyCorrection.fit(energy_gev, variables, true_energy_gev)
    corrected = correction.apply(energy_gev, variables)

ln(E_true / E) is a polynomial of second order in the variables of the cluster (`cluster_variables`), whose
coefficients are interpolated linearly in ln E between knots. Boosted trees with the same inputs are 3 to 4 %
narrower (docs/clustering.md) and need a library at run time.

It stands for CMSSW's CorrectedECALPFClusterProducer, whose trees are not public. As a function of the
measured energy it carries the prior of the sample that it was fitted on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats, Ints
from zoo.errors import InvalidValue, UnknownName

__all__ = ["EnergyCorrection"]


TAIL = 0.001
"""Part of the fit's clusters beyond each end of the range of a variable, of ln E, and of the factor."""
WRONG = np.log(2.0)
"""A cluster whose energy is wrong by more than a factor of two is not fitted: half of it is in another."""
PRIOR = 0.1
"""Width of the Gaussian around zero that a coefficient has before the fit; the constants have none."""
REWEIGHTINGS = 6
"""Rounds of iteratively reweighted least squares, by which tails beyond one sigma count linearly (Huber)."""


@dataclass(frozen=True, eq=False)
class EnergyCorrection:
    """Coefficients, and the ranges in which they were fitted: values outside are moved to the end.

    Attributes:
        variables: [V] names.
        low: [V] least value of each.
        high: [V] largest.
        log_energy: [K] knots of ln(E / GeV), rising.
        coefficients: [K, T] of the T = (V + 1)(V + 2) / 2 products of two of (1, variables).
        least: Least ln of the factor.
        most: Largest.
    """

    variables: tuple[str, ...]
    low: Floats
    high: Floats
    log_energy: Floats
    coefficients: Floats
    least: float
    most: float

    def __post_init__(self) -> None:
        n = len(self.variables)
        if self.low.shape != (n,) or self.high.shape != (n,) or not np.all(self.low < self.high):
            raise InvalidValue("EnergyCorrection.low, high", f"{n} rising pairs", (self.low, self.high))
        if self.log_energy.ndim != 1 or len(self.log_energy) < 2 or not np.all(np.diff(self.log_energy) > 0):
            raise InvalidValue("EnergyCorrection.log_energy", "two or more rising knots", self.log_energy)
        shape = (len(self.log_energy), (n + 1) * (n + 2) // 2)
        if self.coefficients.shape != shape or not np.isfinite(self.coefficients).all():
            raise InvalidValue(
                "EnergyCorrection.coefficients", f"finite, of shape {shape}", self.coefficients.shape
            )
        if not -np.inf < self.least < self.most < np.inf:
            raise InvalidValue("EnergyCorrection.least, most", "a rising pair", (self.least, self.most))

    @classmethod
    def fit(
        cls,
        energy_gev: npt.ArrayLike,
        variables: Mapping[str, npt.ArrayLike],
        true_energy_gev: npt.ArrayLike,
        *,
        knots: int = 8,
    ) -> EnergyCorrection:
        """Fits clusters that belong to one particle each, by robust least squares.

        Args:
            energy_gev: [K] energies of clusters.
            variables: Name -> [K] values.
            true_energy_gev: [K] energies of the particles.
            knots: Number of knots, equally spaced in ln E.

        Raises:
            InvalidValue: Fewer than two knots, too few clusters, or numbers that are no energies.
        """
        energy, true = (np.asarray(values, dtype=np.float64) for values in (energy_gev, true_energy_gev))
        if not energy.shape == true.shape == (energy.size,):
            raise InvalidValue("energies", "arrays [K] of one length", (energy.shape, true.shape))
        if not (np.all(energy > 0) and np.all(true > 0)):
            raise InvalidValue("energies", "positive energies", "others among them")
        columns = _columns(tuple(variables), variables, energy)
        n_terms = (len(variables) + 1) * (len(variables) + 2) // 2
        if knots < 2 or len(energy) < 20 * knots * n_terms:
            raise InvalidValue(
                "knots, clusters", f"2 or more, at least {20 * knots * n_terms}", (knots, len(energy))
            )
        y = np.log(true / energy)
        near = np.abs(y) < WRONG
        x, y, columns = np.log(energy[near]), y[near], columns[:, near]
        low, high = np.quantile(columns, (TAIL, 1 - TAIL), axis=1)
        first, last = np.quantile(x, (TAIL, 1 - TAIL))
        log_energy = np.linspace(first, last, knots)
        lower, share = _between(log_energy, x)
        terms = _terms(columns, low, high)
        # the width of y at each knot, from the clusters around it
        around = [y[lower + (share > 0.5) == knot] for knot in range(knots)]
        width = np.array([0.5 * np.diff(np.quantile(values, (0.158655, 0.841345)))[0] for values in around])
        sigma = width[lower] * (1 - share) + width[lower + 1] * share
        weight = sigma**-2
        for _ in range(1 + REWEIGHTINGS):
            found = _least_squares(terms, lower, share, y, weight, knots)
            pull = np.abs(y - _interpolate(found, terms, lower, share)) / sigma
            weight = sigma**-2 / np.maximum(pull, 1.0)
        least, most = np.quantile(y, (TAIL, 1 - TAIL))
        return cls(tuple(variables), low, high, log_energy, found, float(least), float(most))

    def apply(self, energy_gev: npt.ArrayLike, variables: Mapping[str, npt.ArrayLike]) -> Floats:
        """Returns corrected energies.

        Args:
            energy_gev: [K] positive energies of clusters.
            variables: Name -> [K] values; more than are needed do no harm.

        Raises:
            InvalidValue: An energy that is not positive, or values that are not [K].
            UnknownName: A variable is missing.
        """
        energy = np.asarray(energy_gev, dtype=np.float64)
        if energy.ndim != 1 or not np.all(energy > 0):
            raise InvalidValue("energy_gev", "positive energies [K]", energy if energy.size < 5 else "others")
        terms = _terms(_columns(self.variables, variables, energy), self.low, self.high)
        log_factor = _interpolate(self.coefficients, terms, *_between(self.log_energy, np.log(energy)))
        corrected: Floats = energy * np.exp(np.clip(log_factor, self.least, self.most))
        return corrected

    def to_dict(self) -> dict[str, Any]:
        """Returns what JSON can hold."""
        return {
            name: np.round(values, 6).tolist() if isinstance(values, np.ndarray) else values
            for name, values in vars(self).items()
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> EnergyCorrection:
        """Reads what `to_dict` returned."""
        low, high, log_energy, coefficients = (
            np.asarray(content[name], dtype=np.float64)
            for name in ("low", "high", "log_energy", "coefficients")
        )
        ends = float(content["least"]), float(content["most"])
        return cls(tuple(content["variables"]), low, high, log_energy, coefficients, *ends)


def _columns(names: tuple[str, ...], variables: Mapping[str, npt.ArrayLike], energy: Floats) -> Floats:
    """[V, K] variables in the order of their names."""
    columns = np.empty((len(names), len(energy)))
    for column, name in zip(columns, names, strict=True):
        if name not in variables:
            raise UnknownName("variable", name, variables, "the variables that were given")
        values = np.asarray(variables[name], dtype=np.float64)
        if values.shape != energy.shape or not np.isfinite(values).all():
            raise InvalidValue(name, f"{len(energy)} finite values", values.shape)
        column[:] = values
    return columns


def _terms(columns: Floats, low: Floats, high: Floats) -> Floats:
    """[K, T] products of two of (1, variables), each variable between -1 and 1."""
    inside = np.clip(columns, low[:, None], high[:, None])
    scaled = (2 * inside - (low + high)[:, None]) / (high - low)[:, None]
    factors = np.concatenate([np.ones((1, columns.shape[1])), scaled])
    first, second = np.triu_indices(len(factors))
    return np.ascontiguousarray((factors[first] * factors[second]).T)


def _between(knots: Floats, x: Floats) -> tuple[Ints, Floats]:
    """Returns [K] the knot below each x, and how far x is towards the next, from 0 to 1."""
    lower = np.clip(np.searchsorted(knots, x) - 1, 0, len(knots) - 2)
    share: Floats = np.clip((x - knots[lower]) / (knots[lower + 1] - knots[lower]), 0.0, 1.0)
    return lower, share


def _interpolate(coefficients: Floats, terms: Floats, lower: Ints, share: Floats) -> Floats:
    """[K] ln of the factor."""
    below, above = (np.einsum("kt,kt->k", terms, coefficients[lower + step]) for step in (0, 1))
    log_factor: Floats = below * (1 - share) + above * share
    return log_factor


def _least_squares(
    terms: Floats, lower: Ints, share: Floats, y: Floats, weight: Floats, knots: int
) -> Floats:
    """[knots, T] the coefficients with the least weighted squares, and the prior's."""
    size = terms.shape[1]
    prior = np.full((knots, size), PRIOR**-2)
    prior[:, 0] = 0.0
    matrix, vector = np.diag(prior.ravel()), np.zeros(knots * size)
    for knot in range(knots - 1):  # a cluster touches the coefficients of two knots only
        here = lower == knot
        blended = np.concatenate([terms[here] * (1 - share[here, None]), terms[here] * share[here, None]], 1)
        part = slice(knot * size, (knot + 2) * size)
        matrix[part, part] += (blended * weight[here, None]).T @ blended
        vector[part] += blended.T @ (weight[here] * y[here])
    return np.linalg.solve(matrix, vector).reshape(knots, size)
