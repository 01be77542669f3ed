"""The events of a recipe: simulated once, in parallel processes, into a cache that every training shares.

    events = prepare(recipe.data, "train", n=recipe.data.n, cache=Path("runs/cache"), model=recipe.model)
    len(events), events.read(0)         # a source of `zoo.data.feeding.stream`

A shard is a fair sample of the whole: each holds electrons and photons, with and without pile-up, in the
recipe's proportions. Shards are independent of each other, so a killed simulation goes on with the missing
ones and a larger `n` adds to what is there. Training, validation and test take disjoint showers (the
library's split) and disjoint seeds.

A cache belongs to what the simulation *does*, not to how its source is written: its key holds a hash of a
small probe sample, so a renamed variable keeps the cache and a changed constant makes another one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import multiprocessing
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from training.trainer.recipe import Data
from zoo.arrays import Bools
from zoo.data import raw_energy_gev
from zoo.data.feeding.flat import Flat, concatenate, from_flat, n_objects, take, to_flat
from zoo.data.feeding.shards import ShardCache
from zoo.data.kinds.objects import OBJECTS
from zoo.errors import InvalidValue, UnknownName
from zoo.models.network import network

SPLITS = ("train", "validation", "test")
TOY = "toy"  # the model's own quick sample, for tests
_PROBE = 100  # objects of each sample in the probe


@dataclass(frozen=True)
class Part:
    """One ingredient of every shard."""

    sample: str  # name of the sample
    pileup: bool  # as the sample defines it, or none
    n: int  # objects of it in a shard


class Events:
    """The first `n` objects of a cache, as a source of shards.

    Args:
        cache: Holds at least `n_shards` shards.
        n_shards: Number of shards.
        facts: What they are, for `run.json`.
    """

    def __init__(self, cache: ShardCache, n_shards: int, facts: Mapping[str, Any]) -> None:
        self.cache, self.n_shards, self.facts = cache, n_shards, dict(facts)

    def __len__(self) -> int:
        return self.n_shards

    def read(self, index: int) -> Flat:
        """Flat arrays of one shard."""
        return self.cache.read(index)

    def showers(self) -> dict[str, set[int]]:
        """Library rows of the leading showers, by library."""
        return self.cache.read_showers()

    def records(self, *, reachable_only: bool = False, most: int | None = None) -> ak.Array:
        """All objects at once, for what is not streamed.

        Args:
            reachable_only: Leave out objects that no correction within a factor of two can reach.
            most: Stop after this many objects.

        Returns:
            Records [B].
        """
        flats, n = [], 0
        for index in range(len(self)):
            flat = self.read(index)
            if reachable_only:
                flat = take(flat, np.flatnonzero(reachable(from_flat(flat))))
            flats.append(flat)
            n += n_objects(flat)
            if most is not None and n >= most:
                break
        return from_flat(concatenate(flats))[:most]


def reachable(records: ak.Array) -> Bools:
    """Says which objects a correction with |mu| <= ln 2 can reach: 0.5 < E_raw / E_true < 2; [B]."""
    ratio = raw_energy_gev(records) / np.asarray(records.true_energy_gev)
    return np.asarray((ratio > 0.5) & (ratio < 2.0))


def prepare(
    data: Data,
    split: str,
    *,
    n: int,
    cache: Path,
    model: str,
    processes: int = 2,
    known: Mapping[str, Any] | None = None,
    quiet: bool = False,
) -> Events:
    """Returns the recipe's events of one split, simulating what the cache lacks.

    Args:
        data: The recipe's data block.
        split: "train", "validation" or "test".
        n: Objects; rounded up to whole shards.
        cache: Folder of all caches.
        model: Whose records they are, and whose toy sample is meant by the sample "toy".
        processes: Simulating processes.
        known: Manifest of earlier `Events`, of a run that goes on: its very events, whatever the code does
            now.
        quiet: No progress bar.

    Returns:
        The events.

    Raises:
        UnknownName: No such split or sample.
    """
    if split not in SPLITS:
        raise UnknownName("split", split, SPLITS)
    if split == "test" and data.test_samples:
        data = dataclasses.replace(data, samples=data.test_samples)
    key = dict(known["key"]) if known else _key(data, split, n, model)
    folder = cache / hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    shards = ShardCache(folder, key, network(model).schema)
    n_shards = -(-n // _shard_size(data, n))
    missing = shards.missing(n_shards)
    if missing:
        if known and key["probe"] != _probe(data, split, model):
            raise InvalidValue(
                f"the events in {folder}",
                "all shards of the run, or the simulation that made them",
                f"{len(missing)} missing, and a simulation that gives other events now",
            )
        _simulate(shards, missing, data, split, n, model, processes, quiet)
    manifest = shards.finish(n_shards)
    kept = ("key", "key_sha256", "n_shards", "objects", shards.schema.nodes, "unique_showers")
    facts = {"folder": folder.name, "split": split, **{name: manifest[name] for name in kept}}
    return Events(shards, n_shards, facts)


def check_disjoint(*events: Events) -> dict[str, int]:
    """Proves that no library shower stands in two of the splits.

    Returns:
        Library -> number of unique showers over all of them.

    Raises:
        InvalidValue: A shower is shared.
    """
    seen: dict[str, set[int]] = {}
    for one in events:
        for library, rows in one.showers().items():
            shared = seen.setdefault(library, set()) & rows
            if shared:
                raise InvalidValue(
                    f"showers of library {library}",
                    "none in two splits",
                    f"{len(shared)}, e.g. row {min(shared)}",
                )
            seen[library] |= rows
    return {library: len(rows) for library, rows in seen.items()}


def parts(data: Data, n: int) -> list[Part]:
    """Returns what a shard is made of.

    Args:
        data: The recipe's data block.
        n: Objects in the shard.
    """
    share = n // len(data.samples)
    without = round(share * data.pileup_free_fraction)
    both = [
        Part(name, pileup, k)
        for name in data.samples
        for pileup, k in ((True, share - without), (False, without))
    ]
    if data.samples == (TOY,):
        return [Part(TOY, True, n)]
    return [part for part in both if part.n]


def make_shard(data: Data, split: str, index: int, n: int, model: str, *, truth: bool = False) -> ak.Array:
    """Simulates one shard; its number alone decides its events.

    Args:
        data: The recipe's data block.
        split: "train", "validation" or "test".
        index: Number of the shard.
        n: Objects in it.
        model: Whose records they are, and whose toy sample is meant by "toy".
        truth: Also the particles and their deposits, for the same events.

    Returns:
        Records [n].
    """
    pieces: list[ak.Array] = []
    for number, part in enumerate(parts(data, n)):
        # One stream for each ingredient of each shard: a seed for every (recipe, split, shard, ingredient).
        entropy = np.random.SeedSequence((data.seed, SPLITS.index(split), index, number))
        pieces.append(_sample(part, int(entropy.generate_state(1)[0]), split, model, truth))
    if truth:
        return ak.concatenate(pieces)
    return from_flat(concatenate([to_flat(piece, network(model).schema) for piece in pieces]))


def _sample(part: Part, seed: int, split: str, model: str, truth: bool = False) -> ak.Array:
    of = network(model)
    if part.sample == TOY:
        return of.sample(part.n, seed)
    simulate = of.simulate
    if of.schema == OBJECTS and "@" in part.sample:
        from training.trainer.superclustered import simulate
    return simulate(part.sample, part.n, seed, split=split, pileup=part.pileup, truth=truth)


def _shard_size(data: Data, n: int) -> int:
    return min(data.shard_size, n)


def _key(data: Data, split: str, n: int, model: str) -> dict[str, Any]:
    kept = ("samples", "seed", "pileup_free_fraction")
    fields = {name: value for name, value in dataclasses.asdict(data).items() if name in kept}
    fields["shard_size"] = _shard_size(data, n)
    return {**json.loads(json.dumps(fields)), "split": split, "probe": _probe(data, split, model)}


def _probe(data: Data, split: str, model: str) -> str:
    """Returns a hash of what the simulation makes of fixed seeds."""
    digest = hashlib.sha256()
    for part in parts(data, max(_PROBE * 10, 2)):
        small = dataclasses.replace(part, n=_PROBE)
        for name, values in sorted(to_flat(_sample(small, 1, split, model), network(model).schema).items()):
            digest.update(name.encode() + np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()[:16]


def _simulate(
    shards: ShardCache,
    missing: list[int],
    data: Data,
    split: str,
    n: int,
    model: str,
    processes: int,
    quiet: bool,
) -> None:
    size = _shard_size(data, n)
    with _progress(f"simulating {split}", len(missing) * size, quiet) as advance:
        if processes <= 1:
            for index in missing:
                _write(shards.folder, shards.key, data, split, index, size, model)
                advance(size)
            return
        with one_thread_each(), ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
            jobs = [
                pool.submit(_write, shards.folder, shards.key, data, split, i, size, model) for i in missing
            ]
            try:
                for job in as_completed(jobs):
                    job.result()
                    advance(size)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _write(
    folder: Path, key: Mapping[str, Any], data: Data, split: str, index: int, n: int, model: str
) -> None:
    ShardCache(folder, key, network(model).schema).write(index, make_shard(data, split, index, n, model))


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Keeps the threads of the simulating processes from competing for the same cores."""
    blas = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    names = (*blas, "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    old = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in old.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _progress(title: str, total: int, quiet: bool) -> Iterator[Any]:
    """Yields a function that moves a progress bar on."""
    if quiet:
        yield lambda n: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        task = bar.add_task(title, total=total)
        yield lambda n: bar.advance(task, n)
