"""Focal loss of the class of each node, averaged over the nodes of its set."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register

LEAST_GEV, MOST_GEV = 1e-3, 100.0  # pT below and above which nodes count alike


def pt_weight(pt_gev: tf.Tensor, power: float) -> tf.Tensor:
    """Returns what a node counts beside one of 1 GeV: a power of its pT, of 100 GeV at most."""
    return tf.clip_by_value(pt_gev, LEAST_GEV, MOST_GEV) ** power


def set_focal_loss(
    label: tf.Tensor,
    logit: tf.Tensor,
    mask: tf.Tensor,
    gamma: float = 2.0,
    alpha: float = 0.25,
    weight: tf.Tensor | None = None,
) -> tf.Tensor:
    """Returns the mean over real nodes of the focal loss, one class against the rest, summed over classes.

    Lin et al., arXiv:1708.02002: -a_t (1 - p_t)^gamma log p_t with p = sigmoid(logit), where p_t is p of the
    right class and 1 - p of the others, a_t is alpha and 1 - alpha. Written with softplus, from logits: the
    public MLPF of 2022 gives probabilities, and later logits, to a function that takes them for the other.

    Args:
        label: One-hot `[B, N, C]`.
        logit: `[B, N, C]`.
        mask: `[B, N]`, 1 for real nodes.
        gamma: 0 or more; the larger, the less a node counts that is right already.
        alpha: Weight of the right class.
        weight: `[B, N]`, what each node counts beside the others; the divisor stays their number.

    Returns:
        `[B]`, 0 for a set without nodes; finite gradients for every logit.
    """
    against = (1.0 - 2.0 * label) * logit  # large where the answer is wrong
    balance = alpha * label + (1.0 - alpha) * (1.0 - label)
    each = balance * tf.exp(-gamma * tf.nn.softplus(-against)) * tf.nn.softplus(against)
    counted = mask if weight is None else mask * weight
    total = tf.reduce_sum(tf.reduce_sum(each, axis=-1) * counted, axis=1)
    return total / tf.maximum(tf.reduce_sum(mask, axis=1), 1.0)


@register("SetFocal")
class SetFocal(keras.losses.Loss):
    """Mean over sets of `set_focal_loss`.

    Args:
        gamma: As there.
        alpha: As there.
        pt_power: A node counts as this power of its pT in GeV, of 100 GeV at most.

    Call arguments:
        y_true: `[B, N, 3]`: number of the class, 1 for real nodes, pT.
        y_pred: Logits `[B, N, C]`.
    """

    def __init__(
        self,
        gamma: float = 2.0,
        alpha: float = 0.25,
        pt_power: float = 0.0,
        reduction: str = "sum_over_batch_size",
        name: str = "set_focal",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.gamma, self.alpha, self.pt_power = float(gamma), float(alpha), float(pt_power)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each set `[B]`."""
        label = tf.one_hot(tf.cast(y_true[:, :, 0], tf.int32), y_pred.shape[-1], dtype=y_pred.dtype)
        weight = pt_weight(y_true[:, :, 2], self.pt_power) if self.pt_power else None
        return set_focal_loss(label, y_pred, y_true[:, :, 1], self.gamma, self.alpha, weight)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "gamma": self.gamma,
            "alpha": self.alpha,
            "pt_power": self.pt_power,
        }
