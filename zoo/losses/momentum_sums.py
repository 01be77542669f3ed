"""Losses of sums of particles: the missing transverse momentum and jets.

Predicted particles come as expected four-momenta, those that are surely none as zeros.
"""

from __future__ import annotations

import tensorflow as tf

from zoo.losses.energy_regression import huber


def smooth_length(squared: tf.Tensor) -> tf.Tensor:
    """Returns sqrt(x^2 + 1) - 1 of x^2: a length in GeV, quadratic below 1 GeV."""
    return tf.sqrt(squared + 1.0) - 1.0


def met_loss(true: tf.Tensor, predicted: tf.Tensor) -> tf.Tensor:
    """Returns how far the vector sum of transverse momenta is off, in GeV.

    The vector: the public MLPF of 2022 compares sqrt(sum(p^2)), in which opposite particles do not cancel.

    Args:
        true: `[B, N, 2]` or more columns, px and py in GeV, zeros where there is no particle.
        predicted: The same.

    Returns:
        sqrt(|d|^2 + 1) - 1 with d the difference of the sums, `[B]`.
    """
    off = tf.reduce_sum(predicted[:, :, :2] - true[:, :, :2], axis=1)
    return smooth_length(tf.reduce_sum(off * off, axis=-1))


def jet_loss(true: tf.Tensor, predicted: tf.Tensor, jet: tf.Tensor) -> tf.Tensor:
    """Returns the mean over the jets of the target of the Huber loss of pT / pT_true - 1.

    Args:
        true: `[B, N, 2]` or more columns, px and py in GeV.
        predicted: The same.
        jet: Number of the jet of each element's target, int32 `[B, N]`, -1 for none.

    Returns:
        `[B]`, 0 for an event without jets.
    """
    events, most = tf.shape(jet)[0], tf.maximum(tf.reduce_max(jet), -1) + 2
    segment = tf.reshape(tf.range(events)[:, None] * most + jet + 1, [-1])  # place 0: of no jet

    def pt(momentum: tf.Tensor) -> tf.Tensor:
        flat = tf.reshape(momentum[:, :, :2], [-1, 2])
        total = tf.math.unsorted_segment_sum(flat, segment, events * most)
        squared = tf.reduce_sum(tf.reshape(total, [-1, most, 2])[:, 1:] ** 2, axis=-1)
        return tf.sqrt(squared + 1e-6)  # the gradient of a jet of which nothing is seen is finite

    wanted, seen = pt(true), pt(predicted)
    real = tf.cast(wanted > 2e-3, wanted.dtype)  # of an event with fewer jets than another, some are empty
    each = huber(seen / wanted - 1.0, 1.0) * real
    return tf.reduce_sum(each, axis=1) / tf.maximum(tf.reduce_sum(real, axis=1), 1.0)
