"""EdgeConv with the first dense layer factored into per-node products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register
from zoo.layers.fan_in_uniform import FanInUniform
from zoo.layers.masked_reductions import FLOOR


@register("EdgeConv")
class EdgeConv(keras.layers.Layer):
    """Computes x_i' = A_{j in N(i)} MLP([x_i, x_j - x_i]) with A = sum, mean or max.

    Wang et al., Dynamic Graph CNN, arXiv:1801.07829. An activation follows every layer of the MLP. With the
    first kernel split into rows W_a (for x_i) and W_b (for x_j - x_i), the first layer is x_i (W_a - W_b) +
    x_j W_b + b: two products per node instead of one per edge, exactly the same function.

    Args:
        units: Widths of the MLP's layers, at least one.
        aggregation: "sum", "mean", "max", or "mean_max" (both, concatenated: twice the last width).
        activation: Name of a Keras activation.

    Call arguments:
        x: Nodes `[B, N, F]`.
        indices: int32 `[B, N, K]` of `NearestNeighbours`.
        neighbour_mask: `[B, N, K]`.

    Returns:
        `[B, N, U]`. Zeros for a node without neighbours, so for padding and for an empty object.
    """

    AGGREGATIONS = ("sum", "mean", "max", "mean_max")

    def __init__(
        self, units: Sequence[int], aggregation: str = "sum", activation: str = "elu", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if aggregation not in self.AGGREGATIONS:
            raise ValueError(
                f"EdgeConv: expected aggregation in {self.AGGREGATIONS}. "
                f"Received: aggregation={aggregation!r}"
            )
        if not units or min(units) < 1:
            raise ValueError(
                f"EdgeConv: expected at least one width, each >= 1. Received: units={list(units)}"
            )
        self.units = [int(width) for width in units]
        self.aggregation, self.activation = aggregation, activation

    def build(self, x_shape: tuple[int | None, ...], *_: Any) -> None:
        """Creates the weights."""
        self.kernels, self.biases = [], []
        fan_in = 2 * int(x_shape[-1])
        for number, width in enumerate(self.units):
            self.kernels.append(
                self.add_weight(name=f"kernel_{number}", shape=(fan_in, width), initializer=FanInUniform())
            )
            self.biases.append(
                self.add_weight(name=f"bias_{number}", shape=(width,), initializer=FanInUniform(fan_in))
            )
            fan_in = width

    def call(self, x: tf.Tensor, indices: tf.Tensor, neighbour_mask: tf.Tensor) -> tf.Tensor:
        """Applies the layer; arguments and results stand in the docstring of the class."""
        act = keras.activations.get(self.activation)
        here, there = tf.split(tf.convert_to_tensor(self.kernels[0]), 2, axis=0)
        centre = _rows_times(x, here - there) + self.biases[0]
        neighbour = tf.gather(_rows_times(x, there), indices, batch_dims=1)
        message = act(centre[:, :, None, :] + neighbour)
        for kernel, bias in zip(self.kernels[1:], self.biases[1:], strict=True):
            message = act(_rows_times(message, kernel) + bias)
        return self._aggregate(message, neighbour_mask)

    def _aggregate(self, message: tf.Tensor, neighbour_mask: tf.Tensor) -> tf.Tensor:
        parts = []
        if self.aggregation != "max":
            weight = neighbour_mask
            if self.aggregation != "sum":
                weight /= tf.maximum(tf.reduce_sum(weight, axis=2, keepdims=True), 1.0)
            # A product of [1, K] and [K, U] matrices: half the time of multiplying and summing.
            parts.append(tf.matmul(weight[:, :, None, :], message)[:, :, 0, :])
        if "max" in self.aggregation:
            largest = tf.reduce_max(message + ((1.0 - neighbour_mask) * FLOOR)[..., None], axis=2)
            parts.append(tf.where(largest > 0.5 * FLOOR, largest, 0.0))
        return parts[0] if len(parts) == 1 else tf.concat(parts, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        own = {"units": self.units, "aggregation": self.aggregation, "activation": self.activation}
        return {**super().get_config(), **own}


def _rows_times(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns x @ kernel over the last axis, as one flat matrix product.

    A product of a rank-4 tensor with a matrix has a gradient that is made once per row block and then
    summed: five times slower.
    """
    flat = tf.matmul(tf.reshape(x, [-1, kernel.shape[0]]), kernel)
    return tf.reshape(flat, tf.concat([tf.shape(x)[:-1], [kernel.shape[1]]], axis=0))
