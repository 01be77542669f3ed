"""The heads: dense layers on each element, for several answers that look at the same numbers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from zoo.keras_compat import register
from zoo.layers.flat_dense import dense_rows


@register("DecodingHeads")
class DecodingHeads(keras.layers.Layer):
    """Heads with one input: dense layers, each half as wide as the one before, then a linear one.

    The first layers of all heads are one product. The public network gives some numbers to a head twice, or
    thrice: such a kernel has a stretch of rows for each copy, and the sum of the stretches times the number
    given once is the same, for half the work.

    Args:
        heads: (name, width of the first dense layer, number of dense layers, width of the answer) of each.
        stretches: (offset, width): the part of the input that each stretch of the kernels' rows is for, in
            the order of the rows; together they cover the input. Empty: the rows are the input.
        activation: Name of a Keras activation.
        dropout: Behind each dense layer, in training.

    Call arguments:
        x: Rows `[R, F]`.

    Returns:
        A list of `[R, .]`, one for each head.
    """

    def __init__(
        self,
        heads: Sequence[tuple[str, int, int, int]],
        stretches: Sequence[tuple[int, int]] = (),
        activation: str = "elu",
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.heads = [(str(name), int(width), int(n), int(out)) for name, width, n, out in heads]
        self.stretches = [(int(offset), int(width)) for offset, width in stretches]
        self.activation, self.dropout = activation, float(dropout)
        self.drop = keras.layers.Dropout(self.dropout) if dropout else None

    def build(self, x_shape: tuple[int, ...]) -> None:
        rows = sum(width for _, width in self.stretches) or x_shape[-1]
        self.kernels: dict[str, list[Any]] = {}
        self.biases: dict[str, list[Any]] = {}
        for name, width, layers, out in self.heads:
            widths = [rows, *(width >> number for number in range(layers)), out]
            self.kernels[name] = [
                self.add_weight(name=f"{name}_kernel_{number}", shape=shape, initializer="glorot_uniform")
                for number, shape in enumerate(itertools.pairwise(widths))
            ]
            self.biases[name] = [
                self.add_weight(name=f"{name}_bias_{number}", shape=(size,), initializer="zeros")
                for number, size in enumerate(widths[1:])
            ]

    def call(self, x: tf.Tensor, training: bool | None = None) -> list[tf.Tensor]:
        act: Callable[[tf.Tensor], tf.Tensor] = keras.activations.get(self.activation)
        names = [name for name, *_ in self.heads]
        first = tf.concat([self._folded(self.kernels[name][0]) for name in names], axis=1)
        bias = tf.concat([tf.convert_to_tensor(self.biases[name][0]) for name in names], axis=0)
        hidden = tf.split(dense_rows(x, first, bias, act), [width for _, width, *_ in self.heads], axis=-1)
        answers = []
        for (name, _, layers, _), values in zip(self.heads, hidden, strict=True):
            for number in range(1, layers + 1):
                if self.drop is not None:
                    values = self.drop(values, training=training)
                kernel = tf.convert_to_tensor(self.kernels[name][number])
                offset = tf.convert_to_tensor(self.biases[name][number])
                values = dense_rows(values, kernel, offset, act if number < layers else tf.identity)
            answers.append(values)
        return answers

    def _folded(self, kernel: Any) -> tf.Tensor:
        """Returns the kernel for an input without repetitions."""
        whole = tf.convert_to_tensor(kernel)
        if not self.stretches:
            return whole
        at: dict[int, list[tf.Tensor]] = {}
        parts = tf.split(whole, [width for _, width in self.stretches], axis=0)
        for (offset, _), part in zip(self.stretches, parts, strict=True):
            at.setdefault(offset, []).append(part)
        return tf.concat([tf.add_n(at[offset]) for offset in sorted(at)], axis=0)

    def compute_output_shape(self, x_shape: tuple[int, ...]) -> list[tuple[int | None, int]]:
        """Returns (rows, width) of each head."""
        return [(x_shape[0], out) for *_, out in self.heads]

    def get_config(self) -> dict[str, Any]:
        own = {
            "heads": self.heads,
            "stretches": self.stretches,
            "activation": self.activation,
            "dropout": self.dropout,
        }
        return {**super().get_config(), **own}
