"""Squared distances between all pairs of nodes."""

from __future__ import annotations

import tensorflow as tf


def pairwise_squared_distance(x: tf.Tensor) -> tf.Tensor:
    """Returns |x_i - x_j|^2 = sum_f (x_if - x_jf)^2 for all pairs of one object.

    Computed as |x_i|^2 + |x_j|^2 - 2 x_i x_j in float64 and rounded once to float32. In float32 that form
    cancels, rounds differently in each runtime, and the top-k and matching behind it flip. In float64 the
    product of two float32 numbers is exact and the sum keeps eight digits more than the result, so the
    answer is that of the sum of squared differences (a test compares them) at a quarter of its time: a small
    matrix product instead of a tensor `[B, N, N, F]`.

    Args:
        x: Nodes `[B, N, F]`, float32.

    Returns:
        Distances `[B, N, N]`, float32, in the square of x's unit, exactly symmetric, >= 0; no gradient flows
        through them.
    """
    wide = tf.cast(tf.stop_gradient(x), tf.float64)
    product = tf.matmul(wide, wide, transpose_b=True)
    square = tf.reduce_sum(wide * wide, axis=-1)
    distance = (square[:, :, None] + square[:, None, :]) - (product + tf.transpose(product, [0, 2, 1]))
    return tf.cast(tf.maximum(distance, tf.zeros_like(distance)), tf.float32)
