"""A seeded stream of batches from shards, in bounded memory: NumPy only.

Training (`training_batches`) never ends: shards in random order, a few of them in memory at a time, their
objects shuffled together and bucketed; what does not fill a batch waits for the next shards, across the
ends of passes too, so every object is seen equally often and every batch is full. Validation and prediction
(`all_batches`) go through the source once and drop nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.arrays import Bools, Ints
from zoo.data.feeding.batching import BOUNDARIES, assign, bucketed_batches
from zoo.data.feeding.flat import Flat, concatenate, from_flat, lengths, n_objects, piece, take
from zoo.data.feeding.sources import Source
from zoo.errors import InvalidValue

__all__ = ["Augment", "Pool", "Select", "all_batches", "training_batches", "training_pools"]

Select = Callable[[ak.Array], Bools]
Augment = Callable[[Flat, np.random.Generator], Flat]


@dataclass(frozen=True)
class Pool:
    """Full batches that are in memory together.

    Attributes:
        flat: Their objects: buckets one after the other, the batches of a bucket in the order of their use.
        starts: Where each batch starts, in the order of use.
        ends: Where the bucket of each batch ends.
    """

    flat: Flat
    starts: list[int]
    ends: list[int]


def training_batches(source: Source, batch_size: int, seed: int, **options: Any) -> Iterator[Flat]:
    """Yields full batches for ever, in an order that the seed alone decides.

    Args:
        source: The shards.
        batch_size: Objects in every batch.
        seed: Seed of the order.
        **options: As `training_pools`.

    Yields:
        Flat arrays of `batch_size` objects of one bucket.
    """
    for pool in training_pools(source, batch_size, seed, **options):
        for start in pool.starts:
            yield piece(pool.flat, start, start + batch_size)


def training_pools(
    source: Source,
    batch_size: int,
    seed: int,
    *,
    boundaries: Sequence[int] = BOUNDARIES,
    select: Select | None = None,
    shards_in_memory: int = 4,
    first_pass: int = 0,
    skip: int = 0,
    augment: Augment | None = None,
) -> Iterator[Pool]:
    """Yields the batches of `training_batches` by the pool, so that several can be converted at once.

    Args:
        source: The shards.
        batch_size: Objects in every batch.
        seed: Seed of the order.
        boundaries: Sizes of the buckets.
        select: Records [B] -> bool [B], the objects to keep; all by default.
        shards_in_memory: Shards whose objects are shuffled together; the bound on the memory.
        first_pass: Number of the first pass over the source (passes have different orders).
        skip: Batches to pass over: a run that goes on after `skip` steps sees what it would have seen.
        augment: Flat arrays, a generator -> the same objects under a symmetry of the detector that is drawn
            anew each time; none by default.

    Yields:
        Pools of full batches.

    Raises:
        InvalidValue: A whole pass over the source holds no object.
    """
    if batch_size < 1 or shards_in_memory < 1:
        raise InvalidValue("batch_size, shards_in_memory", "at least 1", (batch_size, shards_in_memory))
    waiting: Flat | None = None
    number, todo = first_pass, skip
    while True:
        rng = np.random.default_rng((seed, number))
        shards = rng.permutation(len(source))
        seen = 0
        for at in range(0, len(shards), shards_in_memory):
            parts = [_kept(source.read(int(i)), select) for i in shards[at : at + shards_in_memory]]
            seen += sum(n_objects(part) for part in parts)
            everything = concatenate(parts if waiting is None else [waiting, *parts])
            order, ends, rest = _full_batches(lengths(everything), batch_size, boundaries, rng)
            waiting = take(everything, rest)
            used = rng.permutation(len(ends))
            starts = _in_order_of_use(used, ends) * batch_size
            if todo < len(starts):
                chosen = take(everything, order)
                if augment is not None:  # with random numbers of its own: pools that are skipped draw none
                    chosen = augment(chosen, np.random.default_rng((seed, number, at)))
                pool = Pool(chosen, starts[todo:].tolist(), ends[used][todo:].tolist())
                del everything, parts  # what waits and the pool are copies
                yield pool
            todo = max(todo - len(starts), 0)
        if seen == 0:
            raise InvalidValue("source", "at least one object that passes the selection", "none")
        number += 1


def all_batches(
    source: Source,
    batch_size: int,
    *,
    boundaries: Sequence[int] = BOUNDARIES,
    select: Select | None = None,
) -> Iterator[tuple[Flat, Ints]]:
    """Yields every object of a source exactly once, in batches of similar size.

    Args:
        source: The shards.
        batch_size: Objects per batch at most.
        boundaries: Sizes of the buckets.
        select: Records [B] -> bool [B], the objects to keep.

    Yields:
        Flat arrays, and the positions of their objects among the kept ones.
    """
    before = 0
    for index in range(len(source)):
        shard = _kept(source.read(index), select)
        batches = bucketed_batches(lengths(shard), batch_size, boundaries=boundaries)
        if batches:
            order = np.concatenate(batches)
            pool, start = take(shard, order), 0
            for batch in batches:
                yield piece(pool, start, start + len(batch)), batch + before
                start += len(batch)
        before += n_objects(shard)


def _kept(flat: Flat, select: Select | None) -> Flat:
    if select is None:
        return flat
    keep = np.asarray(select(from_flat(flat)), bool)
    return flat if keep.all() else take(flat, np.flatnonzero(keep))


def _full_batches(
    sizes: npt.NDArray[Any], batch_size: int, boundaries: Sequence[int], rng: np.random.Generator
) -> tuple[Ints, Ints, Ints]:
    """Shuffles the objects of each bucket and cuts full batches.

    Returns:
        Objects of all batches, bucket by bucket; for each batch where its bucket ends in that list; the
        objects that are left.
    """
    bucket = assign(sizes, boundaries)
    order, rest, ends = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    end = 0
    for number in np.unique(bucket):
        members = rng.permutation(np.flatnonzero(bucket == number))
        stop = len(members) - len(members) % batch_size
        order.append(members[:stop])
        rest.append(members[stop:])
        end += stop
        ends.append(np.full(stop // batch_size, end, np.int64))
    return np.concatenate(order), np.concatenate(ends), np.concatenate(rest)


def _in_order_of_use(used: Ints, ends: Ints) -> Ints:
    """Numbers of batches, mixed over buckets as `used` says, but ascending within each bucket.

    The objects of a bucket are shuffled already; ascending batches can be converted in groups.
    """
    numbers = np.array(used)
    for end in np.unique(ends):
        places = np.flatnonzero(ends[used] == end)
        numbers[places] = np.sort(numbers[places])
    return numbers
