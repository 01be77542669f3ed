"""From the raw features of elements to the numbers that the network sees.

* default: the type one-hot; eta / 2.5; sine and cosine of each phi; of all else sign(x) log(1 + |x|).
* legacy, CMS: the type one-hot; of pT and E log(1 + x), its root and its square; sinh, cosh and |eta|; sines
  and cosines of phi at vertex, ECAL and HCAL; then every feature as it is.
* legacy, Delphes: the type one-hot, then the others as they are.

The default one has no raw number that grows with energy or with the number of hits, so that an event beyond
all of the training stays within reach. A type that there is not is a row of zeros there.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register
from zoo.layers.sanitize import finite
from zoo.models.mlpf.config import ENERGY_KINDS, FEATURES, TYPES

ETA_SCALE = 2.5
ETA_RADIUS = 1.75  # of the circle of eta: |eta| < 5.5 has a place of its own
STEEPEST = 10.0  # largest sinh and cosh of eta that the public encoding lets through


@register("CleanElements")
class CleanElements(keras.layers.Layer):
    """Makes elements finite and keeps them all: what cannot be read of one counts as 0.

    Call arguments:
        elements: `[B, N, F]`.
        element_mask: `[B, N]`.

    Returns:
        Elements `[B, max(N, 1), F]`, zeros in padding, and mask `[B, max(N, 1)]` of exact zeros and ones.
        NaN and infinities become 0, magnitudes above 1e6 are clipped; the element stays.
    """

    def call(self, elements: tf.Tensor, element_mask: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        missing = tf.maximum(1 - tf.shape(elements)[1], 0)
        elements = tf.pad(elements, [[0, 0], [0, missing], [0, 0]])
        real = tf.cast(tf.pad(element_mask, [[0, 0], [0, missing]]) > 0.5, elements.dtype)
        return finite(elements) * real[:, :, None], real


@register("FacePosition")
class FacePosition(keras.layers.Layer):
    """Where elements meet: at the ECAL's face for tracks that reach it, where they are for all others.

    eta goes around a circle, too: of two elements that are near each other the squares of small coordinates
    are subtracted, whose rounding is an eighth of that at |eta| = 5.

    Args:
        features: Name of the features, of `FEATURES`.

    Call arguments:
        elements: Rows `[R, F]`, finite.

    Returns:
        r sin(eta / r), r cos(eta / r), sin phi, cos phi, `[R, 4]`, r = 1.75: small distances are those of eta
        and phi, and eta meets itself at 5.5 only.
    """

    def __init__(self, features: str = "cms25", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.features = features

    def call(self, elements: tf.Tensor) -> tf.Tensor:
        names = FEATURES[self.features]
        value = dict(zip(names, tf.split(elements, len(names), axis=-1), strict=True))
        if "phi" in names:
            at_vertex = value["eta"], tf.sin(value["phi"]), tf.cos(value["phi"])
            at_face = value["eta_ecal"], tf.sin(value["phi_ecal"]), tf.cos(value["phi_ecal"])
            missing = tf.logical_and(tf.equal(value["eta_ecal"], 0.0), tf.equal(value["phi_ecal"], 0.0))
        else:
            at_vertex = value["eta"], value["sin_phi"], value["cos_phi"]
            at_face = value["eta_outer"], value["sin_phi_outer"], value["cos_phi_outer"]
            missing = tf.equal(at_face[1] ** 2 + at_face[2] ** 2, 0.0)
        here = [tf.where(missing, a, b) for a, b in zip(at_vertex, at_face, strict=True)]
        angle = here[0] * (1.0 / ETA_RADIUS)
        return tf.concat([ETA_RADIUS * tf.sin(angle), ETA_RADIUS * tf.cos(angle), *here[1:]], axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "features": self.features}


@register("KindEnergies")
class KindEnergies(keras.layers.Layer):
    """Energy of each element in the column of its kind, for `SurroundingSums`.

    Args:
        features: Name of the features, of `FEATURES`.

    Call arguments:
        elements: Rows `[R, F]`, finite.

    Returns:
        `[R, K]` in GeV: tracks, ECAL, HCAL and HF clusters, or tracks and towers of Delphes; nothing of what
        is made of these: GSF tracks, brems points, superclusters.
    """

    def __init__(self, features: str = "cms25", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.features = features

    def call(self, elements: tf.Tensor) -> tf.Tensor:
        names = FEATURES[self.features]
        kind, energy = (elements[:, names.index(name)][:, None] for name in ("kind", "energy_gev"))
        columns = []
        for kinds in ENERGY_KINDS[self.features]:
            of_kind = [tf.cast(tf.equal(kind, float(number)), elements.dtype) for number in kinds]
            columns.append(tf.maximum(energy, 0.0) * tf.add_n(of_kind))
        return tf.concat(columns, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "features": self.features}


@register("ElementFeatures")
class ElementFeatures(keras.layers.Layer):
    """Encodes elements; the table stands in the module's docstring.

    Args:
        features: Name of the features, of `FEATURES`.
        legacy: The encoding of the public code.

    Call arguments:
        elements: Rows `[R, F]`, finite.

    Returns:
        `[R, E]`: for `cms25` E is 39, or 52 of the public encoding.
    """

    def __init__(self, features: str = "cms25", legacy: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if features not in FEATURES:
            raise ValueError(f"ElementFeatures: expected one of {tuple(FEATURES)}. Received: {features!r}")
        self.features, self.legacy = features, bool(legacy)

    def call(self, elements: tf.Tensor) -> tf.Tensor:
        names = FEATURES[self.features]
        value = dict(zip(names, tf.split(elements, len(names), axis=-1), strict=True))
        known = tf.range(TYPES[self.features], dtype=elements.dtype)[None, :]
        one_hot = tf.cast(tf.equal(value["kind"], known), elements.dtype)  # tf.one_hot(-1) differs in ONNX
        if self.legacy:
            return tf.concat([one_hot, *self._public(elements, value)], axis=-1)
        columns = [one_hot]
        for name in names[1:]:
            x = value[name]
            if name in ("phi", "phi_ecal", "phi_hcal"):
                columns += [tf.sin(x), tf.cos(x)]
            elif name in ("eta", "eta_ecal", "eta_hcal", "eta_outer"):
                columns.append(x * (1.0 / ETA_SCALE))
            elif name.startswith(("sin_", "cos_")):
                columns.append(x)
            else:
                columns.append(tf.sign(x) * tf.math.log(1.0 + tf.abs(x)))
        return tf.concat(columns, axis=-1)

    def _public(self, elements: tf.Tensor, value: dict[str, tf.Tensor]) -> list[tf.Tensor]:
        if self.features == "delphes12":
            return [elements[:, 1:]]
        log_pt, log_energy = (
            tf.math.log(tf.maximum(value[name], 0.0) + 1.0) for name in ("pt_gev", "energy_gev")
        )
        up = tf.exp(tf.clip_by_value(value["eta"], -STEEPEST, STEEPEST))
        columns = [
            log_pt,
            tf.sqrt(log_pt),
            log_pt * log_pt,
            tf.minimum(tf.maximum(0.5 * (up - 1.0 / up), -STEEPEST), STEEPEST),
            tf.minimum(0.5 * (up + 1.0 / up), STEEPEST),
            tf.abs(value["eta"]),
            tf.sin(value["phi"]),
            tf.cos(value["phi"]),
            log_energy,
            tf.sqrt(log_energy),
            log_energy * log_energy,
        ]
        for name in ("phi_ecal", "phi_hcal"):
            columns += [tf.sin(value[name]), tf.cos(value[name])]
        return [*columns, elements]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "features": self.features, "legacy": self.legacy}
