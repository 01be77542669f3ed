"""The double-sided crystal ball: log-density in closed form, and the likelihood loss.

The density of y with t = (y - mu) / sigma is

    exp(-t^2 / 2)                                                for -alpha_left <= t <= alpha_right
    exp(-alpha^2 / 2) (1 + alpha (|t| - alpha) / n)^(-n)         beyond, with alpha, n of that side

over the norm sigma (tail_left + core + tail_right),

    tail = exp(-alpha^2 / 2) n / (alpha (n - 1)),
    core = sqrt(pi / 2) (erf(alpha_left / sqrt 2) + erf(alpha_right / sqrt 2)).

Everything is written in logarithms: in the far tails a float32 density underflows while its logarithm is
harmless, and the gradient stays alive. `zoo.distributions` builds on the same functions. No TensorFlow
Probability is imported here.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register

PARAMETERS = ("mu", "sigma", "alpha_left", "n_left", "alpha_right", "n_right")
REACH = math.log(2.0)  # |mu| never exceeds this, so no prediction can correct a larger |log(E_true / E_raw)|


def crystal_ball_areas(
    alpha_left: tf.Tensor, n_left: tf.Tensor, alpha_right: tf.Tensor, n_right: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns the integrals of the unnormalised density over t: left tail, core, right tail.

    Args:
        alpha_left: Where the left tail begins, in sigma, > 0. The others alike.
        n_left: Power of the left tail, > 1.
        alpha_right: Where the right tail begins.
        n_right: Power of the right tail.

    Returns:
        Three tensors of the broadcast shape.
    """

    def tail(alpha: tf.Tensor, n: tf.Tensor) -> tf.Tensor:
        return tf.exp(-0.5 * tf.square(alpha)) * n / (alpha * (n - 1.0))

    half = math.sqrt(0.5)
    core = math.sqrt(math.pi / 2.0) * (tf.math.erf(alpha_left * half) + tf.math.erf(alpha_right * half))
    return tail(alpha_left, n_left), core, tail(alpha_right, n_right)


def crystal_ball_log_prob(
    y: tf.Tensor,
    mu: tf.Tensor,
    sigma: tf.Tensor,
    alpha_left: tf.Tensor,
    n_left: tf.Tensor,
    alpha_right: tf.Tensor,
    n_right: tf.Tensor,
) -> tf.Tensor:
    """Returns the log-density of the double-sided crystal ball; the formula stands in the module's docstring.

    Args:
        y: Where to evaluate, any shape that broadcasts with the parameters.
        mu: Mode, in the unit of y.
        sigma: Width of the core, in the unit of y, > 0.
        alpha_left: Where the left tail begins, in sigma, > 0.
        n_left: Power of the left tail, > 1.
        alpha_right: Where the right tail begins, in sigma, > 0.
        n_right: Power of the right tail, > 1.

    Returns:
        log p(y), finite with finite gradients for all finite arguments in range.
    """
    t = (y - mu) / sigma
    # Each branch sees an argument that is harmless where it is not taken: its gradient would be NaN times
    # zero.
    in_left, in_right = t < -alpha_left, t > alpha_right
    beyond_left = tf.where(in_left, -t - alpha_left, tf.zeros_like(t))
    beyond_right = tf.where(in_right, t - alpha_right, tf.zeros_like(t))
    centre = tf.where(in_left | in_right, tf.zeros_like(t), t)
    core = -0.5 * tf.square(centre)
    left = -0.5 * tf.square(alpha_left) - n_left * tf.math.log1p(alpha_left * beyond_left / n_left)
    right = -0.5 * tf.square(alpha_right) - n_right * tf.math.log1p(alpha_right * beyond_right / n_right)
    shape = tf.where(in_left, left, tf.where(in_right, right, core))
    tail_left, body, tail_right = crystal_ball_areas(alpha_left, n_left, alpha_right, n_right)
    return shape - tf.math.log(sigma) - tf.math.log(tail_left + body + tail_right)


@register("CrystalBallLoss")
class CrystalBallLoss(keras.losses.Loss):
    """Mean negative log-likelihood of y = log(E_true / E_raw) under a double-sided crystal ball.

    Args:
        reach: Targets with |y| above this count zero: the bounded mu cannot follow them, and their pull on
            the tails would be paid by the events that it can correct. They are inefficiency in the
            evaluation. None keeps all.

    Call arguments:
        y_true: y `[B]` or `[B, 1]`.
        y_pred: Physical parameters `[B, 6]` in the order of `PARAMETERS`.

    Returns:
        The mean over the batch (excluded targets stay in the denominator).
    """

    def __init__(
        self,
        reach: float | None = REACH,
        reduction: str = "sum_over_batch_size",
        name: str = "crystal_ball",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.reach = reach

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Applies the layer; arguments and results stand in the docstring of the class."""
        y = tf.reshape(tf.cast(y_true, y_pred.dtype), [-1])
        if self.reach is None:
            return -crystal_ball_log_prob(y, *tf.unstack(y_pred, num=6, axis=-1))
        used = tf.abs(y) <= self.reach
        log_prob = crystal_ball_log_prob(
            tf.where(used, y, tf.zeros_like(y)), *tf.unstack(y_pred, num=6, axis=-1)
        )
        return tf.where(used, -log_prob, tf.zeros_like(log_prob))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "reach": self.reach}
