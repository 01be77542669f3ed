"""The real nodes of a padded set as rows, and back: dense layers then cost nothing for padding."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register


@register("RealRows")
class RealRows(keras.layers.Layer):
    """Numbers the real nodes of all sets of a batch.

    Call arguments:
        node_mask: `[B, N]`, 1 real, 0 padding.

    Returns:
        rows: int64 `[R + 1]`: where each of the R real nodes stands in the list of all `B N`, rising. The
            last one is an imagined node, number `B N`: no batch is empty, and padding points at it.
        slots: int64 `[B, N]`: the row of each node, R in padding. See `to_rows` and `to_sets`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_jit = False  # its output's shape follows the values, which XLA cannot have

    def call(self, node_mask: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        shape = tf.shape(node_mask, out_type=tf.int64)
        real = tf.reshape(node_mask, [-1]) > 0.5
        rows = tf.concat([tf.reshape(tf.where(real), [-1]), tf.reshape(shape[0] * shape[1], [1])], axis=0)
        mark = tf.cast(real, tf.int64)
        last = tf.size(rows, out_type=tf.int64) - 1
        slots = tf.cumsum(mark) * mark + (last + 1) * (1 - mark) - 1
        return rows, tf.reshape(slots, shape)


@register("ToRows")
class ToRows(keras.layers.Layer):
    """`to_rows` as a layer.

    Call arguments:
        nodes: `[B, N, F]`.
        rows: Of `RealRows`.
        slots: Of `RealRows`.

    Returns:
        `[R + 1, F]`.
    """

    def call(self, nodes: tf.Tensor, rows: tf.Tensor, slots: tf.Tensor) -> tf.Tensor:
        return to_rows(nodes, rows, slots)


@register("ToSets")
class ToSets(keras.layers.Layer):
    """`to_sets` as a layer.

    Call arguments:
        values: `[R + 1, F]`.
        rows: Of `RealRows`.
        slots: Of `RealRows`.

    Returns:
        `[B, N, F]`.
    """

    def call(self, values: tf.Tensor, rows: tf.Tensor, slots: tf.Tensor) -> tf.Tensor:
        return to_sets(values, rows, slots)


@register("GatherRows")
class GatherRows(keras.layers.Layer):
    """`gather_rows` as a layer.

    Call arguments:
        values: `[R, F]`.
        index: int64 `[S]`.

    Returns:
        `[S, F]`.
    """

    def call(self, values: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        return gather_rows(values, index)


@tf.custom_gradient
def to_rows(nodes: tf.Tensor, rows: tf.Tensor, slots: tf.Tensor) -> Any:
    """Returns the real nodes, and zeros for the imagined one.

    Args:
        nodes: `[B, N, ...]`.
        rows: int64 `[R + 1]` of `RealRows`.
        slots: int64 `[B, N]` of `RealRows`.

    Returns:
        `[R + 1, ...]`.
    """
    return _real(nodes, rows), lambda upstream: (_spread(upstream, slots), None, None)


@tf.custom_gradient
def to_sets(values: tf.Tensor, rows: tf.Tensor, slots: tf.Tensor) -> Any:
    """Brings rows back to their sets, with zeros in padding: the adjoint of `to_rows`.

    Args:
        values: `[R + 1, ...]`.
        rows: int64 `[R + 1]` of `RealRows`.
        slots: int64 `[B, N]` of `RealRows`.

    Returns:
        `[B, N, ...]`.
    """
    return _spread(values, slots), lambda upstream: (_real(upstream, rows), None, None)


@tf.custom_gradient
def gather_rows(values: tf.Tensor, index: tf.Tensor) -> Any:
    """Returns `values[index]` with a dense gradient.

    Args:
        values: `[R, F]`.
        index: int64 `[S]`.

    Returns:
        `[S, F]`.
    """
    rows = tf.shape(values)[0]
    return tf.gather(values, index), lambda up: (tf.math.unsorted_segment_sum(up, index, rows), None)


def _real(nodes: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    flat = tf.reshape(nodes, tf.concat([[-1], tf.shape(nodes)[2:]], axis=0))
    return _with_zeros(tf.gather(flat, rows[:-1]))


def _spread(values: tf.Tensor, slots: tf.Tensor) -> tf.Tensor:
    return tf.gather(_with_zeros(values[:-1]), slots)


def _with_zeros(values: tf.Tensor) -> tf.Tensor:
    return tf.pad(values, [[0, 1]] + [[0, 0]] * (values.shape.rank - 1))
