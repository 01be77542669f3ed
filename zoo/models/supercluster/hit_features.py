"""From the rechits of a cluster to the numbers that the network sees, and the cluster's shape.

| `features` | hits | shape of the cluster |
| --- | --- | --- |
| `eoy2018` | ieta, iphi, iz, energy x fraction | number of crystals |
| `acat22`, `run3` | the same | widths in eta and phi, swiss cross, number of crystals |
| `local` | relative to the cluster's seed crystal, logarithm, fraction, dead neighbours | seven numbers |
"""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register
from zoo.layers.pairwise import pairwise_distance

PITCH = math.pi / 180.0  # of a crystal in eta and phi
PHI_CRYSTALS = 360.0
FARTHEST = 180.0  # crystals: a dirty index must not reach beyond
LEAST = 1e-4  # smallest energy (GeV) and fraction that a logarithm sees

# (offset, scale): of the clusters in the scaler file of EOY_2018, of shapes in the Run-3 table beside it.
_HIT_SCALE = ((17.8, 52.9), (135.0, 105.0), (0.0, 0.59), (0.0, 10.0))
_SHAPE_SCALE = {
    "eta_width": (0.0065, 0.0067),
    "phi_width": (0.0067, 0.0077),
    "swiss_cross": (0.762, 0.359),
    "crystals": (3.95, 5.01),
}
PUBLIC_SHAPES = {"eoy2018": ("crystals",), "acat22": tuple(_SHAPE_SCALE), "run3": tuple(_SHAPE_SCALE)}
LOCAL_HIT_FEATURES = (
    ("deta", 0.0, 0.7),  # crystals, outwards
    ("dphi", 0.0, 0.5),
    ("log_energy", -0.5, 0.6),
    ("fraction", 0.3, 3.0),
    ("dead_neighbours", 0.0, 0.5),
)
LOCAL_SHAPES = (
    ("log_crystals", 1.3, 1.2),
    ("largest_fraction", 0.7, 4.0),
    ("eta_width", 0.3, 3.0),  # crystals
    ("phi_width", 0.3, 3.0),
    ("swiss_cross", 0.76, 2.8),
    ("dead_neighbours", 0.0, 0.5),  # most of any crystal
    ("response", 1.0, 2.0),  # sum of the hits over the cluster's energy
)


@register("HitFeatures")
class HitFeatures(keras.layers.Layer):
    """Computes the features of the rechits of each cluster.

    Args:
        features: "eoy2018", "acat22", "run3" or "local".

    Call arguments:
        hits: `[R, H, 4]`, clean, by falling energy.
        hit_mask: `[R, H]`.
        clusters: `[R, 6]`, clean.

    Returns:
        Features of hits `[R, H, F]`, scaled, zeros in padding, and of the cluster's shape `[R, S]`, finite
        for a cluster without hits.
    """

    def __init__(self, features: str = "eoy2018", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if features not in (*PUBLIC_SHAPES, "local"):
            raise ValueError(
                f"HitFeatures: expected features in {(*PUBLIC_SHAPES, 'local')}. Received: {features!r}"
            )
        self.features = features

    def call(self, hits: tf.Tensor, hit_mask: tf.Tensor, clusters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        ieta, iphi, energy, dead = tf.unstack(hits, num=4, axis=-1)
        deta, dphi = _from_seed_crystal(hits, hit_mask, clusters)
        crystals = tf.reduce_sum(hit_mask, axis=1)
        total = tf.reduce_sum(energy, axis=1)
        fraction = energy / tf.where(total > 0.0, total, 1.0)[:, None]
        found = {"crystals": crystals}
        if self.features != "eoy2018":
            found["eta_width"], found["phi_width"] = _width(fraction, deta), _width(fraction, dphi)
            found["swiss_cross"] = _swiss_cross(energy, deta, dphi)
        if self.features != "local":
            nodes = [
                (value - offset) * (1.0 / scale)
                for value, (offset, scale) in zip(
                    (ieta, iphi, tf.zeros_like(ieta), energy), _HIT_SCALE, strict=True
                )
            ]
            for name in ("eta_width", "phi_width"):
                if name in found:
                    found[name] *= PITCH
            shapes = [
                (found[name] - _SHAPE_SCALE[name][0]) * (1.0 / _SHAPE_SCALE[name][1])
                for name in PUBLIC_SHAPES[self.features]
            ]
            return tf.stack(nodes, axis=-1) * hit_mask[:, :, None], tf.stack(shapes, axis=-1)
        cluster_energy = clusters[:, 2]
        response = total / tf.where(cluster_energy > 0.0, cluster_energy, 1.0)
        found |= {
            "log_crystals": tf.math.log(1.0 + crystals),
            "largest_fraction": fraction[:, 0],
            "dead_neighbours": tf.reduce_max(dead, axis=1),
            "response": tf.minimum(response, 2.0),
        }
        of_hits = {
            "deta": deta,
            "dphi": dphi,
            "log_energy": tf.math.log(tf.maximum(energy, LEAST)),
            "fraction": fraction,
            "dead_neighbours": dead,
        }
        nodes = [(of_hits[name] - offset) * scale for name, offset, scale in LOCAL_HIT_FEATURES]
        shapes = [(found[name] - offset) * scale for name, offset, scale in LOCAL_SHAPES]
        return tf.stack(nodes, axis=-1) * hit_mask[:, :, None], tf.stack(shapes, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "features": self.features}


@register("HitDistance")
class HitDistance(keras.layers.Layer):
    """Computes the distances between the crystals of each cluster.

    Call arguments:
        hits: `[R, H, 4]`, clean.
        hit_mask: `[R, H]`.
        clusters: `[R, 6]`, clean.

    Returns:
        `[R, H, H]` in crystals.
    """

    def call(self, hits: tf.Tensor, hit_mask: tf.Tensor, clusters: tf.Tensor) -> tf.Tensor:
        return pairwise_distance(tf.stack(_from_seed_crystal(hits, hit_mask, clusters), axis=-1))


def _from_seed_crystal(
    hits: tf.Tensor, hit_mask: tf.Tensor, clusters: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns how many crystals each hit lies outwards and along phi from its cluster's seed crystal."""
    outwards = 1.0 - 2.0 * tf.cast(clusters[:, :1] < 0.0, hits.dtype)
    deta = outwards * (_place(hits[:, :, 0]) - _place(clusters[:, :1]))
    half = 0.5 * PHI_CRYSTALS
    dphi = tf.math.floormod(hits[:, :, 1] - clusters[:, 1:2] + half, PHI_CRYSTALS) - half
    return tf.clip_by_value(deta, -FARTHEST, FARTHEST) * hit_mask, dphi * hit_mask


def _place(ieta: tf.Tensor) -> tf.Tensor:
    """Returns crystals from eta 0: ieta has no 0."""
    return ieta - 0.5 * tf.sign(ieta)


def _width(fraction: tf.Tensor, distance: tf.Tensor) -> tf.Tensor:
    mean = tf.reduce_sum(fraction * distance, axis=1, keepdims=True)
    # The small number keeps the root's slope finite for a cluster of one crystal.
    return tf.sqrt(tf.reduce_sum(fraction * tf.square(distance - mean), axis=1) + 1e-6)


def _swiss_cross(energy: tf.Tensor, deta: tf.Tensor, dphi: tf.Tensor) -> tf.Tensor:
    """Returns 1 - E4 / E1: the four neighbours of the leading crystal over itself; 0 without hits."""
    beside = tf.abs(tf.abs(deta - deta[:, :1]) + tf.abs(dphi - dphi[:, :1]) - 1.0) < 0.5
    around = tf.reduce_sum(tf.where(beside, energy, 0.0), axis=1)
    first = energy[:, 0]
    return tf.where(first > 0.0, 1.0 - around / tf.where(first > 0.0, first, 1.0), 0.0)
