"""Squared distances between all pairs of nodes."""

from __future__ import annotations

import tensorflow as tf


def pairwise_squared_distance(x: tf.Tensor) -> tf.Tensor:
    """Returns |x_i - x_j|^2 = sum_f (x_if - x_jf)^2 for all pairs of one object.

    Written as a sum of squared differences, not as |x_i|^2 - 2 x_i x_j + |x_j|^2: in float32 the latter cancels and
    rounds differently in each runtime, and the top-k and matching behind it then flip. The result is exactly symmetric.

    Args:
        x: Nodes `[B, N, F]`.

    Returns:
        Distances `[B, N, N]`, float32, in the square of x's unit; no gradient flows through them.
    """
    x = tf.stop_gradient(x)
    return tf.reduce_sum(tf.math.squared_difference(x[:, :, None, :], x[:, None, :, :]), axis=-1)
