"""Showers per CPU second of every preset in every runtime, beside the core's rate of matrix products."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import Row, giga_operations, in_turn, matrix_product
from benchmarks.timing_input import showers

PRESETS = ("window", "two_layer", "cms")
BATCHES = (1, 64, 512)
GOALS = {("two_layer", 64): ">= 3,500", ("cms", 64): ">= 950"}
GOALS_CPP_MS = {"two_layer": "<= 0.5", "cms": "<= 0.9"}
Call = Callable[[int], object]


def exports(folder: Path) -> dict[str, Path]:
    """Exports each preset, untrained, into `folder`: weights change no time."""
    import keras

    import zoo

    made = {}
    for preset in PRESETS:
        keras.utils.set_random_seed(1)
        model = zoo.load("drn", weights=None, preset=preset)
        made[preset] = zoo.export(model, folder / preset, name="drn", preset=preset)
    return made


def batches(size: int) -> Callable[[int], dict[str, np.ndarray]]:
    """Returns a function from the number of a round to the input tensors of other showers each time."""
    made: dict[int, dict[str, np.ndarray]] = {}
    return lambda number: made.setdefault(number, showers().batch(number * size, size).inputs())


def _keras(folder: Path) -> Callable[[dict[str, np.ndarray]], object]:
    import keras

    import zoo
    from zoo.graphs import call

    model, card = keras.models.load_model(folder / "model.keras"), zoo.info("drn")
    return lambda inputs: call(model, card, inputs)


def _frozen(folder: Path) -> Callable[[dict[str, np.ndarray]], object]:
    import tensorflow as tf

    v1 = tf.compat.v1
    proto = v1.GraphDef()
    proto.ParseFromString((folder / "frozen.pb").read_bytes())
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(proto, name="")
    # -1: operations run in the calling thread, as in the C++ client and in CMSSW.
    config = v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=-1)
    names = ("hits", "hit_mask", "event")
    outputs = ["energy_gev:0", "sigma_gev:0", "dscb:0"]
    run = v1.Session(graph=graph, config=config).make_callable(outputs, [f"{name}:0" for name in names])
    return lambda inputs: run(*(inputs[name] for name in names))


def _onnx(folder: Path) -> Callable[[dict[str, np.ndarray]], object]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = str(folder / "model.onnx")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(None, inputs)


RUNTIMES = {"Keras": _keras, "frozen graph": _frozen, "ONNX Runtime": _onnx}


def inference(folders: Mapping[str, Path], seconds: float) -> Iterator[Row]:
    """Times Keras, the frozen graph and ONNX Runtime in turn, with the matrix product among them.

    Args:
        folders: The export of each preset.
        seconds: CPU seconds for each figure.
    """
    runs = {(preset, name): RUNTIMES[name](folders[preset]) for preset in folders for name in RUNTIMES}
    for size in BATCHES:
        made = batches(size)
        contenders: dict[Any, Call] = {
            key: lambda number, run=run, made=made: run(made(number)) for key, run in runs.items()
        }
        contenders["product"] = matrix_product()
        for number in range(3):
            made(number)
        taken = in_turn(contenders, seconds)
        product = giga_operations(taken.pop("product"))
        yield Row(f"float32 matrix product, beside batch {size}", product, "GFLOP/CPU-s")
        for (preset, name), value in taken.items():
            goal = GOALS.get((preset, size), "") if name == "frozen graph" else ""
            yield Row(f"{preset}, {name}, batch {size}", size / value, "showers/CPU-s", goal)


def build_cpp(folder: Path, source: Path) -> Path | None:
    """Builds the C++ app that times a model; None if there is no compiler or CMake.

    Args:
        folder: Where to build.
        source: The folder `cpp/` of the checkout.
    """
    if shutil.which("cmake") is None or shutil.which("g++") is None:
        print("C++: skipped, no cmake or g++ found", file=sys.stderr)
        return None
    configure = ["cmake", "-S", source, "-B", folder, f"-DPython3_EXECUTABLE={sys.executable}"]
    for command in (configure, ["cmake", "--build", folder, "--target", "time_model"]):
        subprocess.run(command, check=True, capture_output=True)
    return folder / "time_model"


def cpp(folders: Mapping[str, Path], app: Path, work: Path, calls: Mapping[int, int]) -> Iterator[Row]:
    """Times the SavedModel in C++: `Model::run` alone, a different batch at each call.

    Args:
        folders: The export of each preset.
        app: The program `time_model`.
        work: A folder for the objects' files.
        calls: How often to call, by batch size.
    """
    all_showers = showers()
    np.save(work / "hits.npy", all_showers.hits)
    np.save(work / "event.npy", all_showers.event)
    np.save(work / "row_splits.npy", np.concatenate([[0], np.cumsum(all_showers.counts)]))
    for size, number in calls.items():
        for preset, folder in folders.items():
            command = [app, folder, work, "--batch", str(size), "--calls", str(number)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found = json.loads(done.stdout)
            what, goal = f"{preset}, SavedModel in C++, batch {size}", GOALS.get((preset, size), "")
            yield Row(what, 1e3 * size / found["cpu_ms"], "showers/CPU-s", goal)
            if size == 1:
                yield Row(f"{what}, CPU time", found["cpu_ms"], "ms", GOALS_CPP_MS.get(preset, ""))
