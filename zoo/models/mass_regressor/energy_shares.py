"""The input features of the shipped network: how the transverse energy is shared among the crystals.

The mass of two photons is m^2 = 2 E_T1 E_T2 (cosh d_eta - cos d_phi): the E_T seen times something that the
shares and the distances in eta and phi say, whatever the place in the barrel.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from zoo.arrays import Floats32
from zoo.errors import InvalidValue
from zoo.keras_compat import register

HALVES = (1, 2, 4, 8)  # half sizes, in crystals, of the squares around the seed whose moments are features
N_SUMS = 6  # of each square: E_T, times eta, phi, eta^2, phi^2, eta phi
TYPICAL_GEV = 50.0  # an E_T of this size is 0 as logarithm, 1 as factor
LEAST_GEV = 1e-3  # a smaller E_T in all counts as this one
LEAST_SHARE = 1e-3  # the same of the share of a square
FLOOR = 1e-5  # share below which its root falls off: the slope at 0 stays finite


@register("EnergyShares")
class EnergyShares(keras.layers.Layer):
    """Shares of the transverse energy, its moments, and its sum.

    Call arguments:
        image: `[B, S, S, 2]` E_T and E_z in GeV, clean, not negative; the seed at S // 2, S at least 17.

    Returns:
        `[B, S, S, 1]` root of each crystal's share of E_T; `[B, 26]` log(E_T / 50 GeV), E_z / E_T, and for
        each square around the seed the first and second moments of E_T in crystals and its share; `[B]`
        E_T / 50 GeV. All finite for an image without energy.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Checks the size of the image."""
        least = 2 * max(HALVES) + 1
        if input_shape[1] != input_shape[2] or (input_shape[1] or 0) < least:
            raise InvalidValue("image of EnergyShares", f"a square of at least {least}", input_shape)
        super().build(input_shape)

    def call(self, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        side = image.shape[1]
        et = tf.reshape(image[..., 0], [-1, side * side])
        total = tf.maximum(tf.reduce_sum(et, axis=1), LEAST_GEV)
        longitudinal = tf.reduce_sum(image[..., 1], axis=[1, 2]) / total
        share = et / total[:, None]
        roots = tf.reshape(tf.sqrt(share + FLOOR) - FLOOR**0.5, [-1, side, side, 1])
        scaled = total / TYPICAL_GEV
        sums = tf.reshape(tf.matmul(share, tf.constant(_steps(side))), [-1, len(HALVES), N_SUMS])
        moments = tf.reshape(_moments(sums), [-1, len(HALVES) * N_SUMS])
        whole = tf.stack([tf.math.log(scaled), longitudinal], axis=-1)
        return roots, tf.concat([whole, moments], axis=-1), scaled


def _steps(side: int) -> Floats32:
    """[S * S, 24] for each square: 1, eta, phi, eta^2, phi^2, eta phi of its crystals, in crystals."""
    step = np.arange(side, dtype=np.float32) - side // 2
    eta, phi = np.repeat(step, side), np.tile(step, side)
    columns = []
    for half in HALVES:
        inside = (np.maximum(np.abs(eta), np.abs(phi)) <= half).astype(np.float32)
        columns += [inside * each for each in (np.ones_like(eta), eta, phi, eta**2, phi**2, eta * phi)]
    return np.stack(columns, axis=1)


def _moments(sums: tf.Tensor) -> tf.Tensor:
    """Centre in eta, phi, second moments eta eta, phi phi, eta phi, and the share of each; [B, 4, 6]."""
    inside = sums[..., :1]
    means = sums[..., 1:] / tf.maximum(inside, LEAST_SHARE)
    centre = means[..., :2]
    eta, phi = centre[..., :1], centre[..., 1:]
    squares = tf.concat([centre, eta], axis=-1) * tf.concat([centre, phi], axis=-1)
    return tf.concat([centre, means[..., 2:] - squares, inside], axis=-1)
