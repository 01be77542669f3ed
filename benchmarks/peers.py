"""The same networks in PyTorch, on the same objects, in the same run: `peer_<model>.py`.

    python -m benchmarks --peer-python /path/to/python     # an interpreter with the extra `peers`

The peer runs as a process of its own, a batch at a time, in turn with the zoo's frozen graph: one line in,
one line out. Without an interpreter that has torch, for the DRN torch_geometric too, it is skipped.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.network import RUNTIMES
from benchmarks.subjects import Batch, Subject
from benchmarks.timing import Row
from benchmarks.training_step import step_of
from zoo.cards.registry import info

TRAINING_BATCH = 256


class Peer:
    """A process that answers {"preset", "size", "number", "train"} with the CPU seconds of that call."""

    def __init__(self, python: str, model: str) -> None:
        command = [python, "-m", "benchmarks.peer_process", model]
        root = Path(__file__).resolve().parent.parent
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=root)
        self.about = self._read()

    def ask(self, **question: Any) -> float:
        """Returns the CPU seconds of one call."""
        assert self._process.stdin is not None
        print(json.dumps(question), file=self._process.stdin, flush=True)
        return float(self._read()["cpu_s"])

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None and self._process.stderr is not None
        line = self._process.stdout.readline()
        if not line:
            reason = (self._process.stderr.read().strip().splitlines() or ["no message"])[-1]
            raise RuntimeError(f"the peer's process ended: {reason}")
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def comparison(
    subject: Subject, python: str, folders: Mapping[str, Path], rounds: Mapping[int, int]
) -> Iterator[Row]:
    """Times peer and zoo in turn, batch by batch.

    Args:
        subject: The model.
        python: An interpreter with torch and what else the peer needs.
        folders: The export of each preset.
        rounds: Number of batches, by batch size; those of `TRAINING_BATCH` are for the training step alone.

    Raises:
        RuntimeError: The peer's network has another number of parameters.
    """
    try:
        peer = Peer(python, subject.model)
    except (OSError, RuntimeError) as error:
        print(f"peers: skipped, {error} (pip install '.[peers]', --peer-python)", file=sys.stderr)
        return
    name = peer.about["name"]
    for preset, parameters in peer.about["parameters"].items():
        expected = info(subject.model).presets[preset].parameters
        if subject.same_peer and parameters != expected:
            peer.close()
            raise RuntimeError(f"{name}: {parameters} parameters in {preset}, {expected} in the zoo")
        for size in (size for size in rounds if size != TRAINING_BATCH):
            run = RUNTIMES["frozen graph"](subject.model, folders[preset])
            question = {"preset": preset, "size": size, "train": False}
            theirs, ours = _in_turn(
                subject, peer, lambda batch, run=run: run(batch.inputs), rounds[size], question
            )
            for who, value in ((name, theirs), ("zoo, frozen graph", ours)):
                yield subject.speed(f"{preset}, {who}, batch {size}, in turn", value, size)
        question = {"preset": preset, "size": TRAINING_BATCH, "train": True}
        theirs, ours = _in_turn(subject, peer, step_of(subject, preset), rounds[TRAINING_BATCH], question)
        for who, value in ((name, theirs), ("zoo, Keras", ours)):
            yield subject.row(f"{preset}, {who}, training step of {TRAINING_BATCH}, in turn", value, "CPU-s")
    peer.close()


def _in_turn(
    subject: Subject,
    peer: Peer,
    call: Callable[[Batch], object],
    rounds: int,
    question: Mapping[str, Any],
) -> tuple[float, float]:
    """Returns the median CPU seconds of a call of the peer and of ours; the first tenth warms up."""
    theirs, ours = [], []
    for number in range(rounds):
        theirs.append(peer.ask(number=number, **question))
        batch = subject.batch(number * question["size"], question["size"])
        start = time.process_time()
        call(batch)
        ours.append(time.process_time() - start)
    warm_up = 1 + rounds // 10
    return float(np.median(theirs[warm_up:])), float(np.median(ours[warm_up:]))
