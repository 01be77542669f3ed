"""Batches of objects of similar size: padding to dense arrays, and buckets.

A network sees dense tensors [B, N, F] and a mask [B, N]. Objects of similar size share a batch, so that
little of it is padding; the size of a bucket, not of the batch, is what a batch is padded to, so that few
shapes occur. Nothing is ever truncated: an object longer than the last boundary goes to a bucket of its
own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats32, Ints
from zoo.errors import InvalidValue

__all__ = ["BOUNDARIES", "assign", "bucketed_batches", "choose_boundaries", "pad", "padded_length"]

# Multiples of 8 for the vector units; 145 is the full 5 x 29 window.
BOUNDARIES: tuple[int, ...] = (8, 16, 24, 32, 48, 64, 96, 145)


def pad(
    flat: npt.NDArray[Any], offsets: npt.NDArray[np.integer[Any]], length: int | None = None
) -> tuple[npt.NDArray[Any], Floats32]:
    """Pads a list of sets to one dense array.

    Args:
        flat: [T] or [T, F], the nodes of all sets one after the other.
        offsets: [B + 1], where each set starts.
        length: N; the longest set, and at least 1, by default.

    Returns:
        Dense [B, N] or [B, N, F] with zeros in the padding, and mask [B, N] float32, 1 for a node.

    Raises:
        InvalidValue: A set is longer than `length`: nothing is truncated.
    """
    counts = np.diff(offsets)
    longest = int(counts.max(initial=0))
    size = max(longest, 1) if length is None else length
    if longest > size:
        raise InvalidValue("length", f"at least the longest set, {longest}", size)
    mask = np.arange(size) < counts[:, None]
    dense = np.zeros((len(counts), size, *flat.shape[1:]), flat.dtype)
    dense[mask] = flat[int(offsets[0]) : int(offsets[-1])]
    return dense, mask.astype(np.float32)


def assign(lengths: npt.NDArray[np.integer[Any]], boundaries: Sequence[int] = BOUNDARIES) -> Ints:
    """Bucket of each object: the first boundary that holds it; `len(boundaries)` if none does.

    Args:
        lengths: [B], numbers of nodes.
        boundaries: Increasing sizes.

    Returns:
        [B] int64.

    Raises:
        InvalidValue: The boundaries are not positive and increasing.
    """
    edges = np.asarray(boundaries)
    if edges.ndim != 1 or len(edges) == 0 or edges[0] < 1 or np.any(np.diff(edges) <= 0):
        raise InvalidValue("boundaries", "positive, increasing sizes", list(boundaries))
    return np.searchsorted(edges, lengths, side="left")


def padded_length(longest: int, boundaries: Sequence[int] = BOUNDARIES) -> int:
    """Size to which a batch is padded: its bucket's boundary; the last one doubled as often as need be.

    Args:
        longest: Nodes of the longest object in the batch.
        boundaries: Increasing sizes.

    Returns:
        N >= longest.
    """
    for boundary in boundaries:
        if longest <= boundary:
            return int(boundary)
    size = int(boundaries[-1])
    while size < longest:
        size *= 2
    return size


def bucketed_batches(
    lengths: npt.NDArray[np.integer[Any]],
    batch_size: int,
    seed: int | Sequence[int] | None = None,
    *,
    boundaries: Sequence[int] = BOUNDARIES,
    drop_remainder: bool = False,
) -> list[Ints]:
    """Splits objects into batches of similar size.

    Args:
        lengths: [B], numbers of nodes.
        batch_size: Objects per batch, the same for every bucket.
        seed: Shuffles the objects within buckets and the order of the batches; None keeps the order of the
            file within each bucket, the small ones first.
        boundaries: Sizes of the buckets.
        drop_remainder: Leaves out the last, smaller batch of each bucket. Only for training; a prediction
            or a validation drops nothing.

    Returns:
        Index arrays. Same arguments, same batches.

    Raises:
        InvalidValue: The batch size is not positive.
    """
    if batch_size < 1:
        raise InvalidValue("batch_size", "at least 1", batch_size)
    rng = None if seed is None else np.random.default_rng(seed)
    bucket = assign(np.asarray(lengths), boundaries)
    batches: list[Ints] = []
    for number in np.unique(bucket):
        members = np.flatnonzero(bucket == number).astype(np.int64)
        if rng is not None:
            rng.shuffle(members)
        stop = len(members) - len(members) % batch_size if drop_remainder else len(members)
        batches.extend(members[start : start + batch_size] for start in range(0, stop, batch_size))
    if rng is not None:
        order = rng.permutation(len(batches))
        batches = [batches[i] for i in order]
    return batches


def choose_boundaries(
    lengths: npt.NDArray[np.integer[Any]], n_buckets: int = 8, multiple: int = 8
) -> tuple[int, ...]:
    """Boundaries that leave the least padding for these objects, by dynamic programming over multiples.

    Args:
        lengths: [B], numbers of nodes of a sample.
        n_buckets: Number of buckets at most.
        multiple: Boundaries are multiples of it.

    Returns:
        Increasing sizes; the last one holds the longest object.
    """
    steps = np.maximum(-(-np.asarray(lengths, np.int64) // multiple), 1)
    if steps.size == 0:
        return (multiple,)
    below = np.concatenate([[0], np.cumsum(np.bincount(steps)[1:])])  # objects within k multiples
    size = len(below) - 1
    cost = np.full((n_buckets + 1, size + 1), np.inf)
    cost[0, 0] = 0.0
    origin = np.zeros((n_buckets + 1, size + 1), np.int64)
    for used in range(1, n_buckets + 1):
        for top in range(1, size + 1):
            trial = cost[used - 1, :top] + (below[top] - below[:top]) * top
            origin[used, top] = int(np.argmin(trial))
            cost[used, top] = trial[origin[used, top]]
    used, top, found = int(np.argmin(cost[:, size])), size, []
    while top > 0:
        found.append(top * multiple)
        used, top = used - 1, int(origin[used, top])
    return tuple(reversed(found))
