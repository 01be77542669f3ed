"""A network as one traced function of named tensors, for predictions and for every exported graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf

from zoo.cards.card import ModelCard, TensorSpec
from zoo.cards.tensors import Tensors, masked_sets
from zoo.layers.in_chunks import in_chunks
from zoo.layers.ragged import flat_to_dense

__all__ = ["call", "flat_function", "serving_function", "tensor_spec", "traced"]


def call(model: keras.Model, card: ModelCard, inputs: Mapping[str, np.ndarray]) -> Tensors:
    """Runs the model on arrays, as one graph for any sizes.

    Args:
        model: The model.
        card: Its card.
        inputs: One array for each input of the card.

    Returns:
        One array for each output of the card.
    """
    function = traced(model, card)
    outputs = function(**{spec.name: tf.constant(inputs[spec.name], spec.dtype) for spec in card.inputs})
    return {name: value.numpy() for name, value in outputs.items()}


def traced(model: keras.Model, card: ModelCard) -> tf.types.experimental.ConcreteFunction:
    """Returns the model as a graph of dense tensors of any size, traced once."""
    function = getattr(model, "_zoo_call", None)
    if function is None:
        function = tf.function(serving_function(model, card))
        function = function.get_concrete_function(**{spec.name: tensor_spec(spec) for spec in card.inputs})
        object.__setattr__(model, "_zoo_call", function)  # past Keras' tracking: it is a cache, not a part
    return function


def serving_function(
    model: keras.Model, card: ModelCard, name_outputs: bool = False
) -> Callable[..., dict[str, tf.Tensor]]:
    """Returns a function of named dense tensors; with `name_outputs` graph nodes bear the outputs' names."""

    def serve(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = _answer(model, card, inputs)
        if name_outputs:
            return {spec.name: tf.identity(outputs[spec.name], name=spec.name) for spec in card.outputs}
        return {spec.name: outputs[spec.name] for spec in card.outputs}

    return serve


def _answer(model: keras.Model, card: ModelCard, inputs: dict[str, tf.Tensor]) -> Mapping[str, tf.Tensor]:
    """Runs the model, in chunks of similar objects where it has a single set and answers per object."""
    masks = list(masked_sets(card).values())
    if len(masks) != 1 or any("N" in spec.shape for spec in card.outputs):
        whole: Mapping[str, tf.Tensor] = model(inputs, training=False)
        return whole
    size = tf.reduce_sum(inputs[masks[0]], axis=1)
    outputs = {spec.name: tensor_spec(spec) for spec in card.outputs}
    return in_chunks(lambda chunk: model(chunk, training=False), inputs, size, outputs)


def flat_function(
    model: keras.Model, card: ModelCard, name: str, mask_name: str
) -> Callable[..., dict[str, tf.Tensor]]:
    """Returns a function of all nodes behind each other and their `row_splits`; so come outputs per node."""
    nodes = card.shapes[mask_name][-1]

    def serve(row_splits: tf.Tensor, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        dense, mask = flat_to_dense(inputs[name], row_splits)
        outputs = _answer(model, card, {**inputs, name: dense, mask_name: mask})
        return {
            spec.name: tf.boolean_mask(outputs[spec.name], mask > 0.0)
            if nodes in spec.shape
            else outputs[spec.name]
            for spec in card.outputs
        }

    return serve


def tensor_spec(spec: TensorSpec) -> tf.TensorSpec:
    """Returns TensorFlow's form of a tensor of a card, dynamic axes as None."""
    shape = [None if size < 0 else size for size in spec.dims]
    return tf.TensorSpec(shape, spec.dtype, name=spec.name)
