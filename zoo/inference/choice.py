"""`choose`: the method for a step of a chain, a network or a trained baseline, by name, tag or folder.

```python
method = choose("drn", "energy")                              # checked now, loaded at its first use
method = choose("bdt_regression.barrel_v2", "energy")
method.predict(records).energy_gev, method.origin
```
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cards import registry
from zoo.errors import UnknownName
from zoo.inference.loading import folder_model, network_of

if TYPE_CHECKING:
    import awkward as ak
    import keras

    from zoo.baselines.baseline import Baseline

__all__ = ["Method", "choose"]


class Method(ABC):
    """What was chosen.

    Attributes:
        is_network: Whether it is a network, which needs TensorFlow.
    """

    is_network: bool

    @property
    @abstractmethod
    def origin(self) -> str:
        """Where its weights come from; loads a network."""

    @abstractmethod
    def predict(self, records: ak.Array, batch_size: int = 64) -> ak.Array:
        """Predicts one entry for each record; loads a network at its first use."""


def choose(
    chosen: str | keras.Model,
    task: str,
    *,
    aliases: Mapping[str, str] | None = None,
    others: Iterable[str] = (),
) -> Method:
    """Resolves a name, a tag, the folder of a run or a loaded model to a method for a task.

    Args:
        chosen: "drn", "drn.barrel_v1", "bdt_regression", "./runs/drn-001", or a model.
        task: What it must be for, as its card says; named in an error.
        aliases: Short names of baselines.
        others: Choices that are neither networks nor baselines, for the error.

    Returns:
        The method. Nothing was loaded.

    Raises:
        UnknownName: There is no such method for the task, or no such tag.
        InvalidFile: The folder holds no finished run.
    """
    aliases = aliases or {}
    trained = [name for name in registry.baselines() if registry.info(name).task == task]
    networks = registry.list_models(task=task)
    if not isinstance(chosen, str):
        name, tag = network_of(chosen).name, None
    elif registry.is_folder(chosen):
        name, tag = folder_model(Path(chosen).expanduser()), None
    else:
        name, tag = registry.split_name(chosen)
        name = aliases.get(name, name)
    if name not in (*networks, *trained):
        raise UnknownName(task, name, [*networks, *trained, *aliases, *others])
    if tag:
        registry.info(name).tag(tag)  # is there such a tag?
    if name in trained:
        assert isinstance(chosen, str)
        folder = Path(chosen).expanduser() if registry.is_folder(chosen) else None
        return _Baseline(registry.baseline(name), folder or tag or "default")
    if isinstance(chosen, str):
        network_of(chosen)  # is the run finished?
    return _Network(chosen)


class _Network(Method):
    is_network = True

    def __init__(self, chosen: str | keras.Model) -> None:
        self._chosen = chosen

    @cached_property
    def _model(self) -> keras.Model:
        if not isinstance(self._chosen, str):
            return self._chosen
        from zoo.inference.loading import load

        return load(self._chosen)

    @property
    def origin(self) -> str:
        return str(vars(self._model).get("origin", self._model.name))

    def predict(self, records: ak.Array, batch_size: int = 64) -> ak.Array:
        from zoo.inference.predicting import predict

        return predict(self._model, records, batch_size)


class _Baseline(Method):
    is_network = False

    def __init__(self, baseline: Baseline, weights: str | Path) -> None:
        self._baseline, self._weights = baseline, weights

    @property
    def origin(self) -> str:
        if isinstance(self._weights, Path):
            return str(self._weights)
        card = self._baseline.card
        return f"{card.name}.{card.tag(None if self._weights == 'default' else self._weights).name}"

    def predict(self, records: ak.Array, batch_size: int = 64) -> ak.Array:
        return self._baseline.predict(records, self._weights)
