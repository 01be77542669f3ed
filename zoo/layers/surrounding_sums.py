"""What lies around each node, added up: energies near a track, momenta near a cluster."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register
from zoo.layers.bin_layout import Layout
from zoo.layers.distance_kernel import squared_distances
from zoo.layers.hash_order import hashed_bins
from zoo.layers.real_rows import to_rows, to_sets

FINEST = 0.05  # first radius when fresh; each further one is three times the one before
COARSER = 3.0


@register("SurroundingSums")
class SurroundingSums(keras.layers.Layer):
    """Adds up values around each node, in linear time: log(1 + sum_j exp(-d_ij^2 / 2 r^2) v_j).

    Messages of graph layers are means of what layers make of logarithms: they can say how hard the tracks
    near a cluster are, not what their momenta add up to, which decides whether a neutral particle is there.

    Nodes meet within the bins of a hash of their positions; of several rounds, whose walls stand elsewhere,
    the largest sum counts, which misses least.

    Args:
        radii: Number of radii r, trained, 0.05, 0.15, ... when fresh.
        directions: K of `hash_order` in each round.
        rounds: Number of hashes.

    Call arguments:
        values: Rows `[R + 1, V]` of `zoo.layers.real_rows`, 0 or more.
        positions: Rows `[R + 1, C]`.
        layout: The four tensors of `BinLayout`.

    Returns:
        `[R + 1, radii V]`, the own value among the others. The row of the imagined node means nothing.
    """

    def __init__(self, radii: int = 2, directions: int = 16, rounds: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if min(radii, directions, rounds) < 1:
            raise ValueError("SurroundingSums: expected radii, directions and rounds >= 1")
        self.radii, self.directions, self.rounds = int(radii), int(directions), int(rounds)

    def build(self, values_shape: Any, positions_shape: tuple[int, ...], layout_shape: Any) -> None:
        del values_shape, layout_shape
        self.codebook = self.add_weight(
            name="codebook",
            shape=(positions_shape[-1], self.rounds * self.directions),
            initializer=keras.initializers.RandomNormal(),
            trainable=False,
        )
        # Its logarithm, so that an optimiser's steps are relative ones.
        self.log_scale = self.add_weight(name="log_scale", shape=(self.radii,), initializer="zeros")

    def call(self, values: tf.Tensor, positions: tf.Tensor, layout: tuple[tf.Tensor, ...]) -> tf.Tensor:
        cuts, codebook = Layout(*layout), tf.convert_to_tensor(self.codebook)
        fresh = tf.constant([(FINEST * COARSER**number) ** -2 for number in range(self.radii)])
        rates = 0.5 * fresh * tf.exp(-2.0 * tf.convert_to_tensor(self.log_scale))
        largest = None
        for number in range(self.rounds):
            directions = codebook[:, number * self.directions : (number + 1) * self.directions]
            rows, slots = hashed_bins(positions[:-1], directions, cuts, digits=2)
            filled = tf.cast(slots < tf.size(rows, out_type=tf.int64) - 1, values.dtype)
            squared = squared_distances(to_sets(positions, rows, slots), filled)
            inside = to_sets(values, rows, slots)
            sums = [tf.matmul(tf.exp(-rates[k] * squared), inside) for k in range(self.radii)]
            found = to_rows(tf.concat(sums, axis=-1), rows, slots)
            largest = found if largest is None else tf.maximum(largest, found)
        return tf.math.log(1.0 + tf.maximum(largest, 0.0))

    def compute_output_shape(self, values_shape: tuple[int, ...], *_: Any) -> tuple[int | None, int | None]:
        """Returns (rows, radii V)."""
        width = values_shape[-1]
        return (values_shape[0], None if width is None else self.radii * width)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(), "radii": self.radii, "directions": self.directions, "rounds": self.rounds,
        }  # fmt: skip
