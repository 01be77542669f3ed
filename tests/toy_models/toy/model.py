"""The toy network."""

import keras

from zoo.keras_compat import register
from zoo.layers.masked_reductions import MaskedPooling
from zoo.layers.sanitize import Sanitize, SanitizeFeatures


@register("ToyEnergy")
class ToyEnergy(keras.layers.Layer):
    """Sum of the hits' energies times (1 + first factor), -1 for no hits."""

    def call(self, hits, mask, factors):
        raw = keras.ops.sum(hits[:, :, 2] * mask, axis=1)
        empty = keras.ops.sum(mask, axis=1) < 0.5
        return keras.ops.where(empty, -keras.ops.ones_like(raw), raw * (1.0 + 0.01 * factors[:, 0]))


def build(config):
    """Builds the toy."""
    hits = keras.Input((None, 3), name="hits")
    hit_mask = keras.Input((None,), name="hit_mask")
    event = keras.Input((1,), name="event")
    clean, mask = Sanitize(positive_feature=2, name="sanitize")(hits, hit_mask)
    nodes = keras.layers.Dense(config.hidden, activation="elu", name="embedding")(clean)
    pooled = MaskedPooling("max", name="pooling")(nodes, mask)
    joined = keras.layers.Concatenate(name="join")([pooled, SanitizeFeatures(name="sanitize_event")(event)])
    factors = keras.layers.Dense(config.hidden, activation="tanh", name="hidden")(joined)
    factors = keras.layers.Dense(2, activation="tanh", name="factors")(factors)
    energy = ToyEnergy(name="energy_gev")(clean, mask, factors)
    inputs = {"hits": hits, "hit_mask": hit_mask, "event": event}
    return keras.Model(inputs, {"energy_gev": energy, "factors": factors}, name="toy")
