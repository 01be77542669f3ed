"""Objects as flat columns: what a batch of the simulation gives, and how batches become records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.arrays import Ints
from zoo.data.kinds.objects import OBJECTS
from zoo.data.kinds.schema import Schema
from zoo.data.records import assemble

__all__ = ["Columns", "join", "to_records"]


@dataclass
class Columns:
    """Objects as flat columns, by the dotted names of the records.

    Args:
        values: Name -> array; fields of a collection are flat, object after object.
        counts: Collection -> [K] entries of each object.
        origin: [K] number of each object's event in its batch: what is missing has no seed.
    """

    values: dict[str, npt.NDArray[Any]]
    counts: dict[str, Ints]
    origin: Ints

    def __len__(self) -> int:
        return len(self.origin)

    def first(self, n: int) -> Columns:
        """Returns the first n objects."""
        ends = {name: int(count[:n].sum()) for name, count in self.counts.items()}
        values = {name: value[: ends.get(name.split(".")[0], n)] for name, value in self.values.items()}
        return Columns(values, {name: count[:n] for name, count in self.counts.items()}, self.origin[:n])


def join(parts: list[Columns]) -> Columns:
    """Puts batches of objects one after the other."""
    first = parts[0]
    return Columns(
        {name: np.concatenate([part.values[name] for part in parts]) for name in first.values},
        {name: np.concatenate([part.counts[name] for part in parts]) for name in first.counts},
        np.concatenate([part.origin for part in parts]),
    )


def to_records(columns: Columns, schema: Schema = OBJECTS) -> ak.Array:
    """Builds records from columns; a column that the schema does not know is left out."""
    arrays = {}
    for name, value in columns.values.items():
        if name not in schema.by_name:
            continue
        collection = name.split(".")[0]
        jagged = collection in columns.counts
        arrays[name] = ak.unflatten(value, columns.counts[collection]) if jagged else ak.Array(value)
    return assemble(arrays)
