"""Energies of calorimeter objects: the last step of the chain, by a network or a trained baseline.

```python
measure = EnergyRegression("drn")
energy_gev, sigma_gev = measure(objects)
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zoo.arrays import Floats
from zoo.inference.choice import choose

if TYPE_CHECKING:
    import awkward as ak
    import keras

__all__ = ["ALIASES", "EnergyRegression"]

ALIASES = {"bdt": "bdt_regression"}


class EnergyRegression:
    """The step by name, for objects that come in parts.

    Args:
        chosen: A network, or a trained baseline: its name, a tag, or the folder of its run.
        batch_size: Objects in a batch of a network.

    Attributes:
        method: What was chosen.

    Raises:
        UnknownName: No such choice; the nearest ones are listed.
    """

    def __init__(self, chosen: str | keras.Model = "drn", *, batch_size: int = 64) -> None:
        self._batch_size = batch_size
        self.method = choose(chosen, "energy", aliases=ALIASES, others=("raw",))

    def __call__(self, objects: ak.Array) -> tuple[Floats, Floats]:
        """Measures the energy of each object.

        Args:
            objects: Records of `OBJECTS` [S], e.g. of `zoo.reconstruction.supercluster_objects`.

        Returns:
            Energies and their uncertainties [S] in GeV, -1 for an object without hits and where a method has
            no uncertainty.
        """
        if not len(objects):
            return np.zeros(0), np.zeros(0)
        outputs = self.method.predict(objects, self._batch_size)
        energy = np.asarray(outputs["energy_gev"], np.float64)
        if "sigma_gev" not in outputs.fields:
            return energy, np.full(len(energy), -1.0)
        return energy, np.asarray(outputs["sigma_gev"], np.float64)
