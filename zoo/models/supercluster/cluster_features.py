"""From clusters to the numbers that the network sees: the features of the public networks, or local ones.

| `features` | clusters | window |
| --- | --- | --- |
| `eoy2018` | 11 of the 12 of EOY_2018, in its order; the hits give the last | max, min, mean of six |
| `acat22` | the same 11; four of the hits follow | max of six |
| `run3` | the same with logarithms of energies, 15 | max of six |
| `local` | relative to the seed, logarithms and fractions, pile-up | sums and spreads of the window |

Quantities are raw at the border of the network; the scales stand here. Maxima and minima start from the first
cluster (CMSSW's start from 0, which no training of CMS does).
"""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register
from zoo.layers.masked_reductions import FLOOR, masked_mean

STEEPEST = 5.0  # |eta| is cut here: a dirty one must not overflow
LEAST_GEV = 1e-3  # smallest energy that a logarithm sees

# (offset, scale) of the public networks: the scaler file of EOY_2018 (DeepSuperCluster, exported_models).
_SCALE = {
    "energy": (31.0, 89.6),
    "et": (9.86, 21.9),
    "eta": (0.003, 1.48),
    "phi": (-0.007, 1.81),
    "ieta": (17.8, 52.9),
    "iphi": (135.0, 105.0),
    "iz": (0.0, 0.59),
    "deta": (0.021, 0.0586),
    "dphi": (0.0, 0.276),
    "de": (78.9, 98.6),
    "det": (33.8, 30.2),
    # of the Run-3 table there: means of logarithms; its spreads of the last two come from log 0, these do not
    "log_energy": (2.4, 2.5),
    "log_et": (1.9, 2.2),
    "log_de": (4.0, 2.5),
    "log_det": (3.5, 2.0),
}
_SUMMARISED = ("energy", "et", "deta", "dphi", "de", "det")
_MAX = ((143.0, 152.0), (44.8, 28.0), (0.0707, 0.0573), (0.272, 0.207), (112.0, 130.0), (39.7, 29.8))
_MIN = ((31.1, 113.0), (5.08, 16.6), (-0.0352, 0.0351), (-0.273, 0.207), (-0.0152, 1.53), (-0.00487, 0.458))
_MEAN = ((64.9, 117.0), (15.5, 16.7), (0.0147, 0.0311), (-0.000268, 0.118), (78.5, 84.0), (29.3, 22.9))

_REFERENCE = ("energy", "et", "eta", "phi", "ieta", "iphi", "iz", "deta", "dphi", "de", "det")
_RUN3 = (
    "energy", "et", "eta", "phi", "log_energy", "log_et", "ieta", "iphi", "iz", "deta", "dphi", "de", "det",
    "log_de", "log_det",
)  # fmt: skip
PUBLIC_FEATURES = {"eoy2018": _REFERENCE, "acat22": _REFERENCE, "run3": _RUN3}

LOCAL_FEATURES = (
    ("log_energy", 0.5, 0.7),
    ("log_seed_fraction", -2.5, 0.6),  # of the seed's energy
    ("fraction", 0.2, 3.0),  # of all energy in the window
    ("log_et", 0.3, 0.7),
    ("deta", 0.0, 20.0),  # outwards
    ("dphi", 0.0, 4.0),
    ("abs_dphi", 0.15, 6.0),
    ("abs_eta", 0.75, 2.3),
    ("log_seed_et", 2.0, 0.8),
    ("log_clusters", 1.9, 1.5),
    ("rho", 20.0, 0.05),  # GeV per unit area
    ("leakage_fraction", 0.05, 8.0),  # of the seed's energy
)
LOCAL_WINDOW_FEATURES = (
    ("log_energy", 3.0, 0.7),  # of all clusters
    ("log_seed_et", 2.0, 0.8),
    ("seed_fraction", 0.7, 3.0),
    ("log_clusters", 1.9, 1.5),
    ("rho", 20.0, 0.05),
    ("leakage_fraction", 0.05, 8.0),
    ("abs_eta", 0.75, 2.3),
    ("mean_dphi", 0.0, 10.0),  # weighted with energy
    ("spread_dphi", 0.05, 10.0),
    ("spread_deta", 0.01, 40.0),
)


def phi_difference(phi: tf.Tensor, reference: tf.Tensor) -> tf.Tensor:
    """Returns phi - reference in radians, wrapped to [-pi, pi)."""
    return tf.math.floormod(phi - reference + math.pi, 2.0 * math.pi) - math.pi


def _transverse(energy: tf.Tensor, eta: tf.Tensor) -> tf.Tensor:
    up = tf.exp(tf.clip_by_value(eta, -STEEPEST, STEEPEST))
    return 2.0 * energy / (up + 1.0 / up)


def _log(energy: tf.Tensor) -> tf.Tensor:
    return tf.math.log(tf.maximum(energy, LEAST_GEV))


def _over(energy: tf.Tensor, whole: tf.Tensor) -> tf.Tensor:
    """Returns energy / whole, 0 where there is no whole."""
    return energy / tf.where(whole > 0.0, whole, 1.0)


@register("ClusterFeatures")
class ClusterFeatures(keras.layers.Layer):
    """Computes the features of clusters, with respect to the seed, and of their window.

    Args:
        features: "eoy2018", "acat22", "run3" or "local".

    Call arguments:
        clusters: `[B, N, 6]`, clean, the seed first (`CanonicalOrder`). Without a seed, the hardest cluster.
        cluster_mask: `[B, N]`.
        window: `[B, 2]` (rho, leakage) in GeV, clean; only "local" looks at it.

    Returns:
        `[B, N, 1 + F]`: is_seed, then the features, scaled, zeros in padding; and features of the window
        `[B, W]`, finite for an empty one.
    """

    def __init__(self, features: str = "eoy2018", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if features not in (*PUBLIC_FEATURES, "local"):
            raise ValueError(
                f"ClusterFeatures: expected features in {(*PUBLIC_FEATURES, 'local')}. Received: {features!r}"
            )
        self.features = features

    def call(
        self, clusters: tf.Tensor, cluster_mask: tf.Tensor, window: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        ieta, iphi, energy, eta, phi, is_seed = tf.unstack(clusters, num=6, axis=-1)
        et = _transverse(energy, eta)
        outwards = 1.0 - 2.0 * tf.cast(eta[:, :1] < 0.0, eta.dtype)
        deta = outwards * (eta - eta[:, :1]) * cluster_mask
        dphi = phi_difference(phi, phi[:, :1]) * cluster_mask
        if self.features == "local":
            nodes, whole = self._local(energy, et, eta, deta, dphi, cluster_mask, window)
            return tf.stack([is_seed, *nodes], axis=-1) * cluster_mask[:, :, None], whole
        found = {
            "energy": energy, "et": et, "eta": eta, "phi": phi, "ieta": ieta, "iphi": iphi,
            "iz": tf.zeros_like(energy), "deta": deta, "dphi": -dphi,  # seed - cluster, as there
            "de": energy[:, :1] - energy, "det": et[:, :1] - et,
        }  # fmt: skip
        summarised = tf.stack([found[name] for name in _SUMMARISED], axis=-1)
        if self.features == "run3":
            for name in ("energy", "et", "de", "det"):
                found[f"log_{name}"] = tf.math.log(1.0 + tf.maximum(found[name], 0.0))
        names = PUBLIC_FEATURES[self.features]
        scaled = [(found[name] - _SCALE[name][0]) * (1.0 / _SCALE[name][1]) for name in names]
        nodes = tf.stack([is_seed, *scaled], axis=-1) * cluster_mask[:, :, None]
        return nodes, self._summary(summarised, cluster_mask)

    def _summary(self, values: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Returns max, min and mean over the real clusters, scaled; the maxima alone for later networks."""
        beyond = ((1.0 - mask) * FLOOR)[:, :, None]
        largest, smallest = tf.reduce_max(values + beyond, axis=1), tf.reduce_min(values - beyond, axis=1)
        parts, scales = [largest, smallest, masked_mean(values, mask)], [*_MAX, *_MIN, *_MEAN]
        if self.features != "eoy2018":
            parts, scales = parts[:1], list(_MAX)
        summary = tf.concat(parts, axis=-1)
        summary = tf.where(tf.reduce_sum(mask, axis=1, keepdims=True) > 0.0, summary, 0.0)
        offset, scale = zip(*scales, strict=True)
        return (summary - tf.constant(offset)) * tf.constant([1.0 / value for value in scale])

    def _local(
        self,
        energy: tf.Tensor,
        et: tf.Tensor,
        eta: tf.Tensor,
        deta: tf.Tensor,
        dphi: tf.Tensor,
        mask: tf.Tensor,
        window: tf.Tensor,
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        seed, total = energy[:, 0], tf.reduce_sum(energy, axis=1)
        fraction = _over(energy, total[:, None])
        of_window = {
            "log_energy": _log(total),
            "log_seed_et": _log(et[:, 0]),
            "seed_fraction": fraction[:, 0],
            "log_clusters": tf.math.log(1.0 + tf.reduce_sum(mask, axis=1)),
            "rho": window[:, 0],
            "leakage_fraction": tf.minimum(_over(window[:, 1], seed), 1.0),
            "abs_eta": tf.abs(eta[:, 0]),
            "mean_dphi": tf.abs(tf.reduce_sum(fraction * dphi, axis=1)),
            "spread_dphi": tf.sqrt(tf.reduce_sum(fraction * dphi * dphi, axis=1) + 1e-6),
            "spread_deta": tf.sqrt(tf.reduce_sum(fraction * deta * deta, axis=1) + 1e-6),
        }
        of_cluster = {
            "log_energy": _log(energy),
            "log_seed_fraction": _log(_over(energy, seed[:, None])),
            "fraction": fraction,
            "log_et": _log(et),
            "deta": deta,
            "dphi": dphi,
            "abs_dphi": tf.abs(dphi),
            "abs_eta": tf.abs(eta),
        }
        nodes = [
            ((of_cluster[name] if name in of_cluster else of_window[name][:, None] * mask) - offset) * scale
            for name, offset, scale in LOCAL_FEATURES
        ]
        whole = [(of_window[name] - offset) * scale for name, offset, scale in LOCAL_WINDOW_FEATURES]
        return nodes, tf.stack(whole, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "features": self.features}
