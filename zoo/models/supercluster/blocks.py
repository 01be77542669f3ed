"""Groups of layers that occur more than once in the network."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import keras

from zoo.layers.fan_in_uniform import FanInUniform
from zoo.layers.flat_dense import FlatDense
from zoo.layers.masked_reductions import MaskedPooling
from zoo.layers.real_rows import RealRows, ToSets
from zoo.layers.self_attention import SelfAttention
from zoo.models.supercluster.config import SuperclusterConfig

EPSILON = 1e-3  # of the layer normalisations, as in the public networks

Tensor: TypeAlias = "keras.KerasTensor"


class Sets(NamedTuple):
    """How the rows of real nodes stand in their sets; see `zoo.layers.real_rows`."""

    rows: Tensor  # [R + 1]
    slots: Tensor  # [B, N]
    mask: Tensor  # [B, N]


def sets_of(mask: Tensor, name: str) -> Sets:
    """Numbers the real nodes of a mask."""
    rows, slots = RealRows(name=name)(mask)
    return Sets(rows, slots, mask)


def dense(x: Tensor, units: int, activation: str | None, name: str, use_bias: bool = True) -> Tensor:
    """Applies a dense layer."""
    return FlatDense(
        units,
        activation=activation,
        use_bias=use_bias,
        kernel_initializer=FanInUniform(x.shape[-1]),
        bias_initializer=FanInUniform(x.shape[-1]),
        name=name,
    )(x)


def stack(
    x: Tensor, widths: tuple[int, ...], last: int, config: SuperclusterConfig, name: str, *, linear: bool
) -> Tensor:
    """Applies dense layers `name_0`, `name_1`, ...; the last one has `last` units and may be linear."""
    for number, width in enumerate(widths):
        x = dropped(dense(x, width, config.activation, f"{name}_{number}"), config, f"{name}_{number}")
    return dense(x, last, None if linear else config.activation, f"{name}_{len(widths)}")


def dropped(x: Tensor, config: SuperclusterConfig, name: str) -> Tensor:
    """Applies dropout, in training alone."""
    return keras.layers.Dropout(config.dropout, name=f"{name}_dropout")(x) if config.dropout else x


def normalised(x: Tensor, name: str, epsilon: float = EPSILON) -> Tensor:
    """Applies a layer normalisation over the features."""
    return keras.layers.LayerNormalization(epsilon=epsilon, name=name)(x)


def attention_block(x: Tensor, sets: Sets, width: int, config: SuperclusterConfig, name: str) -> Tensor:
    """Self-attention beside a projection, then two dense layers, each with a sum and a normalisation."""
    mixed = SelfAttention(width, name=f"{name}_attention")(x, *sets)
    mixed = dropped(mixed, config, f"{name}_attention")
    own = dense(x, width, None, f"{name}_projection", use_bias=False)
    x = normalised(keras.layers.Add(name=f"{name}_sum_0")([own, mixed]), f"{name}_norm_0")
    more = stack(x, (width,), width, config, f"{name}_dense", linear=False)
    more = dropped(more, config, name)
    return normalised(keras.layers.Add(name=f"{name}_sum_1")([more, x]), f"{name}_norm_1")


def transformer_block(
    x: Tensor, sets: Sets, width: int, heads: int, feed_forward: int, config: SuperclusterConfig, name: str
) -> Tensor:
    """A transformer block with normalisation behind each sum, on a projection of its input."""
    x = dense(x, width, None, f"{name}_projection", use_bias=False)
    mixed = SelfAttention(width, heads, name=f"{name}_attention")(x, *sets)
    mixed = dense(mixed, width, None, f"{name}_heads", use_bias=False)
    mixed = dropped(mixed, config, f"{name}_attention")
    x = normalised(keras.layers.Add(name=f"{name}_sum_0")([x, mixed]), f"{name}_norm_0", 1e-6)
    more = stack(x, (feed_forward,), width, config, f"{name}_dense", linear=True)
    more = dropped(more, config, name)
    return normalised(keras.layers.Add(name=f"{name}_sum_1")([x, more]), f"{name}_norm_1", 1e-6)


def pooled(x: Tensor, sets: Sets, mode: str, name: str) -> Tensor:
    """Returns the sum or the mean over the nodes of each set."""
    return MaskedPooling(mode, name=name)(ToSets(name=f"{name}_sets")(x, sets.rows, sets.slots), sets.mask)
