"""Scaling with constants that travel in the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register


@register("Standardize")
class Standardize(keras.layers.Layer):
    """Computes (x - offset) / scale feature by feature.

    The constants are lists in the configuration, made into tensors inside the call: the statistics of
    `keras.layers.Normalization` become required inputs of an exported ONNX graph.

    Args:
        offset: One number per feature.
        scale: One number per feature, not zero.

    Call arguments:
        x: `[..., F]`.

    Returns:
        A tensor of the same shape. Padding is not treated; mask afterwards.
    """

    def __init__(self, offset: Sequence[float], scale: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if len(offset) != len(scale) or any(value == 0 for value in scale):
            raise ValueError(
                "Standardize: expected as many offsets as scales and no scale of zero. "
                f"Received: offset={list(offset)}, scale={list(scale)}"
            )
        self.offset = [float(value) for value in offset]
        self.scale = [float(value) for value in scale]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return (x - tf.constant(self.offset, x.dtype)) * tf.constant([1.0 / s for s in self.scale], x.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "offset": self.offset, "scale": self.scale}
