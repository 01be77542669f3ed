"""Where the bins of a set begin and end: shares of its real nodes, in whatever order they will be sorted."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from zoo.keras_compat import register


class Layout(NamedTuple):
    """The cuts of a batch, before anybody says which node goes where.

    A *place* is the rank of a real node in the sorted list of all R real ones, set after set; a *slot* is
    one of S in one of G bins.
    """

    places: tf.Tensor  # int64 [G, S]: the place in each slot, R where it is empty
    slots: tf.Tensor  # int64 [R + 1]: the slot g S + s of each place; the last one is no place, G S
    sets: tf.Tensor  # int64 [R]: the set of each real node
    bins: tf.Tensor  # int64 [R]: into how many bins that set is cut


@register("BinLayout")
class BinLayout(keras.layers.Layer):
    """Cuts each set of n real nodes into ceil(n / b) bins whose sizes differ by at most one.

    A bin holds at most b nodes and, of a set with more than b, at least b / 2: none is left with a single
    node. Bins depend on the set alone, neither on its padding nor on the other sets of the batch; what is
    added to make them rectangular is empty.

    Args:
        bin_size: b, at least 2.
        padded: Cut as the public MLPF does instead: N, the padded number of nodes, rounded up to a multiple
            of b, into full bins, of which the last ones hold the rest and padding.

    Call arguments:
        node_mask: `[B, N]`, exact zeros and ones, N >= 1.
        rows: Of `RealRows`.

    Returns:
        The four tensors of `Layout`.
    """

    def __init__(self, bin_size: int, padded: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if bin_size < 2:
            raise ValueError(f"BinLayout: expected bin_size >= 2. Received: bin_size={bin_size}")
        self.bin_size, self.padded = int(bin_size), bool(padded)
        self.supports_jit = False  # its output's shape follows the values, which XLA cannot have

    def call(self, node_mask: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, ...]:
        size = tf.constant(self.bin_size, tf.int64)
        length = tf.shape(node_mask, out_type=tf.int64)[1]
        count = tf.cast(tf.reduce_sum(node_mask, axis=1), tf.int64)  # exact up to 2^24 nodes
        before = tf.cumsum(count, exclusive=True)
        total = tf.reduce_sum(count)
        # (a + b - 1) // b and never -(-a // b): ONNX divides integers towards zero.
        if self.padded:
            bins = tf.zeros_like(count) + (length + size - 1) // size
            whole = bins * size
        else:
            bins = tf.maximum((count + size - 1) // size, 1)
            whole = count

        # === Bin k of a set begins at place ceil(k whole / bins) of it ===
        number = tf.range(tf.reduce_max(bins) + 1, dtype=tf.int64)[None, :]
        of_set = bins[:, None]
        start = tf.minimum((number * whole[:, None] + of_set - 1) // of_set, whole[:, None])
        width = start[:, 1:] - start[:, :-1]  # [B, most bins], 0 beyond the last bin of a set
        largest = tf.maximum(tf.reduce_max(width), 1)
        slot = tf.range(largest, dtype=tf.int64)
        place = start[:, :-1, None] + slot
        full = tf.logical_and(slot < width[:, :, None], place < count[:, None, None])
        places = tf.where(full, before[:, None, None] + place, total)
        places = tf.reshape(places, [-1, largest])

        # === The other way round ===
        sets = rows[:-1] // length
        own = tf.range(total, dtype=tf.int64) - tf.gather(before, sets)
        bins_of, whole_of = tf.gather(bins, sets), tf.maximum(tf.gather(whole, sets), 1)
        bin_number = own * bins_of // whole_of  # the k with ceil(k whole / bins) <= own
        begin = (bin_number * whole_of + bins_of - 1) // bins_of
        slots = (sets * tf.reduce_max(bins) + bin_number) * largest + (own - begin)
        return places, tf.concat([slots, [tf.size(places, out_type=tf.int64)]], axis=0), sets, bins_of

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bin_size": self.bin_size, "padded": self.padded}
