"""Deterministic merging of linked nodes in pairs."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register
from zoo.layers.pairwise import pairwise_squared_distance, same_node

NEVER = -1e30  # score of a pair that cannot merge
ALONE = 0.5 * NEVER  # score of a node with itself: only where there is no partner
LAST = 2.0**20  # more than the number of nodes of any object


def match_pairs(score: tf.Tensor, rounds: int) -> tf.Tensor:
    """Matches nodes in pairs by mutual best choice, object by object.

    In each round every free node chooses the free partner with the largest score (ties: the lower index);
    two nodes that chose each other are matched. Of any object with a possible pair at least one is matched
    per round.

    Args:
        score: `[B, N, N]`, symmetric; `NEVER` where no edge is, `ALONE` on the diagonal.
        rounds: Number of rounds; nodes still free afterwards stay single.

    Returns:
        int32 `[B, N]`: the partner of each node, its own index if single.
    """
    own = tf.range(tf.shape(score)[1])
    best = tf.argmax(score, axis=-1, output_type=tf.int32)
    for _ in range(rounds - 1):
        taken = tf.gather(best, best, batch_dims=1) == own  # these stay with their choice
        free = score + tf.expand_dims(tf.cast(taken, score.dtype) * NEVER, 1)  # a select takes thrice as long
        best = tf.where(taken, best, tf.argmax(free, axis=-1, output_type=tf.int32))
    return tf.where(tf.gather(best, best, batch_dims=1) == own, best, own)


@register("GraphPooling")
class GraphPooling(keras.layers.Layer):
    """Merges linked nodes in pairs by the normalised-cut weight and pools each pair by max.

    The weight of an edge is w_ij = |x_i - x_j| (1 / deg_i + 1 / deg_j) (Dhillon, Guan, Kulis, IEEE TPAMI 29
    (2007) 1944). The Dynamic Reduction Network (Gray et al., arXiv:2003.08013) visits nodes in a random
    order over the whole batch, so its answer depends on a seed and on what else is in the batch; here a
    fixed number of rounds of mutual-best matching per object replaces the visit. The public code takes the
    largest weight, so it merges the farthest linked neighbours; that is the default here.

    Args:
        rounds: Rounds of matching.
        farthest: Whether to prefer the largest weight (as the public code), else the smallest.
        self_loops: Whether a node counts itself in its degree.

    Call arguments:
        x: Nodes `[B, N, F]`, zeros in padding.
        adjacency: `[B, N, N]`, symmetric, no self loops, no edge to padding.
        node_mask: `[B, N]`, 1 real, 0 padding; the padding may stand anywhere.
        node_weight: `[B, N]`, any additive quantity of the nodes, e.g. energy; pooled by sum.

    Returns:
        Nodes `[B, M, F]`, mask `[B, M]`, weight `[B, M]`, in the order of the first member of each pair,
        real nodes in front; M is the largest number of nodes left in the batch, at least 1. An empty object
        stays empty. Gradients flow through x, none through the choice.
    """

    def __init__(
        self, rounds: int = 6, farthest: bool = True, self_loops: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.supports_jit = False  # its output's shape follows the values, which XLA cannot have
        if rounds < 1:
            raise ValueError(f"GraphPooling: expected rounds >= 1. Received: rounds={rounds}")
        self.rounds, self.farthest, self.self_loops = int(rounds), bool(farthest), bool(self_loops)

    def call(
        self, x: tf.Tensor, adjacency: tf.Tensor, node_mask: tf.Tensor, node_weight: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        partner = match_pairs(self._score(x, adjacency), self.rounds)
        own = tf.range(tf.shape(x)[1])
        first = tf.cast(partner >= own, x.dtype) * node_mask
        left = tf.maximum(tf.cast(tf.reduce_max(tf.reduce_sum(first, axis=1)), tf.int32), 1)
        # Distinct keys: first members before all others, each group by rising index.
        order = tf.math.top_k(first * LAST - tf.cast(own, x.dtype), k=left, sorted=True).indices
        other = tf.gather(partner, order, batch_dims=1)
        mask = tf.gather(first, order, batch_dims=1)
        pooled = tf.maximum(tf.gather(x, order, batch_dims=1), tf.gather(x, other, batch_dims=1))
        weight = tf.gather(node_weight, order, batch_dims=1)
        both = tf.cast(other != order, x.dtype)
        weight += both * tf.gather(node_weight, other, batch_dims=1)
        return pooled * tf.expand_dims(mask, 2), mask, weight * mask

    def _score(self, x: tf.Tensor, adjacency: tf.Tensor) -> tf.Tensor:
        degree = tf.reduce_sum(adjacency, axis=-1) + (1.0 if self.self_loops else 0.0)
        inverse = 1.0 / tf.maximum(degree, 1.0)
        inverse = tf.expand_dims(inverse, 2) + tf.expand_dims(inverse, 1)
        weight = tf.sqrt(pairwise_squared_distance(x)) * inverse
        without = tf.where(same_node(tf.shape(x)[1]), ALONE, NEVER)
        score = weight if self.farthest else -weight
        return tf.stop_gradient(tf.where(adjacency > 0.5, score, without))

    def get_config(self) -> dict[str, Any]:
        own = {"rounds": self.rounds, "farthest": self.farthest, "self_loops": self.self_loops}
        return {**super().get_config(), **own}
