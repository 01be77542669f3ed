"""Masked k nearest neighbours on dense sets."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register
from zoo.layers.pairwise import pairwise_squared_distance

FAR = 1e30  # distance of a pair that does not exist; finite, so that it survives every runtime


def directed_edges(
    distance: tf.Tensor, node_mask: tf.Tensor, k: int, include_self: bool
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns the k nearest real nodes of each node, nearest first, ties by the lower index.

    Args:
        distance: Squared distances `[B, N, N]`, symmetric.
        node_mask: `[B, N]`.
        k: Number of neighbours, the node itself included if `include_self`.
        include_self: Whether a node is its own first neighbour.

    Returns:
        Indices int32 `[B, N, K]`, mask `[B, N, K]`, adjacency `[B, N, N]` (row i marks the neighbours of i);
        K = min(k, N).
    """
    n = tf.shape(distance)[1]
    real = node_mask[:, :, None] * node_mask[:, None, :]
    diagonal = tf.eye(n, dtype=distance.dtype)[None]
    if include_self:
        distance = distance * (1.0 - diagonal) - diagonal  # the node itself before an identical twin
    else:
        real *= 1.0 - diagonal
    distance = tf.where(real > 0.5, tf.minimum(distance, 0.1 * FAR), FAR)
    nearness, indices = tf.math.top_k(-distance, k=tf.minimum(k, n), sorted=True)
    neighbour_mask = tf.cast(nearness > -0.5 * FAR, distance.dtype)
    # top_k takes ties by the lower index: the chosen are those up to the last one in (distance, index).
    last_distance, last_index = -nearness[:, :, -1:], indices[:, :, -1:]
    column = tf.range(n)[None, None, :]
    chosen = (distance < last_distance) | ((distance <= last_distance) & (column <= last_index))
    return indices, neighbour_mask, tf.cast(chosen, distance.dtype) * real


@register("NearestNeighbours")
class NearestNeighbours(keras.layers.Layer):
    """Links each node with its k nearest neighbours of the same object.

    The distance is Euclidean in the space of the given features (in a dynamic graph network the latent
    space: Wang et al., Dynamic Graph CNN, arXiv:1801.07829). Undirected edges are the union of (i, j) and
    (j, i) without duplicates, as the public Dynamic Reduction Network makes them; the list of a node is
    then as long as the batch's largest degree.

    Args:
        k: Number of neighbours, at most; fewer where the object is smaller.
        include_self: Whether a node is its own neighbour, and counts among the k.
        undirected: Whether to make the edges undirected.

    Call arguments:
        x: Nodes `[B, N, F]`.
        node_mask: `[B, N]`, 1 real, 0 padding.

    Returns:
        indices: int32 `[B, N, K]`.
        neighbour_mask: `[B, N, K]`, 0 where a slot holds no neighbour; all 0 for a padded node.
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
        """Applies the layer; arguments and results stand in the docstring of the class."""
        distance = pairwise_squared_distance(x)
        indices, neighbour_mask, directed = directed_edges(distance, node_mask, self.k, self.include_self)
        union = tf.maximum(directed, tf.transpose(directed, [0, 2, 1]))
        if self.undirected:
            degree = tf.cast(tf.reduce_max(tf.reduce_sum(union, axis=-1)), tf.int32)
            neighbour_mask, indices = tf.math.top_k(union, k=tf.maximum(degree, 1), sorted=True)
        adjacency = union * (1.0 - tf.eye(tf.shape(x)[1], dtype=union.dtype)[None])
        return indices, tf.stop_gradient(neighbour_mask), tf.stop_gradient(adjacency)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        own = {"k": self.k, "include_self": self.include_self, "undirected": self.undirected}
        return {**super().get_config(), **own}
