"""A network that was chosen for a step of a chain: checked at once, loaded at its first use."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import UnknownName
from zoo.registry import info, is_folder, list_models, split_name

if TYPE_CHECKING:
    import keras

__all__ = ["NetworkChoice"]


class NetworkChoice:
    """A network by name, tag, or folder of a run, or a loaded one.

    Args:
        chosen: "drn", "drn.barrel_v1", "./runs/drn-001", or a model.
        step: What the choice is called in an error.
        task: What the network must be for, as its card says.
        others: Choices that are no networks, for the error.

    Raises:
        UnknownName: There is no such network for the task, or no such tag.
        InvalidFile: The folder holds no finished run.
    """

    def __init__(self, chosen: str | keras.Model, step: str, task: str, others: Iterable[str] = ()) -> None:
        self._chosen = chosen
        if not isinstance(chosen, str):
            name = str(getattr(chosen, "name", type(chosen).__name__))
        elif is_folder(chosen):
            from zoo.loading import folder_model

            name = folder_model(Path(chosen).expanduser())
        else:
            name = split_name(chosen)[0]
        names = list_models(task=task)
        if name not in names:
            raise UnknownName(step, name, [*names, *others])
        if isinstance(chosen, str) and not is_folder(chosen):
            info(chosen)  # is there such a tag?

    @cached_property
    def model(self) -> keras.Model:
        """The network."""
        if not isinstance(self._chosen, str):
            return self._chosen
        from zoo.loading import load

        return load(self._chosen)

    @property
    def origin(self) -> str:
        """Where its weights come from; loads it."""
        return str(getattr(self.model, "origin", self.model.name))
