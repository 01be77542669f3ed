"""From flat hits with row splits to dense tensors with a mask."""

from __future__ import annotations

import tensorflow as tf


def flat_to_dense(hits: tf.Tensor, row_splits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Pads the hits of each object to the longest object of the batch.

    Args:
        hits: `[T, F]`, the hits of all objects one after the other.
        row_splits: int64 `[B + 1]`: object b owns `hits[row_splits[b]:row_splits[b + 1]]`. Checked in the
            graph: starts at 0, never falls, ends at T.

    Returns:
        Hits `[B, N, F]` with zeros behind each object's own, and mask `[B, N]` float32, N >= 1 even if all
        are empty.
    """
    ragged = tf.RaggedTensor.from_row_splits(hits, row_splits, validate=True)
    lengths = ragged.row_lengths()
    longest = tf.maximum(tf.reduce_max(tf.concat([lengths, tf.ones([1], lengths.dtype)], axis=0)), 1)
    batch = tf.shape(lengths, out_type=tf.int64)[0]
    dense = ragged.to_tensor(shape=tf.stack([batch, longest, tf.shape(hits, out_type=tf.int64)[1]]))
    dense = tf.ensure_shape(dense, [None, None, hits.shape[-1]])
    return dense, tf.sequence_mask(lengths, longest, dtype=hits.dtype)
