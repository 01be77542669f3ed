"""The last layer: from a scaled mass to GeV, and -1 where there is nothing to see."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register

NO_ENERGY = -1.0  # below every label: masses of single photons continue to -0.3 GeV


@register("MassOutput")
class MassOutput(keras.layers.Layer):
    """Scales to GeV; an image without energy gives -1.

    Args:
        scale_gev: GeV per unit.

    Call arguments:
        scaled: `[B, 1]`.
        image: `[B, R, C, F]`, clean.

    Returns:
        Mass `[B]` in GeV.
    """

    def __init__(self, scale_gev: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale_gev = float(scale_gev)

    def call(self, scaled: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
        lit = tf.cast(tf.reduce_max(image, axis=[1, 2, 3]) > 0.0, scaled.dtype)
        return scaled[:, 0] * self.scale_gev * lit + NO_ENERGY * (1.0 - lit)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale_gev": self.scale_gev}
