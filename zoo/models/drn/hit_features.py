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
CMS_XY_CM, CMS_Z_CM, CMS_ENERGY_GEV, CMS_NOISE_ADC = (
    (-150.0, 300.0),
    (-330.0, 660.0),
    (0.0, 250.0),
    (0.9, 3.0),
)
CMS_RHO_GEV, CMS_LEAKAGE_FRACTION = 13.0, 0.05
GEV_PER_ADC = 0.039  # barrel, gain 12: noise is in ADC counts in the CMS inputs
SMALLEST_GEV = 1e-3  # smallest noise

# What LocalFeatures gives, with the offset and factor that bring it near 0 +- 1: (value - offset) * scale.
LOCAL_HIT_FEATURES = (
    ("deta", 0.0, 0.5),  # crystals from the seed, outwards
    ("dphi", 0.0, 0.2),  # crystals from the seed
    ("deta_from_mean", 0.0, 0.5),
    ("dphi_from_mean", 0.0, 0.2),
    ("log_energy", 0.0, 0.5),
    ("log_fraction", -4.0, 0.3),
    ("log_noise", -2.6, 1.0),
    ("gap_eta", 0.0, 1.0),
    ("gap_phi", 0.0, 1.0),
    ("fraction", 0.0, 2.0),
    ("noise", 0.07, 10.0),  # GeV
    ("dead_neighbours", 0.0, 0.5),
    ("outward", 0.0, 1.0 / ETA_CRYSTALS),
)
LOCAL_EVENT_FEATURES = (
    ("log_raw_energy", 3.0, 1.0),
    ("log_hits", 3.0, 1.0),
    ("log_leakage", 0.0, 0.5),
    ("log_noise_squared", -2.0, 0.5),
    ("rho", 20.0, 0.05),  # GeV per unit area
    ("leakage_fraction", 0.0, 10.0),
    ("seed_outward", 40.0, 1.0 / 40.0),
    ("seed_gap_eta", 0.0, 1.0),
    ("seed_gap_phi", 0.0, 1.0),
    ("seed_fraction", 0.5, 2.0),
    ("second_fraction", 0.2, 4.0),
    ("mean_deta", 0.0, 2.0),
    ("mean_dphi", 0.0, 0.5),
    ("spread_eta", 0.5, 1.0),
    ("spread_phi", 1.0, 0.5),
    ("in_3x3", 0.8, 2.0),
    ("mean_deta_in_3x3", 0.0, 2.0),
    ("mean_dphi_in_3x3", 0.0, 2.0),
    ("dead_in_3x3", 0.0, 0.5),
    ("in_3xN", 0.9, 2.0),
    ("in_5x5", 0.9, 2.0),
    ("beyond_in_phi", 0.0, 4.0),
    ("before_in_phi", 0.0, 4.0),
    ("dead", 0.0, 0.1),
)
_, HIT_OFFSET, HIT_SCALE = zip(*LOCAL_HIT_FEATURES, strict=True)
_, EVENT_OFFSET, EVENT_SCALE = zip(*LOCAL_EVENT_FEATURES, strict=True)


def eta_coordinate(ieta: tf.Tensor) -> tf.Tensor:
    """Returns the signed number of crystals from eta 0 to the crystal's centre: ieta has no zero."""
    return ieta - 0.5 * tf.sign(ieta)


def phi_difference(iphi: tf.Tensor, reference: tf.Tensor) -> tf.Tensor:
    """Returns iphi - reference in crystals, wrapped to [-180, 180)."""
    half = PHI_CRYSTALS / 2.0
    return tf.math.floormod(iphi - reference + half, float(PHI_CRYSTALS)) - half


def seed_frame(hits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns where each hit lies as seen from the seed, the first hit.

    Args:
        hits: `[B, N, 5]`, clean, sorted by falling energy.

    Returns:
        Crystals from eta 0 towards the seed's end of the barrel, crystals from the seed outwards in eta, and
        along phi; `[B, N]` each.
    """
    eta = eta_coordinate(hits[:, :, 0])
    outward = eta * (1.0 - 2.0 * tf.cast(eta[:, :1] < 0.0, eta.dtype))
    outward = tf.clip_by_value(outward, -float(ETA_CRYSTALS), float(ETA_CRYSTALS))
    return outward, outward - outward[:, :1], phi_difference(hits[:, :, 1], hits[:, :1, 1])


def gap_nearness(distance: tf.Tensor) -> tf.Tensor:
    """Returns the sum over gaps of sign(d) exp(1/2 - |d|) for d `[..., gaps]` in crystals: +-1 beside one."""
    return tf.reduce_sum(tf.sign(distance) * tf.exp(tf.minimum(0.5 - tf.abs(distance), 0.0)), axis=-1)


def eta_gap_nearness(outward: tf.Tensor) -> tf.Tensor:
    """Returns the nearness of module gaps, positive where the gap lies outwards."""
    return gap_nearness(tf.constant(MODULE_EDGES) - outward[..., None])


def phi_gap_nearness(iphi: tf.Tensor) -> tf.Tensor:
    """Returns the nearness of supermodule gaps, positive where the gap lies towards larger iphi."""
    place = tf.math.floormod(iphi - 0.5, SUPERMODULE_PITCH)
    return gap_nearness(tf.constant([SUPERMODULE_PITCH, 0.0]) - place[..., None])


def _scaled(value: tf.Tensor, limits: tuple[float, float]) -> tf.Tensor:
    return (value - limits[0]) * (1.0 / limits[1])


def _positive(value: tf.Tensor) -> tf.Tensor:
    return tf.where(value > 0.0, value, 1.0)


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
    """Computes features relative to the object: the seed's frame, fractions, gaps, shower shapes.

    The frame is that of the seed (the hit of the largest energy), mirrored so that eta points outwards in
    both halves of the barrel, and wrapped in phi. Energies enter as logarithms and as fractions of the raw
    sum, so that one network serves 2 to 200 GeV.

    Call arguments:
        hits: `[B, N, 5]`, clean, sorted by falling energy (`CanonicalOrder`).
        hit_mask: `[B, N]`.
        event: `[B, 2]` (rho, leakage) in GeV.

    Returns:
        Hit features `[B, N, 13]`, zeros in padding, and object features `[B, 24]`, finite for an empty
        object.
    """

    def call(self, hits: tf.Tensor, hit_mask: tf.Tensor, event: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        _, iphi, energy, noise, dead = tf.unstack(hits, num=5, axis=-1)
        raw = _positive(tf.reduce_sum(energy, axis=1, keepdims=True))
        fraction = energy / raw
        noise = tf.clip_by_value(noise, SMALLEST_GEV, 1.0) * hit_mask
        dead = tf.minimum(dead, 8.0)
        outward, deta, dphi = seed_frame(hits)
        deta, dphi = deta * hit_mask, dphi * hit_mask
        gaps = tf.stack([eta_gap_nearness(outward), phi_gap_nearness(iphi)], axis=-1)

        # All sums over hits at once: sum_i fraction_i v_i of the columns v.
        near_eta, near_phi = _is(tf.abs(deta) < 1.5), _is(tf.abs(dphi) < 1.5)
        core = near_eta * near_phi
        columns = [deta, dphi, deta * deta, dphi * dphi, core, core * deta, core * dphi, core * dead]
        columns += [near_eta, _is(tf.abs(dphi) < 2.5), _is(dphi > 1.5), _is(dphi < -1.5)]
        sums = tf.reduce_sum(fraction[:, :, None] * tf.stack(columns, axis=-1), axis=1)
        mean = sums[:, :2]
        spread = tf.sqrt(tf.maximum(sums[:, 2:4] - tf.square(mean), 0.0) + 1e-6)
        in_core = tf.where(sums[:, 4:5] > 0.0, sums[:, 4:5], 1.0)
        logarithms = tf.math.log(tf.maximum(tf.stack([energy, fraction, noise], axis=-1), 1e-5))
        place = tf.stack([deta, dphi], axis=-1)
        nodes = tf.concat(
            [
                place,
                place - mean[:, None, :],
                logarithms,
                gaps,
                tf.stack([fraction, noise, dead, outward], axis=-1),
            ],
            axis=-1,
        )
        # The largest energies stand first; the second is 0 where there is one hit.
        second = tf.reduce_max(
            fraction * tf.cast(tf.range(tf.shape(hits)[1])[None] > 0, fraction.dtype), axis=1
        )
        totals = tf.reduce_sum(tf.stack([hit_mask, dead, noise * noise], axis=-1), axis=1)
        rho, leakage = event[:, :1], tf.maximum(event[:, 1:], 0.0)
        whole = tf.concat(
            [
                tf.math.log(
                    tf.concat(
                        [raw, 1.0 + totals[:, :1], 1.0 + leakage, totals[:, 2:] + SMALLEST_GEV**2], axis=-1
                    )
                ),
                rho,
                tf.minimum(leakage / raw, 0.5),
                outward[:, :1],
                gaps[:, 0],
                fraction[:, :1],
                second[:, None],
                mean,
                spread,
                sums[:, 4:5],
                sums[:, 5:8] / in_core,
                sums[:, 8:],
                totals[:, 1:2],
            ],
            axis=-1,
        )
        nodes = (nodes - tf.constant(HIT_OFFSET)) * tf.constant(HIT_SCALE)
        whole = (whole - tf.constant(EVENT_OFFSET)) * tf.constant(EVENT_SCALE)
        return nodes * hit_mask[:, :, None], whole


def _is(condition: tf.Tensor) -> tf.Tensor:
    return tf.cast(condition, tf.float32)
