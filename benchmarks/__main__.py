"""Measures the figures that are goals of the project, on one core where that is meant, in CPU seconds.

    python -m benchmarks [--quick] [--only PART ...] [--peer-python PYTHON]

| part | what |
| --- | --- |
| `start` | cold start (`start_up.py`) |
| `pipeline` | simulation, files, training batches (`pipeline.py`) |
| `network` | showers per CPU second of each preset and runtime, memory (`network.py`, `start_up.py`) |
| `training` | a training step (`training_step.py`) |
| `mlpf` | whole events: time, memory and their growth with the number of elements (`mlpf.py`) |
| `peers` | PyTorch Geometric on the same showers (`peers.py`) |

The showers are those of `timing_input.py`: 30 hits on average, 5 to 100. The result goes to
`benchmarks/results/<system>-<versions>.csv`; `python -m benchmarks.table` renders it as Markdown.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.timing import Row, print_and_write

RESULTS = Path(__file__).parent / "results"
CPP = Path(__file__).resolve().parent.parent / "cpp"
PARTS = ("start", "pipeline", "network", "training", "mlpf", "peers")


def rows(parts: Sequence[str], quick: bool, peer: str) -> Iterator[Row]:
    """Yields the figures of the parts."""
    seconds = 0.5 if quick else 3.0
    if "start" in parts:
        from benchmarks.start_up import cold_start

        yield from cold_start()
    if "pipeline" in parts:
        from benchmarks.pipeline import loading, simulation

        yield from simulation(seconds)
        yield from loading(seconds)
    if "network" in parts or "peers" in parts:
        with tempfile.TemporaryDirectory() as temporary:
            yield from _networks(parts, Path(temporary), seconds, quick, peer)
    if "training" in parts:
        from benchmarks.training_step import training

        yield from training(seconds)
    if "mlpf" in parts:
        from benchmarks.mlpf import scaling, whole_events

        with tempfile.TemporaryDirectory() as temporary:
            yield from whole_events(Path(temporary), seconds)
        yield from scaling(seconds)


def _networks(parts: Sequence[str], work: Path, seconds: float, quick: bool, peer: str) -> Iterator[Row]:
    from benchmarks import network, peers, start_up

    folders = network.exports(work)
    if "network" in parts:
        yield from network.inference(folders, seconds)
        app = network.build_cpp(work / "cpp", CPP)
        if app is not None:
            calls = {1: 200, 64: 10, 512: 3} if quick else {1: 1000, 64: 40, 512: 7}
            yield from network.cpp(folders, app, work, calls)
        yield from start_up.memory(folders)
    if "peers" in parts:
        rounds = {1: 50, 64: 6, 256: 4} if quick else {1: 300, 64: 20, 256: 8}
        yield from peers.comparison(peer, folders, rounds)


def main() -> int:
    """Measures, prints, writes; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="half a second a figure instead of three")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="the parts to measure")
    parser.add_argument("--peer-python", default=sys.executable, help="an interpreter with the extra 'peers'")
    parser.add_argument("--out", type=Path, help="the CSV file to write")
    options = parser.parse_args()
    versions = "-".join(f"{name}{version(name)}" for name in ("tensorflow", "onnxruntime", "numpy"))
    name = f"{platform.system().lower()}-{platform.machine()}-{versions}.csv"
    path = options.out or RESULTS / name
    print_and_write(rows(options.only, options.quick, options.peer_python), path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
