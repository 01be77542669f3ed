"""`Baseline`: a classical algorithm with trained weights; `baseline("bdt_regression")` gives one by name."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from zoo.cards.registry import baselines, info, only_subclass
from zoo.errors import UnknownName

if TYPE_CHECKING:
    import awkward as ak

    from zoo.cards.card import ModelCard
    from zoo.data.kinds.schema import Schema

    Predict = Callable[[ak.Array], ak.Array]

__all__ = ["Baseline", "baseline"]


def baseline(name: str) -> Baseline:
    """Returns a trained classical algorithm by name.

    Raises:
        UnknownName: There is none; the nearest names are listed.
        InvalidFile: Its package does not hold one subclass of `Baseline`.
    """
    known = baselines()
    if name not in known:
        raise UnknownName("baseline", name, known)
    card = info(name)
    found: Baseline = only_subclass(Baseline, card, f"zoo.baselines.{name}")(card)
    return found


class Baseline(ABC):
    """A trained classical algorithm. Its fit lives in `training`, which this package does not import.

    Args:
        card: Its card.

    Attributes:
        card: Its card.
        schema: The kind of records that it reads.
        files: The files of a set of weights.
    """

    schema: ClassVar[Schema]
    files: ClassVar[tuple[str, ...]]

    def __init__(self, card: ModelCard) -> None:
        self.card = card

    @property
    def name(self) -> str:
        """Name in the registry."""
        return self.card.name

    @abstractmethod
    def predict(self, records: ak.Array, weights: str | Path = "default") -> ak.Array:
        """Predicts one entry for each record.

        Args:
            records: Records of `schema`.
            weights: "default", a tag, or a folder with the weights.
        """

    def beside(self, tag: str) -> Predict:
        """Returns `predict` with the weights of a network's tag, or the default ones if it has no such tag.

        A network of photons, `drn.barrel_photons_v1`, is compared with the trees of the same photons.
        """
        return functools.partial(self.predict, weights=tag if tag in self.card.tags else "default")
