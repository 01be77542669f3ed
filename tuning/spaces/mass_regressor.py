"""The mass regressor's space: what the convolutions see, their number and width, and how it is optimised."""

from __future__ import annotations

from typing import Any


def space(hp: Any) -> dict[str, Any]:
    """Draws the overrides of one trial.

    Args:
        hp: Keras Tuner's `HyperParameters`.

    Returns:
        Field of the recipe or of the network's configuration -> value.
    """
    width = hp.Choice("filters", [16, 24, 32, 48])
    blocks = hp.Int("blocks", 1, 2)
    dense = hp.Choice("dense", [64, 128, 192])
    return {
        "model.crop": hp.Choice("crop", [19, 23, 27]),
        "model.dense": (dense, dense // 2),
        "optimiser.learning_rate": hp.Float("learning_rate", 5e-4, 1e-2, sampling="log"),
        "optimiser.weight_decay": hp.Float("weight_decay", 1e-4, 1e-1, sampling="log"),
    }
