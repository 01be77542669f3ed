"""What a kind of records is: a table of fields, each with dtype, unit, range and meaning, as data.

A dotted name such as `hits.energy_gev` is jagged: one list per record, and all lists of a collection are
equally long. In a ROOT file it is the branch `hits_energy_gev` with the counter `nhits`. No list holds a
list: a hit that belongs to a cluster says to which, by an index (`hits.cluster`). The tables are the one
source for the checks, the files, the shards and `docs/data_format.md`:

| kind | module | one record is |
| --- | --- | --- |
| `OBJECTS` | `object_fields` | one calorimeter object, its hits in a window around the seed crystal |
| `CLUSTER_EVENTS` | `cluster_fields` | the PF clusters of one event, with their hits |
| `WINDOWS` | `cluster_fields` | the clusters around one seed cluster, with their hits |
| `CANDIDATES` | `candidate_fields` | one photon-like candidate, its hits around the highest crystal |
| `ELEMENT_EVENTS` | `element_fields` | the particle-flow elements of one event, with the particles |
| `PF_CANDIDATES` | `pf_candidate_fields` | the particle-flow candidates of one event |
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from zoo.arrays import Bools
from zoo.errors import InvalidValue

__all__ = ["BEAM_GEV", "PI", "Field", "Role", "Schema"]

Role = Literal["input", "truth", "provenance"]

BEAM_GEV = 7000.0  # no particle of the LHC carries more: an energy above it was written in MeV
PI = math.pi * (1.0 + 1e-6)  # float32 rounding of pi


@dataclass(frozen=True)
class Field:
    """One field of the records.

    Attributes:
        name: Name, dotted if it belongs to a jagged collection.
        dtype: NumPy dtype that is stored.
        unit: Unit, "" for indices and counts.
        role: "input" must be there for any prediction; "truth" only simulated samples have; "provenance"
            says where an object came from.
        meaning: One line.
        low: Smallest valid value.
        high: Largest valid value.
        open_low: The smallest value itself is not valid (energy > 0).
        not_zero: Zero is not valid (ieta has none).
        into: Collection of the same record that an index points into, "" for every other field.
    """

    name: str
    dtype: str
    unit: str
    role: Role
    meaning: str
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    not_zero: bool = False
    into: str = ""

    @property
    def collection(self) -> str:
        """Name of the jagged collection, or "" for one value per object."""
        return self.name.split(".")[0] if "." in self.name else ""

    @property
    def leaf(self) -> str:
        """Name within the collection."""
        return self.name.split(".")[-1]

    @property
    def branch(self) -> str:
        """Name of the branch in a ROOT file of this project."""
        return self.name.replace(".", "_")

    def outside(self, values: npt.NDArray[Any]) -> Bools:
        """Says which values are not valid: out of range, or no integers where indices are meant.

        Args:
            values: Of any shape, in the field's unit, finite.

        Returns:
            Of the same shape.
        """
        bad = (values <= self.low) if self.open_low else (values < self.low)
        bad |= values > self.high
        if self.not_zero:
            bad |= values == 0
        if np.dtype(self.dtype).kind in "iu":
            bad |= values != np.rint(values)
        return np.asarray(bad)

    def check(self, values: npt.NDArray[Any]) -> None:
        """Raises `InvalidValue` with the range and the first value outside it; of a tensor's column, say."""
        bad = self.outside(values)
        if bad.any():
            unit = f" {self.unit}" if self.unit else ""
            raise InvalidValue(
                self.name, f"{self.range_text}{unit}", f"{values[bad][0]:g}, {int(bad.sum())} such in all"
            )

    @property
    def range_text(self) -> str:
        """The valid range in words."""
        if math.isinf(self.low) and math.isinf(self.high):
            return "finite"
        if math.isinf(self.high):
            return f"{'>' if self.open_low else '>='} {self.low:g}"
        if math.isinf(self.low):
            return f"<= {self.high:g}"
        text = f"{'above ' if self.open_low else 'from '}{self.low:g} to {self.high:g}"
        return text + (", not 0" if self.not_zero else "")


@dataclass(frozen=True)
class Schema:
    """A kind of records.

    Attributes:
        name: Name of the kind and of its TTree in a ROOT file.
        title: What the records are, in words.
        version: Number of the table, which no other table, of whatever kind, may have: a cache of another one
            is stale.
        nodes: Collection whose length is the size of a record: what batches are sorted by.
        fields: The table.
        labelled: Collections that the flat form of training keeps with their truth; of the others it keeps
            the input fields.
    """

    name: str
    title: str
    version: int
    nodes: str
    fields: tuple[Field, ...]
    labelled: tuple[str, ...] = ()

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """The fields by their dotted names."""
        return {field.name: field for field in self.fields}

    @cached_property
    def collections(self) -> tuple[str, ...]:
        """Names of the jagged collections, in the order of the table."""
        return tuple(dict.fromkeys(field.collection for field in self.fields if field.collection))
