"""Writes a Keras model as TensorFlow SavedModel, frozen graph and ONNX file under the card's tensor names.

On one machine a fresh process writes the same bytes for the same model (the SavedModel's fingerprint.pb
aside).

* SavedModel: signature `serving_default` (dense tensors + mask) and, for a model with a single set, `flat`
  (all nodes behind each other + int64 `row_splits`).
* Frozen graph: variables folded in, bare node names ("hits", "energy_gev"), float32 only: what CMSSW's
  PhysicsTools/TensorFlow loads.
* ONNX: converted from the frozen graph, so the two cannot differ in names.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo.cards.card import ModelCard, TensorSpec
from zoo.errors import InvalidValue, require
from zoo.exporting.goldens import Tensors, masked_sets
from zoo.exporting.onnx_segments import HANDLERS
from zoo.layers.in_chunks import in_chunks
from zoo.layers.ragged import flat_to_dense
from zoo.version import __version__

__all__ = [
    "ONNX_OPSET",
    "call",
    "signature_names",
    "write_frozen",
    "write_keras",
    "write_onnx",
    "write_saved_model",
]

ONNX_OPSET = 18
FORBIDDEN_OPS = ("PyFunc", "EagerPyFunc", "PyFuncStateless")


def call(model: keras.Model, card: ModelCard, inputs: Mapping[str, np.ndarray]) -> Tensors:
    """Runs the model on arrays, as one graph for any sizes.

    Args:
        model: The model.
        card: Its card.
        inputs: One array for each input of the card.

    Returns:
        One array for each output of the card.
    """
    function = _traced(model, card)
    outputs = function(**{spec.name: tf.constant(inputs[spec.name], spec.dtype) for spec in card.inputs})
    return {name: value.numpy() for name, value in outputs.items()}


def _traced(model: keras.Model, card: ModelCard) -> tf.types.experimental.ConcreteFunction:
    """Returns the model as a graph of dense tensors of any size, traced once."""
    function = getattr(model, "_zoo_call", None)
    if function is None:
        function = tf.function(_serving(model, card))
        function = function.get_concrete_function(**{spec.name: _tensor_spec(spec) for spec in card.inputs})
        object.__setattr__(model, "_zoo_call", function)  # past Keras' tracking: it is a cache, not a part
    return function


def write_keras(model: keras.Model, path: Path) -> None:
    """Writes an uncompiled `.keras` file without dates and memory addresses: same model, same bytes."""
    if model.compiled:
        weights = model.get_weights()
        model = model.__class__.from_config(model.get_config())
        model.set_weights(weights)
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in sorted(archive.namelist())}
    metadata = json.loads(content["metadata.json"])
    metadata["date_saved"] = "1980-01-01@00:00:00"
    content["metadata.json"] = json.dumps(metadata).encode()
    content["config.json"] = json.dumps(_number_shared(json.loads(content["config.json"]), {})).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    path.write_bytes(buffer.getvalue())


def _number_shared(config: Any, numbers: dict[int, int]) -> Any:
    """Replaces the memory addresses by which Keras marks shared objects by 0, 1, 2, ..."""
    if isinstance(config, list):
        return [_number_shared(entry, numbers) for entry in config]
    if not isinstance(config, dict):
        return config
    return {
        key: numbers.setdefault(value, len(numbers))
        if key == "shared_object_id" and isinstance(value, int)
        else _number_shared(value, numbers)
        for key, value in config.items()
    }


def write_saved_model(model: keras.Model, card: ModelCard, folder: Path) -> None:
    """Writes a SavedModel with the signatures `serving_default` and, for a single set, `flat`."""
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    signatures = {"serving_default": _traced(model, card)}
    sets = masked_sets(card)
    if len(sets) == 1:
        (name,) = sets
        flat_specs = {}
        for spec in card.inputs:
            if spec.name == name:
                flat_specs[spec.name] = tf.TensorSpec(
                    [None, *_tensor_spec(spec).shape[2:]], tf.float32, spec.name
                )
                flat_specs["row_splits"] = tf.TensorSpec([None], tf.int64, "row_splits")
            elif spec.name not in sets.values():
                flat_specs[spec.name] = _tensor_spec(spec)
        flat = tf.function(_flat(model, card, name, sets[name]))
        signatures["flat"] = flat.get_concrete_function(**flat_specs)
    module.functions = list(signatures.values())
    # Stack traces in the file would hold paths of the machine that wrote it.
    options = tf.saved_model.SaveOptions(save_debug_info=False)
    tf.saved_model.save(module, str(folder), signatures=signatures, options=options)


def signature_names(folder: Path) -> dict[str, dict[str, dict[str, str]]]:
    """Returns the graph's name of each tensor: {"serving_default": {"inputs": {"hits": "...:0"}, ...}}."""
    from tensorflow.core.protobuf import saved_model_pb2

    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString((folder / "saved_model.pb").read_bytes())
    signatures = proto.meta_graphs[0].signature_def
    return {
        key: {
            "inputs": {name: signatures[key].inputs[name].name for name in sorted(signatures[key].inputs)},
            "outputs": {name: signatures[key].outputs[name].name for name in sorted(signatures[key].outputs)},
        }
        for key in sorted(signatures)
        if not key.startswith("__")
    }


def write_frozen(model: keras.Model, card: ModelCard, path: Path) -> tf.compat.v1.GraphDef:
    """Writes a frozen graph whose input and output nodes bear the card's names.

    Returns:
        The graph.

    Raises:
        InvalidValue: A name did not survive, or the graph holds an op that only Python can run.
    """
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    function = tf.function(_serving(model, card, name_outputs=True))
    concrete = function.get_concrete_function(**{spec.name: _tensor_spec(spec) for spec in card.inputs})
    graph = convert_variables_to_constants_v2(concrete, lower_control_flow=False).graph.as_graph_def()
    nodes = {node.name: node for node in graph.node}
    for spec in card.inputs:
        if spec.name not in nodes or nodes[spec.name].op != "Placeholder":
            raise InvalidValue("frozen graph", f"a placeholder named {spec.name!r}", sorted(nodes)[:20])
    for spec in card.outputs:
        if spec.name not in nodes or nodes[spec.name].op != "Identity":
            raise InvalidValue("frozen graph", f"an output node named {spec.name!r}", sorted(nodes)[:20])
    operations = {node.op for node in graph.node} | {
        node.op for function in graph.library.function for node in function.node_def
    }
    if bad := sorted(operations & set(FORBIDDEN_OPS)):
        raise InvalidValue("frozen graph", "TensorFlow operations alone", bad)
    for node in graph.node:  # which Python line made a node is no part of the model
        node.ClearField("experimental_debug_info")
    path.write_bytes(graph.SerializeToString(deterministic=True))
    return graph


def write_onnx(
    graph: tf.compat.v1.GraphDef, card: ModelCard, path: Path, metadata: Mapping[str, str]
) -> None:
    """Converts a frozen graph to ONNX.

    Args:
        graph: What `write_frozen` returned.
        card: The model's card.
        path: The file to write.
        metadata: Written into the file's metadata, e.g. {"model": "drn", "tag": "barrel_v1"}.

    Raises:
        InvalidValue: The inputs or outputs are not the card's.
    """
    tf2onnx = require("tf2onnx", extra="onnx")
    onnx = require("onnx", extra="onnx")
    names = [spec.name for spec in (*card.inputs, *card.outputs)]
    with _quiet("tf2onnx", "tensorflow"), _without_copies(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # tf2onnx 1.17 with NumPy 2
        warnings.simplefilter("ignore", DeprecationWarning)
        proto, _ = tf2onnx.convert.from_graph_def(
            graph,
            name=card.name,
            input_names=[f"{spec.name}:0" for spec in card.inputs],
            output_names=[f"{spec.name}:0" for spec in card.outputs],
            tensors_to_rename={f"{name}:0": name for name in names},
            opset=ONNX_OPSET,
            custom_op_handlers=dict(HANDLERS),
        )
    for value, spec in zip(
        (*proto.graph.input, *proto.graph.output), (*card.inputs, *card.outputs), strict=False
    ):
        if value.name != spec.name:
            raise InvalidValue("ONNX file", f"the tensors {names} in this order", value.name)
        for axis, size in zip(value.type.tensor_type.shape.dim, spec.shape, strict=True):
            if isinstance(size, int):
                axis.dim_value = size
            else:
                axis.dim_param = size
    if len(proto.graph.input) + len(proto.graph.output) != len(names):
        extra = [value.name for value in (*proto.graph.input, *proto.graph.output) if value.name not in names]
        raise InvalidValue("ONNX file", f"the tensors {names} and no other", extra)
    proto.producer_name, proto.producer_version = "reco-zoo", __version__
    onnx.helper.set_model_props(proto, dict(sorted(metadata.items())))
    onnx.checker.check_model(proto)
    path.write_bytes(proto.SerializeToString(deterministic=True))


@contextlib.contextmanager
def _without_copies() -> Iterator[None]:
    """Keeps tf2onnx from copying the graph before each of its optimisers, half of the time of a conversion.

    The copies are there to go on, without a word, behind an optimiser that fails; here it fails the export.
    """
    name = "TF2ONNX_CATCH_ERRORS"
    before = os.environ.get(name)
    os.environ[name] = "FALSE"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@contextlib.contextmanager
def _quiet(*names: str) -> Iterator[None]:
    """Silences the notes of loggers that every conversion writes; errors still come through."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _serving(
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
        return model(inputs, training=False)
    size = tf.reduce_sum(inputs[masks[0]], axis=1)
    outputs = {spec.name: _tensor_spec(spec) for spec in card.outputs}
    return in_chunks(lambda chunk: model(chunk, training=False), inputs, size, outputs)


def _flat(
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


def _tensor_spec(spec: TensorSpec) -> tf.TensorSpec:
    shape = [None if size < 0 else size for size in spec.dims]
    return tf.TensorSpec(shape, spec.dtype, name=spec.name)
