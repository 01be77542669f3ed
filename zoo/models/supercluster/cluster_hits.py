"""The rechits of the clusters that are left after cleaning: clusters with few hits apart from the others."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register
from zoo.layers.sanitize import usable

FEW = 8  # hits: nine in ten clusters have no more, and the others would pad them threefold


@register("ClusterHits")
class ClusterHits(keras.layers.Layer):
    """Gathers the usable hits of the real clusters, padded in two groups: at most `few` hits, and more.

    What the hits cost then depends on the hits, not on how far a client padded them or on the largest
    cluster.
    A hit is left out as in `Sanitize`: not finite, or without energy.

    Args:
        few: Most hits of a cluster in the first group.

    Call arguments:
        hits: `[B, N, H, 4]`, as they came.
        hit_mask: `[B, N, H]`.
        permutation: int32 `[B, max(N, 1)]` of `CanonicalOrder` on the clusters.
        rows: int64 `[R + 1]` of `RealRows` on the sorted clusters.
        slots: int64 `[B, M]` of `RealRows` on the sorted clusters.

    Returns:
        For each group hits `[G + 1, S, 4]`, their mask `[G + 1, S]` and the row of each cluster, int64
        `[G + 1]`; the last cluster is the imagined one, without hits. Then int64 `[R + 1]`: where each
        cluster stands in the two groups, one behind the other.
    """

    def __init__(self, few: int = FEW, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_jit = False  # its output's shape follows the values, which XLA cannot have
        self.few = int(few)

    def call(
        self,
        hits: tf.Tensor,
        hit_mask: tf.Tensor,
        permutation: tf.Tensor,
        rows: tf.Tensor,
        slots: tf.Tensor,
    ) -> tuple[tf.Tensor, ...]:
        missing = tf.maximum(1 - tf.shape(hit_mask)[2], 0)  # no runtime gathers from nothing
        hits = tf.pad(hits, [[0, 0], [0, 0], [0, missing], [0, 0]])
        hit_mask = tf.pad(hit_mask, [[0, 0], [0, 0], [0, missing]])
        place = permutation[:, : tf.shape(slots)[1]]
        window = tf.zeros_like(place) + tf.range(tf.shape(place)[0])[:, None]
        origin = tf.reshape(tf.stack([window, place], axis=-1), [-1, 2])
        origin = tf.cast(tf.gather(origin, rows[:-1]), tf.int64)  # of each row, in the tensors that came

        # === The usable hits in a row, sorted by cluster ===
        cluster, number = tf.unstack(tf.where(tf.gather_nd(hit_mask, origin) > 0.5), num=2, axis=1)
        values = tf.gather_nd(hits, tf.concat([tf.gather(origin, cluster), number[:, None]], axis=1))
        # One row more, without energy: ONNX Runtime cannot sum over the features of none.
        values, kept = usable(tf.pad(values, [[0, 1], [0, 0]]), positive_feature=2)
        real = tf.reshape(tf.where(kept > 0.5), [-1])
        values = tf.pad(tf.gather(values, real), [[0, 1], [0, 0]])  # an imagined hit of the imagined cluster
        cluster = tf.concat([tf.gather(cluster, real), tf.shape(rows, out_type=tf.int64) - 1], axis=0)

        # === Two groups of clusters ===
        count = tf.math.segment_sum(tf.ones_like(values[:, :1]), cluster)[:-1, 0]
        count = tf.concat([tf.cast(count, tf.int64), tf.zeros([1], tf.int64)], axis=0)  # [R + 1]
        start = tf.cumsum(count, exclusive=True)
        few = tf.cast(count <= self.few, tf.int64)
        groups: list[tf.Tensor] = []
        for chosen, limit in ((few, self.few), (1 - few, None)):
            size = tf.maximum(tf.reduce_max(count), 1)
            size = size if limit is None else tf.minimum(size, limit)
            members = tf.reshape(tf.where(chosen[:-1] > 0), [-1])
            members = tf.concat([members, tf.shape(rows, out_type=tf.int64) - 1], axis=0)
            step = tf.range(size)[None, :]
            there = tf.cast(step < tf.gather(count, members)[:, None], tf.int64)
            nowhere = tf.size(cluster, out_type=tf.int64) - 1
            slot = nowhere + (tf.gather(start, members)[:, None] + step - nowhere) * there
            groups += [tf.gather(values, slot), tf.cast(there, values.dtype), members]
        behind = tf.reduce_sum(few[:-1]) + 1
        where = few * (tf.cumsum(few) - 1) + (1 - few) * (behind + tf.cumsum(1 - few) - 1)
        return (*groups, where)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "few": self.few}
