"""The graph layer of MLPF: learned places, bins of near nodes, messages within each bin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register
from zoo.layers.bin_layout import Layout
from zoo.layers.distance_kernel import distance_kernel
from zoo.layers.flat_dense import FlatDense
from zoo.layers.hash_order import hashed_bins
from zoo.layers.real_rows import to_rows, to_sets

EPSILON = 1e-6  # of the normalisation, and added to the degrees
STDDEV = 0.05  # of the weights of messages and of the directions when fresh


@register("CombinedGraph")
class CombinedGraph(keras.layers.Layer):
    """Sends messages between nodes that are near each other in a learned space, in linear time.

    Pata et al., MLPF, arXiv:2101.08578, in the form of its public code of 2022:

        x <- LayerNorm(x),  y = act(FFN(x)),  bins = equal shares of the order of hash(y),
        A_ij = exp(-0.1 |y_i - y_j|) within a bin,  n_i = (sum_j A_ij)^(-1/2),
        hom = n A n (x Theta),  het = x W_h,  gate = sigmoid(x W_t + b_t),
        x' = act(gate hom + (1 - gate) het).

    The last two lines, a highway between a node and its neighbourhood, are repeated for further messages with
    the same A. With several rounds, each with directions of its own, hom is their mean: nodes that a wall
    parts in one round meet in another. One bin is one bin in every round, so then they change nothing.

    Where nodes have positions, s times the position, with one trained s for each coordinate, stands beside y:
    what is near in the detector is near from the first step on. Without it, a layer has to learn slopes of a
    hundred before a tenth in eta makes any difference to A.

    Theta, W_h and W_t are one product on rows of real nodes; only y and x Theta are gathered into bins, and
    only hom comes back. The largest tensor is A, with at most b numbers for each node.

    Args:
        units: Width of the output.
        distance_dim: Width of y.
        distance_width: Width of the hidden layers of the FFN.
        distance_layers: Their number.
        directions: K of `hash_order` in each round.
        rounds: Number of hashes.
        messages: Number of messages.
        activation: Name of a Keras activation.
        legacy: The binning and the distance of the public code: one digit, the cusp.
        position_scale: s when fresh.

    Call arguments:
        x: Rows of nodes `[R + 1, F]` of `zoo.layers.real_rows`.
        layout: The four tensors of `BinLayout`.
        positions: Rows `[R + 1, C]`, or None.

    Returns:
        `[R + 1, U]`. What stands in the row of the imagined node means nothing.
    """

    def __init__(
        self,
        units: int,
        distance_dim: int = 128,
        distance_width: int = 32,
        distance_layers: int = 2,
        directions: int = 100,
        rounds: int = 1,
        messages: int = 1,
        activation: str = "elu",
        legacy: bool = False,
        position_scale: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if min(units, distance_dim, directions, rounds, messages) < 1:
            raise ValueError("CombinedGraph: expected widths, rounds and messages >= 1")
        self.units, self.distance_dim, self.distance_width = (
            int(units),
            int(distance_dim),
            int(distance_width),
        )
        self.distance_layers, self.directions = int(distance_layers), int(directions)
        self.rounds, self.messages = int(rounds), int(messages)
        self.activation, self.legacy = activation, bool(legacy)
        self.position_scale = float(position_scale)
        self.norm = keras.layers.LayerNormalization(epsilon=EPSILON, name="norm")
        widths = [self.distance_width] * self.distance_layers + [self.distance_dim]
        self.distance = [
            FlatDense(width, activation=activation, name=f"distance_{number}")
            for number, width in enumerate(widths)
        ]

    def build(self, x_shape: tuple[int, ...], layout_shape: Any, positions_shape: Any = None) -> None:
        del layout_shape
        width, coordinates = x_shape[-1], int(positions_shape[-1]) if positions_shape else 0
        self.norm.build((None, width))
        for layer in self.distance:
            layer.build((None, width))
            width = layer.units
        if coordinates:
            # Its logarithm, so that an optimiser's steps are relative ones.
            self.log_scale = self.add_weight(name="log_scale", shape=(coordinates,), initializer="zeros")
        normal = keras.initializers.RandomNormal(stddev=STDDEV)
        self.codebook = self.add_weight(
            name="codebook",
            shape=(self.distance_dim + coordinates, self.rounds * self.directions),
            initializer=normal,
            trainable=False,
        )
        self.kernels, self.gate_biases, width = [], [], x_shape[-1]
        for number in range(self.messages):
            # Theta | W_h | W_t
            self.kernels.append(
                self.add_weight(name=f"kernel_{number}", shape=(width, 3 * self.units), initializer=normal)
            )
            self.gate_biases.append(
                self.add_weight(name=f"gate_bias_{number}", shape=(self.units,), initializer=normal)
            )
            width = self.units

    def call(
        self, x: tf.Tensor, layout: tuple[tf.Tensor, ...], positions: tf.Tensor | None = None
    ) -> tf.Tensor:
        act: Callable[[tf.Tensor], tf.Tensor] = keras.activations.get(self.activation)
        cuts = Layout(*layout)
        x = self.norm(x)
        places = self.places(x, positions)
        rounds = []
        for number in range(self.rounds):
            rows, slots = self.bins(places, cuts, number)
            near = self.near(places, rows, slots)
            degree = tf.reduce_sum(near, axis=-1, keepdims=True) + EPSILON
            rounds.append((rows, slots, near, tf.math.rsqrt(degree)))
        for kernel, bias in zip(self.kernels, self.gate_biases, strict=True):
            product = tf.matmul(x, tf.convert_to_tensor(kernel))
            mixed, own, gate = tf.split(product, 3, axis=-1)
            gate = tf.sigmoid(gate + tf.convert_to_tensor(bias))
            around = [
                to_rows(norm * tf.matmul(near, norm * to_sets(mixed, rows, slots)), rows, slots)
                for rows, slots, near, norm in rounds
            ]
            hom = around[0] if len(around) == 1 else tf.add_n(around) * (1.0 / len(around))
            x = act(gate * hom + (1.0 - gate) * own)
        return x

    def places(self, x: tf.Tensor, positions: tf.Tensor | None = None) -> tf.Tensor:
        """Returns where the nodes are, `[R + 1, D]` or `[R + 1, D + C]`, of normalised rows."""
        for layer in self.distance:
            x = layer(x)
        if positions is None:
            return x
        scale = self.position_scale * tf.exp(tf.convert_to_tensor(self.log_scale))
        return tf.concat([x, positions * scale], axis=-1)

    def bins(self, places: tf.Tensor, layout: Layout, number: int = 0) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns bins as sets: `rows` and `slots` of `zoo.layers.real_rows`, `[R + 1]` and `[G, S]`."""
        codebook = tf.convert_to_tensor(self.codebook)
        directions = codebook[:, number * self.directions : (number + 1) * self.directions]
        return hashed_bins(places[:-1], directions, layout, digits=1 if self.legacy else 2)

    def near(self, places: tf.Tensor, rows: tf.Tensor, slots: tf.Tensor) -> tf.Tensor:
        """Returns A `[G, S, S]`, 0 towards empty slots."""
        filled = tf.cast(slots < tf.size(rows, out_type=tf.int64) - 1, places.dtype)
        return distance_kernel(to_sets(places, rows, slots), filled, smooth=not self.legacy)

    def compute_output_shape(self, x_shape: tuple[int, ...], *_: Any) -> tuple[int | None, int]:
        """Returns (rows, units)."""
        return (x_shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        names = (
            "units", "distance_dim", "distance_width", "distance_layers", "directions", "rounds", "messages",
            "activation", "legacy", "position_scale",
        )  # fmt: skip
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
