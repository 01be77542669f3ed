"""Speed of every preset of a model in every runtime, beside the core's rate of matrix products."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.subjects import Subject
from benchmarks.timing import Row, giga_operations, in_turn, matrix_product
from zoo.cards.registry import info
from zoo.cards.tensors import Tensors
from zoo.exporting.goldens import write_tensors

BATCHES = (1, 64, 512)
Call = Callable[[Tensors], object]


def exports(subject: Subject, folder: Path) -> dict[str, Path]:
    """Exports each preset, untrained, into `folder`: weights change no time."""
    import keras

    import zoo

    made = {}
    for preset in subject.presets:
        keras.utils.set_random_seed(1)
        model = zoo.load(subject.model, weights=None, preset=preset)
        made[preset] = zoo.export(model, folder / preset)
    return made


def _keras(model: str, folder: Path) -> Call:
    import keras

    from zoo.inference.traced import call

    network, card = keras.models.load_model(folder / "model.keras"), info(model)
    return lambda inputs: call(network, card, inputs)


def _frozen(model: str, folder: Path) -> Call:
    import tensorflow as tf

    v1, card = tf.compat.v1, info(model)
    proto = v1.GraphDef()
    proto.ParseFromString((folder / "frozen.pb").read_bytes())
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(proto, name="")
    # -1: operations run in the calling thread, as in the C++ client and in CMSSW.
    config = v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=-1)
    names = [spec.name for spec in card.inputs]
    outputs = [f"{spec.name}:0" for spec in card.outputs]
    run = v1.Session(graph=graph, config=config).make_callable(outputs, [f"{name}:0" for name in names])
    return lambda inputs: run(*(inputs[name] for name in names))


def _onnx(model: str, folder: Path) -> Call:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = str(folder / "model.onnx")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(None, inputs)


RUNTIMES = {"Keras": _keras, "frozen graph": _frozen, "ONNX Runtime": _onnx}


def inference(subject: Subject, folders: Mapping[str, Path], seconds: float) -> Iterator[Row]:
    """Times Keras, the frozen graph and ONNX Runtime in turn, with the matrix product among them.

    Args:
        subject: The model.
        folders: The export of each preset.
        seconds: CPU seconds for each figure.
    """
    contenders: dict[Any, Call] = {
        f"{preset}, {name}": runtime(subject.model, folders[preset])
        for preset in folders
        for name, runtime in RUNTIMES.items()
    }
    contenders["product"] = matrix_product()
    for size in BATCHES:
        taken = in_turn(
            contenders, lambda number, size=size: subject.batch(number * size, size).inputs, seconds
        )
        product = giga_operations(taken.pop("product"))
        yield subject.row(f"beside batch {size}: float32 matrix product", product, "GFLOP/CPU-s")
        for what, value in taken.items():
            yield subject.speed(f"{what}, batch {size}", value, size)


def write_batches(subject: Subject, folder: Path, size: int, number: int) -> Path:
    """Writes input tensors as .npy files for other processes, a folder for each batch.

    Args:
        subject: The model.
        folder: Where to write.
        size: Objects in a batch.
        number: How many batches, each of other objects.

    Returns:
        The folder.
    """
    for each in range(number):
        write_tensors(folder / f"{each:04d}", subject.batch(each * size, size).inputs)
    return folder


def build_cpp(folder: Path, source: Path) -> Path | None:
    """Builds the C++ app that times a model; None if there is no compiler or CMake.

    Args:
        folder: Where to build.
        source: The folder `cpp/` of the checkout.
    """
    if shutil.which("cmake") is None or shutil.which("g++") is None:
        print("C++: skipped, no cmake or g++ found", file=sys.stderr)
        return None
    configure = ["cmake", "-S", str(source), "-B", str(folder), f"-DPython3_EXECUTABLE={sys.executable}"]
    for command in (configure, ["cmake", "--build", str(folder), "--target", "time_model"]):
        subprocess.run(command, check=True, capture_output=True)
    return folder / "time_model"


def cpp(
    subject: Subject, folders: Mapping[str, Path], app: Path, batches: Mapping[int, Path]
) -> Iterator[Row]:
    """Times the SavedModel in C++: `Model::run` alone, a different batch at each call.

    Args:
        subject: The model.
        folders: The export of each preset.
        app: The program `time_model`.
        batches: What `write_batches` wrote, by batch size.
    """
    for size, written in batches.items():
        for preset, folder in folders.items():
            done = subprocess.run([app, folder, written], check=True, capture_output=True, text=True)
            milliseconds = json.loads(done.stdout)["cpu_ms"]
            what = f"{preset}, SavedModel in C++, batch {size}"
            yield subject.speed(what, 1e-3 * milliseconds, size)
            if size == 1 and subject.unit.endswith("/CPU-s"):
                yield subject.row(f"{what}, CPU time", milliseconds, "ms")
