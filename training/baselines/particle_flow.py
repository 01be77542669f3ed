"""Tunes the rule-based particle flow on training events.

    python -m training fit particle_flow --trials 150 --n 300 --out runs/particle_flow

Half of the trials draw all constants at random around the present ones, the other half around the best so
far. The events are ttbar of the training split, most of them without pile-up and some with 0 to 20
interactions. A trial's loss is the sum of

* 1 - F1 of each class, element by element, their mean;
* the part of the transverse momentum that stands wrong in cells of 0.5 x 0.5 in eta and phi.

`search.json` holds all trials, the best constants, and the loss of these over `n_sigma`.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from zoo.angles import phi_cell
from zoo.arrays import Floats, Floats32, Ints, owners
from zoo.baselines.particle_flow import TUNED, ParticleFlowConfig, predict
from zoo.data.kinds.elements import CLASSES
from zoo.data.records import leaf_values
from zoo.errors import InvalidValue
from zoo.files import write_json
from zoo.simulation.element_events import ELEMENT_SAMPLES
from zoo.simulation.samples import simulate

CELL = 0.5
MAX_ABS_ETA = 5.0
PILEUP = (0, 20)
PILEUP_PART = 0.15
"""Part of the events that have pile-up."""
WIDE, NARROW = 0.35, 0.12
"""Standard deviation of the logarithm of a constant, in the two halves of the search."""
N_SIGMA = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0)


def loss(records: ak.Array, found: ak.Array) -> float:
    """Loss of candidates: see the module's docstring."""
    target = leaf_values(records, "elements.target_class")
    label = leaf_values(found, "elements.class_index")
    f1 = []
    for k in range(1, len(CLASSES)):
        both, either = np.sum((target == k) & (label == k)), np.sum(target == k) + np.sum(label == k)
        f1.append(2.0 * both / either if either else 1.0)
    counts = np.asarray(ak.to_numpy(ak.num(records.elements)))
    event = owners(counts)
    names = ("pt_gev", "eta", "phi")
    true = _cells(event, *(leaf_values(records, f"elements.target_{name}") for name in names))
    made = _cells(event, *(leaf_values(found, f"elements.{name}") for name in names))
    size = max(len(true), len(made))
    wrong = np.abs(np.pad(true, (0, size - len(true))) - np.pad(made, (0, size - len(made)))).sum()
    return float(1.0 - np.mean(f1) + wrong / true.sum())


def search(
    records: ak.Array, trials: int, rng: np.random.Generator
) -> Iterator[tuple[float, ParticleFlowConfig]]:
    """Yields loss and constants of each trial, the present ones first.

    Args:
        records: Training events.
        trials: Number of trials.
        rng: Source of randomness.

    Raises:
        InvalidValue: Fewer than one trial.
    """
    if trials < 1:
        raise InvalidValue("trials", "at least 1", trials)
    best, config = np.inf, TUNED
    for trial in range(trials):
        if trial == 0:
            tried = TUNED
        elif trial < trials // 2:
            tried = _drawn(TUNED, WIDE, 1.0, rng)
        else:
            tried = _drawn(config, NARROW, 0.4, rng)
        value = loss(records, predict(records, tried))
        if value < best:
            best, config = value, tried
        yield value, tried


def _drawn(
    around: ParticleFlowConfig, width: float, part: float, rng: np.random.Generator
) -> ParticleFlowConfig:
    """Constants drawn log-normally around others; only a part of them changes."""
    changes: dict[str, Any] = {}
    for item in dataclasses.fields(ParticleFlowConfig):
        value = getattr(around, item.name)
        if rng.random() < part:
            drawn = value * float(np.exp(rng.normal(0.0, width)))
            changes[item.name] = max(round(drawn), 1) if isinstance(value, int) else float(f"{drawn:.3g}")
    return dataclasses.replace(around, **changes)


def _cells(
    event: Ints,
    pt: Floats32,
    eta: Floats32,
    phi: Floats32,
) -> Floats:
    """Sums of pT in cells of eta and phi of each event, flat."""
    rows, columns = int(2 * MAX_ABS_ETA / CELL), int(2 * np.pi / CELL)
    row = np.clip(((eta + MAX_ABS_ETA) / CELL).astype(np.int64), 0, rows - 1)
    cell = (event * rows + row) * columns + phi_cell(phi, columns)
    sums: Floats = np.bincount(cell, pt.astype(np.float64)).astype(np.float64)
    return sums


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the search."""
    parser.add_argument("--trials", type=int, default=150, help="default 150")
    parser.add_argument("--n", type=int, default=300, help="training events (default 300)")
    parser.add_argument("--seed", type=int, default=1, help="of the simulation and the search")
    parser.add_argument("--out", type=Path, required=True, help="folder of search.json")


def run(options: argparse.Namespace) -> None:
    """Searches and writes the result: see the module's docstring."""
    crowded = max(int(PILEUP_PART * options.n), 1)
    pileup = dataclasses.replace(ELEMENT_SAMPLES["ttbar"], pileup=PILEUP)
    records = ak.concatenate(
        [
            simulate("ttbar", options.n, options.seed, split="train", truth=False),
            simulate("ttbar", crowded, options.seed + 1, split="train", config=pileup, truth=False),
        ]
    )
    tried = []
    for number, (value, config) in enumerate(
        search(records, options.trials, np.random.default_rng(options.seed))
    ):
        tried.append({"loss": value, **dataclasses.asdict(config)})
        if value <= min(one["loss"] for one in tried):
            print(f"trial {number}: {value:.4f}", flush=True)
    best = min(tried, key=lambda one: one["loss"])
    constants = ParticleFlowConfig(**{name: value for name, value in best.items() if name != "loss"})
    curve = {
        str(n): loss(records, predict(records, dataclasses.replace(constants, n_sigma=n))) for n in N_SIGMA
    }
    options.out.mkdir(parents=True, exist_ok=True)
    content = {"best": best, "n_sigma": curve, "events": len(records), "trials": tried}
    write_json(options.out / "search.json", content)
    print(options.out / "search.json")
