"""Graph convolution with a highway gate between a node and its neighbourhood."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register
from zoo.layers.fan_in_uniform import FanInUniform
from zoo.layers.real_rows import to_rows, to_sets


@register("HighwayConvolution")
class HighwayConvolution(keras.layers.Layer):
    """Mixes each node with the others of its set, the nearer the more, through a gate.

    Xin et al., Graph highway networks, arXiv:2004.04635, in the form of the superclustering network of CMS:
    with distances d, A = exp(-d), degrees D = sum_j A_ij and f = x W,

        hom = act(D^(-k/2) A^k D^(-k/2) f),  gate = sigmoid(x T + b),  x' = gate hom + (1 - gate) f.

    A^k is taken element by element: exp(-k d).

    Args:
        units: Width of the output.
        power: k.
        activation: Name of a Keras activation.

    Call arguments:
        x: Rows of nodes `[R + 1, F]`.
        distance: `[B, N, N]`, >= 0, 0 on the diagonal.
        rows: Of `RealRows`.
        slots: Of `RealRows`, `[B, N]`.
        node_mask: `[B, N]`.

    Returns:
        `[R + 1, U]`.
    """

    def __init__(self, units: int, power: int = 1, activation: str = "elu", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if power < 1:
            raise ValueError(f"HighwayConvolution: expected power >= 1. Received: power={power}")
        self.units, self.power, self.activation = int(units), int(power), activation

    def build(self, x_shape: tuple[int, ...], *_: Any) -> None:
        fan_in = x_shape[-1]
        self.kernel = self.add_weight(
            name="kernel", shape=(fan_in, 2 * self.units), initializer=FanInUniform()
        )
        self.gate_bias = self.add_weight(name="gate_bias", shape=(self.units,), initializer="zeros")

    def call(
        self, x: tf.Tensor, distance: tf.Tensor, rows: tf.Tensor, slots: tf.Tensor, node_mask: tf.Tensor
    ) -> tf.Tensor:
        act: Callable[[tf.Tensor], tf.Tensor] = keras.activations.get(self.activation)
        own, gate = tf.split(tf.matmul(x, tf.convert_to_tensor(self.kernel)), 2, axis=-1)
        gate = tf.sigmoid(gate - (-tf.convert_to_tensor(self.gate_bias)))  # see `add_bias`
        near = tf.exp(-distance) * node_mask[:, None, :]
        degree = tf.reduce_sum(near, axis=-1, keepdims=True)
        norm = tf.pow(tf.where(degree > 0.0, degree, 1.0), -0.5 * self.power)
        if self.power > 1:
            near = tf.exp(-float(self.power) * distance) * node_mask[:, None, :]
        mixed = tf.matmul(near, to_sets(own, rows, slots) * norm) * norm
        return gate * act(to_rows(mixed, rows, slots)) + (1.0 - gate) * own

    def compute_output_shape(self, x_shape: tuple[int, ...], *_: Any) -> tuple[int | None, int]:
        """Returns (rows, units)."""
        return (x_shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        own = {"units": self.units, "power": self.power, "activation": self.activation}
        return {**super().get_config(), **own}
