"""The information limit: how well the energy of an object can be known at all from its hits.

    limit = information_limit(records)                        # simulated records with their truth
    limit.cascade                                             # [N] sigma_E / E of each object
    effective_resolution(limit.cascade[in_bin])               # beside that of a method in a bin
    Method("limit", "limit", truth * limit.responses())       # as one more line of an `EnergyReport`

Cramer and Rao: no unbiased estimate has a smaller variance than the inverse of the Fisher information, here
that of the Gaussian model of the hits (`window_model`) and of the leakage variable. Two limits:

* `oracle`, the bound: number and places of the particles, each one's share of the energy, and what does not
  arrive are known; only the scale is wanted. Far below what can be reached once the energy is shared.
* `cascade`, an estimate and no bound: number and places are known, the shares are not: a priori each particle
  is unknown by its own size, the variance of a sum of rare losses, and the hits tell as much as they can.
  What does not arrive keeps its own size as error. Impact points above 1 GeV are free within a crystal. That
  size is an assumption and dominates for electrons below ET 40 GeV: with half or twice of it their figure
  there is 0.73-0.78 or 1.5-1.6 times as large.

For an object of one particle, such as a photon that has not converted, `cascade` is the Cramer-Rao bound with
a free impact point. A leak through the rear face counts with the Fisher information of a log-normal
distribution, which a fit need not reach: above 70 GeV a template fit stays 20 % wider.

Limits of the limit: showers fluctuate as normal variables; crystals below threshold count as not read out
(read out, they would lower it by 6 % for single photons of ET 5-10 GeV, by 2 % above); that the covariance
depends on the energy is left out (0.1 % of sigma for single photons). An effective width is no variance, and
a regression that is biased by its prior is not bound by any of this.
"""

from __future__ import annotations

from dataclasses import dataclass

import awkward as ak
import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular
from scipy.optimize import brentq
from scipy.special import erf, ndtri

from zoo.arrays import Floats
from zoo.errors import InvalidValue
from zoo.simulation.samples import ELECTRONS, SampleConfig
from zoo.simulation.showers import ShowerLibrary
from zoo.simulation.window_model import WindowModel, window_models

__all__ = ["InformationLimit", "effective_resolution", "fisher_information", "information_limit"]


ONE_SIGMA = float(erf(np.sqrt(0.5)))
"""Probability within one sigma of a normal distribution."""


@dataclass(frozen=True)
class InformationLimit:
    """Limits on sigma_E / E of N objects.

    Attributes:
        oracle: [N] shares of the energy known.
        cascade: [N] energies unknown.
        leading: [N] part of the true energy that the hardest particle carries to the window: one for a photon
            that has not converted.
    """

    oracle: Floats
    cascade: Floats
    leading: Floats

    def responses(self) -> Floats:
        """Returns [N] responses 1 + sigma z of a method at the `cascade` limit, z normal, without a seed.

        In the order of sigma, the quantiles of z follow the golden ratio: they fill every range of sigma
        evenly.
        """
        rank = np.empty(len(self.cascade))
        rank[np.argsort(self.cascade, kind="stable")] = np.arange(len(rank))
        quantile = np.mod((rank + 0.5) * (np.sqrt(5.0) - 1.0) / 2.0, 1.0)
        return np.asarray(1.0 + self.cascade * ndtri(quantile))


def information_limit(
    records: ak.Array,
    *,
    config: SampleConfig = ELECTRONS,
    library: ShowerLibrary | None = None,
) -> InformationLimit:
    """Computes the limits of simulated objects.

    Args:
        records: Simulated records with `particles`; N objects, about 800 per second of CPU.
        config: The sample's configuration: noise, leakage variable and window are used.
        library: The showers that the sample is made of; the shipped ones by default.

    Returns:
        The limits; infinite where not even the oracle learns anything.

    Raises:
        UnknownName: The records have no truth.
    """
    limits = [_limits(model) for model in window_models(records, config=config, library=library)]
    return InformationLimit(*np.array(limits, np.float64).reshape(-1, 3).T)


def _limits(model: WindowModel) -> tuple[float, float, float]:
    """Oracle, cascade and leading part of one object."""
    found = fisher_information(model.jacobian, model.covariance)
    found += np.outer(model.leak_jacobian, model.leak_jacobian) / model.leak_variance
    p, k = len(model.energy_gev), len(model.prior)
    hard = (k - p) // 3
    leading = float(model.energy_gev[0]) / model.true_energy_gev if p else 0.0
    # the oracle's parameters: the scale that all energies share, and the leaks
    shared = np.zeros((k, 1 + hard))
    shared[:p, 0] = 1.0
    shared[k - hard :, 1:] = np.eye(hard)
    known = shared.T @ found @ shared
    if not known[0, 0] > 0.0:
        return np.inf, np.inf, leading
    known[1:, 1:] += np.eye(hard)
    oracle = float(np.sqrt(np.linalg.inv(known)[0, 0]) * model.energy_gev.sum())
    wanted = np.zeros(k)
    wanted[:p] = model.energy_gev
    cascade = float(
        np.sqrt(wanted @ np.linalg.solve(found + model.prior, wanted) + np.sum(model.unseen_gev**2))
    )
    return oracle / model.true_energy_gev, cascade / model.true_energy_gev, leading


def fisher_information(
    jacobian: Floats, covariance: Floats, covariance_slopes: Floats | None = None
) -> Floats:
    """Fisher information of M Gaussian measurements on K parameters.

        F_ab = J_a^T C^-1 J_b + 1/2 tr(C^-1 dC/da C^-1 dC/db)

    Args:
        jacobian: [M, K] slopes J of the expected measurements.
        covariance: [M, M] their covariance C.
        covariance_slopes: [K, M, M] slopes of C; None leaves out the second term.

    Returns:
        [K, K].
    """
    lower = np.linalg.cholesky(covariance)
    whitened = solve_triangular(lower, jacobian, lower=True, check_finite=False)
    information = np.asarray(whitened.T @ whitened)
    if covariance_slopes is not None:
        relative = np.linalg.solve(covariance, covariance_slopes)
        information = information + 0.5 * np.einsum("aij,bji->ab", relative, relative)
    return information


def effective_resolution(sigma: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Floats:
    """Half-width of the interval that holds 68.3 % of a mixture of normal distributions with these sigmas.

    Comparable with the effective resolution of responses, without drawing any.

    Args:
        sigma: [N] widths; infinite ones count as outside.
        weights: [R, N] non-negative, one row a bootstrap replica; one row of ones by default.

    Returns:
        [R]; NaN where a row has no weight, infinite where too few are finite.

    Raises:
        InvalidValue: A sigma is not positive.
    """
    width = np.asarray(sigma, np.float64)
    if not np.all(width > 0):
        raise InvalidValue("sigma", "positive numbers", width[~(width > 0)][:5].tolist())
    rows = np.ones((1, len(width))) if weights is None else np.asarray(weights, np.float64)
    finite = np.isfinite(width)
    return np.array([_half_width(width[finite], row[finite], float(row.sum())) for row in rows])


def _half_width(sigma: Floats, weight: Floats, total: float) -> float:
    """Half-width that holds 68.3 % of `total`; sigmas and weights [N] of the finite ones."""
    if total <= 0 or weight.sum() <= ONE_SIGMA * total:
        return float("nan") if total <= 0 else float("inf")

    def excess(half: float) -> float:
        return float(weight @ erf(half / (np.sqrt(2.0) * sigma))) - ONE_SIGMA * total

    return float(brentq(excess, 1e-3 * float(sigma.min()), 10.0 * float(sigma.max())))
