"""Measures the figures that are goals of the project, on one core where that is meant, in CPU seconds.

    python -m benchmarks [--quick]

Rates are per CPU second of this process, so that a busy machine does not change them much; batches of the
simulated objects have about 15 hits each. The result goes to `benchmarks/results/<system>-<versions>.csv`.
"""

from __future__ import annotations

import argparse
import csv
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """One measured figure; `goal` says what the project asks for, with its direction."""

    what: str
    value: float
    unit: str
    goal: str = ""


def rate(work: Callable[[], int], at_least_s: float) -> float:
    """Returns how many things `work` does per CPU second, after one call to warm up."""
    work()
    done, start = 0, time.process_time()
    while time.process_time() - start < at_least_s:
        done += work()
    return done / (time.process_time() - start)


def cold_start() -> Iterator[Row]:
    """Fresh processes: what a user waits for."""
    for what, code, goal in (
        ("import zoo + list_models, fresh process", "import zoo; zoo.list_models()", "<= 0.2"),
        ("load('drn') after TensorFlow", "import zoo; zoo.load('drn')", "<= 2"),
    ):
        before = "import tensorflow; " if "load(" in code else ""
        script = f"{before}import time; t = time.perf_counter(); {code}; print(time.perf_counter() - t)"
        walls = []
        for _ in range(3):
            done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
            walls.append(float(done.stdout))
        yield Row(what, min(walls), "s", goal)


def simulation(seconds: float) -> Iterator[Row]:
    """Re-binning of library showers, and whole objects."""
    from zoo.simulation.samples import simulate
    from zoo.simulation.showers import ShowerLibrary

    library, rng, n = ShowerLibrary.shipped(), np.random.default_rng(1), 2000
    energy = rng.uniform(1.0, 100.0, n)
    rows = library.choose("photon", energy, "train", rng)
    offsets = rng.uniform(-0.5, 0.5, (2, n))

    def deposit() -> int:
        symmetry = rng.integers(0, 8, n)
        library.deposit(np.zeros(n, bool), rows, energy, symmetry, offsets[0], offsets[1])
        return n

    yield Row("showers re-binned", rate(deposit, seconds), "1/CPU-s", ">= 5,000")
    for sample in ("electrons", "photons"):
        made = iter(range(1_000_000))

        def objects(name: str = sample, seeds: Iterator[int] = made) -> int:
            return len(simulate(name, 1000, next(seeds), split="test", truth=False))

        yield Row(f"{sample} simulated, 20-70 pile-up", rate(objects, seconds), "1/CPU-s")


def network(seconds: float) -> Iterator[Row]:
    """The shipped network in Keras and in ONNX Runtime, on one core."""
    import onnxruntime

    import zoo
    from zoo.artefacts import tag_file
    from zoo.graphs import call
    from zoo.models.drn.events import to_inputs
    from zoo.registry import info
    from zoo.simulation.samples import simulate

    card, model = info("drn"), zoo.load("drn")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    path = tag_file(card, card.tag(None), "model.onnx")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs = to_inputs(simulate("electrons", 512, 1, truth=False))
    for size in (1, 64, 512):
        longest = max(int(inputs["hit_mask"][:size].sum(axis=1).max()), 1)
        batch = {name: value[:size] for name, value in inputs.items()}
        batch |= {name: batch[name][:, :longest] for name in ("hits", "hit_mask")}

        def keras(batch: dict[str, np.ndarray] = batch, size: int = size) -> int:
            call(model, card, batch)
            return size

        def onnx(batch: dict[str, np.ndarray] = batch, size: int = size) -> int:
            session.run(None, batch)
            return size

        yield Row(f"drn, Keras, batch {size}", rate(keras, seconds), "objects/CPU-s")
        yield Row(f"drn, ONNX Runtime, batch {size}", rate(onnx, seconds), "objects/CPU-s")
    matrix = np.ones((1024, 1024), np.float32)

    def product() -> int:
        np.matmul(matrix, matrix)
        return 1

    yield Row("float32 matrix product of one core", rate(product, seconds) * 2 * 1024**3 / 1e9, "GFLOP/CPU-s")


def main() -> int:
    """Measures, prints, writes; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="half a second a figure instead of three")
    seconds = 0.5 if parser.parse_args().quick else 3.0
    rows = []
    for row in (*cold_start(), *simulation(seconds), *network(seconds)):
        print(f"{row.what:45s} {row.value:12.4g} {row.unit:15s} {row.goal}", flush=True)
        rows.append(row)
    from importlib.metadata import version

    versions = "-".join(f"{name}{version(name)}" for name in ("tensorflow", "onnxruntime", "numpy"))
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{platform.system().lower()}-{platform.machine()}-{versions}.csv"
    temporary = path.with_suffix(".tmp")
    with open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["what", "value", "unit", "goal"])
        writer.writerows([row.what, f"{row.value:.4g}", row.unit, row.goal] for row in rows)
    temporary.replace(path)
    print(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
