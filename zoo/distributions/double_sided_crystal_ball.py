"""The double-sided crystal ball as a TensorFlow Probability distribution."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability.python.internal import (
    dtype_util,
    parameter_properties,
    reparameterization,
    samplers,
    tensor_util,
)

from zoo.losses.crystal_ball import crystal_ball_areas, crystal_ball_log_prob

ROOT_TWO_PI = math.sqrt(2.0 * math.pi)


class DoubleSidedCrystalBall(tfp.distributions.Distribution):
    """A Gaussian core with a power-law tail on each side; the core has one width.

    With t = (x - loc) / scale the density is proportional to exp(-t^2 / 2) between -alpha_left and
    alpha_right, and to exp(-alpha^2 / 2) (1 + alpha (|t| - alpha) / n)^(-n) beyond; value and slope are
    continuous. Oreglia, SLAC-R-236 (1980), appendix D, for the one-sided form. `numba_stats.crystalball_ex`
    with both scales equal is the same density.

    | | formula | exists |
    | --- | --- | --- |
    | `mode` | loc | always |
    | `mean` | closed form | both n > 2; else -inf, +inf, or NaN where both tails diverge |
    | `variance` | closed form | both n > 3; +inf if the mean is finite, else NaN |
    | `quantile` | powers and the normal quantile | always; -+inf at 0 and 1 |

    `log_prob`, `log_cdf` and `log_survival_function` stay finite in float32 as far out as x itself; all
    gradients are finite.

    Args:
        loc: Mode, any shape; all parameters broadcast.
        scale: Width of the core, > 0.
        alpha_left: Where the left tail begins, in units of scale, > 0.
        n_left: Power of the left tail, > 1.
        alpha_right: Where the right tail begins, > 0.
        n_right: Power of the right tail, > 1.
        validate_args: Check the parameters' ranges at run time.
        allow_nan_stats: As for every TFP distribution.
        name: Prefix of the operations' names.
    """

    def __init__(
        self,
        loc: Any,
        scale: Any,
        alpha_left: Any,
        n_left: Any,
        alpha_right: Any,
        n_right: Any,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "DoubleSidedCrystalBall",
    ) -> None:
        parameters = dict(locals())
        with tf.name_scope(name) as name:
            given = (loc, scale, alpha_left, n_left, alpha_right, n_right)
            dtype = dtype_util.common_dtype(given, dtype_hint=tf.float32)
            names = ("loc", "scale", "alpha_left", "n_left", "alpha_right", "n_right")
            for key, value in zip(names, given, strict=True):
                tensor = tensor_util.convert_nonref_to_tensor(value, dtype=dtype, name=key)
                setattr(self, f"_{key}", tensor)
            super().__init__(
                dtype=dtype,
                reparameterization_type=reparameterization.FULLY_REPARAMETERIZED,
                validate_args=validate_args,
                allow_nan_stats=allow_nan_stats,
                parameters=parameters,
                name=name,
            )

    @classmethod
    def _parameter_properties(cls, dtype: Any, num_classes: int | None = None) -> dict[str, Any]:
        properties = parameter_properties.ParameterProperties

        def above(low: float) -> Any:
            return properties(
                default_constraining_bijector_fn=lambda: tfp.bijectors.Softplus(
                    low=tf.constant(low + dtype_util.eps(dtype), dtype)
                )
            )

        return {
            "loc": properties(),
            "scale": above(0.0),
            "alpha_left": above(0.0),
            "n_left": above(1.0),
            "alpha_right": above(0.0),
            "n_right": above(1.0),
        }

    loc = property(lambda self: self._loc, doc="The mode.")
    scale = property(lambda self: self._scale, doc="The width of the core.")
    alpha_left = property(lambda self: self._alpha_left, doc="Where the left tail begins, in units of scale.")
    n_left = property(lambda self: self._n_left, doc="The power of the left tail.")
    alpha_right = property(
        lambda self: self._alpha_right, doc="Where the right tail begins, in units of scale."
    )
    n_right = property(lambda self: self._n_right, doc="The power of the right tail.")

    def _event_shape_tensor(self) -> Any:
        return tf.constant([], dtype=tf.int32)

    def _event_shape(self) -> tf.TensorShape:
        return tf.TensorShape([])

    def _default_event_space_bijector(self) -> Any:
        return tfp.bijectors.Identity(validate_args=self.validate_args)

    def _shape(self) -> tuple[tf.Tensor, ...]:
        return tuple(
            tf.convert_to_tensor(v) for v in (self.alpha_left, self.n_left, self.alpha_right, self.n_right)
        )

    def _standard(self, x: tf.Tensor) -> tf.Tensor:
        return (x - self.loc) / self.scale

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        return crystal_ball_log_prob(
            x, tf.convert_to_tensor(self.loc), tf.convert_to_tensor(self.scale), *self._shape()
        )

    def _cdf(self, x: tf.Tensor) -> tf.Tensor:
        return tf.exp(self._log_cdf(x))

    def _survival_function(self, x: tf.Tensor) -> tf.Tensor:
        return tf.exp(self._log_survival_function(x))

    def _log_cdf(self, x: tf.Tensor) -> tf.Tensor:
        return _log_cdf(self._standard(x), *self._shape())

    def _log_survival_function(self, x: tf.Tensor) -> tf.Tensor:
        alpha_left, n_left, alpha_right, n_right = self._shape()
        return _log_cdf(-self._standard(x), alpha_right, n_right, alpha_left, n_left)

    def _quantile(self, p: tf.Tensor) -> tf.Tensor:
        alpha_left, n_left, alpha_right, n_right = self._shape()
        left, right = _half_areas(alpha_left, n_left, alpha_right, n_right)
        below, above = p * (left + right), (1.0 - p) * (left + right)
        is_left = below <= left
        t_left = _lower_half(tf.where(is_left, below, left), alpha_left, n_left)
        t_right = -_lower_half(tf.where(is_left, right, above), alpha_right, n_right)
        return self.loc + self.scale * tf.where(is_left, t_left, t_right)

    def _sample_n(self, n: Any, seed: Any = None) -> tf.Tensor:
        # The side first, then a quantile of its half: both tails keep float32's resolution near zero
        # probability.
        side_seed, place_seed = samplers.split_seed(seed, salt="double_sided_crystal_ball")
        alpha_left, n_left, alpha_right, n_right = self._shape()
        left, right = _half_areas(alpha_left, n_left, alpha_right, n_right)
        shape = tf.concat([[n], self._batch_shape_tensor()], axis=0)
        is_left = samplers.uniform(shape, dtype=self.dtype, seed=side_seed) * (left + right) < left
        tiny = dtype_util.as_numpy_dtype(self.dtype)(1e-9)
        share = samplers.uniform(shape, minval=tiny, maxval=1.0, dtype=self.dtype, seed=place_seed)
        t_left = _lower_half(share * left, alpha_left, n_left)
        t_right = -_lower_half(share * right, alpha_right, n_right)
        return self.loc + self.scale * tf.where(is_left, t_left, t_right)

    def _mode(self) -> tf.Tensor:
        return tf.broadcast_to(self.loc, self._batch_shape_tensor())

    def _mean(self) -> tf.Tensor:
        return self.loc + self.scale * self._moments()[0]

    def _variance(self) -> tf.Tensor:
        first, second = self._moments()
        finite = tf.math.is_finite(first)
        known = tf.where(finite, first, tf.zeros_like(first))
        variance = tf.square(self.scale) * (second - tf.square(known))
        return tf.where(finite, variance, _constant(variance, math.nan))

    def _stddev(self) -> tf.Tensor:
        return tf.sqrt(self._variance())

    def _moments(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns E[t] and E[t^2], with -inf, inf or NaN where they do not exist."""
        shape = self._shape()
        alpha_left, n_left, alpha_right, n_right = shape
        tail_left, body, tail_right = crystal_ball_areas(*shape)
        norm = tail_left + body + tail_right
        first_left, second_left = _tail_moments(alpha_left, n_left, tail_left)
        first_right, second_right = _tail_moments(alpha_right, n_right, tail_right)
        edge_left, edge_right = tf.exp(-0.5 * tf.square(alpha_left)), tf.exp(-0.5 * tf.square(alpha_right))
        first = first_right - first_left + edge_left - edge_right  # inf - inf is NaN, as it should
        second = second_left + second_right + body - alpha_left * edge_left - alpha_right * edge_right
        zeros = tf.zeros(self._batch_shape_tensor(), self.dtype)
        return first / norm + zeros, second / norm + zeros

    def _sample_control_dependencies(self, x: tf.Tensor) -> list[Any]:
        del x  # every number is in the support
        return []

    def _parameter_control_dependencies(self, is_init: bool) -> list[Any]:
        if not self.validate_args:
            return []
        checks = []
        for name, low in (("scale", 0), ("alpha_left", 0), ("n_left", 1), ("alpha_right", 0), ("n_right", 1)):
            value = getattr(self, name)
            if is_init != tensor_util.is_ref(value):
                message = f"DoubleSidedCrystalBall: expected {name} > {low}."
                checks.append(tf.debugging.assert_greater(value, tf.cast(low, self.dtype), message=message))
        return checks


def _constant(like: tf.Tensor, value: float) -> tf.Tensor:
    return tf.fill(tf.shape(like), tf.cast(value, like.dtype))


def _half_areas(
    alpha_left: tf.Tensor, n_left: tf.Tensor, alpha_right: tf.Tensor, n_right: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the unnormalised areas on the left and on the right of the mode."""
    tail_left, _, tail_right = crystal_ball_areas(alpha_left, n_left, alpha_right, n_right)
    half, root = math.sqrt(0.5), math.sqrt(math.pi / 2.0)
    left = tail_left + root * tf.math.erf(alpha_left * half)
    return left, tail_right + root * tf.math.erf(alpha_right * half)


def _log_cdf(
    t: tf.Tensor, alpha_left: tf.Tensor, n_left: tf.Tensor, alpha_right: tf.Tensor, n_right: tf.Tensor
) -> tf.Tensor:
    """Returns the logarithm of the probability below t; exact in the left tail, 0 far to the right."""
    tail_left, body, tail_right = crystal_ball_areas(alpha_left, n_left, alpha_right, n_right)
    log_norm = tf.math.log(tail_left + body + tail_right)
    in_left, in_right = t < -alpha_left, t > alpha_right
    beyond_left = tf.where(in_left, -t - alpha_left, tf.zeros_like(t))
    beyond_right = tf.where(in_right, t - alpha_right, tf.zeros_like(t))
    centre = tf.where(in_left | in_right, tf.zeros_like(t), t)
    # log of n / (alpha (n - 1)) exp(-alpha^2 / 2) (1 + ...)^(1 - n), never through a density that underflows
    log_left = (
        -0.5 * tf.square(alpha_left)
        + tf.math.log(n_left / (alpha_left * (n_left - 1.0)))
        - (n_left - 1.0) * tf.math.log1p(alpha_left * beyond_left / n_left)
    )
    core = tail_left + ROOT_TWO_PI * (_normal_cdf(centre) - _normal_cdf(-alpha_left))
    tiny = tf.cast(1e-35, t.dtype)
    log_core = tf.math.log(tf.maximum(core, tiny)) - log_norm
    above = tail_right * tf.exp(-(n_right - 1.0) * tf.math.log1p(alpha_right * beyond_right / n_right))
    most = tf.cast(1.0 - 1e-6, t.dtype)  # reached only where the branch is not taken
    log_right = tf.math.log1p(-tf.minimum(above * tf.exp(-log_norm), most))
    return tf.where(in_left, log_left - log_norm, tf.where(in_right, log_right, tf.minimum(log_core, 0.0)))


def _normal_cdf(t: tf.Tensor) -> tf.Tensor:
    return 0.5 * tf.math.erfc(-t * math.sqrt(0.5))


def _lower_half(area: tf.Tensor, alpha: tf.Tensor, n: tf.Tensor) -> tf.Tensor:
    """Returns t <= 0 with an unnormalised area below it of `area`, which is at most that of the lower half.

    Args:
        area: Area below t.
        alpha: Where the tail begins.
        n: Power of the tail.

    Returns:
        t; -inf for area 0.
    """
    edge = tf.exp(-0.5 * tf.square(alpha))
    tail = edge * n / (alpha * (n - 1.0))
    in_tail = area < tail
    ratio = tf.where(in_tail, area / tail, tf.ones_like(area * tail))
    beyond = n / alpha * tf.math.expm1(-tf.math.log(ratio) / (n - 1.0))
    below = (tf.where(in_tail, tail, area) - tail) / ROOT_TWO_PI + _normal_cdf(-alpha)
    smallest = tf.cast(1e-30, area.dtype)
    core = tf.math.ndtri(tf.clip_by_value(below, smallest, tf.cast(0.5, area.dtype)))
    return tf.where(in_tail, -alpha - beyond, core)


def _tail_moments(alpha: tf.Tensor, n: tf.Tensor, tail: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the integrals of |t| and t^2 over one tail, inf where they diverge (n <= 2, n <= 3)."""
    edge = tf.exp(-0.5 * tf.square(alpha))
    length = n / alpha
    first_safe = tf.where(n > 2.0, n, 3.0 * tf.ones_like(n))
    second_safe = tf.where(n > 3.0, n, 4.0 * tf.ones_like(n))
    linear = edge * tf.square(length) / ((first_safe - 1.0) * (first_safe - 2.0))
    square = 2.0 * edge * length**3 / ((second_safe - 1.0) * (second_safe - 2.0) * (second_safe - 3.0))
    first = tf.where(n > 2.0, alpha * tail + linear, _constant(alpha * n, math.inf))
    second = tf.where(
        n > 3.0, tf.square(alpha) * tail + 2.0 * alpha * linear + square, _constant(alpha * n, math.inf)
    )
    return first, second
