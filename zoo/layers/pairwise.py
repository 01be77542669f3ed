"""Distances between all pairs of nodes."""

from __future__ import annotations

import keras
import tensorflow as tf

from zoo.keras_compat import register


def pairwise_squared_distance(x: tf.Tensor) -> tf.Tensor:
    """Returns |x_i - x_j|^2 = sum_f (x_if - x_jf)^2 for all pairs of one object.

    Args:
        x: Nodes `[B, N, F]`, float32.

    Returns:
        Distances `[B, N, N]`, float32, in the square of x's unit, exactly symmetric, >= 0; no gradient flows
        through them.
    """
    squared = tf.nn.relu(-nearness(x))
    return tf.maximum(squared, tf.transpose(squared, [0, 2, 1]))


def nearness(x: tf.Tensor, penalty: tf.Tensor | None = None) -> tf.Tensor:
    """Returns -|x_i - x_j|^2 - p_i - p_j for all pairs of one object.

    The product of (2 x_i, -|x_i|^2, -1) and (x_j, 1, |x_j|^2), in float64: in float32 it cancels, rounds
    differently in each runtime, and the top-k and matching behind it flip. The product of two float32
    numbers is exact in float64 and the sum keeps eight digits more than a float32 result, so the answer is
    that of the sum of squared differences (a test compares them) at a quarter of its time: a small matrix
    product instead of a tensor `[B, N, N, F]`.

    Args:
        x: Nodes `[B, N, F]`, float32.
        penalty: p, float32 `[B, N]`; zero if None.

    Returns:
        float32 `[B, N, N]`, symmetric but for rounding in float64; above zero by as little where two nodes
        coincide. No gradient flows.
    """
    wide = tf.cast(tf.stop_gradient(x), tf.float64)
    own = tf.reduce_sum(wide * wide, axis=-1, keepdims=True)
    if penalty is not None:
        own += tf.cast(tf.expand_dims(penalty, 2), tf.float64)
    one, signs = tf.ones_like(own), tf.constant([2.0] * x.shape[-1] + [-1.0, -1.0], tf.float64)
    left, right = tf.concat([wide, own, one], axis=-1) * signs, tf.concat([wide, one, own], axis=-1)
    return tf.cast(tf.matmul(left, right, transpose_b=True), tf.float32)


def pairwise_distance(x: tf.Tensor) -> tf.Tensor:
    """Returns |x_i - x_j| for all pairs of one object, with its gradient.

    A sum of squared differences: near 0 a root would make a large error of the rounding of the other form.

    Args:
        x: Nodes `[B, N, F]`, few features.

    Returns:
        `[B, N, N]`, at least 1e-6; the gradient of nodes that coincide is 0.
    """
    squared = tf.reduce_sum(tf.math.squared_difference(x[:, :, None, :], x[:, None, :, :]), axis=-1)
    return tf.sqrt(tf.maximum(squared, 1e-12))


def same_node(n: tf.Tensor) -> tf.Tensor:
    """Returns the diagonal, bool `[N, N]`."""
    own = tf.range(n)
    return tf.expand_dims(own, 1) == own


@register("PairwiseDistance")
class PairwiseDistance(keras.layers.Layer):
    """`pairwise_distance` as a layer.

    Call arguments:
        x: Nodes `[B, N, F]`.

    Returns:
        `[B, N, N]`.
    """

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return pairwise_distance(x)
