"""The DRN's space: width, depth and graph of the network, its readout, and how it is optimised."""

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
        "model.hidden": hp.Choice("hidden", [48, 64, 96]),
        "model.aggregation_layers": hp.Int("aggregation_layers", 1, 3),
        "model.message_layers": hp.Int("message_layers", 1, 2),
        "model.k": hp.Choice("k", [4, 6, 8, 12]),
        "model.matching_rounds": hp.Choice("matching_rounds", [1, 2, 4]),
        "model.pool_farthest": hp.Boolean("pool_farthest"),
        "model.output_layers": hp.Int("output_layers", 3, 5),
        "model.output_width": hp.Choice("output_width", [128, 256, 384]),
        "optimiser.learning_rate": hp.Float("learning_rate", 1e-3, 1e-2, sampling="log"),
        "optimiser.weight_decay": hp.Float("weight_decay", 1e-3, 1e-1, sampling="log"),
    }
