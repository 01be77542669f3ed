"""Masked k nearest neighbours on dense sets."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register
from zoo.layers.pairwise import nearness, same_node

FAR = 1e30  # distance of a pair that does not exist; finite, so that it survives every runtime


def nearest(x: tf.Tensor, node_mask: tf.Tensor, k: int, include_self: bool) -> tf.Tensor:
    """Returns which nodes are among the k nearest real nodes of each node, ties by the lower index.

    Args:
        x: Nodes `[B, N, F]`.
        node_mask: `[B, N]`.
        k: Number of neighbours, the node itself included if `include_self`.
        include_self: Whether a node is its own first neighbour.

    Returns:
        bool `[B, N, N]`: row i marks the neighbours of i; nothing in the rows and columns of padding.
    """
    n = tf.shape(x)[1]
    near = nearness(x, (1.0 - node_mask) * FAR)
    # The node itself before an identical twin, or never; padding stays far from itself, too.
    near += tf.cast(same_node(n), tf.float32) * (1.0 if include_self else -FAR)
    best, indices = tf.math.top_k(near, k=tf.minimum(k, n), sorted=False)  # sorted takes twice as long
    last = tf.maximum(tf.reduce_min(best, axis=-1, keepdims=True), -0.5 * FAR)
    # top_k takes ties by the lower index: the chosen are those up to the last one in (nearness, index).
    last_index = tf.reduce_max(tf.where(best <= last, indices, -1), axis=-1, keepdims=True)
    return (near > last) | ((near >= last) & (tf.range(n) <= last_index))


def edge_list(edges: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Lists the edges of all objects, sorted by receiver, then by sender.

    Args:
        edges: bool `[B, N, N]`: row i marks the senders of i.

    Returns:
        Receivers and senders, int64 `[E + 1]`, as indices into the list of all `B N` nodes. The last edge
        links an imagined node `B N` with itself: sums over receivers then have a row for each node, whatever
        the last node with an edge is, and no list is empty.
    """
    shape = tf.shape(edges, out_type=tf.int64)
    place = tf.where(edges)  # [E, 3]
    ends = place[:, :1] * shape[1] + place[:, 1:]
    ends = tf.concat([ends, tf.fill([1, 2], shape[0] * shape[1])], axis=0)
    receiver, sender = tf.unstack(ends, num=2, axis=1)
    return receiver, sender


@register("NearestNeighbours")
class NearestNeighbours(keras.layers.Layer):
    """Links each node with its k nearest neighbours of the same object.

    The distance is Euclidean in the space of the given features (in a dynamic graph network the latent
    space: Wang et al., Dynamic Graph CNN, arXiv:1801.07829). Undirected edges are the union of (i, j) and
    (j, i) without duplicates, as the public Dynamic Reduction Network makes them.

    Args:
        k: Number of neighbours, at most; fewer where the object is smaller.
        include_self: Whether a node is its own neighbour, and counts among the k.
        undirected: Whether to make the edges undirected.

    Call arguments:
        x: Nodes `[B, N, F]`.
        node_mask: `[B, N]`, 1 real, 0 padding.

    Returns:
        receiver: int64 `[E + 1]`, rising: the node i of each edge, in the list of all `B N` nodes.
        sender: int64 `[E + 1]`: its neighbour j. The edges are exactly those of the graph, but for the last
            one, which links an imagined node `B N` with itself (see `edge_list`).
        adjacency: `[B, N, N]`, the undirected edges without self loops, for `GraphPooling`.
        No gradient flows. An object without nodes has no edges.
    """

    def __init__(self, k: int, include_self: bool = True, undirected: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_jit = False  # its output's shape follows the values, which XLA cannot have
        if k < 1:
            raise ValueError(f"NearestNeighbours: expected k >= 1. Received: k={k}")
        self.k, self.include_self, self.undirected = int(k), bool(include_self), bool(undirected)

    def call(self, x: tf.Tensor, node_mask: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        chosen = nearest(x, node_mask, self.k, self.include_self)
        union = chosen | tf.transpose(chosen, [0, 2, 1])
        receiver, sender = edge_list(union if self.undirected else chosen)
        adjacency = tf.cast(union & ~same_node(tf.shape(x)[1]), x.dtype)
        return receiver, sender, tf.stop_gradient(adjacency)

    def get_config(self) -> dict[str, Any]:
        own = {"k": self.k, "include_self": self.include_self, "undirected": self.undirected}
        return {**super().get_config(), **own}
