"""Measures the figures that are goals of the project, on one core where that is meant, in CPU seconds.

    python -m benchmarks [--quick] [--only PART ...] [--models NAME ...] [--peer-python PYTHON]

| part | what |
| --- | --- |
| `start` | cold start (`start_up.py`) |
| `pipeline` | simulation, files, training batches (`pipeline.py`) |
| `network` | speed of each preset in each runtime, memory (`network.py`, `start_up.py`) |
| `training` | a training step (`training_step.py`) |
| `mlpf` | whole events: time, memory and their growth with the number of elements (`mlpf.py`) |
| `peers` | the same networks in PyTorch on the same objects (`peers.py`) |

`network`, `training` and `peers` are for each model of `subjects.py`: DRN and mass regressor on showers
and images of `timing_input.py`, the superclustering network on simulated windows. The result goes to
`benchmarks/results/<system>-<processor>-<versions>.csv`; `python -m benchmarks.table` renders it as Markdown.
"""

from __future__ import annotations

import argparse
import platform
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.subjects import SUBJECTS, Subject
from benchmarks.timing import Row, print_and_write

RESULTS = Path(__file__).parent / "results"
CPP = Path(__file__).resolve().parent.parent / "cpp"
PARTS = ("start", "pipeline", "network", "training", "mlpf", "peers")


def rows(parts: Sequence[str], subjects: Sequence[Subject], quick: bool, peer: str) -> Iterator[Row]:
    """Yields the figures of the parts, those of networks for each of the models."""
    seconds = 0.5 if quick else 3.0
    if "start" in parts:
        from benchmarks.start_up import cold_start

        yield from cold_start()
    if "pipeline" in parts:
        from benchmarks.pipeline import loading, simulation

        yield from simulation(seconds)
        yield from loading(seconds)
    for subject in subjects:
        if "network" in parts or ("peers" in parts and subject.peer):
            with tempfile.TemporaryDirectory() as temporary:
                yield from _network(parts, subject, Path(temporary), seconds, quick, peer)
        if "training" in parts:
            from benchmarks.training_step import training

            yield from training(subject, seconds)
    if "mlpf" in parts:
        from benchmarks.mlpf import scaling, whole_events

        with tempfile.TemporaryDirectory() as temporary:
            yield from whole_events(Path(temporary), seconds)
        yield from scaling(seconds)


def _network(
    parts: Sequence[str], subject: Subject, work: Path, seconds: float, quick: bool, peer: str
) -> Iterator[Row]:
    from benchmarks import network, peers, start_up

    folders = network.exports(subject, work / "exports")
    if "network" in parts:
        yield from network.inference(subject, folders, seconds)
        calls = {1: 200, 64: 10, 512: 4} if quick else {1: 1000, 64: 44, 512: 8}
        batches = {
            size: network.write_batches(subject, work / f"batches-{size}", size, number)
            for size, number in calls.items()
        }
        app = network.build_cpp(work / "cpp", CPP)
        if app is not None:
            yield from network.cpp(subject, folders, app, batches)
        yield from start_up.memory(subject, folders, batches[512] / "0000", 512)
    if "peers" in parts and subject.peer:
        rounds = {1: 50, 64: 6, 256: 4, 512: 4} if quick else {1: 300, 64: 20, 256: 8, 512: 6}
        wanted = {size: rounds[size] for size in (*subject.peer, peers.TRAINING_BATCH)}
        yield from peers.comparison(subject, peer, folders, wanted)


def _processor() -> str:
    """Returns the processor's name, "amd-epyc" or so: figures of another one do not belong into its file."""
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.*)", info.read_text()) if info.is_file() else None
    words = re.findall(r"[a-z0-9]+", (found[1] if found else platform.machine()).lower())
    return "-".join(word for word in words if word not in ("r", "tm", "cpu", "processor"))


def main() -> int:
    """Measures, prints, writes; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="half a second a figure instead of three")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="the parts to measure")
    parser.add_argument("--models", nargs="+", choices=SUBJECTS, default=list(SUBJECTS), help="of networks")
    parser.add_argument("--peer-python", default=sys.executable, help="an interpreter with the extra 'peers'")
    parser.add_argument("--out", type=Path, help="the CSV file to write")
    options = parser.parse_args()
    versions = "-".join(f"{name}{version(name)}" for name in ("tensorflow", "onnxruntime", "numpy"))
    name = f"{platform.system().lower()}-{_processor()}-{versions}.csv"
    path = options.out or RESULTS / name
    subjects = [SUBJECTS[name] for name in options.models]
    print_and_write(rows(options.only, subjects, options.quick, options.peer_python), path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
