"""What the network is trained to do: class, charge and momentum of the particle of each element.

| output | target | loss |
| --- | --- | --- |
| `class_logit` | class, 0: none | focal loss |
| `charge` | charge | squared error |
| `momentum` | pT, eta, sin phi, cos phi, E | Huber loss, of logarithms for pT and E |
| `visible` | four-momentum, jet | MET, jets, density, Wasserstein; only where a weight is above 0 |

Charge and momentum count where the target is a particle. The first three are divided by the number of real
elements of the event, so that neither padding nor the rest of the batch changes the size of a gradient. The
public code divides by the padded number, and compares pT and E in GeV, where few stiff tracks make the loss.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register
from zoo.losses.energy_regression import huber
from zoo.losses.momentum_sums import jet_loss, met_loss
from zoo.losses.particle_density import density_loss, sliced_wasserstein_loss
from zoo.losses.set_focal import LEAST_GEV, SetFocal, pt_weight
from zoo.models.mlpf.config import MLPFConfig


def _event_weights(config: MLPFConfig) -> tuple[float, float, float, float]:
    return config.jet_weight, config.met_weight, config.density_weight, config.wasserstein_weight


def loss(config: MLPFConfig) -> dict[str, keras.losses.Loss]:
    """Returns the loss of each output that has one."""
    losses: dict[str, keras.losses.Loss] = {
        "class_logit": SetFocal(config.focal_gamma, config.focal_alpha, config.class_pt_power),
        "charge": ChargeLoss(),
        "momentum": MomentumLoss(
            config.pt_weight,
            config.eta_weight,
            config.phi_weight,
            config.energy_weight,
            config.momentum_huber,
            config.angle_huber,
            config.pt_power,
        ),
    }
    if any(_event_weights(config)):
        losses["visible"] = EventLoss(*_event_weights(config), config.slices)
    return losses


def loss_weights(config: MLPFConfig) -> dict[str, float]:
    """Returns what each of them counts in the sum; `MomentumLoss` and `EventLoss` have weights inside."""
    weights = {"class_logit": config.class_weight, "charge": config.charge_weight, "momentum": 1.0}
    return {**weights, "visible": 1.0} if any(_event_weights(config)) else weights


def metrics(config: MLPFConfig) -> dict[str, list[keras.metrics.Metric]]:
    """Returns the metrics by output."""
    del config
    return {"class_logit": [ClassAccuracy()], "momentum": [PtError()]}


def _over_real(each: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
    """Returns the sum over elements `[B, N]`, divided by the number of real ones, `[B]`."""
    return tf.reduce_sum(each * real, axis=1) / tf.maximum(tf.reduce_sum(real, axis=1), 1.0)


@register("ChargeLoss")
class ChargeLoss(keras.losses.Loss):
    """Squared error of the charge of particles.

    Call arguments:
        y_true: `[B, N, 3]` of `targets`.
        y_pred: `[B, N]`.
    """

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each event `[B]`."""
        charge, particle, real = tf.unstack(y_true, num=3, axis=-1)
        return _over_real(tf.square(y_pred - charge) * particle, real)


@register("MomentumLoss")
class MomentumLoss(keras.losses.Loss):
    """Weighted Huber losses of log pT, eta, sin phi, cos phi and log E of particles.

    Args:
        pt: Weight of log pT.
        eta: Weight of eta.
        phi: Weight of sin phi, and of cos phi.
        energy: Weight of log E.
        momentum_delta: Where the loss of log pT and log E becomes linear.
        angle_delta: Where that of the angles does.
        pt_power: Each particle counts as this power of its pT in GeV, of 100 GeV at most.

    Call arguments:
        y_true: `[B, N, 7]` of `targets`.
        y_pred: `[B, N, 5]`: pT, eta, sin phi, cos phi, E.
    """

    def __init__(
        self,
        pt: float = 1.0,
        eta: float = 1.0,
        phi: float = 1.0,
        energy: float = 1.0,
        momentum_delta: float = 1.0,
        angle_delta: float = 0.1,
        pt_power: float = 0.0,
        reduction: str = "sum_over_batch_size",
        name: str = "momentum",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.pt, self.eta, self.phi, self.energy = float(pt), float(eta), float(phi), float(energy)
        self.momentum_delta, self.angle_delta = float(momentum_delta), float(angle_delta)
        self.pt_power = float(pt_power)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each event `[B]`."""
        *wanted, particle, real = tf.unstack(y_true, num=7, axis=-1)
        found = tf.unstack(y_pred, num=5, axis=-1)
        weights = (self.pt, self.eta, self.phi, self.phi, self.energy)
        total = tf.zeros_like(particle)
        for number, weight in enumerate(weights):
            one, other, delta = found[number], wanted[number], self.angle_delta
            if number in (0, 4):
                one, other = (tf.math.log(tf.maximum(value, LEAST_GEV)) for value in (one, other))
                delta = self.momentum_delta
            total += weight * huber(one - other, delta)
        if self.pt_power:
            total *= pt_weight(wanted[0], self.pt_power)
        return _over_real(total * particle, real)

    def get_config(self) -> dict[str, Any]:
        names = ("pt", "eta", "phi", "energy", "momentum_delta", "angle_delta", "pt_power")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@register("EventLoss")
class EventLoss(keras.losses.Loss):
    """Weighted sum of `jet_loss`, `met_loss`, `density_loss` and `sliced_wasserstein_loss`.

    Args:
        jet: Weight of the first.
        met: Weight of the second.
        density: Weight of the third.
        wasserstein: Weight of the last.
        slices: Its number of projections.

    Call arguments:
        y_true: `[B, N, 5]` of `targets`.
        y_pred: `[B, N, 4]`: px, py, pz, E times the probability of a particle.
    """

    def __init__(
        self,
        jet: float = 0.0,
        met: float = 0.0,
        density: float = 0.0,
        wasserstein: float = 0.0,
        slices: int = 64,
        reduction: str = "sum_over_batch_size",
        name: str = "event",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.jet, self.met, self.density = float(jet), float(met), float(density)
        self.wasserstein, self.slices = float(wasserstein), int(slices)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each event `[B]`."""
        true, number = y_true[:, :, :4], tf.cast(y_true[:, :, 4], tf.int32)
        total = tf.zeros_like(y_pred[:, 0, 0])
        if self.jet:
            total += self.jet * jet_loss(true, y_pred, number)
        if self.met:
            total += self.met * met_loss(true, y_pred)
        if self.density:
            total += self.density * density_loss(true, y_pred)
        if self.wasserstein:
            total += self.wasserstein * sliced_wasserstein_loss(true, y_pred, self.slices)
        return total

    def get_config(self) -> dict[str, Any]:
        names = ("jet", "met", "density", "wasserstein", "slices")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@register("ClassAccuracy")
class ClassAccuracy(keras.metrics.Mean):
    """Share of real elements with the right class."""

    def __init__(self, name: str = "accuracy", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch: targets `[B, N, 3]`, logits `[B, N, C]`."""
        right = tf.equal(tf.argmax(y_pred, axis=-1), tf.cast(y_true[:, :, 0], tf.int64))
        super().update_state(tf.cast(right, y_pred.dtype), sample_weight=y_true[:, :, 1])


@register("PtError")
class PtError(keras.metrics.Mean):
    """Mean |log(pT / pT_true)| of the elements with a particle."""

    def __init__(self, name: str = "log_pt_error", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch: targets `[B, N, 7]`, momenta `[B, N, 5]`."""
        one, other = (tf.math.log(tf.maximum(value[:, :, 0], LEAST_GEV)) for value in (y_pred, y_true))
        super().update_state(tf.abs(one - other), sample_weight=y_true[:, :, 5])
