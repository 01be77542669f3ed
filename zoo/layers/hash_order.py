"""An order of nodes in which near ones stand together: locality-sensitive hashing with random directions."""

from __future__ import annotations

import tensorflow as tf

from zoo.layers.bin_layout import Layout

BEHIND = -1e30  # below every projection


def hash_order(places: tf.Tensor, directions: tf.Tensor, layout: Layout, *, digits: int) -> tf.Tensor:
    """Sorts the real nodes of each set by the random half-axis to which they are nearest.

    Kitaev et al., Reformer, arXiv:2001.04451, as the public MLPF uses it: of K directions, the hash is the
    argmax of (p, -p) for the projections p. A set of m bins uses m / 2 directions, so that there are about as
    many values as bins. Nodes of equal hash keep their order.

    With two digits they are sorted further, by the second nearest half-axis: bins that a hash value fills
    alone are cut along the detector and not along the order of the input, and there are 2 K (2 K - 2) values
    before the directions are exhausted.

    Args:
        places: Where the nodes are, `[R, D]`; no gradient flows through the order.
        directions: `[D, K]`.
        layout: Of `BinLayout`.
        digits: 1, with the m // 2 directions of the public network, or 2, with ceil(m / 2).

    Returns:
        int64 `[R]`: which node stands at each place.
    """
    known = directions.shape[-1]
    projection = tf.stop_gradient(tf.matmul(places, directions))
    used = (layout.bins + (digits - 1)) // 2
    used = tf.clip_by_value(used, 1, known)[:, None]
    columns = tf.range(known, dtype=tf.int64)[None, :]
    either = tf.concat([projection, -projection], axis=-1)
    allowed = tf.tile(columns < used, [1, 2])
    first = tf.argmax(tf.where(allowed, either, BEHIND), axis=-1)
    key = layout.sets * (2 * known) + first
    if digits == 2:
        other = tf.tile(tf.not_equal(columns, (first % known)[:, None]), [1, 2])
        second = tf.argmax(tf.where(tf.logical_and(allowed, other), either, BEHIND), axis=-1)
        key = key * (2 * known) + second
    return tf.cast(tf.math.top_k(-key, k=tf.size(key)).indices, tf.int64)  # ties keep their order


def hashed_bins(
    places: tf.Tensor, directions: tf.Tensor, layout: Layout, *, digits: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Cuts the order of `hash_order` into bins.

    Args:
        places: `[R, D]`.
        directions: `[D, K]`.
        layout: Of `BinLayout`.
        digits: As there.

    Returns:
        Bins as sets: `rows` `[R + 1]` and `slots` `[G, S]` of `zoo.layers.real_rows`.
    """
    order = hash_order(places, directions, layout, digits=digits)
    order = tf.concat([order, [tf.size(order, out_type=tf.int64)]], axis=0)  # the imagined node stays last
    inverse = tf.math.top_k(-order, k=tf.size(order)).indices
    return tf.gather(layout.slots, inverse), tf.gather(order, layout.places)
