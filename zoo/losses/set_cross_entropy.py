"""Cross-entropy of the yes or no of each node, averaged over the nodes of its set."""

from __future__ import annotations

import keras
import tensorflow as tf

from zoo.keras_compat import register


def set_cross_entropy(label: tf.Tensor, logit: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Returns the mean over real nodes of -log p of the true answer.

    Args:
        label: `[B, N]`, 0 or 1.
        logit: `[B, N]`, log(p / (1 - p)).
        mask: `[B, N]`, 1 for nodes that count.

    Returns:
        `[B]`, 0 for a set of which no node counts.
    """
    each = tf.nn.sigmoid_cross_entropy_with_logits(label, logit) * mask
    return tf.reduce_sum(each, axis=1) / tf.maximum(tf.reduce_sum(mask, axis=1), 1.0)


@register("SetCrossEntropy")
class SetCrossEntropy(keras.losses.Loss):
    """Mean over sets of `set_cross_entropy`.

    Call arguments:
        y_true: `[B, N, 3]`: label, weight (not looked at), mask.
        y_pred: Logits `[B, N]`.
    """

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each set `[B]`."""
        return set_cross_entropy(y_true[:, :, 0], y_pred, y_true[:, :, 2])
