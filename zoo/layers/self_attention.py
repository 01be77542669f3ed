"""Masked self-attention within each set, computed on the rows of real nodes."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register
from zoo.layers.fan_in_uniform import FanInUniform
from zoo.layers.real_rows import to_rows, to_sets

HIDDEN = -1e9  # added to the logits of padding: its weight is exactly 0, and an empty set stays finite


@register("SelfAttention")
class SelfAttention(keras.layers.Layer):
    """Computes softmax(Q K^T / sqrt(d)) V within each set, without biases.

    Vaswani et al., Attention is all you need, arXiv:1706.03762, without the last projection. Q, K and V are
    one matrix product on the rows of real nodes; only the attention itself sees padded sets.

    Args:
        units: Width of V, and of Q and K of all heads together.
        heads: Number of heads; divides `units`.

    Call arguments:
        x: Rows of nodes `[R + 1, F]`.
        rows: Of `RealRows`.
        slots: Of `RealRows`, `[B, N]`.
        node_mask: `[B, N]`.

    Returns:
        `[R + 1, U]`; zeros for the imagined node.
    """

    def __init__(self, units: int, heads: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if heads < 1 or units % heads:
            raise ValueError(
                "SelfAttention: expected heads >= 1 that divide units. "
                f"Received: units={units}, heads={heads}"
            )
        self.units, self.heads = int(units), int(heads)

    def build(self, x_shape: tuple[int, ...], *_: Any) -> None:
        self.kernel = self.add_weight(
            name="kernel", shape=(x_shape[-1], 3 * self.units), initializer=FanInUniform()
        )

    def call(self, x: tf.Tensor, rows: tf.Tensor, slots: tf.Tensor, node_mask: tf.Tensor) -> tf.Tensor:
        hidden = ((1.0 - node_mask) * HIDDEN)[:, None, :]
        # Split while they are rows: there are fewer of them.
        parts = tf.split(tf.matmul(x, tf.convert_to_tensor(self.kernel)), 3, axis=-1)
        if self.heads == 1:
            query, key, value = (to_sets(part, rows, slots) for part in parts)
            return to_rows(_attend(query, key, value, hidden), rows, slots)
        shape = [-1, self.heads, self.units // self.heads]
        sets = [to_sets(tf.reshape(part, shape), rows, slots) for part in parts]  # [B, N, H, D]
        query, key, value = (tf.transpose(part, [0, 2, 1, 3]) for part in sets)
        mixed = _attend(query, key, value, hidden[:, None])
        mixed = to_rows(tf.transpose(mixed, [0, 2, 1, 3]), rows, slots)
        return tf.reshape(mixed, [-1, self.units])

    def compute_output_shape(self, x_shape: tuple[int, ...], *_: Any) -> tuple[int | None, int]:
        """Returns (rows, units)."""
        return (x_shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "heads": self.heads}


def _attend(query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, hidden: tf.Tensor) -> tf.Tensor:
    logits = tf.matmul(query * query.shape[-1] ** -0.5, key, transpose_b=True) + hidden
    # tf.nn.softmax would be a oneDNN primitive, compiled anew for every shape.
    weight = tf.exp(logits - tf.stop_gradient(tf.reduce_max(logits, axis=-1, keepdims=True)))
    return tf.matmul(weight, value) / tf.reduce_sum(weight, axis=-1, keepdims=True)
