"""One order of the nodes, whatever the order in which they came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register

PADDING = -1e30  # before any key, when sorting from large to small


def canonical_permutation(
    nodes: tf.Tensor, node_mask: tf.Tensor, keys: Sequence[int], descending: Sequence[int] = ()
) -> tf.Tensor:
    """Returns the permutation that sorts nodes lexicographically, padding last.

    Successive stable sorts from the least to the most significant key: with every feature among the keys,
    two nodes that still tie are identical, so their order cannot matter.

    Args:
        nodes: `[B, N, F]`, finite.
        node_mask: `[B, N]`, 1 real, 0 padding.
        keys: Feature indices, the most significant first.
        descending: Those of `keys` that sort from large to small.

    Returns:
        int32 `[B, N]`: place i of the sorted set holds node `permutation[:, i]`.
    """
    columns = [nodes[:, :, key] if key in descending else -nodes[:, :, key] for key in keys]
    columns[0] = tf.where(node_mask > 0.5, columns[0], PADDING)
    n = tf.shape(node_mask)[1]
    permutation = tf.math.top_k(columns[-1], k=n).indices  # equal values keep the order of their indices
    for column in reversed(columns[:-1]):
        step = tf.math.top_k(tf.gather(column, permutation, batch_dims=1), k=n).indices
        permutation = tf.gather(permutation, step, batch_dims=1)
    return permutation


@register("CanonicalOrder")
class CanonicalOrder(keras.layers.Layer):
    """Sorts the nodes of each object by a total key of their physical features, padding last.

    No layer behind it has to break ties: top-k and matching fall back on the index, which is now physical.
    `keys` not named by the user are appended in their own order, so that the key is always total.

    Args:
        keys: Feature indices, the most significant first; the others follow.
        descending: Feature indices that sort from large to small.

    Call arguments:
        nodes: `[B, N, F]`, finite (after `Sanitize`).
        node_mask: `[B, N]`, 1 real, 0 padding.

    Returns:
        Sorted nodes `[B, N, F]`, sorted mask `[B, N]` and the permutation int32 `[B, N]`; `restore_order`
        brings outputs per node back. Padding stands behind the real nodes; an empty object stays empty.
    """

    def __init__(self, keys: Sequence[int] = (), descending: Sequence[int] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.keys = [int(key) for key in keys]
        self.descending = [int(key) for key in descending]

    def call(self, nodes: tf.Tensor, node_mask: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        keys = self.keys + [key for key in range(nodes.shape[-1]) if key not in self.keys]
        permutation = canonical_permutation(nodes, node_mask, keys, self.descending)
        return (
            tf.gather(nodes, permutation, batch_dims=1),
            tf.gather(node_mask, permutation, batch_dims=1),
            permutation,
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "keys": self.keys, "descending": self.descending}


def restore_order(values: tf.Tensor, permutation: tf.Tensor) -> tf.Tensor:
    """Brings outputs per node back to the order of the input.

    Args:
        values: `[B, N, ...]` in canonical order.
        permutation: int32 `[B, N]` of `CanonicalOrder`.

    Returns:
        `[B, N, ...]` in the order in which the nodes came.
    """
    inverse = tf.math.top_k(-permutation, k=tf.shape(permutation)[1]).indices
    return tf.gather(values, inverse, batch_dims=1)
