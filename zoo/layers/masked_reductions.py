"""Max, mean and sum over the real nodes of each object, finite where there is none."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register

FLOOR = -1e30  # below every activation; finite, so that no runtime makes NaN of it


def masked_sum(x: tf.Tensor, node_mask: tf.Tensor) -> tf.Tensor:
    """Returns sum_i m_i x_i over the node axis of `[B, N, F]`; 0 for an empty object."""
    return tf.reduce_sum(x * node_mask[:, :, None], axis=1)


def masked_mean(x: tf.Tensor, node_weight: tf.Tensor) -> tf.Tensor:
    """Returns sum_i w_i x_i / sum_i w_i over the node axis of `[B, N, F]`; 0 for an empty object.

    Args:
        x: `[B, N, F]`.
        node_weight: `[B, N]`, a mask or weights >= 0 that are zero in padding.
    """
    total = tf.reduce_sum(node_weight, axis=1)[:, None]
    return masked_sum(x, node_weight) / tf.where(total > 0.0, total, 1.0)


def masked_max(x: tf.Tensor, node_mask: tf.Tensor) -> tf.Tensor:
    """Returns max_i x_i over the real nodes of `[B, N, F]`; 0 for an empty object."""
    largest = tf.reduce_max(x + ((1.0 - node_mask) * FLOOR)[:, :, None], axis=1)
    return tf.where(largest > 0.5 * FLOOR, largest, 0.0)


@register("MaskedPooling")
class MaskedPooling(keras.layers.Layer):
    """Reduces the nodes of each object to one vector.

    Args:
        mode: "max", "mean" or "sum"; "mean" weighs by the mask, which may also be a weight >= 0 per node.

    Call arguments:
        x: Nodes `[B, N, F]`.
        node_mask: Mask (or weight, for "mean") `[B, N]`.

    Returns:
        `[B, F]`; zeros for an object without nodes. Padding does not enter.
    """

    MODES = ("max", "mean", "sum")

    def __init__(self, mode: str = "max", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if mode not in self.MODES:
            raise ValueError(f"MaskedPooling: expected mode in {self.MODES}. Received: mode={mode!r}")
        self.mode = mode

    def call(self, x: tf.Tensor, node_mask: tf.Tensor) -> tf.Tensor:
        return {"max": masked_max, "mean": masked_mean, "sum": masked_sum}[self.mode](x, node_mask)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mode": self.mode}
