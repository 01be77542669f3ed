"""From the numbers of the heads to particles in physical units."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register
from zoo.layers.canonical_order import restore_order
from zoo.layers.real_rows import to_sets
from zoo.models.mlpf.config import CLASSES, FEATURES, MASS_GEV

STEEPEST = 7.0  # largest |eta| of a particle, beyond any detector
LARGEST_LOG = 6.0  # bound of log(pT / pT of the element)
LEAST_GEV = 1e-2  # pT of an element that has none


def _columns(elements: tf.Tensor, features: str) -> dict[str, tf.Tensor]:
    names = FEATURES[features]
    value = {name: elements[:, number] for number, name in enumerate(names)}
    if "phi" in value:
        value["sin_phi"], value["cos_phi"] = tf.sin(value["phi"]), tf.cos(value["phi"])
    return value


def _momentum_of(
    pt: tf.Tensor, eta: tf.Tensor, sine: tf.Tensor, cosine: tf.Tensor, mass: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns (pt, eta, sin, cos, E) and (px, py, pz, E), `[R, 5]` and `[R, 4]`."""
    up = tf.exp(eta)
    pz = 0.5 * pt * (up - 1.0 / up)
    # Not sqrt(p^2 + m^2), whose squares lose the mass beside a TeV and whose gradient ends at 0.
    p = 0.5 * pt * (up + 1.0 / up)
    energy = p + mass * mass / (p + tf.sqrt(p * p + mass * mass + 1e-12))
    return (
        tf.stack([pt, eta, sine, cosine, energy], axis=-1),
        tf.stack([pt * cosine, pt * sine, pz, energy], axis=-1),
    )


@register("Particle")
class Particle(keras.layers.Layer):
    """Four-momentum and charge of the particle of each element, on the mass shell of its class.

    With c, d, (s, t) and q from the heads,

        pT = pT_in exp(6 tanh(c / 6)),  eta = eta_in + d within +-7,
        (sin phi, cos phi) = (sin phi_in + tanh(s) / 2, cos phi_in + tanh(t) / 2) / norm,
        E = sqrt(pT^2 cosh^2 eta + m^2),  charge = tanh q,

    where m is the mass of the most probable class that is a particle, and pT_in = E_in / cosh eta_in, and if
    that is 0, too, 10 MeV, for an element without pT.

    Args:
        features: Name of the features.

    Call arguments:
        elements: Rows `[R, F]`, finite.
        logits: `[R, C]`.
        charge: q, `[R, 1]`.
        eta: d, `[R, 1]`.
        phi: (s, t), `[R, 2]`.
        momentum: c, `[R, 1]`.

    Returns:
        Charge `[R, 1]`; pT, eta, sin phi, cos phi, E `[R, 5]`; and px, py, pz, E `[R, 4]`, in GeV.
    """

    def __init__(self, features: str = "cms25", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.features = features

    def call(
        self,
        elements: tf.Tensor,
        logits: tf.Tensor,
        charge: tf.Tensor,
        eta: tf.Tensor,
        phi: tf.Tensor,
        momentum: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        value = _columns(elements, self.features)
        eta_in = tf.clip_by_value(value["eta"], -STEEPEST, STEEPEST)
        up = tf.exp(eta_in)
        from_energy = 2.0 * value["energy_gev"] / (up + 1.0 / up)
        pt_in = tf.where(value["pt_gev"] > 0.0, value["pt_gev"], from_energy)
        pt_in = tf.where(pt_in > 0.0, pt_in, LEAST_GEV)
        pt = pt_in * tf.exp(LARGEST_LOG * tf.tanh(momentum[:, 0] * (1.0 / LARGEST_LOG)))
        eta_out = tf.clip_by_value(eta_in + eta[:, 0], -STEEPEST, STEEPEST)
        # Bounded, so that the length is never a small difference, which would blow up the rounding.
        sine = value["sin_phi"] + 0.5 * tf.tanh(phi[:, 0])
        cosine = value["cos_phi"] + 0.5 * tf.tanh(phi[:, 1])
        # An element of 12 features that came without a direction is answered as 1e-3 of the way to phi = 0.
        cosine = tf.where(sine * sine + cosine * cosine > 1e-6, cosine, 1e-3)
        length = tf.sqrt(sine * sine + cosine * cosine)
        masses = tf.constant([MASS_GEV[name] for name in CLASSES[self.features]][1:])
        mass = tf.gather(masses, tf.argmax(logits[:, 1:], axis=-1))
        found = _momentum_of(pt, eta_out, sine / length, cosine / length, mass)
        return tf.tanh(charge), *found

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "features": self.features}


@register("LegacyParticle")
class LegacyParticle(keras.layers.Layer):
    """The public network's answers, which agree with each other only by training.

        pT = |pT_in p_0 + p_1|,  eta = eta_in + d,  sin phi = sin phi_in + s,  cos phi = cos phi_in + t,
        E = |E_in + e|,  charge = q.

    Args:
        features: Name of the features.

    Call arguments:
        elements: Rows `[R, F]`, finite.
        charge: q, `[R, 1]`.
        eta: d, `[R, 1]`.
        phi: (s, t), `[R, 2]`.
        energy: e, `[R, 1]`.
        pt: (p_0, p_1), `[R, 2]`.

    Returns:
        As `Particle`.
    """

    def __init__(self, features: str = "cms25", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.features = features

    def call(
        self,
        elements: tf.Tensor,
        charge: tf.Tensor,
        eta: tf.Tensor,
        phi: tf.Tensor,
        energy: tf.Tensor,
        pt: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        value = _columns(elements, self.features)
        pt_out = tf.abs(value["pt_gev"] * pt[:, 0] + pt[:, 1])
        eta_out = value["eta"] + eta[:, 0]
        sine, cosine = value["sin_phi"] + phi[:, 0], value["cos_phi"] + phi[:, 1]
        energy_out = tf.abs(value["energy_gev"] + energy[:, 0])
        up = tf.exp(tf.clip_by_value(eta_out, -STEEPEST, STEEPEST))
        pz = 0.5 * pt_out * (up - 1.0 / up)
        return (
            charge,
            tf.stack([pt_out, eta_out, sine, cosine, energy_out], axis=-1),
            tf.stack([pt_out * cosine, pt_out * sine, pz, energy_out], axis=-1),
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "features": self.features}


@register("ParticleOutput")
class ParticleOutput(keras.layers.Layer):
    """Brings answers to the order and the padding in which the elements came.

    Call arguments:
        logits: Rows `[R + 1, C]`.
        charge: Rows `[R + 1, 1]`.
        momentum: Rows `[R + 1, 5]`.
        four_momentum: Rows `[R + 1, 4]`.
        element_mask: `[B, N]`, as it came.
        rows: Of `RealRows`.
        slots: Of `RealRows`.
        permutation: int32 `[B, max(N, 1)]` of `CanonicalOrder`; None if elements stand as they came.

    Returns:
        Logits and probabilities `[B, N, C]`, charge `[B, N]`, momentum `[B, N, 5]`, and the four-momentum
        times the probability that there is a particle, `[B, N, 4]`. Padding has zeros everywhere,
        probabilities too.
    """

    def call(
        self,
        logits: tf.Tensor,
        charge: tf.Tensor,
        momentum: tf.Tensor,
        four_momentum: tf.Tensor,
        element_mask: tf.Tensor,
        rows: tf.Tensor,
        slots: tf.Tensor,
        permutation: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, ...]:
        weight = tf.exp(logits - tf.stop_gradient(tf.reduce_max(logits, axis=-1, keepdims=True)))
        probability = weight / tf.reduce_sum(weight, axis=-1, keepdims=True)
        visible = four_momentum * (1.0 - probability[:, :1])
        parts = [logits, probability, charge, momentum, visible]
        whole = to_sets(tf.concat(parts, axis=-1), rows, slots)
        if permutation is not None:
            missing = tf.shape(permutation)[1] - tf.shape(slots)[1]  # what `TrimPadding` cut
            whole = restore_order(tf.pad(whole, [[0, 0], [0, missing], [0, 0]]), permutation)
        whole = whole[:, : tf.shape(element_mask)[1]]
        answers = tf.split(whole, [part.shape[-1] for part in parts], axis=-1)
        answers[2] = answers[2][:, :, 0]
        return tuple(answers)

    def compute_output_shape(
        self, logits_shape: tuple[int | None, ...], *_: Any
    ) -> tuple[tuple[int | None, ...], ...]:
        """Returns (batch, elements) and the width of each answer."""
        classes = logits_shape[-1]
        return (
            (None, None, classes),
            (None, None, classes),
            (None, None),
            (None, None, 5),
            (None, None, 4),
        )
