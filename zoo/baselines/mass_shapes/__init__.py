"""Boosted trees on shower shapes: the mass of merged photons by LightGBM, without a network.

Stands for the "photon NN" of CMS-EGM-20-001, a regression of the mass on engineered variables, whose inputs
are not public; those here (`zoo.baselines.image_shapes`) are what the crystals alone give. Trained on the
events, labels and loss of the network beside it.

    import zoo.baselines.mass_shapes as shapes
    shapes.predict(records).mass_gev
"""

from __future__ import annotations

import functools
import json
import lzma
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from zoo.baselines.baseline import Baseline
from zoo.baselines.image_shapes import NAMES, image_shapes
from zoo.cards.weights import weights_folder
from zoo.data.kinds.candidates import CANDIDATES
from zoo.errors import InvalidFile, require

__all__ = ["FILES", "INPUTS", "TREES", "MassShapesBaseline", "load", "predict"]

TREES, INPUTS = "mass.txt.xz", "inputs.json"
FILES = (TREES, INPUTS)
NO_ENERGY = -1.0  # the answer for a candidate without energy, as the network's


def predict(records: ak.Array, weights: str | Path = "default") -> ak.Array:
    """Predicts the mass of each candidate.

    Args:
        records: Candidates with hits and seed.
        weights: "default", a tag, or a folder with the weights.

    Returns:
        Records [B] with `mass_gev`, -1 for a candidate without energy.

    Raises:
        MissingExtra: LightGBM is not installed.
    """
    forest = load(weights)
    threads = (
        1 if len(records) < 1000 else 0
    )  # starting threads costs more than a few candidates; 0: all cores
    mass = np.asarray(forest.predict(image_shapes(records), num_threads=threads))
    there = np.asarray(ak.to_numpy(ak.any(records.hits.energy_gev > 0, axis=1)), bool)
    return ak.zip({"mass_gev": np.where(there, mass, NO_ENERGY).astype(np.float32)})


def load(weights: str | Path = "default") -> Any:
    """Loads the forest, a `lightgbm.Booster`; each folder once.

    Args:
        weights: "default", a tag, or a folder.

    Raises:
        InvalidFile: A file is missing, damaged, or made for other inputs.
        MissingExtra: LightGBM is not installed.
    """
    return _load(weights_folder("mass_shapes", weights, FILES).resolve())


@functools.lru_cache(maxsize=4)
def _load(folder: Path) -> Any:
    lightgbm = require("lightgbm", extra="physics")
    try:
        names = tuple(json.loads((folder / INPUTS).read_text(encoding="utf-8"))["inputs"])
        forest = lightgbm.Booster(model_str=lzma.decompress((folder / TREES).read_bytes()).decode())
    except (OSError, ValueError, KeyError, lzma.LZMAError, lightgbm.basic.LightGBMError) as error:
        raise InvalidFile(folder, f"not the weights of mass_shapes: {error!r}.") from error
    if names != NAMES:
        changed = sorted(set(names) ^ set(NAMES)) or ["their order"]
        raise InvalidFile(folder, f"made for other inputs: {', '.join(changed)} differ.", "Train it again.")
    return forest


class MassShapesBaseline(Baseline):
    """The trees, as `baseline()` gives them."""

    schema = CANDIDATES
    files = FILES

    def predict(self, records: ak.Array, weights: str | Path = "default") -> ak.Array:
        """Predicts the mass: `zoo.baselines.mass_shapes.predict`."""
        return predict(records, weights)
