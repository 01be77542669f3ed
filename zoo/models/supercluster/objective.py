"""What the network is trained to do: edges, flavour and energy of a window; targets, losses, metrics.

| output | target | loss |
| --- | --- | --- |
| `edge_logit` | label, energy and whether it counts, of each cluster | cross-entropy, soft F1 |
| `flavour_logit` | one of three | cross-entropy |
| `energy_gev` | generated energy, 0: none | Huber and quantiles |

The edges of jets count for nothing: which clusters of a jet belong together has no answer. Nor do jets have
an energy here. A window of nobody (pile-up) has no label, so its seed learns a small probability of its own.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register
from zoo.losses.energy_regression import EnergyRegression
from zoo.losses.set_cross_entropy import set_cross_entropy
from zoo.losses.soft_f1 import soft_f1_loss
from zoo.models.supercluster.config import SuperclusterConfig


def loss(config: SuperclusterConfig) -> dict[str, keras.losses.Loss]:
    """Returns the loss of each output that has one."""
    return {
        "edge_logit": EdgeLoss(
            config.edge_weight, config.soft_f1_weight, config.energy_soft_f1_weight, config.soft_f1_beta
        ),
        "flavour_logit": keras.losses.CategoricalCrossentropy(from_logits=True),
        "energy_gev": EnergyRegression(config.energy_huber, config.energy_power),
    }


def loss_weights(config: SuperclusterConfig) -> dict[str, float]:
    """Returns what each of them counts in the sum; the parts of `EdgeLoss` have their weights inside."""
    return {"edge_logit": 1.0, "flavour_logit": config.flavour_weight, "energy_gev": config.energy_weight}


def metrics(config: SuperclusterConfig) -> dict[str, list[keras.metrics.Metric]]:
    """Returns the metrics by output."""
    del config
    return {
        "edge_logit": [EnergyShare("precision"), EnergyShare("recall")],
        "flavour_logit": [keras.metrics.CategoricalAccuracy(name="accuracy")],
        "energy_gev": [EnergyError()],
    }


@register("EdgeLoss")
class EdgeLoss(keras.losses.Loss):
    """Weighted sum of `set_cross_entropy`, `soft_f1_loss`, and the latter with clusters counting by energy.

    Args:
        cross_entropy: Weight of the first.
        soft_f1: Weight of the second.
        energy_soft_f1: Weight of the third.
        beta: Of both soft F1.

    Call arguments:
        y_true: `[B, N, 3]` of `targets`.
        y_pred: Logits `[B, N]`.
    """

    def __init__(
        self,
        cross_entropy: float,
        soft_f1: float,
        energy_soft_f1: float,
        beta: float,
        reduction: str = "sum_over_batch_size",
        name: str = "edge",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.cross_entropy, self.soft_f1 = float(cross_entropy), float(soft_f1)
        self.energy_soft_f1, self.beta = float(energy_soft_f1), float(beta)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each window `[B]`."""
        label, energy, counts = tf.unstack(y_true, num=3, axis=-1)
        return (
            self.cross_entropy * set_cross_entropy(label, y_pred, counts)
            + self.soft_f1 * soft_f1_loss(label, y_pred, counts, self.beta)
            + self.energy_soft_f1 * soft_f1_loss(label, y_pred, counts * energy, self.beta)
        )

    def get_config(self) -> dict[str, Any]:
        own = {
            "cross_entropy": self.cross_entropy,
            "soft_f1": self.soft_f1,
            "energy_soft_f1": self.energy_soft_f1,
            "beta": self.beta,
        }
        return {**super().get_config(), **own}


@register("EnergyShare")
class EnergyShare(keras.metrics.Metric):
    """Energy of clusters rightly selected over that of all selected (precision) or all labelled (recall)."""

    def __init__(self, of: str = "precision", name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name or f"energy_{of}", **kwargs)
        self.of = of
        self.right = self.add_weight(name="right", initializer="zeros")
        self.whole = self.add_weight(name="whole", initializer="zeros")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch: targets `[B, N, 3]` and logits `[B, N]`."""
        label, energy, counts = tf.unstack(y_true, num=3, axis=-1)
        selected = tf.cast(y_pred > 0.0, energy.dtype) * counts
        self.right.assign_add(tf.reduce_sum(energy * selected * label))
        self.whole.assign_add(
            tf.reduce_sum(energy * (selected if self.of == "precision" else label * counts))
        )

    def result(self) -> Any:
        """Returns the share, 0 before anything was seen."""
        return tf.math.divide_no_nan(self.right.value, self.whole.value)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "of": self.of}


@register("EnergyError")
class EnergyError(keras.metrics.Mean):
    """Mean |E / E_true - 1| of windows with a true energy."""

    def __init__(self, name: str = "relative_error", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch: energies `[B]`, 0 for none."""
        true = tf.reshape(y_true, [-1])
        known = true > 0.0
        error = tf.abs(y_pred / tf.where(known, true, 1.0) - 1.0)
        super().update_state(error, sample_weight=tf.cast(known, y_pred.dtype))
