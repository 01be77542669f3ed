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
LARGEST_GROWTH = 30.0  # logarithm: a median out there is beyond any reach, and finite
_CENTRAL = (
    2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 2.1858087e-04, -1.25372503e-03,
    -4.17768164e-03, 0.246640727, 1.50140941,
)  # fmt: skip
_TAIL = (
    -2.00214257e-04, 1.00950558e-04, 1.34934322e-03, -3.67342844e-03, 5.73950773e-03, -7.6224613e-03,
    9.43887047e-03, 1.00167406, 2.83297682,
)  # fmt: skip
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


def crystal_ball_median(
    alpha_left: tf.Tensor, n_left: tf.Tensor, alpha_right: tf.Tensor, n_right: tf.Tensor
) -> tf.Tensor:
    """Returns the median of t = (y - mu) / sigma, in operations that every runtime has.

    Args:
        alpha_left: As for `crystal_ball_areas`; the others alike.
        n_left: Power of the left tail.
        alpha_right: Where the right tail begins.
        n_right: Power of the right tail.

    Returns:
        t of the broadcast shape, finite; 0 where the two sides are alike.
    """
    left, core, right = crystal_ball_areas(alpha_left, n_left, alpha_right, n_right)
    half, root = 0.5 * (left + core + right), math.sqrt(0.5)

    def in_tail(area: tf.Tensor, alpha: tf.Tensor, n: tf.Tensor) -> tf.Tensor:
        # The integral from -infinity to -t is area (1 + alpha (t - alpha) / n)^(1 - n).
        growth = tf.math.log(tf.maximum(area / half, 1.0)) / (n - 1.0)
        return alpha + (tf.exp(tf.minimum(growth, LARGEST_GROWTH)) - 1.0) * n / alpha

    lower, upper = -tf.math.erf(alpha_left * root), tf.math.erf(alpha_right * root)
    inside = 0.5 * (core + (right - left)) / math.sqrt(math.pi / 2.0) + lower
    t = math.sqrt(2.0) * _inverse_erf(tf.clip_by_value(inside, lower, upper))
    t = tf.where(left > half, -in_tail(left, alpha_left, n_left), t)
    return tf.where(right > half, in_tail(right, alpha_right, n_right), t)


def _inverse_erf(x: tf.Tensor) -> tf.Tensor:
    """Giles, Approximating the erfinv function (GPU Computing Gems, 2012), table 5: single precision.

    ONNX has erf and not its inverse.
    """
    w = -tf.math.log(tf.maximum((1.0 - x) * (1.0 + x), 1e-12))
    near, far = w - 2.5, tf.sqrt(tf.maximum(w, 5.0)) - 3.0
    central, tail = tf.constant(_CENTRAL[0], x.dtype), tf.constant(_TAIL[0], x.dtype)
    for one, other in zip(_CENTRAL[1:], _TAIL[1:], strict=True):
        central, tail = one + central * near, other + tail * far
    return x * tf.where(w < 5.0, central, tail)


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
        y = tf.reshape(tf.cast(y_true, y_pred.dtype), [-1])
        if self.reach is None:
            return -crystal_ball_log_prob(y, *tf.unstack(y_pred, num=6, axis=-1))
        used = tf.abs(y) <= self.reach
        log_prob = crystal_ball_log_prob(
            tf.where(used, y, tf.zeros_like(y)), *tf.unstack(y_pred, num=6, axis=-1)
        )
        return tf.where(used, -log_prob, tf.zeros_like(log_prob))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "reach": self.reach}
