"""What the network is trained to do: the mass, by the mean absolute error in GeV, weighted.

Single photons have labels below 0 ("domain continuation", CMS-EGM-20-001): `label_mass_gev` of the records,
flat from -0.3 GeV to 0 and as dense as the masses above, so that unresolved decays do not pile up at an edge
of the labels. The buffer from 1.2 to 1.6 GeV does the same at the upper end. The best answer is the median of
the labels of all candidates that look alike (`zoo.evaluation.posterior_median`).

A sample that is flat in mass and pT needs no weights; for others `flat_weights` of `events` makes the
field `weight`.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register
from zoo.models.mass_regressor.config import MassRegressorConfig

REGION_GEV = (0.0, 1.2)
"""Masses that are wanted; what lies beyond is a buffer."""


def loss(config: MassRegressorConfig) -> dict[str, keras.losses.Loss]:
    """Returns the loss of `mass_gev`."""
    del config
    return {"mass_gev": MassError()}


def metrics(config: MassRegressorConfig) -> dict[str, list[keras.metrics.Metric]]:
    """Returns the error in the region of interest, for the log."""
    del config
    return {"mass_gev": [RegionError()]}


@register("MassError")
class MassError(keras.losses.Loss):
    """Absolute error of each candidate [B]; Keras' own takes a mean over it, and weights would not act."""

    def __init__(
        self, reduction: str = "sum_over_batch_size", name: str = "mass_error", **kwargs: Any
    ) -> None:
        super().__init__(name=name, reduction=reduction, **kwargs)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns the error of each candidate."""
        return tf.abs(tf.reshape(y_true, [-1]) - tf.reshape(y_pred, [-1]))


@register("RegionError")
class RegionError(keras.metrics.Mean):
    """Mean absolute error of the decays in the region of interest."""

    def __init__(self, name: str = "region_error", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch [B]; weights are not used."""
        true = tf.reshape(y_true, [-1])
        inside = tf.cast((true > REGION_GEV[0]) & (true < REGION_GEV[1]), y_pred.dtype)
        super().update_state(tf.abs(true - tf.reshape(y_pred, [-1])), sample_weight=inside)
