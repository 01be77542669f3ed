"""The space of the superclustering network: widths, graph, the weights of the losses, and the optimiser."""

from __future__ import annotations

from typing import Any


def space(hp: Any) -> dict[str, Any]:
    """Draws the overrides of one trial.

    Args:
        hp: Keras Tuner's `HyperParameters`.

    Returns:
        Field of the recipe or of the network's configuration -> value.
    """
    edge_layers = hp.Choice("edge_layers", ["96,48", "128,64", "96,96,48"])
    return {
        "model.hit_width": hp.Choice("hit_width", [8, 16, 24]),
        "model.node_width": hp.Choice("node_width", [48, 64, 96]),
        "model.coordinates": hp.Int("coordinates", 2, 6),
        "model.convolution_power": hp.Int("convolution_power", 1, 3),
        "model.edge_attention": hp.Choice("edge_attention", [32, 64, 96]),
        "model.edge_layers": [int(width) for width in edge_layers.split(",")],
        "model.energy_soft_f1_weight": hp.Float("energy_soft_f1_weight", 0.1, 3.0, sampling="log"),
        "model.soft_f1_beta": hp.Float("soft_f1_beta", 1.0, 2.0),
        "optimiser.learning_rate": hp.Float("learning_rate", 1e-3, 1e-2, sampling="log"),
        "optimiser.weight_decay": hp.Float("weight_decay", 1e-3, 1e-1, sampling="log"),
    }
