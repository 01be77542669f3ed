"""The mass regressor's space: how much of the image it sees, its layers, and how it is optimised."""

from __future__ import annotations

from typing import Any


def space(hp: Any) -> dict[str, Any]:
    """Draws the overrides of one trial.

    Args:
        hp: Keras Tuner's `HyperParameters`.

    Returns:
        Field of the recipe or of the network's configuration -> value.
    """
    width, layers = hp.Choice("width", [256, 384, 512]), hp.Int("layers", 2, 4)
    return {
        "model.crop": hp.Choice("crop", [19, 23, 27]),
        "model.dense": tuple(max(width >> number, 64) for number in range(layers)),
        "optimiser.learning_rate": hp.Float("learning_rate", 2e-3, 3e-2, sampling="log"),
        "optimiser.weight_decay": hp.Float("weight_decay", 1e-4, 1e-1, sampling="log"),
    }
