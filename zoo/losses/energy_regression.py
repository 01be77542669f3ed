"""Huber and quantile loss of an energy, in GeV or relative to a power of the true energy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register


def huber(error: tf.Tensor, delta: float) -> tf.Tensor:
    """Returns e^2 / 2 up to |e| = delta, and the line that goes on from there."""
    size = tf.abs(error)
    near = tf.minimum(size, delta)
    return near * (size - 0.5 * near)


def pinball(error: tf.Tensor, quantile: float) -> tf.Tensor:
    """Returns q e for e >= 0 and (q - 1) e below: least, on average, where e = truth - q-quantile."""
    return tf.maximum(quantile * error, (quantile - 1.0) * error)


@register("EnergyRegression")
class EnergyRegression(keras.losses.Loss):
    """Huber loss plus quantile losses of e = (E_true - E) / E_true^power.

    CMS's superclustering has power 0, delta 5 GeV and the quantiles 0.25 and 0.75, whose sum is |e|.

    Args:
        delta: Where the Huber loss becomes linear, in the unit of e.
        power: 0 for errors in GeV, 1 for relative ones.
        quantiles: Of the quantile losses that are added.

    Call arguments:
        y_true: True energy `[B]` or `[B, 1]` in GeV; 0 counts for nothing.
        y_pred: Energy `[B]` in GeV.
    """

    def __init__(
        self,
        delta: float = 5.0,
        power: float = 0.0,
        quantiles: Sequence[float] = (0.25, 0.75),
        reduction: str = "sum_over_batch_size",
        name: str = "energy_regression",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.delta, self.power, self.quantiles = float(delta), float(power), [float(q) for q in quantiles]

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each object `[B]`."""
        true = tf.reshape(tf.cast(y_true, y_pred.dtype), [-1])
        known = true > 0.0
        error = (true - y_pred) / tf.pow(tf.where(known, true, 1.0), self.power)
        error = tf.where(known, error, 0.0)
        return huber(error, self.delta) + sum(pinball(error, quantile) for quantile in self.quantiles)

    def get_config(self) -> dict[str, Any]:
        own = {"delta": self.delta, "power": self.power, "quantiles": self.quantiles}
        return {**super().get_config(), **own}
