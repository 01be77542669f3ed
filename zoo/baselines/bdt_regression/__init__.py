"""Boosted trees on shower shapes: the semi-parametric energy regression of CMS Run 2, with LightGBM.

Two forests on the same inputs (`zoo.baselines.shower_shapes`): the first gives mu, the value of
y = log(E_true / E_raw); the second the width sigma of y - mu, from residuals that the first was not trained
on. Energy E = E_raw exp(mu), uncertainty sigma E, as for the networks. CMS fits both with a likelihood
(GBRLikelihood, arXiv:2012.06888); here mu minimises a Huber loss in units of sigma, and sigma is the 68 %
quantile of |y - mu|: a stand-in of the same class, with inputs that are a superset.

    import zoo.baselines.bdt_regression as bdt
    bdt.predict(records).energy_gev
"""

from __future__ import annotations

import functools
import json
import lzma
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from zoo.arrays import Floats, Floats32
from zoo.baselines.baseline import Baseline
from zoo.baselines.residuals import ResidualTable
from zoo.baselines.shower_shapes import NAMES, shower_shapes
from zoo.cards.weights import weights_folder
from zoo.data.kinds.objects import OBJECTS
from zoo.data.records import has_field, raw_energy_gev
from zoo.errors import InvalidFile, require

__all__ = ["BDT", "FILES", "BDTBaseline", "load", "predict"]

MEAN, WIDTH, CALIBRATION = "mean.txt.xz", "width.txt.xz", "calibration.json"
FILES = (MEAN, WIDTH, CALIBRATION)


@dataclass(frozen=True)
class BDT:
    """The two forests and the distribution of their normalised residuals."""

    mean: Any  # lightgbm.Booster: mu - mean_offset
    width: Any  # lightgbm.Booster: log(sigma / width_scale)
    mean_offset: float
    width_scale: float  # makes the 68 % interval hold 68 % of the validation events
    residuals: ResidualTable

    def regress(self, shapes: Floats32) -> tuple[Floats, Floats]:
        """Returns mu and sigma of log(E_true / E_raw), [B] each, from shower shapes [B, F]."""
        threads = (
            1 if len(shapes) < 1000 else 0
        )  # starting threads costs more than a few objects; 0: all cores
        mu = self.mean_offset + np.asarray(self.mean.predict(shapes, num_threads=threads))
        return mu, self.width_scale * np.exp(np.asarray(self.width.predict(shapes, num_threads=threads)))


def predict(records: ak.Array, weights: str | Path = "default") -> ak.Array:
    """Predicts energy and uncertainty of each object.

    Args:
        records: Objects with hits, seed, `rho_gev` and `leakage_gev`.
        weights: "default", a tag, or a folder with the weights.

    Returns:
        Records [B] with `energy_gev`, `sigma_gev` (half of the 68 % interval; both -1 for an object without
        hits) and, where the true energy is known, `pit`, the probability integral of log(E_true / E_raw).

    Raises:
        MissingExtra: LightGBM is not installed.
    """
    bdt = load(weights)
    mu, sigma = bdt.regress(shower_shapes(records))
    raw = raw_energy_gev(records).astype(np.float64)
    there = raw > 0
    energy = np.where(there, raw * np.exp(mu), -1.0)
    columns = {"energy_gev": energy, "sigma_gev": np.where(there, sigma * energy, -1.0)}
    if has_field(records, "true_energy_gev"):
        y = np.log(np.asarray(records.true_energy_gev, np.float64) / np.where(there, raw, 1.0))
        columns["pit"] = bdt.residuals.cdf((y - mu) / sigma)
    return ak.zip({name: values.astype(np.float32) for name, values in columns.items()})


def load(weights: str | Path = "default") -> BDT:
    """Loads the forests; each folder once.

    Args:
        weights: "default", a tag, or a folder.

    Raises:
        InvalidFile: A file is missing, damaged, or made for other inputs.
        MissingExtra: LightGBM is not installed.
    """
    return _load(weights_folder("bdt_regression", weights, FILES).resolve())


@functools.lru_cache(maxsize=4)
def _load(folder: Path) -> BDT:
    lightgbm = require("lightgbm", extra="physics")
    try:
        content = json.loads((folder / CALIBRATION).read_text(encoding="utf-8"))
        names = tuple(content["inputs"])
        mean, width = (
            lightgbm.Booster(model_str=lzma.decompress((folder / file).read_bytes()).decode())
            for file in (MEAN, WIDTH)
        )
        residuals = ResidualTable.from_dict(content["residuals"])
        bdt = BDT(mean, width, float(content["mean_offset"]), float(content["width_scale"]), residuals)
    except (OSError, ValueError, KeyError, lzma.LZMAError, lightgbm.basic.LightGBMError) as error:
        raise InvalidFile(folder, f"not the weights of bdt_regression: {error!r}.") from error
    if names != NAMES:
        changed = sorted(set(names) ^ set(NAMES)) or ["their order"]
        raise InvalidFile(folder, f"made for other inputs: {', '.join(changed)} differ.", "Train it again.")
    return bdt


class BDTBaseline(Baseline):
    """The trees, as `baseline()` gives them."""

    schema = OBJECTS
    files = FILES

    def predict(self, records: ak.Array, weights: str | Path = "default") -> ak.Array:
        """Predicts the energy: `zoo.baselines.bdt_regression.predict`."""
        return predict(records, weights)
