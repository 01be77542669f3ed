"""What the names and axes of a card's tensors say: which mask belongs to which set, and counts which axis."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from zoo.cards.card import ModelCard

__all__ = ["Tensors", "masked_sets", "node_axes"]

Tensors = dict[str, npt.NDArray[Any]]
"""Arrays by the names of a card."""


def masked_sets(card: ModelCard) -> dict[str, str]:
    """Returns the mask of each set input: {"hits": "hit_mask"}."""
    return {spec.mask_of: spec.name for spec in card.inputs if spec.mask_of}


def node_axes(card: ModelCard) -> dict[str | int, str]:
    """Returns the mask that counts the nodes along each axis: {"N": "cluster_mask", "H": "hit_mask"}."""
    return {spec.shape[-1]: spec.name for spec in card.inputs if spec.mask_of}
