"""Records as plain NumPy arrays: offsets, the entries of each collection in a row, one number for the rest.

This is what training streams: it loads at the speed of the disk and is sliced and gathered without awkward's
bookkeeping. `offsets` says where the nodes of each object start (`Schema.nodes`: hits, clusters), and
`offsets.hits` where the lists of another collection do. Kept are input fields, collections with labels, and
one number per object; the rest of the truth (`particles.*`, `deposits.*`, that of the hits) is dropped.
Indices count within their object, so that no operation here changes one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.arrays import Ints, row_splits
from zoo.data.kinds.objects import OBJECTS
from zoo.data.kinds.schema import Field, Schema
from zoo.data.records import field_names, leaf_values
from zoo.errors import InvalidValue, UnknownName

__all__ = ["OFFSETS", "Flat", "concatenate", "from_flat", "lengths", "n_objects", "piece", "take", "to_flat"]

OFFSETS = "offsets"
Flat = dict[str, npt.NDArray[Any]]


def to_flat(records: ak.Array, schema: Schema = OBJECTS) -> Flat:
    """Flattens records for training.

    Args:
        records: Records [B].
        schema: Their kind.

    Returns:
        "offsets" int64 [B + 1] of the nodes, "offsets.<collection>" of any other collection that is kept, the
        fields of collections [T], the fields of the objects [B].

    Raises:
        UnknownName: The records have no nodes: they are of another kind.
    """
    if schema.nodes not in ak.fields(records):
        raise UnknownName("field", schema.nodes, ak.fields(records), f"the records, not {schema.title}")
    names = set(field_names(records))
    kept = [field for field in schema.fields if field.name in names and _is_kept(field, schema)]
    collections = dict.fromkeys([schema.nodes, *(field.collection for field in kept if field.collection)])
    flat: Flat = {}
    for name in collections:
        counts = np.asarray(ak.to_numpy(ak.num(records[name])), np.int64)
        flat[OFFSETS if name == schema.nodes else f"{OFFSETS}.{name}"] = row_splits(counts)
    for field in kept:
        flat[field.name] = np.ascontiguousarray(leaf_values(records, field.name), field.dtype)
    return flat


def from_flat(flat: Mapping[str, npt.NDArray[Any]]) -> ak.Array:
    """Views flat arrays as records, without a copy.

    Args:
        flat: As `to_flat` returns it.

    Returns:
        Records [B] with the fields that `flat` holds.
    """
    inner: dict[str, dict[str, Any]] = {}
    contents: dict[str, Any] = {}
    for name, values in flat.items():
        collection, dot, leaf = name.partition(".")
        if dot and not _is_offsets(name):
            inner.setdefault(collection, {})[leaf] = ak.contents.NumpyArray(values)
    for collection, leaves in inner.items():
        offsets = ak.index.Index64(np.asarray(flat[_offsets_of(flat, collection)]))
        entries = ak.contents.RecordArray(list(leaves.values()), list(leaves))
        contents[collection] = ak.contents.ListOffsetArray(offsets, entries)
    for name, values in flat.items():
        if "." not in name and not _is_offsets(name):
            contents[name] = ak.contents.NumpyArray(values)
    return ak.Array(ak.contents.RecordArray(list(contents.values()), list(contents), length=n_objects(flat)))


def n_objects(flat: Mapping[str, npt.NDArray[Any]]) -> int:
    """Number of objects."""
    return len(flat[OFFSETS]) - 1


def lengths(flat: Mapping[str, npt.NDArray[Any]], collection: str = "") -> Ints:
    """Number of nodes of each object, or of its entries in a collection, [B].

    Raises:
        UnknownName: The collection is not kept.
    """
    kept = {name.split(".")[0] for name in flat if "." in name and not _is_offsets(name)}
    if collection and collection not in kept:
        raise UnknownName("collection", collection, kept, "the flat arrays")
    return np.diff(flat[_offsets_of(flat, collection)])


def piece(flat: Mapping[str, npt.NDArray[Any]], start: int, stop: int) -> Flat:
    """Objects start to stop; views of the same memory but for the offsets."""
    out: Flat = {}
    for name, values in flat.items():
        if _is_offsets(name):
            out[name] = values[start : stop + 1] - values[start]
        elif "." in name:
            offsets = flat[_offsets_of(flat, name)]
            out[name] = values[offsets[start] : offsets[stop]]
        else:
            out[name] = values[start:stop]
    return out


def take(flat: Mapping[str, npt.NDArray[Any]], index: npt.NDArray[np.integer[Any]]) -> Flat:
    """Gathers objects by index, in that order; a copy."""
    out: Flat = {}
    rows: dict[str, Ints] = {}
    for name, offsets in flat.items():
        if _is_offsets(name):
            counts = np.diff(offsets)[index]
            out[name] = row_splits(counts)
            rows[name] = np.repeat(offsets[index] - out[name][:-1], counts) + np.arange(out[name][-1])
    for name, values in flat.items():
        if not _is_offsets(name):
            out[name] = values[rows[_offsets_of(flat, name)] if "." in name else index]
    return out


def concatenate(flats: Sequence[Mapping[str, npt.NDArray[Any]]]) -> Flat:
    """Joins flat arrays with the same fields.

    Raises:
        InvalidValue: None is given, or their fields differ.
    """
    if not flats:
        raise InvalidValue("flat arrays", "at least one", "none")
    names = set(flats[0])
    for other in flats[1:]:
        if set(other) != names:
            raise InvalidValue("flat arrays", "the same fields in each", sorted(names ^ set(other)))
    return {
        name: row_splits(np.concatenate([np.diff(flat[name]) for flat in flats]))
        if _is_offsets(name)
        else np.concatenate([flat[name] for flat in flats])
        for name in flats[0]
    }


def _is_kept(field: Field, schema: Schema) -> bool:
    return not field.collection or field.role == "input" or field.collection in schema.labelled


def _is_offsets(name: str) -> bool:
    return name.split(".")[0] == OFFSETS


def _offsets_of(flat: Mapping[str, npt.NDArray[Any]], name: str) -> str:
    """Name of the offsets of a jagged field or a collection: those of the nodes where it has none."""
    own = f"{OFFSETS}.{name.split('.')[0]}"
    return own if own in flat else OFFSETS
