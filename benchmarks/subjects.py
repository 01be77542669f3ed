"""The models that are measured: which presets, what a batch holds, what the project asks for.

A model joins by an entry in `SUBJECTS`: runtimes, C++, memory and training steps follow from its card.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import awkward as ak
import numpy as np

from benchmarks.timing import Row
from benchmarks.timing_input import images, showers
from zoo.cards.tensors import Tensors
from zoo.models.network import network

WINDOWS = 2048


@dataclass(frozen=True)
class Batch:
    """Some objects, padded to the largest of them."""

    inputs: Tensors  # by the names of the card
    targets: Tensors  # of each output that has a loss


@dataclass(frozen=True)
class Subject:
    """A model to be measured."""

    model: str  # its name in the registry
    presets: tuple[str, ...]
    batch: Callable[[int, int], Batch]  # from the number of the first object, and how many
    unit: str  # of speeds: objects per CPU second, or CPU milliseconds an object
    goals: Mapping[str, str] = field(default_factory=dict)  # by what a row says behind the model
    peer: tuple[int, ...] = ()  # batch sizes that `peers.py` compares; none: there is no peer
    same_peer: bool = True  # whether the peer must have as many parameters, preset by preset

    def row(self, what: str, value: float, unit: str) -> Row:
        """Returns a figure of this model, its goal beside it."""
        return Row(f"{self.model} {what}", value, unit, self.goals.get(what, ""))

    def speed(self, what: str, seconds: float, size: int) -> Row:
        """Returns the figure of a call that takes some CPU seconds for `size` objects."""
        value = size / seconds if self.unit.endswith("/CPU-s") else 1e3 * seconds / size
        return self.row(what, value, self.unit)


def of_records(model: str, records: Callable[[], ak.Array]) -> Callable[[int, int], Batch]:
    """Returns the function that makes batches of records, from the front again behind the last one.

    Args:
        model: The model whose inputs and targets they become.
        records: Called once, when the first batch is made.
    """

    @functools.cache
    def made() -> ak.Array:
        return records()

    def batch(start: int, size: int) -> Batch:
        rows = made()[np.arange(start, start + size) % len(made())]
        return Batch(network(model).to_inputs(rows), network(model).targets(rows))

    return batch


def _showers(start: int, size: int) -> Batch:
    part = showers().batch(start, size)
    # The timing input has log(E_raw / E_true), the zoo's target is log(E_true / E_raw).
    return Batch(part.inputs(), {"dscb": -part.target})


def _images(start: int, size: int) -> Batch:
    part = images().batch(start, size)
    return Batch({"image": part.image, "seed": part.seed}, {"mass_gev": part.mass_gev})


def _windows() -> ak.Array:
    """Simulates windows as the network is trained on, with their pile-up."""
    from zoo.models.supercluster.events import simulate

    return simulate("superclusters", 1200, 20220509, split="test", pileup=True, truth=False)[:WINDOWS]


def _in_graphs(goals: Mapping[str, Any]) -> dict[str, str]:
    """Returns the goals of some presets at batch 64, for TensorFlow's graph in Python and in C++."""
    graphs = ("frozen graph", "SavedModel in C++")
    return {f"{preset}, {graph}, batch 64": goal for preset, goal in goals.items() for graph in graphs}


SUBJECTS = {
    subject.model: subject
    for subject in (
        Subject(
            "drn",
            ("window", "two_layer", "cms"),
            _showers,
            "showers/CPU-s",
            {
                **_in_graphs({"two_layer": ">= 3,500", "cms": ">= 950"}),
                "two_layer, SavedModel in C++, batch 1, CPU time": "<= 0.5",
                "cms, SavedModel in C++, batch 1, CPU time": "<= 0.9",
                "two_layer, training step of 256": "<= 0.5",
                "cms, training step of 256": "<= 1.2",
            },
            peer=(1, 64),
            same_peer=False,  # other inputs: x, y, z
        ),
        Subject(
            "mass_regressor",
            ("barrel", "cms"),
            _images,
            "images/CPU-s",
            peer=(1, 64, 512),
        ),
        Subject(
            "supercluster",
            ("barrel", "acat22", "eoy2018"),
            of_records("supercluster", _windows),
            "CPU-ms/window",
            _in_graphs({"barrel": "<= 0.3", "acat22": "<= 1", "eoy2018": "<= 1"}),
        ),
    )
}
