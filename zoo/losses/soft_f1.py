"""1 - F1 with soft counts: what a selection of nodes loses and what it wrongly takes, weighted by energy."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register


def soft_f1_loss(label: tf.Tensor, logit: tf.Tensor, weight: tf.Tensor, beta: float = 1.0) -> tf.Tensor:
    """Returns 1 - (1 + b^2) TP / ((1 + b^2) TP + b FN + FP) with the probabilities as counts.

    The energy loss of CMS's superclustering (DeepSuperCluster): b and not b^2 stands before FN, as there.

    Args:
        label: `[B, N]`, 0 or 1.
        logit: `[B, N]`, log(p / (1 - p)).
        weight: `[B, N]`, what each node counts, 0 in padding; its unit does not matter.
        beta: b; above 1 a lost node costs more than a wrong one.

    Returns:
        `[B]` in [0, 1]; 0, with gradient 0, where no labelled node has weight: F1 is not defined there.
    """
    chosen = tf.sigmoid(logit)
    hit = tf.reduce_sum(weight * chosen * label, axis=1)
    lost = tf.reduce_sum(weight * (1.0 - chosen) * label, axis=1)
    wrong = tf.reduce_sum(weight * chosen * (1.0 - label), axis=1)
    good = (1.0 + beta * beta) * hit
    some = hit + lost > 0.0
    return tf.where(some, 1.0 - good / tf.where(some, good + beta * lost + wrong, 1.0), 0.0)


@register("SoftF1")
class SoftF1(keras.losses.Loss):
    """Mean over sets of `soft_f1_loss`.

    Args:
        beta: Above 1 a lost node costs more than a wrong one.
        weighted: Whether nodes count by their weight, or all alike.

    Call arguments:
        y_true: `[B, N, 3]`: label, weight, mask.
        y_pred: Logits `[B, N]`.
    """

    def __init__(
        self,
        beta: float = 1.0,
        weighted: bool = True,
        reduction: str = "sum_over_batch_size",
        name: str = "soft_f1",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.beta, self.weighted = float(beta), bool(weighted)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each set `[B]`."""
        label, weight, mask = tf.unstack(y_true, num=3, axis=-1)
        return soft_f1_loss(label, y_pred, mask * weight if self.weighted else mask, self.beta)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta": self.beta, "weighted": self.weighted}
