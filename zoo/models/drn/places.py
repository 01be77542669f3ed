"""The window around the seed as places: a learned vector for each crystal, and an image of the core."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register
from zoo.models.drn.hit_features import seed_frame

ENERGY = 2  # index of the energy among the features of a hit
FAINTEST = 1e-3  # fraction of the raw energy that the image's logarithm adds: half of a threshold at 50 GeV


@register("PlaceEmbedding")
class PlaceEmbedding(keras.layers.Layer):
    """Looks up a learned vector for each crystal of the window around the seed.

    A dense layer of the coordinates would have to bend itself around single crystals; with a vector of its
    own each crystal can be told from its neighbours at once.

    Args:
        units: Length of the vectors.

    Call arguments:
        hits: `[B, N, 5]`, clean, sorted by falling energy (`CanonicalOrder`).
        hit_mask: `[B, N]`.

    Returns:
        `[B, N, U]`, zeros in padding. A hit outside the 5 x 29 window counts as one at its border.
    """

    ETA, PHI = 2, 14  # crystals on each side of the seed

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = int(units)

    def build(self, *_: Any) -> None:
        """Creates the table."""
        places = (2 * self.ETA + 1) * (2 * self.PHI + 1)
        self.table = self.add_weight(
            name="table", shape=(places, self.units), initializer=keras.initializers.RandomNormal(stddev=0.1)
        )

    def call(self, hits: tf.Tensor, hit_mask: tf.Tensor) -> tf.Tensor:
        _, deta, dphi = seed_frame(hits)
        row = tf.clip_by_value(tf.round(deta), -self.ETA, self.ETA) + self.ETA
        column = tf.clip_by_value(tf.round(dphi), -self.PHI, self.PHI) + self.PHI
        index = tf.cast(row * (2 * self.PHI + 1) + column, tf.int32)
        return tf.gather(self.table, index) * hit_mask[:, :, None]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


@register("CoreImage")
class CoreImage(keras.layers.Layer):
    """Draws the square of crystals around the seed: what fraction f of the raw energy each holds.

    Args:
        side: Side of the square in crystals, odd.

    Call arguments:
        hits: `[B, N, 5]`, clean, sorted by falling energy (`CanonicalOrder`).
        hit_mask: `[B, N]`.

    Returns:
        `[B, 2 S^2]`: 1 + 0.3 log(f + 0.001) of all crystals, row by row outwards, and then f; a crystal
        without a hit has f = 0.
    """

    def __init__(self, side: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if side < 1 or side % 2 == 0:
            raise ValueError(f"CoreImage: expected an odd side >= 1. Received: side={side}")
        self.side = int(side)

    def call(self, hits: tf.Tensor, hit_mask: tf.Tensor) -> tf.Tensor:
        _, deta, dphi = seed_frame(hits)
        energy = hits[:, :, ENERGY] * hit_mask
        raw = tf.reduce_sum(energy, axis=1, keepdims=True)
        fraction = energy / tf.where(raw > 0.0, raw, 1.0)
        places = tf.range(self.side, dtype=tf.float32) - float(self.side // 2)
        in_row = tf.cast(tf.abs(deta[:, :, None] - places) < 0.5, fraction.dtype)  # [B, N, S]
        in_column = tf.cast(tf.abs(dphi[:, :, None] - places) < 0.5, fraction.dtype)
        image = tf.matmul(in_row * fraction[:, :, None], in_column, transpose_a=True)  # [B, S, S]
        flat = tf.reshape(image, [-1, self.side * self.side])
        return tf.concat([tf.math.log(flat + FAINTEST) * 0.3 + 1.0, flat], axis=-1)

    def compute_output_shape(self, *_: Any) -> tuple[None, int]:
        """Returns (batch, 2 S^2)."""
        return (None, 2 * self.side * self.side)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "side": self.side}
