"""What the network is trained to do: the loss and the metrics; the target stands in `events`."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register
from zoo.losses.crystal_ball import REACH, CrystalBallLoss
from zoo.models.drn.config import DRNConfig


def loss(config: DRNConfig) -> dict[str, keras.losses.Loss]:
    """Returns the negative log-likelihood; targets beyond +-ln 2, which mu cannot reach, count zero."""
    del config  # one loss for all presets
    return {"dscb": CrystalBallLoss(reach=REACH)}


def metrics(config: DRNConfig) -> dict[str, list[keras.metrics.Metric]]:
    """Returns the metrics of the output `dscb`."""
    del config
    return {"dscb": [ModeError(), RelativeWidth()]}


def _used(y_true: tf.Tensor, y_pred: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    y = tf.reshape(tf.cast(y_true, y_pred.dtype), [-1])
    used = tf.abs(y) <= REACH
    return tf.where(used, y, y_pred[:, 0]), tf.cast(used, y_pred.dtype)


@register("ModeError")
class ModeError(keras.metrics.Mean):
    """Mean |y - mu| over the targets within reach; dimensionless."""

    def __init__(self, name: str = "mode_error", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch: y `[B]` and parameters `[B, 6]`."""
        y, used = _used(y_true, y_pred)
        super().update_state(tf.abs(y - y_pred[:, 0]), sample_weight=used)


@register("RelativeWidth")
class RelativeWidth(keras.metrics.Mean):
    """Mean predicted sigma over the targets within reach; dimensionless."""

    def __init__(self, name: str = "relative_width", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch: y `[B]` and parameters `[B, 6]`."""
        _, used = _used(y_true, y_pred)
        super().update_state(y_pred[:, 1], sample_weight=used)
