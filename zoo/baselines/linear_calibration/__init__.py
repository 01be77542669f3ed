"""Linear calibration: the raw sum times a factor that depends on the raw energy and on |eta|.

The factor is the median of E_true / E_raw in bins of raw energy and |ieta| of the seed, interpolated between
the centres of the bins; its uncertainty is half of the 68 % interval of log(E_true / E_raw) in the same bins.
This is what a reconstruction without a regression does.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats, Ints
from zoo.baselines.baseline import Baseline
from zoo.baselines.residuals import ResidualTable
from zoo.cards.weights import weights_folder
from zoo.data.kinds.objects import OBJECTS
from zoo.data.records import has_field, raw_energy_gev
from zoo.errors import InvalidFile, InvalidValue

__all__ = ["FILES", "LinearCalibration", "LinearCalibrationBaseline", "fit", "load", "predict"]

CALIBRATION = "calibration.json"
FILES = (CALIBRATION,)
_LEAST = 50  # objects that a bin's median needs


@dataclass(frozen=True)
class LinearCalibration:
    """Factors and widths on a grid of log raw energy and |ieta|.

    Attributes:
        log_energy: [E] centres of the bins of log(E_raw / GeV).
        abs_ieta: [A] centres of the bins of |ieta|.
        mu: [E, A] log of the factor.
        sigma: [E, A] width of log(E_true / E_raw).
        residuals: Distribution of (y - mu) / sigma.
    """

    log_energy: Floats
    abs_ieta: Floats
    mu: Floats
    sigma: Floats
    residuals: ResidualTable

    def regress(self, raw_gev: npt.ArrayLike, ieta: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Returns mu and sigma of log(E_true / E_raw), [B] each; constant beyond the outer centres."""
        weights = _weights(self.log_energy, np.log(np.maximum(np.asarray(raw_gev, np.float64), 1e-3)))
        others = _weights(self.abs_ieta, np.abs(np.asarray(ieta, np.float64)))
        return _blend(self.mu, weights, others), _blend(self.sigma, weights, others)

    def to_dict(self) -> dict[str, Any]:
        """Returns what JSON can hold."""
        grids = {
            name: np.round(getattr(self, name), 6).tolist()
            for name in ("log_energy", "abs_ieta", "mu", "sigma")
        }
        return {**grids, "residuals": self.residuals.to_dict()}


def fit(
    records: ak.Array,
    validation: ak.Array,
    *,
    energy_bins: int = 24,
    eta_bins: int = 17,
) -> LinearCalibration:
    """Measures the factors on training events and the residuals on validation events.

    Args:
        records: Training objects with truth.
        validation: Other objects.
        energy_bins: Bins of log raw energy, equal in width.
        eta_bins: Bins of |ieta|, equal in width.

    Returns:
        The calibration.

    Raises:
        InvalidValue: Fewer objects than a median in every energy bin needs.
    """
    raw, y = _target(records)
    ieta = np.abs(np.asarray(records.seed_ieta, np.float64))
    if len(raw) < _LEAST * energy_bins:
        raise InvalidValue("training objects", f"at least {_LEAST * energy_bins}", len(raw))
    low, high = np.quantile(np.log(raw), (0.001, 0.999))
    energy_edges, eta_edges = np.linspace(low, high, energy_bins + 1), np.linspace(0.5, 85.5, eta_bins + 1)
    row = np.clip(np.digitize(np.log(raw), energy_edges) - 1, 0, energy_bins - 1)
    column = np.clip(np.digitize(ieta, eta_edges) - 1, 0, eta_bins - 1)
    whole = _half_width(y)
    mu, sigma = np.empty((energy_bins, eta_bins)), np.empty((energy_bins, eta_bins))
    for e in range(energy_bins):
        for a in range(eta_bins):
            inside = y[(row == e) & (column == a)]
            if len(inside) < _LEAST:  # a bin at the edge of the kinematics: the whole row, or everything
                inside = y[row == e] if (row == e).sum() >= _LEAST else y
            mu[e, a], sigma[e, a] = np.median(inside), max(_half_width(inside), 1e-3 * whole)
    log_energy, abs_ieta = (0.5 * (edges[1:] + edges[:-1]) for edges in (energy_edges, eta_edges))
    standard = ResidualTable(np.array([0.0, 1.0]), np.array([-1.0, 1.0]))
    rough = LinearCalibration(log_energy, abs_ieta, mu, sigma, standard)
    raw, y = _target(validation)
    mu_there, sigma_there = rough.regress(raw, np.asarray(validation.seed_ieta))
    table = ResidualTable.measure((y - mu_there) / sigma_there)
    return LinearCalibration(rough.log_energy, rough.abs_ieta, mu, sigma, table)


def predict(records: ak.Array, weights: str | Path = "default") -> ak.Array:
    """Predicts energy and uncertainty of each object.

    Args:
        records: Objects with hits and seed.
        weights: "default", a tag, or a folder with the weights.

    Returns:
        Records [B] with `energy_gev`, `sigma_gev` (both -1 for an object without hits) and, where the true
        energy is known, `pit`.
    """
    calibration = load(weights)
    raw = raw_energy_gev(records).astype(np.float64)
    mu, sigma = calibration.regress(raw, np.asarray(records.seed_ieta))
    there = raw > 0
    energy = np.where(there, raw * np.exp(mu), -1.0)
    columns = {"energy_gev": energy, "sigma_gev": np.where(there, sigma * energy, -1.0)}
    if has_field(records, "true_energy_gev"):
        y = np.log(np.asarray(records.true_energy_gev, np.float64) / np.where(there, raw, 1.0))
        columns["pit"] = calibration.residuals.cdf((y - mu) / sigma)
    return ak.zip({name: values.astype(np.float32) for name, values in columns.items()})


def load(weights: str | Path = "default") -> LinearCalibration:
    """Loads the calibration; each folder once.

    Args:
        weights: "default", a tag, or a folder.

    Raises:
        InvalidFile: The file is missing or is none of this baseline.
    """
    return _load(weights_folder("linear_calibration", weights, FILES).resolve())


@functools.lru_cache(maxsize=4)
def _load(folder: Path) -> LinearCalibration:
    try:
        content = json.loads((folder / CALIBRATION).read_text(encoding="utf-8"))
        names = ("log_energy", "abs_ieta", "mu", "sigma")
        grids = {name: np.asarray(content[name], np.float64) for name in names}
        return LinearCalibration(**grids, residuals=ResidualTable.from_dict(content["residuals"]))
    except (OSError, ValueError, KeyError) as error:
        raise InvalidFile(
            folder / CALIBRATION, f"not the weights of linear_calibration: {error!r}."
        ) from error


def _target(records: ak.Array) -> tuple[Floats, Floats]:
    raw = raw_energy_gev(records).astype(np.float64)
    true = np.asarray(records.true_energy_gev, np.float64)
    return raw[raw > 0], np.log(true[raw > 0] / raw[raw > 0])


def _half_width(y: Floats) -> float:
    low, high = np.quantile(y, (0.158655, 0.841345))
    return float(0.5 * (high - low))


def _weights(centres: Floats, values: Floats) -> tuple[Ints, Floats]:
    """Returns the lower neighbour of each value and how far it is towards the next."""
    lower = np.clip(np.searchsorted(centres, values) - 1, 0, len(centres) - 2)
    share = (values - centres[lower]) / (centres[lower + 1] - centres[lower])
    return lower, np.clip(share, 0.0, 1.0)


def _blend(grid: Floats, rows: tuple[Ints, Floats], columns: tuple[Ints, Floats]) -> Floats:
    """Interpolates a grid in both directions."""
    (r, u), (c, v) = rows, columns
    low = grid[r, c] * (1 - v) + grid[r, c + 1] * v
    high = grid[r + 1, c] * (1 - v) + grid[r + 1, c + 1] * v
    return np.asarray(low * (1 - u) + high * u)


class LinearCalibrationBaseline(Baseline):
    """The calibration, as `baseline()` gives it."""

    schema = OBJECTS
    files = FILES

    def predict(self, records: ak.Array, weights: str | Path = "default") -> ak.Array:
        """Predicts the energy: `zoo.baselines.linear_calibration.predict`."""
        return predict(records, weights)
