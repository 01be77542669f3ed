"""Where a stream of batches takes its objects from: anything with a length and `read(index) -> flat arrays`.

`shards.ShardCache` is one. `InMemory` holds records, `Joined` strings several sources together
(electrons and photons), `RootFile` reads an own or foreign ROOT file in steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import awkward as ak
import numpy.typing as npt

from zoo.data.feeding.flat import Flat, n_objects, piece, to_flat
from zoo.data.files.branch_maps import BranchMap
from zoo.data.files.readers import count_objects, read_root
from zoo.data.kinds.objects import OBJECTS
from zoo.data.kinds.schema import Schema
from zoo.errors import InvalidValue

__all__ = ["InMemory", "Joined", "RootFile", "Source"]


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


class RootFile:
    """A ROOT file, read in steps.

    Args:
        path: The file.
        branch_map: Map of its branches, or None for an own file.
        shard_size: Objects per step.
        schema: Kind of the records.
    """

    def __init__(
        self,
        path: str | Path,
        branch_map: BranchMap | str | Path | None = None,
        shard_size: int = 50_000,
        schema: Schema = OBJECTS,
    ) -> None:
        self._path, self._map, self._size, self._schema = path, branch_map, shard_size, schema
        self._count = count_objects(path, branch_map, schema)

    def __len__(self) -> int:
        return max(1, -(-self._count // self._size))

    def read(self, index: int) -> Flat:
        """Flat arrays of one step."""
        start = index * self._size
        records = read_root(self._path, self._map, start, start + self._size, schema=self._schema)
        return to_flat(records, self._schema)


class Joined:
    """Several sources as one; the stream mixes their shards.

    Args:
        *sources: At least one.
    """

    def __init__(self, *sources: Source) -> None:
        if not sources:
            raise InvalidValue("sources", "at least one", "none")
        self._shards = [(source, index) for source in sources for index in range(len(source))]

    def __len__(self) -> int:
        return len(self._shards)

    def read(self, index: int) -> Flat:
        """Flat arrays of one shard."""
        source, inner = self._shards[index]
        return source.read(inner)
