"""The input features of the shipped networks: how the transverse energy is shared among the crystals.

The mass of two photons is m^2 = 2 E_T1 E_T2 (cosh d_eta - cos d_phi): the E_T seen times something that the
shares and the distances in eta and phi say, whatever the place in the barrel.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from zoo.data.images import SEED_AT
from zoo.errors import InvalidValue
from zoo.keras_compat import register

HALVES = (1, 2, 4, 8)  # half sizes, in crystals, of the squares around the seed whose moments are features
TYPICAL_GEV = 50.0  # an E_T of this size is 0 as logarithm, 1 as factor
LEAST_GEV = 1e-3  # a smaller E_T in all counts as this one
FLOOR = 1e-5  # share below which its root falls off: the slope at 0 stays finite


@register("EnergyShares")
class EnergyShares(keras.layers.Layer):
    """Shares of the transverse energy, its moments, and its sum.

    Args:
        crop: Crystals along each side of the image that is kept, the seed at `crop // 2`.

    Call arguments:
        image: `[B, 32, 32, 2]` E_T and E_z in GeV, clean, not negative.

    Returns:
        `[B, crop, crop, 1]` root of each crystal's share of E_T; `[B, 26]` log(E_T / 50 GeV), E_z / E_T, and
        for each square around the seed the first and second moments of E_T in crystals and its share; `[B]`
        E_T / 50 GeV. All finite for an image without energy.
    """

    def __init__(self, crop: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.crop = int(crop)
        if not 2 * max(HALVES) < self.crop <= 2 * SEED_AT + 2:
            raise InvalidValue("EnergyShares.crop", f"{2 * max(HALVES) + 1} to {2 * SEED_AT + 2}", crop)

    def call(self, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Applies the layer; arguments and results stand in the docstring of the class."""
        et = image[..., 0]
        total = tf.maximum(tf.reduce_sum(et, axis=[1, 2]), LEAST_GEV)
        longitudinal = tf.reduce_sum(image[..., 1], axis=[1, 2]) / total
        share = et / total[:, None, None]
        first = SEED_AT - self.crop // 2
        near = share[:, first : first + self.crop, first : first + self.crop]
        roots = (tf.sqrt(near + FLOOR) - FLOOR**0.5)[..., None]
        features = [tf.math.log(total / TYPICAL_GEV), longitudinal]
        for half in HALVES:
            features += _moments(share, half)
        return roots, tf.stack(features, axis=-1), total / TYPICAL_GEV

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "crop": self.crop}


def _moments(share: tf.Tensor, half: int) -> list[tf.Tensor]:
    """Centre in eta and phi, their second moments, and the sum, of a square around the seed; [B] each."""
    side = slice(SEED_AT - half, SEED_AT + half + 1)
    square = share[:, side, side]
    step = tf.range(-half, half + 1, dtype=share.dtype)
    rows, columns = tf.reduce_sum(square, axis=2), tf.reduce_sum(square, axis=1)
    inside = tf.reduce_sum(rows, axis=1)
    norm = 1.0 / tf.maximum(inside, 1e-3)
    eta, phi = tf.reduce_sum(rows * step, axis=1) * norm, tf.reduce_sum(columns * step, axis=1) * norm
    eta_eta = tf.reduce_sum(rows * step * step, axis=1) * norm - eta * eta
    phi_phi = tf.reduce_sum(columns * step * step, axis=1) * norm - phi * phi
    mixed = tf.reduce_sum(square * (step[:, None] * step), axis=[1, 2]) * norm - eta * phi
    return [eta, phi, eta_eta, phi_phi, mixed, inside]
