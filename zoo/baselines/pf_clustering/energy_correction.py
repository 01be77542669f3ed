"""The energy of a cluster corrected to its particle's: a factor of energy and |eta|, fitted on simulation.

    correction = EnergyCorrection.fit(energy_gev, eta, true_energy_gev)
    corrected = correction.apply(clusters.energy_gev, clusters.eta)

The factor is the median of E_true / E in bins of ln E and |eta|, interpolated linearly in both, and constant
beyond the outer centres. It stands for CMSSW's CorrectedECALPFClusterProducer, whose boosted trees are not
public. As it is a function of the measured energy it carries the prior of the sample that it was fitted on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.interpolate import RegularGridInterpolator

from zoo.errors import InvalidValue

__all__ = ["EnergyCorrection"]

Floats = npt.NDArray[np.float64]

LEAST = 50
"""Clusters that a bin's median needs; a bin with fewer takes that of all |eta|."""


@dataclass(frozen=True, eq=False)
class EnergyCorrection:
    """Factors on a grid.

    Attributes:
        log_energy: [E] centres of the bins of ln(E / GeV), rising.
        abs_eta: [A] centres of the bins of |eta|, rising.
        log_factor: [E, A] ln of the factor.
    """

    log_energy: Floats
    abs_eta: Floats
    log_factor: Floats

    def __post_init__(self) -> None:
        for name, centres in (("log_energy", self.log_energy), ("abs_eta", self.abs_eta)):
            if centres.ndim != 1 or len(centres) < 2 or not np.all(np.diff(centres) > 0):
                raise InvalidValue(f"EnergyCorrection.{name}", "two or more rising centres", centres)
        shape = (len(self.log_energy), len(self.abs_eta))
        if self.log_factor.shape != shape or not np.isfinite(self.log_factor).all():
            raise InvalidValue(
                "EnergyCorrection.log_factor", f"finite, of shape {shape}", self.log_factor.shape
            )

    @classmethod
    def fit(
        cls,
        energy_gev: npt.ArrayLike,
        eta: npt.ArrayLike,
        true_energy_gev: npt.ArrayLike,
        *,
        energy_bins: int = 16,
        eta_bins: int = 6,
    ) -> EnergyCorrection:
        """Measures the factors on clusters that belong to one particle each.

        Args:
            energy_gev: [K] energies of clusters.
            eta: [K] their pseudorapidities.
            true_energy_gev: [K] energies of the particles.
            energy_bins: Bins of ln E with equal numbers of clusters.
            eta_bins: Bins of |eta|, equal in width.

        Raises:
            InvalidValue: Fewer than two bins, too few clusters, or an energy that is not positive.
        """
        energy, true = (np.asarray(values, dtype=np.float64) for values in (energy_gev, true_energy_gev))
        distance = np.abs(np.asarray(eta, dtype=np.float64))
        if not energy.shape == true.shape == distance.shape == (energy.size,):
            raise InvalidValue(
                "energies and eta", "arrays [K] of one length", (energy.shape, true.shape, distance.shape)
            )
        if min(energy_bins, eta_bins) < 2:
            raise InvalidValue("energy_bins, eta_bins", "two or more", (energy_bins, eta_bins))
        if len(energy) < LEAST * energy_bins:
            raise InvalidValue("clusters", f"at least {LEAST * energy_bins}", len(energy))
        if not (np.all(energy > 0) and np.all(true > 0) and np.all(distance < np.inf)):
            raise InvalidValue("clusters", "positive energies and finite eta", "others among them")
        x, y = np.log(energy), np.log(true / energy)
        row = np.empty(len(x), dtype=np.int64)
        row[np.argsort(x, kind="stable")] = np.arange(len(x)) * energy_bins // len(x)
        edges = np.linspace(0.0, distance.max(), eta_bins + 1)
        column = np.clip(np.digitize(distance, edges) - 1, 0, eta_bins - 1)
        factor = np.empty((energy_bins, eta_bins))
        for e in range(energy_bins):
            for a in range(eta_bins):
                inside = y[(row == e) & (column == a)]
                factor[e, a] = np.median(inside if len(inside) >= LEAST else y[row == e])
        centres = np.array([np.median(x[row == e]) for e in range(energy_bins)])
        return cls(centres, 0.5 * (edges[1:] + edges[:-1]), factor)

    def apply(self, energy_gev: npt.ArrayLike, eta: npt.ArrayLike) -> Floats:
        """Returns corrected energies.

        Args:
            energy_gev: [K] positive energies of clusters.
            eta: [K] pseudorapidities.
        """
        energy = np.asarray(energy_gev, dtype=np.float64)
        if not np.all(energy > 0):
            raise InvalidValue("energy_gev", "positive energies", float(np.min(energy)))
        x = np.clip(np.log(energy), self.log_energy[0], self.log_energy[-1])
        distance = np.clip(np.abs(np.asarray(eta, dtype=np.float64)), self.abs_eta[0], self.abs_eta[-1])
        log_factor = RegularGridInterpolator((self.log_energy, self.abs_eta), self.log_factor)
        corrected: Floats = energy * np.exp(log_factor((x, distance)))
        return corrected

    def to_dict(self) -> dict[str, Any]:
        """Returns what JSON can hold."""
        return {name: np.round(values, 6).tolist() for name, values in vars(self).items()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> EnergyCorrection:
        """Reads what `to_dict` returned."""
        names = ("log_energy", "abs_eta", "log_factor")
        return cls(*(np.asarray(content[name], dtype=np.float64) for name in names))
