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
    return tf.nn.relu(tf.cast(-negative_squared_distance(x), tf.float32))


def negative_squared_distance(x: tf.Tensor, bias: tf.Tensor | None = None) -> tf.Tensor:
    """Returns b_i + b_j - |x_i - x_j|^2 for all pairs of one object, in float64.

    Computed as 2 x_i x_j - |x_i|^2 - |x_j|^2. In float32 that form cancels, rounds differently in each
    runtime, and the top-k and matching behind it flip. In float64 the product of two float32 numbers is exact
    and the sum keeps eight digits more than a float32 result, so the answer is that of the sum of squared
    differences (a test compares them) at a quarter of its time: a small matrix product instead of a tensor
    `[B, N, N, F]`.

    Args:
        x: Nodes `[B, N, F]`, float32.
        bias: b, float64 `[B, N]`; zero if None.

    Returns:
        float64 `[B, N, N]`, exactly symmetric; above zero by a rounding error where two nodes coincide.
    """
    wide = tf.cast(tf.stop_gradient(x), tf.float64)
    product = tf.matmul(wide, wide, transpose_b=True)
    own = tf.reduce_sum(wide * wide, axis=-1)
    if bias is not None:
        own -= bias
    total = tf.expand_dims(own, 2) + tf.expand_dims(own, 1)
    return (product + tf.transpose(product, [0, 2, 1])) - total


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
        """Applies the layer; arguments and results stand in the docstring of the class."""
        return pairwise_distance(x)
