"""A number that is looked at without being asked to change."""

from __future__ import annotations

import keras
import tensorflow as tf

from zoo.keras_compat import register


@register("Detached")
class Detached(keras.layers.Layer):
    """Returns its input; no gradient flows back.

    Call arguments:
        x: Any tensor.
    """

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Applies the layer; arguments and results stand in the docstring of the class."""
        return tf.stop_gradient(x)
