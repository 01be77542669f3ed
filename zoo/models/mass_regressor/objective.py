"""What the network is trained to do: the mass, by the mean absolute error in GeV, weighted.

Single photons have labels below 0 ("domain continuation", CMS-EGM-20-001): `label_mass_gev` of the records,
flat from -0.3 GeV to 0 and as dense as the masses above, so that unresolved decays do not pile up at an edge
of the labels. The buffer from 1.2 to 1.6 GeV does the same at the upper end. The best answer is the median of
the labels of all candidates that look alike (`zoo.evaluation.posterior_median`).

A sample that is flat in mass and pT needs no weights; for others `flat_weights` makes the field `weight`.
"""

from __future__ import annotations

from typing import Any

import awkward as ak
import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from zoo.data.schema import has_field, leaf_values
from zoo.keras_compat import register
from zoo.models.mass_regressor.config import MassRegressorConfig

Float32 = npt.NDArray[np.float32]

REGION_GEV = (0.0, 1.2)
"""Masses that are wanted; what lies beyond is a buffer."""
MASS_BINS, PT_BINS = 16, 20
"""Bins of `flat_weights`, as CMS has them."""


def loss(config: MassRegressorConfig) -> dict[str, keras.losses.Loss]:
    """Returns the loss of `mass_gev`."""
    del config
    return {"mass_gev": MassError()}


def metrics(config: MassRegressorConfig) -> dict[str, list[keras.metrics.Metric]]:
    """Returns the error in the region of interest, for the log."""
    del config
    return {"mass_gev": [RegionError()]}


def targets(records: ak.Array) -> dict[str, Float32]:
    """Returns the labels `mass_gev` [B] in GeV."""
    return {"mass_gev": leaf_values(records, "label_mass_gev").astype(np.float32)}


def weights(records: ak.Array) -> Float32:
    """Returns [B] the field `weight`, 1 where there is none, and 0 for a candidate without energy."""
    there = np.asarray(ak.to_numpy(ak.any(records.hits.energy_gev > 0, axis=1)), np.float32)
    return there * leaf_values(records, "weight") if has_field(records, "weight") else there


def flat_weights(label_gev: npt.ArrayLike, pt_gev: npt.ArrayLike) -> Float32:
    """Weighs candidates so that they are flat in mass and pT, and single photons as dense as decays.

    The inverse of a histogram of 16 masses above 0 and 20 pT; photons, all in one bin of mass, in 20 pT.

    Args:
        label_gev: [B] labels; those below 0 are of single photons.
        pt_gev: [B] pT of the parents.

    Returns:
        [B], their mean over the decays is 1.
    """
    label, pt = np.asarray(label_gev, np.float64), np.asarray(pt_gev, np.float64)
    photon = label < 0
    highest = label.max(initial=0.0)
    width = highest / MASS_BINS
    in_mass = np.where(photon, MASS_BINS, np.clip(label / max(width, 1e-9), 0, MASS_BINS - 1)).astype(int)
    low, high = (pt.min(), pt.max()) if len(pt) else (0.0, 1.0)
    in_pt = np.clip((pt - low) / max(high - low, 1e-9) * PT_BINS, 0, PT_BINS - 1).astype(int)
    place = in_mass * PT_BINS + in_pt
    counts = np.bincount(place, minlength=(MASS_BINS + 1) * PT_BINS)
    filled = np.count_nonzero(counts[: MASS_BINS * PT_BINS])
    each = np.sum(~photon) / max(filled, 1)  # decays in a bin, if all were as full
    depth = -label.min(initial=0.0) / max(width, 1e-9)  # how many bins of mass the photons' labels fill
    return np.asarray(np.where(photon, depth, 1.0) * each / np.maximum(counts[place], 1), np.float32)


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
