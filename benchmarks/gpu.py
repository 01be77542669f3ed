"""Measures the DRN on a GPU: agreement with the CPU, showers a second, training steps, memory.

    python -m benchmarks.gpu [--out FILE.csv] [--presets window cms ...] [--precisions float32 ...] [--quick]

| precision | products of dense layers and messages | everything else |
| --- | --- | --- |
| `float32` | float32 | float32 |
| `tensorfloat32` | float32 rounded to 10 bits: TensorFlow's default on NVIDIA's Ampere and later | float32 |
| `mixed_bfloat16`, `mixed_float16` | 16 bits, float32 weights | float32 (see `in_precision`) |

Wall time, from arrays on the host to arrays on the host, other showers (`timing_input.py`) at each call; one
host thread drives the device. The whole batch runs at once, "in chunks" as the exported graphs do. Without a
GPU there is an error and no number. The result goes to `benchmarks/results/<GPU>-<versions>.csv`.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import zoo
from benchmarks.timing import Row, print_and_write
from benchmarks.timing_input import SHOWERS, showers
from zoo.errors import InvalidValue, ZooError
from zoo.inference.traced import call
from zoo.layers.edge_conv import EdgeConv
from zoo.layers.flat_dense import FlatDense
from zoo.models.drn import objective
from zoo.models.network import network

RESULTS = Path(__file__).parent / "results"
PRESETS = ("window", "cms", "two_layer")
PRECISIONS = ("float32", "tensorfloat32", "mixed_bfloat16", "mixed_float16")
INFERENCE, TRAINING = (64, 512, 4096), (256, 2048)
BATCHES = 16  # different ones of each size, in turn: new shapes each time, as an event loop has them
STRIDE = 17  # showers by which successive batches are shifted further: none comes twice
TOLERANCE = 1e-5  # of |a| + std(a), as for the exported files
Arrays = Mapping[str, np.ndarray]


def device() -> str:
    """Returns the name of the first GPU.

    Raises:
        InvalidValue: TensorFlow sees none.
    """
    found = tf.config.list_physical_devices("GPU")
    if not found:
        raise InvalidValue(
            "device",
            "a GPU that TensorFlow can use (driver installed? pip install 'reco-zoo[cuda]'; "
            "CUDA_VISIBLE_DEVICES not empty?)",
            [each.device_type for each in tf.config.list_physical_devices()],
        )
    tf.config.set_visible_devices(found[0], "GPU")
    return str(tf.config.experimental.get_device_details(found[0]).get("device_name", found[0].name))


def in_precision(model: keras.Model, precision: str) -> keras.Model:
    """Returns the network with the same weights in another precision; sets TensorFloat-32 for the process.

    With 16 bits only the layers that are mostly products get the policy. The others work with crystal
    indices, 1e30 as "never" and differences that decide about neighbours: 8 or 11 bits would change the
    graph.

    Args:
        model: The network in float32.
        precision: One of `PRECISIONS`.
    """
    tf.config.experimental.enable_tensor_float_32_execution(precision == "tensorfloat32")
    policy = precision if precision.startswith("mixed") else "float32"

    def copy(layer: keras.Layer) -> keras.Layer:
        own = policy if isinstance(layer, (FlatDense, EdgeConv)) else "float32"
        return type(layer).from_config({**layer.get_config(), "dtype": own})

    other = keras.models.clone_model(model, clone_function=copy)
    other.set_weights(model.get_weights())
    return other


def median_seconds(
    work: Callable[[Arrays, np.ndarray], object], size: int, at_least_s: float, warm_up: int = 4
) -> float:
    """Returns the median wall time of a call, at least ten calls.

    Args:
        work: Called with inputs and targets; must not return before its result is on the host.
        size: Showers in a batch.
        at_least_s: Seconds to spend.
        warm_up: Calls that do not count: they trace the function and choose algorithms.
    """
    taken: list[float] = []
    made = batches(size)
    for number in itertools.count():
        inputs, target = made[number % BATCHES]
        start = time.perf_counter()
        work(inputs, target)
        if number >= warm_up:
            taken.append(time.perf_counter() - start)
        if len(taken) >= 10 and sum(taken) >= at_least_s:
            return float(np.median(taken))
    raise AssertionError("unreachable")


@functools.cache
def batches(size: int) -> list[tuple[Arrays, np.ndarray]]:
    """Returns inputs and targets of some batches."""
    made = [showers().batch(number * (size + STRIDE), size) for number in range(BATCHES)]
    # The timing input has log(E_raw / E_true), the zoo's target is log(E_true / E_raw).
    return [(each.inputs(), -each.target) for each in made]


def answer(model: keras.Model) -> Callable[[Arrays], Arrays]:
    """Returns the network as one graph of whole batches, from arrays to arrays."""

    @tf.function(reduce_retracing=True)
    def graph(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        outputs: dict[str, tf.Tensor] = model(inputs, training=False)
        return outputs

    return lambda inputs: {
        name: value.numpy()
        for name, value in graph({name: tf.constant(value) for name, value in inputs.items()}).items()
    }


def training_step(model: keras.Model, preset: str) -> Callable[[Arrays, np.ndarray], object]:
    """Returns one step of `fit`: forward, loss, gradients, AdamW; with a scaled loss in float16."""
    optimiser: keras.optimizers.Optimizer = keras.optimizers.AdamW(1e-4)
    if any(layer.compute_dtype == "float16" for layer in model.layers):
        optimiser = keras.optimizers.LossScaleOptimizer(optimiser)
    ((output, loss),) = objective.loss(network("drn", preset).config).items()
    trained = keras.Model(model.input, model.output[output])
    trained.compile(optimiser, loss, jit_compile=False)
    return lambda inputs, target: trained.train_on_batch(inputs, target)


def agreement(precisions: tuple[str, ...]) -> Iterator[Row]:
    """Compares the released network on the GPU with itself on the CPU, in float32."""
    name = f"drn.{zoo.info('drn').default_tag}"
    inputs = showers().inputs()
    with tf.device("/CPU:0"):
        expected = answer(zoo.load(name))(inputs)
    model = zoo.load(name)
    for precision in precisions:
        found = answer(in_precision(model, precision))(inputs)
        energy = np.abs(found["energy_gev"] / expected["energy_gev"] - 1.0)
        beyond = np.zeros(SHOWERS, bool)
        for output, values in expected.items():
            allowed = TOLERANCE * (np.abs(values) + values.std(axis=0))
            beyond |= ~(np.abs(found[output] - values) <= allowed).reshape(SHOWERS, -1).all(axis=1)
        what = f"{name}, {precision}, GPU against CPU"
        yield Row(f"{what}: energy, median difference", float(np.median(energy)), "relative")
        yield Row(f"{what}: energy, largest difference", float(energy.max()), "relative")
        yield Row(f"{what}: showers beyond 1e-5 in any output", float(beyond.mean()), "of all", "<= 1e-4")


def speed(preset: str, precision: str, seconds: float) -> Iterator[Row]:
    """Times inference and training of an untrained network, and says what memory they take."""
    keras.utils.set_random_seed(1)
    model = in_precision(zoo.load("drn", weights=None, preset=preset), precision)
    run, step, what = answer(model), training_step(model, preset), f"{preset}, {precision}"
    card = zoo.info("drn")
    for size in INFERENCE:
        tf.config.experimental.reset_memory_stats("GPU:0")
        taken = median_seconds(lambda inputs, _: run(inputs), size, seconds)
        yield Row(f"{what}, batch {size}", size / taken, "showers/s")
    yield _memory(f"{what}, batch {size}")
    if precision == "float32":
        taken = median_seconds(lambda inputs, _: call(model, card, inputs), 512, seconds)
        yield Row(f"{what}, batch 512, in chunks as exported", 512 / taken, "showers/s")
    for size in TRAINING:
        tf.config.experimental.reset_memory_stats("GPU:0")
        taken = median_seconds(step, size, seconds)
        yield Row(f"{what}, training step of {size} showers", 1e3 * taken, "ms")
    yield _memory(f"{what}, training step of {size} showers")


def _memory(what: str) -> Row:
    peak = tf.config.experimental.get_memory_info("GPU:0")["peak"]
    return Row(f"{what}, peak memory", peak / 2**20, "MiB")


def main() -> int:
    """Measures, prints, writes; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="the CSV file to write")
    parser.add_argument("--presets", nargs="+", choices=[*PRESETS, "barrel"], default=PRESETS)
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS)
    parser.add_argument("--quick", action="store_true", help="0.3 s a figure instead of 2")
    options = parser.parse_args()
    try:
        gpu = device()
    except ZooError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{gpu}; TensorFlow {tf.__version__}, Keras {keras.__version__}", flush=True)
    parts = [agreement(tuple(options.precisions))]
    seconds = 0.3 if options.quick else 2.0
    parts += [speed(preset, one, seconds) for preset in options.presets for one in options.precisions]
    name = f"{gpu.replace(' ', '-').lower()}-tensorflow{tf.__version__}-keras{keras.__version__}.csv"
    path = options.out or RESULTS / name
    named = (replace(row, what=f"{gpu}: {row.what}") for row in itertools.chain.from_iterable(parts))
    print_and_write(named, path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
