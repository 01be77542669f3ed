"""The space of MLPF: the eleven hyper-parameters of the public network's search, over its values.

The MLPF talk's tuned table (`nov2022`, learning rate 1.313e-3) is a point of it. To search around that:

    python -m tuning mlpf --set preset=nov2022
"""

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
        "model.bin_size": hp.Choice("bin_size", [32, 64, 128, 256]),
        "model.distance_dim": hp.Int("distance_dim", 32, 256, step=32),
        "model.distance_width": hp.Int("distance_width", 32, 256, step=32),
        "model.distance_layers": hp.Int("distance_layers", 1, 3),
        "model.messages": hp.Int("messages", 1, 3),
        "model.width": hp.Choice("width", [8, 16, 32, 64, 128, 256]),
        "model.id_layers": hp.Int("id_layers", 1, 4),
        "model.regression_layers": hp.Int("regression_layers", 1, 4),
        "model.dropout": hp.Float("dropout", 0.0, 0.5),
        "optimiser.learning_rate": hp.Float("learning_rate", 1e-4, 1e-2, sampling="log"),
        "optimiser.weight_decay": hp.Float("weight_decay", 1e-6, 1e-1, sampling="log"),
    }
