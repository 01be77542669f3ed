"""Cuts the slots that are padding in the whole batch."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register


@register("TrimPadding")
class TrimPadding(keras.layers.Layer):
    """Cuts the node axis to the largest number of real nodes in the batch, and keeps at least one slot.

    The work behind it then depends on the hits, not on how far a client padded them.

    Call arguments:
        nodes: `[B, N, F]` with padding last (after `CanonicalOrder`).
        node_mask: `[B, N]`.

    Returns:
        Nodes `[B, M, F]` and mask `[B, M]`, 1 <= M <= N; one slot of padding if no object has a node.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_jit = False  # its output's shape follows the values, which XLA cannot have

    def call(self, nodes: tf.Tensor, node_mask: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        count = tf.cast(tf.reduce_max(tf.reduce_sum(node_mask, axis=-1)), tf.int32)
        count = tf.maximum(count, 1)
        return nodes[:, :count], node_mask[:, :count]
