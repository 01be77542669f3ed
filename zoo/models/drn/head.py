"""From six unbounded numbers to the energy, its uncertainty and a double-sided crystal ball."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register

LOG_2 = math.log(2.0)
SIGMA_FLOOR = 1e-4  # far below any calorimeter resolution; keeps the density bounded
ALPHA_FLOOR, ALPHA_CEILING = 0.1, 8.0  # the tail begins within the float32 range of exp(-alpha^2 / 2)
N_FLOOR, N_CEILING = 1.01, 200.0  # 1.01 as the Run-2 regression of CMS; at 200 a power is an exponential
NO_ANSWER = -1.0  # energy and sigma of an object without hits, as CMS has it


def inverse_softplus(value: float) -> float:
    """Returns x with log(1 + exp(x)) = value, value > 0."""
    return math.log(math.expm1(value))


def _between(raw: tf.Tensor, floor: float, ceiling: float) -> tf.Tensor:
    """Maps all numbers to (floor, ceiling): softplus near the floor, bent smoothly below the ceiling."""
    rise = tf.math.softplus(raw)
    return floor + rise / (1.0 + rise / (ceiling - floor))


@register("CrystalBallHead")
class CrystalBallHead(keras.layers.Layer):
    """Bounds the six parameters of the density of y = log(E_true / E_raw).

    mu = 2 ln 2 (sigmoid - 1/2), so that the correction exp(mu) stays in (1/2, 2); sigma = softplus + floor;
    alpha and n are a softplus above their floors, bent below their ceilings. mu is the mode of log(E_true / E_raw): a positive
    mu raises the energy. (CMS trains log(E_raw / E_true); its left tail is our right one.)

    Args:
        initial_sigma: sigma for a raw value of zero.

    Call arguments:
        raw: `[B, 6]`.

    Returns:
        (mu, sigma, alpha_left, n_left, alpha_right, n_right) `[B, 6]`, dimensionless, finite for finite input.
    """

    def __init__(self, initial_sigma: float = 0.05, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initial_sigma = float(initial_sigma)

    def call(self, raw: tf.Tensor) -> tf.Tensor:
        mu, sigma, alpha_left, n_left, alpha_right, n_right = tf.unstack(raw, num=6, axis=-1)
        alpha_start, n_start = inverse_softplus(1.5 - ALPHA_FLOOR), inverse_softplus(3.0 - N_FLOOR)
        return tf.stack(
            [
                2.0 * LOG_2 * (tf.sigmoid(mu) - 0.5),
                SIGMA_FLOOR + tf.math.softplus(sigma + inverse_softplus(self.initial_sigma)),
                _between(alpha_left + alpha_start, ALPHA_FLOOR, ALPHA_CEILING),
                _between(n_left + n_start, N_FLOOR, N_CEILING),
                _between(alpha_right + alpha_start, ALPHA_FLOOR, ALPHA_CEILING),
                _between(n_right + n_start, N_FLOOR, N_CEILING),
            ],
            axis=-1,
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "initial_sigma": self.initial_sigma}


@register("CorrectedEnergy")
class CorrectedEnergy(keras.layers.Layer):
    """Computes energy = E_raw exp(mu) and its uncertainty sigma energy.

    Call arguments:
        raw_energy: E_raw `[B]` in GeV, the sum of the usable hits.
        dscb: `[B, 6]`.

    Returns:
        Energy `[B]` and sigma `[B]` in GeV; both -1 for an object without a usable hit.
    """

    def call(self, raw_energy: tf.Tensor, dscb: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        energy = raw_energy * tf.exp(dscb[:, 0])
        nothing = NO_ANSWER * tf.ones_like(energy)
        return (
            tf.where(raw_energy > 0.0, energy, nothing),
            tf.where(raw_energy > 0.0, energy * dscb[:, 1], nothing),
        )
