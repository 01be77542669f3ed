"""What the network is trained to do: the target, the loss and the metrics.

The one convention of sign: y = log(E_true / E_raw), so energy = E_raw exp(mu) and a positive y means that
energy is missing in the crystals.
"""

from __future__ import annotations

from typing import Any

import awkward as ak
import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from zoo.keras_compat import register
from zoo.losses.crystal_ball import REACH, CrystalBallLoss
from zoo.models.drn.config import DRNConfig

OUT_OF_REACH = 10.0  # target of an object without raw energy: beyond `REACH`, so its loss is zero


def loss(config: DRNConfig) -> dict[str, keras.losses.Loss]:
    """Returns the negative log-likelihood; targets beyond +-ln 2, which mu cannot reach, count zero."""
    del config  # one loss for all presets
    return {"dscb": CrystalBallLoss(reach=REACH)}


def metrics(config: DRNConfig) -> dict[str, list[keras.metrics.Metric]]:
    """Returns the metrics of the output `dscb`."""
    del config
    return {"dscb": [ModeError(), RelativeWidth()]}


def targets(records: ak.Array) -> dict[str, npt.NDArray[np.float32]]:
    """Computes y = log(E_true / E_raw) of each object.

    Args:
        records: Objects with `hits.energy_gev` and `true_energy_gev`.

    Returns:
        `dscb`: y `[B]` float32, not clipped. Objects without raw or true energy get `OUT_OF_REACH`.
        Everything beyond +-ln 2 is left out of the loss and is counted as inefficiency in the report.
    """
    counts = np.asarray(ak.to_numpy(ak.num(records["hits"]["energy_gev"])))
    energies = np.asarray(ak.to_numpy(ak.flatten(records["hits"]["energy_gev"])), np.float64)
    owner = np.repeat(np.arange(counts.size), counts)
    # The network drops hits without positive energy; its raw energy is this one.
    raw = np.bincount(owner, weights=np.where(energies > 0, energies, 0.0), minlength=counts.size)
    true = np.asarray(ak.to_numpy(records["true_energy_gev"]), np.float64)
    usable = (raw > 0) & (true > 0)
    ratio = np.divide(true, raw, out=np.ones_like(true), where=usable)
    return {"dscb": np.where(usable, np.log(ratio), OUT_OF_REACH).astype(np.float32)}


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
