"""From six unbounded numbers to the energy, its uncertainty and a double-sided crystal ball."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register
from zoo.losses.crystal_ball import REACH, crystal_ball_median

LOG_2 = math.log(2.0)
SIGMA_FLOOR, SIGMA_CEILING = 1e-4, 10.0  # far below any calorimeter's resolution, far beyond the reach of mu
ALPHA_FLOOR, ALPHA_CEILING = 0.1, 8.0  # the tail begins within the float32 range of exp(-alpha^2 / 2)
N_FLOOR, N_CEILING = 1.01, 200.0  # 1.01 as the Run-2 regression of CMS; at 200 a power is an exponential
ALPHA_START, N_START = 1.5, 3.0  # where an untrained network starts: a core with visible tails
NO_ANSWER = -1.0  # energy and sigma of an object without hits, as CMS has it


def _raw_value(value: float, floor: float, ceiling: float) -> float:
    """Returns the number that the head maps to `value` in (floor, ceiling)."""
    rise = (value - floor) / (1.0 - (value - floor) / (ceiling - floor))
    return math.log(math.expm1(rise))


@register("CrystalBallHead")
class CrystalBallHead(keras.layers.Layer):
    """Bounds the six parameters of the density of y = log(E_true / E_raw).

    mu = 2 ln 2 (sigmoid - 1/2), so that the correction exp(mu) stays in (1/2, 2). The others are a softplus s
    above their floor, bent below their ceiling: floor + s / (1 + s / (ceiling - floor)), which is floor + s
    where that is small. mu is the mode of log(E_true / E_raw): a positive mu raises the energy. (CMS trains
    log(E_raw / E_true); its left tail is our right one.)

    Args:
        initial_sigma: sigma for a raw value of zero.
        density: "crystal_ball", or "gaussian": tails that begin at 8 sigma, so none in practice.

    Call arguments:
        raw: `[B, 6]`.

    Returns:
        (mu, sigma, alpha_left, n_left, alpha_right, n_right) `[B, 6]`, dimensionless, finite.
    """

    def __init__(self, initial_sigma: float = 0.05, density: str = "crystal_ball", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initial_sigma, self.density = float(initial_sigma), density

    def call(self, raw: tf.Tensor) -> tf.Tensor:
        floors = [SIGMA_FLOOR, ALPHA_FLOOR, N_FLOOR, ALPHA_FLOOR, N_FLOOR]
        ceilings = [SIGMA_CEILING, ALPHA_CEILING, N_CEILING, ALPHA_CEILING, N_CEILING]
        starts = [self.initial_sigma, ALPHA_START, N_START, ALPHA_START, N_START]
        shift = tf.constant([_raw_value(*each) for each in zip(starts, floors, ceilings, strict=True)])
        floor, ceiling = tf.constant(floors), tf.constant(ceilings)
        mu = 2.0 * LOG_2 * (tf.sigmoid(raw[:, :1]) - 0.5)
        rise = tf.math.softplus(raw[:, 1:] + shift)
        # A softplus near the floor, bent smoothly below the ceiling.
        rest = floor + rise / (1.0 + rise / (ceiling - floor))
        if self.density == "gaussian":
            rest = tf.concat([rest[:, :1], tf.zeros_like(rest[:, 1:]) + ceiling[1:]], axis=-1)
        return tf.concat([mu, rest], axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "initial_sigma": self.initial_sigma, "density": self.density}


@register("CorrectedEnergy")
class CorrectedEnergy(keras.layers.Layer):
    """Computes the energy, E_raw exp(y) at the mode or the median of y, and the width of the core.

    The most probable value stays where most objects are, and the median of many responses is below 1 where
    tails lie to one side; the median of each makes the median of all 1.

    Args:
        estimate: "mode" (y = mu) or "median" of y, within +-ln 2.

    Call arguments:
        raw_energy: E_raw `[B]` in GeV, the sum of the usable hits.
        dscb: `[B, 6]`.

    Returns:
        Energy `[B]` and sigma E_raw exp(mu) `[B]` in GeV; both -1 for an object without a usable hit.
    """

    def __init__(self, estimate: str = "mode", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.estimate = estimate

    def call(self, raw_energy: tf.Tensor, dscb: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        mu, sigma, *shape = tf.unstack(dscb, num=6, axis=-1)
        y = mu
        if self.estimate == "median":
            y = tf.clip_by_value(mu + sigma * crystal_ball_median(*shape), -REACH, REACH)
        return (
            tf.where(raw_energy > 0.0, raw_energy * tf.exp(y), NO_ANSWER),
            tf.where(raw_energy > 0.0, raw_energy * tf.exp(mu) * sigma, NO_ANSWER),
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "estimate": self.estimate}
