"""From crystals to the numbers that the network sees: the five features of CMS, or local ones."""

from __future__ import annotations

import math

import keras
import tensorflow as tf

from zoo.keras_compat import register

RADIUS_CM = 129.0  # front face of the barrel crystals
ETA_PITCH = 0.0174  # of one crystal
PHI_CRYSTALS = 360
ETA_CRYSTALS = 85  # per half barrel
MODULE_EDGES = (0.0, 25.0, 45.0, 65.0, 85.0)  # ieta after which a gap follows
SUPERMODULE_PITCH = 20.0  # crystals between gaps in phi
# Ranges by which CMS scales the inputs of its network, (v - offset) / range.
CMS_XY_CM, CMS_Z_CM, CMS_ENERGY_GEV, CMS_NOISE_ADC = (-150.0, 300.0), (-330.0, 660.0), (0.0, 250.0), (0.9, 3.0)
CMS_RHO_GEV, CMS_LEAKAGE_FRACTION = 13.0, 0.05
GEV_PER_ADC = 0.039  # barrel, gain 12: noise is in ADC counts in the CMS inputs
SMALLEST_GEV = 1e-3  # below this a logarithm of an energy is cut off


def eta_coordinate(ieta: tf.Tensor) -> tf.Tensor:
    """Returns the signed number of crystals from eta 0 to the crystal's centre: ieta has no zero."""
    return ieta - 0.5 * tf.sign(ieta)


def phi_difference(iphi: tf.Tensor, reference: tf.Tensor) -> tf.Tensor:
    """Returns iphi - reference in crystals, wrapped to [-180, 180)."""
    half = PHI_CRYSTALS / 2.0
    return tf.math.floormod(iphi - reference + half, float(PHI_CRYSTALS)) - half


def gap_nearness(distance: tf.Tensor) -> tf.Tensor:
    """Returns sign(d) exp(1/2 - |d|) for the distance d in crystals from a crystal's centre to a gap: +-1 beside it."""
    return tf.sign(distance) * tf.exp(tf.minimum(0.5 - tf.abs(distance), 0.0))


def eta_gap_nearness(outward: tf.Tensor) -> tf.Tensor:
    """Returns the nearness of module gaps, positive where the gap lies outwards."""
    return tf.add_n([gap_nearness(edge - outward) for edge in MODULE_EDGES])


def phi_gap_nearness(iphi: tf.Tensor) -> tf.Tensor:
    """Returns the nearness of supermodule gaps, positive where the gap lies towards larger iphi."""
    place = tf.math.floormod(iphi - 0.5, SUPERMODULE_PITCH)
    return gap_nearness(SUPERMODULE_PITCH - place) + gap_nearness(-place)


def _scaled(value: tf.Tensor, limits: tuple[float, float]) -> tf.Tensor:
    return (value - limits[0]) * (1.0 / limits[1])


def _positive(value: tf.Tensor) -> tf.Tensor:
    return tf.where(value > 0.0, value, tf.ones_like(value))


@register("HitEnergy")
class HitEnergy(keras.layers.Layer):
    """Returns the energy of each hit and their sum.

    Call arguments:
        hits: `[B, N, 5]`, zeros in padding.

    Returns:
        Energies `[B, N]` and E_raw `[B]` in GeV; 0 in padding and for an object without hits.
    """

    def call(self, hits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        energy = hits[:, :, 2]
        return energy, tf.reduce_sum(energy, axis=1)


@register("CartesianFeatures")
class CartesianFeatures(keras.layers.Layer):
    """Computes the five hit and two object features of the CMS network, in its scaling.

    x = R cos phi, y = R sin phi, z = R sinh eta of the crystal's front face, its energy and its noise;
    rho / 13 GeV and (H / E_raw) / 0.05.

    Call arguments:
        hits: `[B, N, 5]`, clean.
        hit_mask: `[B, N]`.
        event: `[B, 2]` (rho, leakage) in GeV.

    Returns:
        Hit features `[B, N, 5]`, zeros in padding, and object features `[B, 2]`, finite for an empty object.
    """

    def call(self, hits: tf.Tensor, hit_mask: tf.Tensor, event: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        ieta, iphi, energy, noise, _ = tf.unstack(hits, num=5, axis=-1)
        phi = (iphi - 0.5) * (2.0 * math.pi / PHI_CRYSTALS)
        # sinh by two exponentials, bounded: dirty indices must not overflow.
        eta = ETA_PITCH * tf.clip_by_value(eta_coordinate(ieta), -float(ETA_CRYSTALS), float(ETA_CRYSTALS))
        nodes = tf.stack(
            [
                _scaled(RADIUS_CM * tf.cos(phi), CMS_XY_CM),
                _scaled(RADIUS_CM * tf.sin(phi), CMS_XY_CM),
                _scaled(RADIUS_CM * 0.5 * (tf.exp(eta) - tf.exp(-eta)), CMS_Z_CM),
                _scaled(energy, CMS_ENERGY_GEV),
                _scaled(noise / GEV_PER_ADC, CMS_NOISE_ADC),
            ],
            axis=-1,
        )
        raw = _positive(tf.reduce_sum(energy, axis=1))
        fraction = tf.minimum(event[:, 1] / raw, 10.0)
        whole = tf.stack([event[:, 0] / CMS_RHO_GEV, fraction / CMS_LEAKAGE_FRACTION], axis=-1)
        return nodes * hit_mask[:, :, None], whole


@register("LocalFeatures")
class LocalFeatures(keras.layers.Layer):
    """Computes features relative to the object: the seed's frame, fractions, significances, gaps, shower shapes.

    The frame is that of the seed (the hit of the largest energy), mirrored so that eta points outwards in both halves of
    the barrel, and wrapped in phi. Energies enter as logarithms and as fractions of the raw sum, so that one network serves 2 to 200 GeV.

    Call arguments:
        hits: `[B, N, 5]`, clean, sorted by falling energy (`CanonicalOrder`).
        hit_mask: `[B, N]`.
        event: `[B, 2]` (rho, leakage) in GeV.

    Returns:
        Hit features `[B, N, 13]`, zeros in padding, and object features `[B, 24]`, finite for an empty object.
    """

    def call(self, hits: tf.Tensor, hit_mask: tf.Tensor, event: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        ieta, iphi, energy, noise, dead = tf.unstack(hits, num=5, axis=-1)
        raw = _positive(tf.reduce_sum(energy, axis=1))
        fraction = energy / raw[:, None]
        eta = eta_coordinate(ieta)
        seed_eta = eta[:, :1]
        side = tf.where(seed_eta < 0.0, -tf.ones_like(seed_eta), tf.ones_like(seed_eta))
        outward = tf.clip_by_value(eta * side, -float(ETA_CRYSTALS), float(ETA_CRYSTALS))
        deta = (outward - outward[:, :1]) * hit_mask
        dphi = phi_difference(iphi, iphi[:, :1]) * hit_mask
        gap_eta, gap_phi = eta_gap_nearness(outward), phi_gap_nearness(iphi)
        mean_eta = tf.reduce_sum(fraction * deta, axis=1, keepdims=True)
        mean_phi = tf.reduce_sum(fraction * dphi, axis=1, keepdims=True)
        safe_noise = tf.maximum(noise, SMALLEST_GEV)
        log_energy = tf.math.log(tf.maximum(energy, SMALLEST_GEV))
        nodes = tf.stack(
            [
                0.5 * deta,
                0.2 * dphi,
                0.5 * (deta - mean_eta),
                0.2 * (dphi - mean_phi),
                0.5 * log_energy,
                0.25 * tf.math.log(tf.maximum(fraction, 1e-5)) + 1.0,
                2.0 * fraction,
                0.5 * tf.math.log(tf.maximum(energy, SMALLEST_GEV) / safe_noise) - 1.0,
                10.0 * tf.minimum(noise, 1.0) - 0.7,
                gap_eta,
                gap_phi,
                0.5 * tf.minimum(dead, 8.0),
                outward * (1.0 / ETA_CRYSTALS),
            ],
            axis=-1,
        )
        spread_eta = tf.reduce_sum(fraction * tf.square(deta - mean_eta), axis=1)
        spread_phi = tf.reduce_sum(fraction * tf.square(dphi - mean_phi), axis=1)
        near_eta, near_phi = tf.cast(tf.abs(deta) < 1.5, eta.dtype), tf.cast(tf.abs(dphi) < 1.5, eta.dtype)
        core = fraction * near_eta * near_phi
        core_sum = tf.reduce_sum(core, axis=1)
        safe_core = _positive(core_sum)
        second = fraction - fraction[:, :1] * tf.cast(tf.range(tf.shape(hits)[1])[None] < 1, eta.dtype)
        number = tf.reduce_sum(hit_mask, axis=1)
        log_raw = tf.math.log(tf.maximum(raw, SMALLEST_GEV))
        whole = tf.stack(
            [
                log_raw - 3.0,
                tf.math.log(1.0 + number) - 3.0,
                outward[:, 0] * (1.0 / ETA_CRYSTALS),
                event[:, 0] * (1.0 / 20.0),
                0.5 * tf.math.log(1.0 + tf.maximum(event[:, 1], 0.0)),
                10.0 * tf.clip_by_value(event[:, 1] / raw, -0.5, 0.5),
                gap_eta[:, 0],
                gap_phi[:, 0],
                2.0 * fraction[:, 0] - 1.0,
                4.0 * tf.reduce_max(second, axis=1) - 1.0,
                2.0 * core_sum - 1.5,
                2.0 * tf.reduce_sum(fraction * tf.cast(tf.abs(dphi) < 2.5, eta.dtype), axis=1) - 1.5,
                2.0 * tf.reduce_sum(fraction * near_eta, axis=1) - 1.5,
                2.0 * tf.reduce_sum(core * deta, axis=1) / safe_core,
                2.0 * tf.reduce_sum(core * dphi, axis=1) / safe_core,
                2.0 * mean_eta[:, 0],
                0.5 * mean_phi[:, 0],
                tf.sqrt(spread_eta + 1e-6) - 0.5,
                0.5 * tf.sqrt(spread_phi + 1e-6) - 0.5,
                4.0 * tf.reduce_sum(fraction * tf.cast(dphi > 1.5, eta.dtype), axis=1),
                4.0 * tf.reduce_sum(fraction * tf.cast(dphi < -1.5, eta.dtype), axis=1),
                tf.math.log(tf.sqrt(tf.reduce_sum(tf.square(safe_noise * hit_mask), axis=1) + 1e-6) / raw) * 0.5 + 2.0,
                0.25 * tf.reduce_sum(core * dead, axis=1),
                0.1 * tf.minimum(tf.reduce_sum(dead, axis=1), 50.0),
            ],
            axis=-1,
        )
        return nodes * hit_mask[:, :, None], whole
