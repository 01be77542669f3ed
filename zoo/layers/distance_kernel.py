"""How near two nodes of a bin are, as a weight in (0, 1] that falls exponentially with their distance."""

from __future__ import annotations

import tensorflow as tf

RATE = 0.1  # fall of the weight's logarithm per unit of distance, as in the public network
FAR = 1e12  # squared distance of an empty slot: its weight underflows to exactly 0
LEAST = 1e-6  # smallest squared distance of the public network


def distance_kernel(places: tf.Tensor, filled: tf.Tensor, *, smooth: bool) -> tf.Tensor:
    """Returns exp(-0.1 d_ij) for all pairs of nodes of each bin, 0 where j is an empty slot.

    With `smooth`, d = sqrt(|x_i - x_j|^2 + 1) - 1, without, d = sqrt(max(|x_i - x_j|^2, 1e-6)) as in the
    public MLPF. The latter has a cusp where nodes coincide, which turns a rounding error of 1e-6 of the
    square into 1e-3 of the distance, and no gradient below.

    Args:
        places: `[G, S, D]`, zeros in empty slots.
        filled: `[G, S]`, 1 for a node.
        smooth: Which distance.

    Returns:
        `[G, S, S]`, symmetric among nodes.
    """
    offset = RATE**2 if smooth else 0.0
    least = offset if smooth else LEAST * RATE**2
    exact = tf.float64 if smooth else places.dtype
    squared = squared_distances(places, filled, rate=RATE, offset=offset, least=least, exact=exact)
    return tf.exp(offset**0.5 - tf.sqrt(squared))


def squared_distances(
    places: tf.Tensor,
    filled: tf.Tensor,
    *,
    rate: float = 1.0,
    offset: float = 0.0,
    least: float = 0.0,
    exact: tf.DType = tf.float64,
) -> tf.Tensor:
    """Returns max(|r x_i - r x_j|^2 + offset, least) for all pairs of nodes of each bin.

    Squares come from one product of (-2 x, |x|^2, 1) with (x, 1, |x|^2), relative to the centre of the bin,
    which keeps the terms that cancel small. No tensor `[G, S, S, D]`, and no pass over `[G, S, S]` for sums.
    In float32 nothing would be left of the distance of neighbours where, as a trained network has it, a
    thousand units stand for the width of the detector: runtimes then differ by a per cent.

    Args:
        places: `[G, S, D]`, zeros in empty slots.
        filled: `[G, S]`, 1 for a node.
        rate: r.
        offset: Added to each.
        least: The smallest answer.
        exact: In what to multiply.

    Returns:
        `[G, S, S]` like `places`, 1e12 more where j is an empty slot.
    """
    number = tf.maximum(tf.reduce_sum(filled, axis=1), 1.0)[:, None, None]
    centre = tf.reduce_sum(places, axis=1, keepdims=True) / number
    there = tf.cast(filled, exact)[:, :, None]
    x = (tf.cast(places, exact) - tf.cast(centre, exact)) * (rate * there)
    own = tf.reduce_sum(x * x, axis=-1, keepdims=True)
    one = tf.ones_like(own)
    left = tf.concat([-2.0 * x, own, one], axis=-1)
    right = tf.concat([x, one, own + (offset + FAR * (1.0 - there))], axis=-1)
    squared = tf.cast(tf.matmul(left, right, transpose_b=True), places.dtype)
    return tf.maximum(squared, least)
