"""What a DRN answer says about an energy: intervals, quantiles and samples in GeV."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats32
from zoo.errors import InvalidValue
from zoo.models.drn.config import DSCB_PARAMETERS

if TYPE_CHECKING:
    from zoo.distributions.double_sided_crystal_ball import DoubleSidedCrystalBall

__all__ = ["EnergyDistribution", "distribution"]


class EnergyDistribution:
    """The distribution of E = E_raw exp(y), where y follows the predicted double-sided crystal ball.

    y = log(E_true / E_raw), and E_raw = sigma_gev / (sigma exp(mu)), whatever estimate energy_gev is. exp is
    monotonic: quantiles, intervals and probabilities of E are those of y, carried over. A mean is not
    offered: the power tails have none where n <= 2, and exp(y) has none at all.

    Args:
        sigma_gev: `[B]`, the predicted widths; -1 for an object without hits.
        dscb: `[B, 6]`: mu, sigma, alpha_left, n_left, alpha_right, n_right of y.
    """

    def __init__(self, sigma_gev: Floats32, dscb: Floats32) -> None:
        self.sigma_gev = np.asarray(sigma_gev, np.float32)
        self.dscb = np.asarray(dscb, np.float32)
        expected = f"[B] and [B, {len(DSCB_PARAMETERS)}]"
        if self.dscb.shape != (*self.sigma_gev.shape, len(DSCB_PARAMETERS)) or self.sigma_gev.ndim != 1:
            raise InvalidValue("sigma_gev, dscb", expected, (self.sigma_gev.shape, self.dscb.shape))
        self._found = self.sigma_gev > 0.0
        self._raw_gev = np.where(
            self._found, self.sigma_gev / (self.dscb[:, 1] * np.exp(self.dscb[:, 0])), np.float32(1.0)
        )

    def __len__(self) -> int:
        return len(self.sigma_gev)

    @functools.cached_property
    def log_ratio(self) -> DoubleSidedCrystalBall:
        """Returns the TFP distribution of y = log(E_true / E_raw), batch shape `[B]`."""
        from zoo.distributions.double_sided_crystal_ball import DoubleSidedCrystalBall

        loc, scale, *tails = self.dscb.T
        alpha_left, n_left, alpha_right, n_right = tails
        return DoubleSidedCrystalBall(loc, scale, alpha_left, n_left, alpha_right, n_right)

    @property
    def mode(self) -> Floats32:
        """Returns the most probable energy per unit of log E, in GeV, `[B]`."""
        return self._energy(self.dscb[:, 0])

    def quantile(self, q: float | npt.ArrayLike) -> Floats32:
        """Returns the energy below which the truth lies with probability q.

        Args:
            q: One probability, or several `[Q]`, each in (0, 1).

        Returns:
            GeV: `[B]`, or `[Q, B]` for several; -1 for an object without hits.
        """
        probability = np.asarray(q, np.float32)
        if probability.ndim > 1 or not ((probability > 0.0) & (probability < 1.0)).all():
            raise InvalidValue("q", "probabilities in (0, 1), one or a list", q)
        rows = np.broadcast_to(probability[..., None], (*probability.shape, len(self)))
        return self._energy(np.asarray(self.log_ratio.quantile(rows)))

    def intervals(self, level: float = 0.68) -> Floats32:
        """Returns the central interval that holds the truth with probability `level`.

        Args:
            level: A probability in (0, 1).

        Returns:
            GeV `[B, 2]`: lower and upper end; -1 for an object without hits.
        """
        if not 0.0 < level < 1.0:
            raise InvalidValue("level", "a probability in (0, 1)", level)
        return np.stack([self.quantile((1.0 - level) / 2.0), self.quantile((1.0 + level) / 2.0)], axis=-1)

    def sample(self, n: int, seed: int | None = None) -> Floats32:
        """Draws energies.

        Args:
            n: Draws for each object.
            seed: Seed of the draws.

        Returns:
            GeV `[n, B]`; -1 for an object without hits.
        """
        uniform = np.random.default_rng(seed).uniform(1e-7, 1.0 - 1e-7, (n, len(self))).astype(np.float32)
        return self._energy(np.asarray(self.log_ratio.quantile(uniform)))

    def cdf(self, energy_gev: npt.ArrayLike) -> Floats32:
        """Returns the probability that the true energy is below a value.

        Args:
            energy_gev: GeV, one value or one for each object `[B]`.

        Returns:
            `[B]`; NaN for an object without hits. Of the true energies it is uniform if the prediction is
            honest.
        """
        energy = np.broadcast_to(np.asarray(energy_gev, np.float32), self.sigma_gev.shape)
        if not (energy > 0.0).all():
            raise InvalidValue("energy_gev", "energies above 0 GeV", energy.min())
        below = np.asarray(self.log_ratio.cdf(np.log(energy / self._raw_gev)))
        return np.where(self._found, below, np.float32(np.nan))

    def _energy(self, y: Floats32) -> Floats32:
        return np.where(self._found, self._raw_gev * np.exp(y), np.float32(-1.0))


def distribution(outputs: Any) -> EnergyDistribution:
    """Turns DRN outputs into the distributions of the energies.

    Args:
        outputs: Records of `zoo.predict`, or the dict of the model's output tensors.

    Returns:
        One distribution for each object.

    Raises:
        InvalidValue: `sigma_gev` or `dscb` is missing or has another shape.
    """
    names = list(outputs) if isinstance(outputs, Mapping) else list(getattr(outputs, "fields", ()))
    if missing := [name for name in ("sigma_gev", "dscb") if name not in names]:
        raise InvalidValue("outputs", "the fields sigma_gev and dscb", f"no {' and no '.join(missing)}")
    sigma = np.asarray(outputs["sigma_gev"], np.float32)
    dscb = np.asarray(outputs["dscb"], np.float32)
    if len(sigma) == 0:  # records of nothing do not know their width
        dscb = dscb.reshape(0, len(DSCB_PARAMETERS))
    return EnergyDistribution(sigma, dscb)
