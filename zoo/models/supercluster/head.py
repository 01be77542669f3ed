"""From the numbers of the three heads to what a client gets."""

from __future__ import annotations

import math

import keras
import tensorflow as tf

from zoo.keras_compat import register
from zoo.layers.canonical_order import restore_order
from zoo.layers.masked_reductions import masked_sum
from zoo.layers.real_rows import to_sets

LARGEST_FACTOR = 3.0  # the energy factor lies between a third and this
NO_ANSWER = -1.0  # energy of a window without clusters


@register("SelectedEnergy")
class SelectedEnergy(keras.layers.Layer):
    """Sums the clusters whose edge has a probability above 1/2.

    Call arguments:
        edge_logit: Rows `[R + 1, 1]`.
        clusters: `[B, N, 6]`, clean, sorted.
        cluster_mask: `[B, N]`.
        rows: Of `RealRows`.
        slots: Of `RealRows`, `[B, N]`.

    Returns:
        Energy `[B]` in GeV, 0 where no cluster is selected, -1 in a window without clusters; and
        (log(E + 0.1), E / E_all, log(1 + number)), scaled, `[B, 3]`, for the energy head.
    """

    def call(
        self,
        edge_logit: tf.Tensor,
        clusters: tf.Tensor,
        cluster_mask: tf.Tensor,
        rows: tf.Tensor,
        slots: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        selected = tf.cast(to_sets(edge_logit, rows, slots) > 0.0, edge_logit.dtype)  # padding has 0
        energy = clusters[:, :, 2:3]
        chosen = masked_sum(tf.concat([energy * selected, energy, selected], axis=-1), cluster_mask)
        total, whole, number = tf.unstack(chosen, num=3, axis=-1)
        features = tf.stack(
            [
                (tf.math.log(total + 0.1) - 2.5) * 0.7,
                (total / tf.where(whole > 0.0, whole, 1.0) - 0.7) * 3.0,
                (tf.math.log(1.0 + number) - 1.0) * 1.5,
            ],
            axis=-1,
        )
        some = tf.reduce_sum(cluster_mask, axis=1) > 0.0
        return tf.where(some, total, NO_ANSWER), tf.stop_gradient(features)


@register("EdgeOutput")
class EdgeOutput(keras.layers.Layer):
    """Brings the edge logits to the order and the padding in which the clusters came.

    Call arguments:
        edge_logit: Rows `[R + 1, 1]`.
        cluster_mask: `[B, N]`, as it came.
        permutation: int32 `[B, max(N, 1)]` of `CanonicalOrder`.
        rows: Of `RealRows`.
        slots: Of `RealRows`.

    Returns:
        Logits and probabilities `[B, N]`, both 0 for padding and for what `Sanitize` left out.
    """

    def call(
        self,
        edge_logit: tf.Tensor,
        cluster_mask: tf.Tensor,
        permutation: tf.Tensor,
        rows: tf.Tensor,
        slots: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        # The sigmoid in canonical order, too: its last bit depends on the place in a vector.
        both = to_sets(tf.concat([edge_logit, tf.sigmoid(edge_logit)], axis=-1), rows, slots)
        missing = tf.shape(permutation)[1] - tf.shape(slots)[1]  # what `TrimPadding` cut
        both = restore_order(tf.pad(both, [[0, 0], [0, missing], [0, 0]]), permutation)
        logit, probability = tf.unstack(both[:, : tf.shape(cluster_mask)[1]], num=2, axis=-1)
        return logit, probability

    def compute_output_shape(self, *shapes: tuple[int | None, ...]) -> tuple[tuple[None, None], ...]:
        """Returns (batch, clusters) twice."""
        return ((None, None), (None, None))


@register("FlavourOutput")
class FlavourOutput(keras.layers.Layer):
    """Probabilities of the flavours; all alike for a window without clusters.

    Call arguments:
        raw: `[B, 3]`.
        cluster_mask: `[B, N]`.

    Returns:
        Logits and probabilities `[B, 3]`.
    """

    def call(self, raw: tf.Tensor, cluster_mask: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        logit = tf.where(tf.reduce_sum(cluster_mask, axis=1, keepdims=True) > 0.0, raw, 0.0)
        return logit, tf.nn.softmax(logit)


@register("EnergyOutput")
class EnergyOutput(keras.layers.Layer):
    """The energy: a bounded factor, 3^tanh(x), times the sum of the selected clusters.

    Call arguments:
        raw: x, `[B, 1]`.
        selected_energy: `[B]` of `SelectedEnergy`.

    Returns:
        Factor and energy in GeV, `[B]`; 1 and -1 for a window without clusters.
    """

    def call(self, raw: tf.Tensor, selected_energy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        factor = tf.exp(math.log(LARGEST_FACTOR) * tf.tanh(raw[:, 0]))
        factor = tf.where(selected_energy < 0.0, 1.0, factor)
        return factor, factor * selected_energy
