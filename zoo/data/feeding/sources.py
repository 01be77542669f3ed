"""Where a stream of batches takes its objects from: anything with a length and `read(index) -> flat arrays`.

`shards.ShardCache` is one, `InMemory` holds records.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import awkward as ak
import numpy.typing as npt

from zoo.data.feeding.flat import Flat, n_objects, piece, to_flat
from zoo.data.kinds.objects import OBJECTS
from zoo.data.kinds.schema import Schema

__all__ = ["InMemory", "Source"]


class Source(Protocol):
    """A sequence of shards."""

    def __len__(self) -> int:
        """Number of shards."""
        ...

    def read(self, index: int) -> Flat:
        """Flat arrays of one shard."""
        ...


class InMemory:
    """Records that are in memory already.

    Args:
        records: Records, or flat arrays.
        shard_size: Objects per shard.
        schema: Kind of the records.
    """

    def __init__(
        self,
        records: ak.Array | Mapping[str, npt.NDArray[Any]],
        shard_size: int = 50_000,
        schema: Schema = OBJECTS,
    ) -> None:
        self._flat = to_flat(records, schema) if isinstance(records, ak.Array) else dict(records)
        self._size = shard_size

    def __len__(self) -> int:
        return max(1, -(-n_objects(self._flat) // self._size))

    def read(self, index: int) -> Flat:
        """Flat arrays of one shard."""
        start = index * self._size
        return piece(self._flat, start, min(start + self._size, n_objects(self._flat)))
