"""The stream of batches as a `tf.data.Dataset`, for any model of the zoo.

    drn = zoo.models.network.network("drn")
    train = training_dataset(source, to_inputs=drn.to_inputs, targets=drn.targets,
                             shapes=drn.card.shapes, batch_size=256, seed=1)
    model.fit(train, steps_per_epoch=2000, validation_data=validation_dataset(...))

The training data set never ends: an epoch is a fixed number of steps. Every axis that a card gives a letter
is padded, so that few shapes occur: N, the nodes that batches are sorted by, to the size of the bucket, any
other (the hits of a cluster) to the next of `BOUNDARIES`; a target has the axes of the output that it is for.
This is the only module of `zoo.data` that imports TensorFlow.
"""

from __future__ import annotations

import atexit
import itertools
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import awkward as ak
import numpy as np
import tensorflow as tf

from zoo.data.feeding.batching import BOUNDARIES, padded_length
from zoo.data.feeding.flat import Flat, from_flat, piece
from zoo.data.feeding.sources import Source
from zoo.data.feeding.stream import Augment, Select, all_batches, training_batches, training_pools
from zoo.errors import InvalidValue

__all__ = ["training_dataset", "validation_dataset"]

_NODES = "N"  # letter of the axis that batches are sorted by
_GROUP = 8  # batches of one bucket converted at once: awkward costs per call, not per object

_MOST_STREAMS = 8
_closing = threading.Event()
_open: weakref.WeakSet[_Streams] = weakref.WeakSet()

Arrays = Mapping[str, np.ndarray]
ToArrays = Callable[[ak.Array], Arrays]
Weights = Callable[[ak.Array], np.ndarray | None]
Shapes = Mapping[str, Sequence[str | int]]


def training_dataset(
    source: Source,
    *,
    to_inputs: ToArrays,
    targets: ToArrays,
    shapes: Shapes,
    batch_size: int,
    seed: int,
    weights: Weights | None = None,
    select: Select | None = None,
    boundaries: Sequence[int] = BOUNDARIES,
    shards_in_memory: int = 4,
    skip: int = 0,
    augment: Augment | None = None,
    prefetch: int = 16,
) -> tf.data.Dataset:
    """An endless, shuffled, bucketed data set of full batches.

    Args:
        source: The shards.
        to_inputs: Records [B] -> input arrays by name (`to_inputs` of a network).
        targets: Records [B] -> target arrays by output name (`targets` of a network); with an axis of nodes
            they are padded to the longest object, as the inputs are, and may have more axes behind it.
        shapes: Input or output -> its axes as on a card, ("B", "N", 5): letters for those that are padded.
        batch_size: Objects in every batch; divisible by the number of replicas.
        seed: Seed of the order.
        weights: Records [B] -> sample weights [B], or None for every batch.
        select: Records [B] -> bool [B], the objects to train on.
        boundaries: Sizes of the buckets.
        shards_in_memory: Shards shuffled together; the bound on the memory.
        skip: Batches to pass over (a resumed run: the steps done).
        augment: Flat arrays, a generator -> the same objects under a random symmetry of the detector.
        prefetch: Batches made ahead.

    Returns:
        Data set of (inputs, targets) or (inputs, targets, weights), float32, batch axis static.
    """
    make = _Maker(to_inputs, targets, weights, shapes, boundaries)

    def generate() -> Iterator[tuple[Any, ...]]:
        for pool in training_pools(
            source,
            batch_size,
            seed,
            boundaries=boundaries,
            select=select,
            shards_in_memory=shards_in_memory,
            skip=skip,
            augment=augment,
        ):
            made: dict[int, tuple[Any, ...]] = {}
            for start, end in zip(pool.starts, pool.ends, strict=True):
                if start not in made:
                    stop = min(start + _GROUP * batch_size, end)
                    group = make(piece(pool.flat, start, stop))
                    for at in range(start, stop, batch_size):
                        made[at] = _slice(group, at - start, batch_size)
                yield made.pop(start)

    first = next(
        training_batches(source, batch_size, seed, boundaries=boundaries, select=select, shards_in_memory=1)
    )
    return _dataset(generate, make.signature(first, batch_size), prefetch)


def validation_dataset(
    source: Source,
    *,
    to_inputs: ToArrays,
    targets: ToArrays,
    shapes: Shapes,
    batch_size: int,
    weights: Weights | None = None,
    select: Select | None = None,
    boundaries: Sequence[int] = BOUNDARIES,
    prefetch: int = 16,
) -> tf.data.Dataset:
    """A data set that holds every object exactly once; arguments as `training_dataset`.

    Batches differ in size, so Keras' epoch mean is taken over objects. The number of batches is known:
    `dataset.cardinality()`.
    """
    make = _Maker(to_inputs, targets, weights, shapes, boundaries)

    def batches() -> Iterator[Flat]:
        for flat, _ in all_batches(source, batch_size, boundaries=boundaries, select=select):
            yield flat

    def generate() -> Iterator[tuple[Any, ...]]:
        return (make(flat) for flat in batches())

    count, first = 0, None
    for flat in batches():
        first, count = (flat if first is None else first), count + 1
    if first is None:
        raise InvalidValue("source", "at least one object that passes the selection", "none")
    dataset = _dataset(generate, make.signature(first, None), prefetch)
    return dataset.apply(tf.data.experimental.assert_cardinality(count))


class _Maker:
    """Turns flat arrays into (inputs, targets[, weights])."""

    def __init__(
        self,
        to_inputs: ToArrays,
        targets: ToArrays,
        weights: Weights | None,
        shapes: Shapes,
        boundaries: Sequence[int],
    ) -> None:
        self._to_inputs, self._targets, self._weights = to_inputs, targets, weights
        self._shapes, self._boundaries = shapes, boundaries

    def __call__(self, flat: Flat) -> tuple[Any, ...]:
        records = from_flat(flat)
        parts = self._padded(self._to_inputs(records), self._targets(records))
        weights = None if self._weights is None else self._weights(records)
        return parts if weights is None else (*parts, np.asarray(weights, np.float32))

    def signature(self, flat: Flat, batch: int | None) -> Any:
        """Shapes of what `__call__` returns, the sizes of padded axes unknown."""

        def spec(value: np.ndarray, padded: int = 0) -> tf.TensorSpec:
            return tf.TensorSpec([batch, *[None] * padded, *value.shape[1 + padded :]], tf.float32)

        inputs, targets, *weights = self(flat)
        named = (
            {name: spec(value, len(self._letters(name))) for name, value in part.items()}
            for part in (inputs, targets)
        )
        return *named, *map(spec, weights)

    def _padded(self, *parts: Arrays) -> tuple[dict[str, np.ndarray], ...]:
        """Pads the axes with letters with zeros, each letter to one size in all arrays."""
        longest: dict[str, int] = {}
        for part in parts:
            for name, value in part.items():
                for letter, size in zip(self._letters(name), value.shape[1:], strict=False):
                    longest[letter] = max(longest.get(letter, 0), size)
        sizes = {
            letter: padded_length(size, self._boundaries if letter == _NODES else BOUNDARIES)
            for letter, size in longest.items()
        }
        return tuple(
            {
                name: _grow(np.asarray(value, np.float32), [sizes[letter] for letter in self._letters(name)])
                for name, value in part.items()
            }
            for part in parts
        )

    def _letters(self, name: str) -> list[str]:
        return [axis for axis in self._shapes.get(name, ())[1:] if isinstance(axis, str)]


def _slice(group: tuple[Any, ...], start: int, size: int) -> tuple[Any, ...]:
    """One batch of a group that was made at once."""
    return tuple(
        {name: value[start : start + size] for name, value in part.items()}
        if isinstance(part, Mapping)
        else part[start : start + size]
        for part in group
    )


def _grow(value: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Pads the axes behind the first with zeros up to these sizes."""
    shape = (len(value), *sizes, *value.shape[1 + len(sizes) :])
    if shape == value.shape:
        return value
    grown = np.zeros(shape, value.dtype)
    grown[tuple(map(slice, value.shape))] = value
    return grown


class _Streams:
    """The Python side of a data set: one generator per iterator, advanced by `tf.numpy_function`.

    `Dataset.from_generator` would do the same, but it calls Python once more when an iterator is destroyed.
    An iterator that is alive when the interpreter ends (a global variable, the traceback of an interrupt)
    then never returns.
    """

    def __init__(self, generate: Callable[[], Iterator[Any]], blank: list[np.ndarray]) -> None:
        self._generate, self._blank = generate, blank
        self.live: dict[int, Iterator[Any]] = {}
        self._numbers = itertools.count()
        _open.add(self)

    def begin(self) -> np.int64:
        """Starts a stream; an iterator that was dropped half-way leaves one behind, of which few are kept."""
        number = next(self._numbers)
        self.live[number] = self._generate()
        while len(self.live) > _MOST_STREAMS:
            self.live.pop(next(iter(self.live)))
        return np.int64(number)

    def advance(self, number: np.int64) -> list[np.ndarray]:
        """Whether there is a batch, and its arrays."""
        with _InFlight():
            try:
                if _closing.is_set():
                    raise StopIteration
                item = next(self.live[int(number)])
            except StopIteration:
                self.live.pop(int(number), None)
                return [np.array(False), *self._blank]
            return [np.array(True), *tf.nest.flatten(item)]


class _InFlight:
    """Counts the calls that are in Python and says when the last one ended, for the end of the process."""

    count, last = 0, 0.0
    lock = threading.Lock()

    def __enter__(self) -> None:
        with _InFlight.lock:
            _InFlight.count += 1

    def __exit__(self, *_: object) -> None:
        with _InFlight.lock:
            _InFlight.count -= 1
            _InFlight.last = time.monotonic()


@atexit.register
def _close() -> None:
    """Ends all streams while Python still runs: a thread that needs it later would wait for ever.

    A stream that fills its buffer asks for the next batch at once, and is told that it was the last. One that
    has not asked for a second waits for its consumer, and will not ask again.
    """
    _closing.set()
    start = time.monotonic()
    while any(streams.live for streams in _open) and (now := time.monotonic()) < start + 10.0:
        if not _InFlight.count and now > max(start, _InFlight.last) + 1.0:
            break
        time.sleep(0.01)
    if _InFlight.lock.acquire(timeout=1.0):
        _InFlight.lock.release()


def _dataset(generate: Callable[[], Iterator[Any]], signature: Any, prefetch: int) -> tf.data.Dataset:
    specs = tf.nest.flatten(signature)
    blank = [np.zeros([size or 0 for size in spec.shape], np.float32) for spec in specs]
    streams = _Streams(generate, blank)

    def start(_: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tf.numpy_function(streams.begin, [], tf.int64), [])

    def batch(number: tf.Tensor) -> tuple[tf.Tensor, ...]:
        found = tf.numpy_function(streams.advance, [number], [tf.bool] + [spec.dtype for spec in specs])
        return tf.ensure_shape(found[0], []), *found[1:]

    def pack(_: tf.Tensor, *values: tf.Tensor) -> Any:
        shaped = [tf.ensure_shape(value, spec.shape) for value, spec in zip(values, specs, strict=True)]
        return tf.nest.pack_sequence_as(signature, shaped)

    def stream(number: tf.Tensor) -> tf.data.Dataset:
        endless = tf.data.Dataset.counter().map(lambda _: batch(number))
        return endless.take_while(lambda there, *_: there)

    dataset = tf.data.Dataset.range(1).map(start).flat_map(stream).map(pack)
    options = tf.data.Options()
    # Each replica gets a slice of the same batches: a stream has no files to shard.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    options.deterministic = True
    return dataset.with_options(options).prefetch(prefetch)
