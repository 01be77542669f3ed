"""The DRN's space: depth, width and graph of the network, and how it is optimised."""

from __future__ import annotations

from typing import Any


def space(hp: Any) -> dict[str, Any]:
    """Draws the overrides of one trial.

    Args:
        hp: Keras Tuner's `HyperParameters`.

    Returns:
        Field of the recipe or of the network's configuration -> value.
    """
    return {
        "model.hidden": hp.Choice("hidden", [32, 48, 64, 96]),
        "model.input_layers": hp.Int("input_layers", 1, 4),
        "model.aggregation_layers": hp.Int("aggregation_layers", 1, 4),
        "model.message_layers": hp.Int("message_layers", 1, 3),
        "model.output_layers": hp.Int("output_layers", 2, 4),
        "model.k": hp.Choice("k", [4, 8, 12, 16]),
        "model.pool_farthest": hp.Boolean("pool_farthest"),
        "optimiser.learning_rate": hp.Float("learning_rate", 3e-4, 4e-3, sampling="log"),
        "optimiser.weight_decay": hp.Float("weight_decay", 1e-4, 1e-1, sampling="log"),
    }
