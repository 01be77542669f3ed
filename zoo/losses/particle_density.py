"""Losses of particles as a distribution: transverse momentum per area, and the sliced Wasserstein distance.

Neither asks which element a particle belongs to.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from zoo.losses.momentum_sums import smooth_length

ETA_CELLS, PHI_CELLS, LARGEST_ETA = 20, 24, 5.0  # cells of 0.5 x 0.26
NEGLIGIBLE = 1e-12  # square of a pT in GeV^2 that has no direction


def transverse(momentum: tf.Tensor) -> tf.Tensor:
    """Returns pT, eta and phi `[B, N, 3]` of px, py, pz in GeV; all 0, with gradient 0, where pT is 0."""
    px, py, pz = tf.unstack(momentum[:, :, :3], num=3, axis=-1)
    some = px * px + py * py > NEGLIGIBLE
    px, py, pz = (tf.where(some, part, fill) for part, fill in ((px, 1.0), (py, 0.0), (pz, 0.0)))
    pt = tf.sqrt(px * px + py * py)
    return tf.stack([tf.where(some, pt, 0.0), tf.asinh(pz / pt), tf.atan2(py, px)], axis=-1)


def density(momentum: tf.Tensor) -> tf.Tensor:
    """Returns the pT in each cell of the detector, shared between the four nearest ones, in GeV.

    Linear sharing lets gradients through to direction and size; a histogram would stop the former.

    Args:
        momentum: `[B, N, 3]` or more columns, px, py, pz in GeV.

    Returns:
        `[B, 20, 24]`: eta in +-5 (what lies beyond counts in the last cell), phi around.
    """
    pt, eta, phi = tf.unstack(transverse(momentum), num=3, axis=-1)
    row = tf.clip_by_value(
        (eta + LARGEST_ETA) * (ETA_CELLS / (2.0 * LARGEST_ETA)) - 0.5, 0.0, ETA_CELLS - 1.0
    )
    column = (phi + math.pi) * (PHI_CELLS / (2.0 * math.pi))
    events = tf.shape(pt)[0]
    event = tf.range(events)[:, None] * (ETA_CELLS * PHI_CELLS)
    cells = tf.zeros([events * ETA_CELLS * PHI_CELLS], pt.dtype)
    low_row, low_column = tf.floor(tf.stop_gradient(row)), tf.floor(tf.stop_gradient(column))
    for down in (0.0, 1.0):
        for left in (0.0, 1.0):
            share = (1.0 - tf.abs(row - low_row - down)) * (1.0 - tf.abs(column - low_column - left))
            at_row = tf.minimum(tf.cast(low_row + down, tf.int32), ETA_CELLS - 1)
            at_column = tf.math.floormod(tf.cast(low_column + left, tf.int32), PHI_CELLS)
            place = tf.reshape(event + at_row * PHI_CELLS + at_column, [-1])
            values = tf.reshape(pt * share, [-1])
            cells += tf.math.unsorted_segment_sum(values, place, tf.size(cells))
    return tf.reshape(cells, [-1, ETA_CELLS, PHI_CELLS])


def density_loss(true: tf.Tensor, predicted: tf.Tensor) -> tf.Tensor:
    """Returns the sum over cells of sqrt(d^2 + 1) - 1, with d the difference of `density` in GeV, `[B]`."""
    off = density(predicted) - density(true)
    return tf.reduce_sum(smooth_length(off * off), axis=[1, 2])


def directions(slices: int, seed: int = 1) -> np.ndarray:
    """Returns random unit vectors, float64 `[3, slices]`: the same for the same seed."""
    found = np.random.default_rng(seed).normal(size=(3, slices))
    return np.asarray(found / np.linalg.norm(found, axis=0))


def sliced_wasserstein_loss(true: tf.Tensor, predicted: tf.Tensor, slices: int = 64) -> tf.Tensor:
    """Returns the Wasserstein distance of two sets of particles, averaged over projections to a line.

    A particle is the point pT (cos phi, sin phi, eta) in GeV. On a line the distance is sum |a_i - b_i| of
    the sorted coordinates. Points at 0, which padding and elements without particle are, change nothing as
    long as both sets have as many points. (The public code squares the differences: there they change it.)

    Args:
        true: `[B, N, 3]` or more columns, px, py, pz in GeV, zeros where there is no particle.
        predicted: The same.
        slices: Number of projections.

    Returns:
        `[B]` in GeV.
    """
    lines = tf.constant(directions(slices), predicted.dtype)

    def coordinates(momentum: tf.Tensor) -> tf.Tensor:
        pt, eta, _ = tf.unstack(transverse(momentum), num=3, axis=-1)
        points = tf.stack([momentum[:, :, 0], momentum[:, :, 1], pt * eta], axis=-1)
        return tf.sort(tf.transpose(tf.matmul(points, lines), [0, 2, 1]), axis=-1)

    off = tf.abs(coordinates(predicted) - coordinates(true))
    return tf.reduce_mean(tf.reduce_sum(off, axis=-1), axis=-1)
