"""CPU seconds and memory of the MLPF network for whole events: presets, runtimes, number of elements.

The input is random: the time does not depend on it. An event of 6,400 elements with the public code's own
7.2 M network took 1.26-1.36 CPU-s, a training step 4.1, ONNX Runtime 3.1, on a core whose matrix products ran
at 78 GFLOP/CPU-s in that network; a figure of another machine means something beside its product alone.
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import Row, giga_operations, in_turn, matrix_product

ELEMENTS = 6400
SIZES = (256, 1024, 6400, 25_600, 102_400)
GOALS = {"Keras": "<= 1.05", "ONNX Runtime": "<= 1.2", "training step": "<= 3.3"}
SLOPE_GOAL, MEMORY_GOAL = "<= 1.05", "<= 60"
MEMORY = """
import keras
from benchmarks.mlpf import event, keras_call
from zoo.models.mlpf.config import PRESETS
keras.utils.set_random_seed(1)
run = keras_call(PRESETS["{preset}"])
run(event(256))
run(event({elements}))
status = open("/proc/self/status").read().split()
print(int(status[status.index("VmHWM:") + 1]))
"""


def event(n: int, seed: int = 0, features: int = 25) -> dict[str, np.ndarray]:
    """Returns the tensors of one event of n elements of every type; no physics."""
    rng = np.random.default_rng((seed, n))
    elements = rng.normal(size=(1, n, features)).astype(np.float32)
    elements[:, :, 0] = rng.integers(1, 12, n)
    elements[:, :, [1, 4]] = rng.exponential(5.0, (1, n, 2))
    return {"elements": elements, "element_mask": np.ones((1, n), np.float32)}


def card_of(config: Any) -> Any:
    """Returns a card without a folder: what the functions that write graphs look at."""
    from zoo.cards.card import ModelCard, Preset, TensorSpec
    from zoo.models.mlpf.config import MOMENTUM, VISIBLE

    outputs = {"class_logit": config.classes, "class_probability": config.classes, "momentum": MOMENTUM,
               "visible": VISIBLE}  # fmt: skip
    return ModelCard(
        "mlpf", "MLPF", "particle flow", "set", "",
        inputs=(TensorSpec("elements", ("B", "N", len(config.feature_names))),
                TensorSpec("element_mask", ("B", "N"), mask_of="elements")),
        outputs=(*(TensorSpec(name, ("B", "N", len(columns))) for name, columns in outputs.items()),
                 TensorSpec("charge", ("B", "N"))),
        presets={"any": Preset("", 0)},
    )  # fmt: skip


def keras_call(config: Any) -> Callable[[dict[str, np.ndarray]], Any]:
    """Returns the untrained network as one graph for any number of elements."""
    from zoo.inference.traced import call
    from zoo.models.mlpf.model import build

    model, card = build(config), card_of(config)
    return lambda inputs: call(model, card, inputs)


def onnx_call(config: Any, path: Path) -> Callable[[dict[str, np.ndarray]], Any]:
    """Returns the untrained network in ONNX Runtime on one thread."""
    import onnxruntime

    from zoo.exporting.graphs import write_frozen, write_onnx
    from zoo.models.mlpf.model import build

    card = card_of(config)
    write_onnx(write_frozen(build(config), card, path.with_suffix(".pb")), card, path, {"model": "mlpf"})
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(None, inputs)


def training_call(config: Any) -> Callable[[dict[str, np.ndarray]], Any]:
    """Returns a training step: forward, the losses, gradients, Adam."""
    import keras
    import tensorflow as tf

    from zoo.models.mlpf import objective
    from zoo.models.mlpf.model import build

    model, losses = build(config), objective.loss(config)
    optimiser = keras.optimizers.Adam(1e-4)
    optimiser.build(model.trainable_variables)

    @tf.function(reduce_retracing=True)
    def step(inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        real = inputs["element_mask"][:, :, None]
        columns = {"class_logit": 2, "charge": 2, "momentum": 6}
        with tf.GradientTape() as tape:
            outputs = model(inputs, training=True)
            value = tf.add_n(
                [
                    loss(tf.repeat(real, 1 + columns[name], axis=-1), outputs[name])
                    for name, loss in losses.items()
                ]
            )
        variables = model.trainable_variables
        optimiser.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
        return value

    return lambda inputs: step({name: tf.constant(values) for name, values in inputs.items()}).numpy()


def _same(number: int) -> int:
    """The data of a round: its number, since an event's time does not depend on its content."""
    return number


def whole_events(work: Path, seconds: float) -> Iterator[Row]:
    """Times an event of 6,400 elements: the networks of the talk's table, with the public quirks and without.

    Args:
        work: A folder for graphs.
        seconds: CPU seconds for each figure.
    """
    from zoo.models.mlpf.config import NOV2022, SMALL

    default = replace(NOV2022, legacy=False)
    made = event(ELEMENTS)
    runs = {
        "nov2022, Keras": keras_call(NOV2022),
        "nov2022 with the default's bins, Keras": keras_call(default),
        "nov2022, ONNX Runtime": onnx_call(NOV2022, work / "public.onnx"),
        "nov2022 with the default's bins, ONNX Runtime": onnx_call(default, work / "default.onnx"),
        "nov2022, training step": training_call(NOV2022),
        "small, Keras": keras_call(SMALL),
        "small, ONNX Runtime": onnx_call(SMALL, work / "small.onnx"),
        "small, training step": training_call(SMALL),
    }
    contenders: dict[str, Callable[[int], object]] = {
        name: lambda _, run=run: run(made) for name, run in runs.items()
    }
    contenders["product"] = matrix_product()
    taken = in_turn(contenders, _same, seconds, warm_up=1)
    yield Row("float32 matrix product, beside MLPF", giga_operations(taken.pop("product")), "GFLOP/CPU-s")
    for name, value in taken.items():
        goal = GOALS[name.split(", ")[1]] if name.startswith("nov2022") else ""
        yield Row(f"MLPF {name}, 1 x {ELEMENTS}", value, "CPU-s", goal)


def scaling(seconds: float) -> Iterator[Row]:
    """Times the small network for events of 256 to 25,600 elements, and measures the memory they take."""
    from zoo.models.mlpf.config import SMALL

    run = keras_call(SMALL)
    events = {n: event(n) for n in SIZES}
    taken = in_turn({str(n): lambda _, n=n: run(events[n]) for n in SIZES}, _same, seconds, warm_up=1)
    for n in SIZES:
        yield Row(f"MLPF small, Keras, {n} elements", 1e6 * taken[str(n)] / n, "CPU-us/element")
    slope = math.log(taken[str(SIZES[-1])] / taken[str(SIZES[0])]) / math.log(SIZES[-1] / SIZES[0])
    yield Row(f"MLPF small, log-log slope of time, {SIZES[0]} to {SIZES[-1]}", slope, "", SLOPE_GOAL)
    peak = {n: _peak_kib(n) for n in (SIZES[0], *SIZES[2:])}
    more = (peak[SIZES[-1]] - peak[SIZES[0]]) / (SIZES[-1] - SIZES[0])
    yield Row(f"MLPF small, memory, {SIZES[0]} to {SIZES[-1]} elements", more, "KiB/element", MEMORY_GOAL)
    last = (peak[SIZES[-1]] - peak[SIZES[-2]]) / (SIZES[-1] - SIZES[-2])
    yield Row(f"MLPF small, memory, {SIZES[-2]} to {SIZES[-1]} elements", last, "KiB/element", MEMORY_GOAL)


def _peak_kib(elements: int) -> int:
    """Returns the peak memory of a process that answers one event."""
    code = MEMORY.format(preset="small", elements=elements)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1])
