"""A space in which the distances of hits mean nothing: what a learned graph is compared with."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo.keras_compat import register


@register("RandomSpace")
class RandomSpace(keras.layers.Layer):
    """Gives the nodes of every object the same fixed random coordinates, in their order.

    Nearest neighbours in this space are a random graph: it links as many nodes as a learned one, and knows
    neither where they are nor what they hold.

    Args:
        seed: Seed of the coordinates.

    Call arguments:
        node_mask: `[B, N]`.

    Returns:
        `[B, N, 8]`, uniform in the unit cube; they repeat after 1,024 nodes.
    """

    NODES, DIMENSIONS = 1024, 8

    def __init__(self, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = int(seed)
        self._places = np.random.default_rng(self.seed).random((self.NODES, self.DIMENSIONS), np.float32)

    def call(self, node_mask: tf.Tensor) -> tf.Tensor:
        rows = tf.gather(tf.constant(self._places), tf.range(tf.shape(node_mask)[1]) % self.NODES)
        return rows + tf.zeros_like(node_mask)[:, :, None]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}
