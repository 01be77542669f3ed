"""Energies of calorimeter objects by name: a network or a trained baseline.

energy_gev, sigma_gev = measure_energies(objects, "drn")
energy_gev, sigma_gev = measure_energies(objects, "bdt_regression.barrel_electrons_v1")
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from zoo.network_choice import NetworkChoice
from zoo.predicting import predict
from zoo.registry import baselines, info, is_folder, split_name

if TYPE_CHECKING:
    import awkward as ak
    import keras

__all__ = ["ALIASES", "EnergyRegression", "measure_energies"]

ALIASES = {"bdt": "bdt_regression"}

Floats = npt.NDArray[np.float64]


def measure_energies(
    objects: ak.Array, energy: str | keras.Model = "drn", *, batch_size: int = 64
) -> tuple[Floats, Floats]:
    """Measures the energy of each object.

    Args:
        objects: Records of `OBJECTS` [S], e.g. of `zoo.data.supercluster_objects`.
        energy: A network, or a trained baseline: its name, a tag, or the folder of its run.
        batch_size: Objects in a batch of a network.

    Returns:
        Energies and their uncertainties [S] in GeV, -1 for an object without hits and where a method has no
        uncertainty.

    Raises:
        UnknownName: No such choice; the nearest ones are listed.
    """
    return EnergyRegression(energy, batch_size=batch_size)(objects)


class EnergyRegression:
    """The step by name, for objects that come in parts; arguments as for `measure_energies`.

    Attributes:
        network: The chosen network, None for a baseline.
    """

    def __init__(self, chosen: str | keras.Model = "drn", *, batch_size: int = 64) -> None:
        self._batch_size = batch_size
        self.network: NetworkChoice | None = None
        trained = [name for name in baselines() if info(name).task == "energy"]
        self._baseline, self._weights = _baseline(chosen) if isinstance(chosen, str) else ("", "")
        if self._baseline in trained:
            if isinstance(self._weights, str) and self._weights != "default":
                info(self._baseline).tag(self._weights)  # is there such a tag?
        else:
            self.network = NetworkChoice(chosen, "energy", "energy", [*trained, *ALIASES, "raw"])

    @property
    def origin(self) -> str:
        """What measures the energy; loads a network."""
        if self.network is not None:
            return self.network.origin
        if isinstance(self._weights, Path):
            return str(self._weights)
        card = info(self._baseline)
        return f"{card.name}.{card.tag(None if self._weights == 'default' else self._weights).name}"

    def __call__(self, objects: ak.Array) -> tuple[Floats, Floats]:
        """Measures the energies of records of `OBJECTS`."""
        if not len(objects):
            return np.zeros(0), np.zeros(0)
        if self.network is None:
            module = importlib.import_module(f"zoo.baselines.{self._baseline}")
            outputs = module.predict(objects, self._weights)
        else:
            outputs = predict(self.network.model, objects, self._batch_size)
        energy = np.asarray(outputs["energy_gev"], np.float64)
        if "sigma_gev" not in outputs.fields:
            return energy, np.full(len(energy), -1.0)
        return energy, np.asarray(outputs["sigma_gev"], np.float64)


def _baseline(chosen: str) -> tuple[str, str | Path]:
    """Splits a choice into name and weights, as if it were a baseline."""
    if not is_folder(chosen):
        name, tag = split_name(chosen)
        return ALIASES.get(name, name), tag or "default"
    folder = Path(chosen).expanduser()
    try:
        return str(json.loads((folder / "run.json").read_text(encoding="utf-8"))["model"]), folder
    except (OSError, ValueError, KeyError, TypeError):
        return "", folder  # NetworkChoice says what is wrong with it
