"""Records as plain NumPy arrays: an offsets array, all hits in a row, one number per object for the rest.

This is what training streams: it loads at the speed of the disk and is sliced and gathered without awkward's
bookkeeping. Per-particle truth (`particles.*`, `deposits.*`, the hits' truth) is dropped; the truth of the
object stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.data.fields import FIELD_BY_NAME, FIELDS
from zoo.data.schema import field_names, get_field, leaf_values
from zoo.errors import InvalidValue

__all__ = ["OFFSETS", "Flat", "concatenate", "from_flat", "lengths", "n_objects", "piece", "take", "to_flat"]

OFFSETS = "offsets"
Flat = dict[str, npt.NDArray[Any]]

_HITS = tuple(f.name for f in FIELDS if f.collection == "hits" and f.role == "input")
_SCALARS = tuple(f.name for f in FIELDS if not f.collection)


def to_flat(records: ak.Array) -> Flat:
    """Flattens records for training.

    Args:
        records: Records [B].

    Returns:
        "offsets" int64 [B + 1], the five input fields of the hits [T], the fields of the objects [B].
    """
    names = set(field_names(records))
    counts = np.asarray(ak.to_numpy(ak.num(get_field(records, "hits.energy_gev"))), np.int64)
    flat: Flat = {OFFSETS: np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])}
    for name in (*_HITS, *_SCALARS):
        if name in names:
            flat[name] = np.ascontiguousarray(leaf_values(records, name), FIELD_BY_NAME[name].dtype)
    return flat


def from_flat(flat: Mapping[str, npt.NDArray[Any]]) -> ak.Array:
    """Views flat arrays as records, without a copy.

    Args:
        flat: As `to_flat` returns it.

    Returns:
        Records [B] with the fields that `flat` holds.
    """
    offsets = np.asarray(flat[OFFSETS])
    size = len(offsets) - 1
    hits = [name for name in flat if name.startswith("hits.")]
    inner = ak.contents.RecordArray(
        [ak.contents.NumpyArray(flat[name]) for name in hits], [name.split(".")[1] for name in hits]
    )
    contents: list[Any] = [ak.contents.ListOffsetArray(ak.index.Index64(offsets), inner)]
    names = ["hits"]
    for name, values in flat.items():
        if name != OFFSETS and "." not in name:
            contents.append(ak.contents.NumpyArray(values))
            names.append(name)
    return ak.Array(ak.contents.RecordArray(contents, names, length=size))


def n_objects(flat: Mapping[str, npt.NDArray[Any]]) -> int:
    """Number of objects."""
    return len(flat[OFFSETS]) - 1


def lengths(flat: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.int64]:
    """Number of hits of each object, [B]."""
    return np.diff(flat[OFFSETS])


def piece(flat: Mapping[str, npt.NDArray[Any]], start: int, stop: int) -> Flat:
    """Objects start to stop; views of the same memory but for the offsets."""
    offsets = flat[OFFSETS]
    first, last = int(offsets[start]), int(offsets[stop])
    out: Flat = {OFFSETS: offsets[start : stop + 1] - first}
    for name, values in flat.items():
        if name != OFFSETS:
            out[name] = values[first:last] if name.startswith("hits.") else values[start:stop]
    return out


def take(flat: Mapping[str, npt.NDArray[Any]], index: npt.NDArray[np.integer[Any]]) -> Flat:
    """Gathers objects by index, in that order; a copy."""
    counts = lengths(flat)[index]
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    rows = np.repeat(flat[OFFSETS][index] - offsets[:-1], counts) + np.arange(offsets[-1])
    out: Flat = {OFFSETS: offsets}
    for name, values in flat.items():
        if name != OFFSETS:
            out[name] = values[rows] if name.startswith("hits.") else values[index]
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
    out: Flat = {}
    for name in flats[0]:
        if name == OFFSETS:
            sizes = np.concatenate([lengths(flat) for flat in flats])
            out[name] = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        else:
            out[name] = np.concatenate([flat[name] for flat in flats])
    return out
