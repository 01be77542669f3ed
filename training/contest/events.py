"""The events of the contest: test objects of one kind, their truth hit by hit, and their information limits.

The shards that training and release share hold no truth of single hits or particles. It is simulated again
from the same seeds, which gives the same objects, and what the contest needs of it is kept.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from training.trainer import data, run_record
from training.trainer.recipe import Data
from training.trainer.sources import PACKAGE, sources_hash
from zoo.arrays import Floats
from zoo.data.feeding.flat import Flat, from_flat, to_flat
from zoo.data.feeding.shards import ShardCache
from zoo.errors import InvalidValue
from zoo.files import save_npz
from zoo.simulation.samples import SAMPLES, simulate
from zoo.simulation.shifts import Shift

__all__ = ["check_unseen", "shifted", "with_truth"]


LIMITS = ("oracle", "cascade")
"""Of `zoo.simulation.information_limit`: the bound with the cascade known, and the estimate without."""


def check_unseen(test: data.Events, facts: Mapping[str, Any], cache: Path) -> None:
    """Proves that the test events share no shower with what a run saw, where that is still in the cache."""
    for known in facts["events"].values():
        if (cache / known["folder"]).is_dir():
            seen = data.Events(ShardCache(cache / known["folder"], known["key"]), known["n_shards"], known)
            data.check_disjoint(seen, test)


def with_truth(
    block: Data, test: data.Events, kept: Path, *, model: str, processes: int
) -> tuple[ak.Array, dict[str, Floats]]:
    """Reads the test objects and adds the deposit of the primary in each hit.

    Args:
        block: The data block that the events are of.
        test: The events.
        kept: Folder in which the truth is kept.
        model: Network whose sample "toy" is meant.
        processes: Simulating processes.

    Returns:
        Records [N] with `hits.true_energy_gev`, and the information limits, name -> sigma/E [N]; none for
        events without particles.

    Raises:
        InvalidValue: The simulation gives other events now than those in the cache.
    """
    code = sources_hash((PACKAGE / "simulation").rglob("*.py"))
    folder = run_record.prepare_folder(kept / f"{test.facts['key_sha256'][:16]}-{code}")
    missing = [index for index in range(len(test)) if not (folder / _name(index)).is_file()]
    jobs = [(folder, block, index, test.read(index), model) for index in missing]
    if processes > 1 and len(jobs) > 1:
        context = multiprocessing.get_context("spawn")
        with data.one_thread_each(), ProcessPoolExecutor(min(processes, len(jobs)), context) as pool:
            list(pool.map(_write, *zip(*jobs, strict=True)))
    else:
        for job in jobs:
            _write(*job)
    truths = []
    for index in range(len(test)):
        with np.load(folder / _name(index)) as file:
            truths.append({name: file[name] for name in file.files})
    records = test.records()
    deposits = np.concatenate([truth["hits.true_energy_gev"] for truth in truths])
    hits = ak.with_field(
        records.hits, ak.unflatten(deposits, ak.num(records.hits.energy_gev)), "true_energy_gev"
    )
    limits = {name: np.concatenate([truth[name] for truth in truths]) for name in LIMITS if name in truths[0]}
    return ak.with_field(records, hits, "hits"), limits


def shifted(
    sample: str, shift: Shift | None, n: int, seed: int, kept: Path, *, processes: int
) -> tuple[dict[str, Any], ak.Array]:
    """Simulates test objects with pile-up under a domain shift, or reads them where that was done before.

    Args:
        sample: Name of the sample.
        shift: The shift; None for events as in training.
        n: Objects.
        seed: Of the simulation.
        kept: Folder in which events, and showers of the shift, are kept.
        processes: Simulating processes.

    Returns:
        What identifies the events, and records [n].
    """
    name, code = shift.name if shift else "nominal", sources_hash((PACKAGE / "simulation").rglob("*.py"))
    key = {"sample": sample, "shift": name, "n": n, "seed": seed, "code": code}
    shards = ShardCache(run_record.prepare_folder(kept) / f"{sample}-{name}", key)
    if shards.missing(1):
        config, library = SAMPLES[sample], None
        if shift:
            config = shift.config(config)
            library = shift.library(kept / f"{name}-showers-{code}" if shift.showers else None)
        records = simulate(
            sample, n, seed, split="test", config=config, library=library, processes=processes, truth=False
        )
        shards.write(0, records)
        shards.finish(1)
    return key, from_flat(shards.read(0))


def _name(index: int) -> str:
    return f"truth_{index:05d}.npz"


def _write(folder: Path, block: Data, index: int, expected: Flat, model: str) -> None:
    """Simulates one shard again, with its truth, and keeps what the contest needs of it."""
    size = len(expected["seed_ieta"])
    records = data.make_shard(block, "test", index, size, model, truth=True)
    found = to_flat(records)
    if not all(np.array_equal(found[name], values) for name, values in expected.items()):
        raise InvalidValue(f"test shard {index}", "the events in the cache", "other events, simulated now")
    fields = records.hits.fields
    deposits = records.hits.true_energy_gev if "true_energy_gev" in fields else records.hits.energy_gev
    arrays = {"hits.true_energy_gev": ak.to_numpy(ak.flatten(deposits)), **_limits(records)}
    save_npz(folder / _name(index), arrays, compressed=False)


def _limits(records: ak.Array) -> dict[str, Floats]:
    from zoo.simulation.information_limit import information_limit

    if "particles" not in records.fields:
        return {}
    limit = information_limit(records)
    return {name: np.asarray(getattr(limit, name), np.float64) for name in LIMITS}
