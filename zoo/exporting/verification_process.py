"""The fresh process of a verification: asks one artefact the golden questions and writes its answers.

`python -m zoo.exporting.verification_process ARTEFACT FOLDER ANSWERS.npz`. Tensors are found by the names of
the manifest alone, as a C++ client would. The process for ONNX imports no TensorFlow.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo.arrays import row_splits
from zoo.cards.card import ModelCard
from zoo.cards.registry import info
from zoo.cards.tensors import Tensors, masked_sets, node_axes
from zoo.errors import InvalidValue, require
from zoo.exporting.goldens import extend_padding, fit_padding, read_tensors, select_row
from zoo.exporting.verification import read_manifest

__all__ = ["runner"]

Run = Callable[[Mapping[str, npt.NDArray[Any]]], Tensors]
SINGLE_ROWS = 6  # the golden rows asked one by one: they include the edge cases, which come first


def runner(artefact: str, folder: Path) -> Run:
    """Loads an artefact.

    Args:
        artefact: "keras", "saved_model", "flat", "frozen" or "onnx".
        folder: An exported folder.

    Returns:
        A function from named input arrays (dense, also for "flat") to named output arrays.
    """
    manifest = read_manifest(folder)
    card = info(manifest["model"])
    loaders = {
        "keras": _keras, "saved_model": _saved_model, "flat": _flat, "frozen": _frozen, "onnx": _onnx
    }  # fmt: skip
    return loaders[artefact](folder, manifest, card)


def _keras(folder: Path, manifest: Mapping[str, Any], card: ModelCard) -> Run:
    from zoo.inference.loading import load
    from zoo.inference.traced import call

    model = load(folder)
    return lambda inputs: call(model, card, inputs)


def _saved_model(
    folder: Path, manifest: Mapping[str, Any], card: ModelCard, key: str = "serving_default"
) -> Run:
    import tensorflow as tf

    from zoo.exporting.graphs import signature_names

    path = folder / manifest["artefacts"]["saved_model"]["path"]
    if signature_names(path) != manifest["signatures"]:
        raise InvalidValue("signatures of the SavedModel", str(manifest["signatures"]), signature_names(path))
    loaded = tf.saved_model.load(str(path))
    signature = loaded.signatures[key]

    def run(inputs: Mapping[str, npt.NDArray[Any]]) -> Tensors:
        outputs = signature(**{name: tf.constant(values) for name, values in inputs.items()})
        return {name: value.numpy() for name, value in outputs.items()}

    run.keep = loaded  # type: ignore[attr-defined]  # its variables live as long as the object
    return run


def _flat(folder: Path, manifest: Mapping[str, Any], card: ModelCard) -> Run:
    dense = _saved_model(folder, manifest, card, key="flat")
    ((name, mask_name),) = masked_sets(card).items()

    def run(inputs: Mapping[str, npt.NDArray[Any]]) -> Tensors:
        mask = inputs[mask_name] > 0
        flat = {other: values for other, values in inputs.items() if other not in (name, mask_name)}
        splits = row_splits(mask.sum(axis=1))
        outputs = dense({**flat, name: inputs[name][mask], "row_splits": splits})
        for per_node in (spec.name for spec in card.outputs if card.shapes[mask_name][-1] in spec.shape):
            rows = outputs[per_node]
            outputs[per_node] = np.zeros((*mask.shape, *rows.shape[1:]), rows.dtype)
            outputs[per_node][mask] = rows
        return outputs

    return run


def _frozen(folder: Path, manifest: Mapping[str, Any], card: ModelCard) -> Run:
    import tensorflow as tf

    graph_def = tf.compat.v1.GraphDef()
    graph_def.ParseFromString((folder / manifest["artefacts"]["frozen"]["path"]).read_bytes())
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(graph_def, name="")
    session = tf.compat.v1.Session(graph=graph)
    feeds = {entry["name"]: f"{entry['frozen']}:0" for entry in manifest["inputs"]}
    fetches = {entry["name"]: f"{entry['frozen']}:0" for entry in manifest["outputs"]}
    return lambda inputs: session.run(fetches, {feeds[name]: values for name, values in inputs.items()})


def _onnx(folder: Path, manifest: Mapping[str, Any], card: ModelCard) -> Run:
    onnxruntime = require("onnxruntime", extra="onnx")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    path = str(folder / manifest["artefacts"]["onnx"]["path"])
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = {entry["name"]: entry["onnx"] for entry in manifest["inputs"]}
    here = sorted(value.name for value in session.get_inputs())
    if here != sorted(names.values()):
        raise InvalidValue("inputs of the ONNX file", str(sorted(names.values())), here)
    outputs = [entry["onnx"] for entry in manifest["outputs"]]
    keys = [entry["name"] for entry in manifest["outputs"]]

    def run(inputs: Mapping[str, npt.NDArray[Any]]) -> Tensors:
        answer = session.run(outputs, {names[name]: values for name, values in inputs.items()})
        return dict(zip(keys, answer, strict=True))

    return run


def _answers(artefact: str, folder: Path) -> Tensors:
    manifest = read_manifest(folder)
    card = info(manifest["model"])
    inputs = read_tensors(folder, manifest["golden"]["inputs"])
    rows = len(manifest["golden"]["cases"])
    sizes = {axis: inputs[mask].shape[-1] for axis, mask in node_axes(card).items()}
    answers: Tensors = {}

    def record(who: str, how: str, which: list[int], outputs: Mapping[str, npt.NDArray[Any]]) -> None:
        answers[f"{who}|{how}|rows"] = np.asarray(which, np.int64)
        fitted = fit_padding(card, outputs, sizes)
        answers.update({f"{who}|{how}|{name}": values for name, values in fitted.items()})

    whos = (
        [artefact, "flat"] if artefact == "saved_model" and "flat" in manifest["signatures"] else [artefact]
    )
    for who in whos:
        run = runner(who, folder)
        record(who, "golden", list(range(rows)), run(inputs))
        if who != "flat":
            record(who, "more padding", list(range(rows)), run(extend_padding(card, inputs, 7)))
        some = list(range(min(rows, SINGLE_ROWS)))
        singles = [fit_padding(card, run(select_row(card, inputs, row)), sizes) for row in some]
        joined = {name: np.concatenate([single[name] for single in singles]) for name in singles[0]}
        record(who, "one by one", some, joined)
    return answers


def main(arguments: list[str]) -> None:
    """Writes the answers of one artefact to an .npz file."""
    artefact, folder, path = arguments
    np.savez(path, allow_pickle=False, **_answers(artefact, Path(folder)))


if __name__ == "__main__":
    main(sys.argv[1:])
