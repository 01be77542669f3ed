"""The records: awkward arrays with units in the field names, and the checks that they must pass.

    records = zoo.data.files.readers.read_root("electrons.root")
    records.hits.energy_gev          # jagged [B, N], GeV
    validate(records)                # an error names the field, what was expected and what came
    raw_energy_gev(records)          # [B] float32, the sum of the hits

Functions take the kind of the records, a `Schema`; calorimeter objects are the default. The field tables
stand in `zoo.data.kinds.objects`, `zoo.data.kinds.clusters`, `zoo.data.kinds.candidates`,
`zoo.data.kinds.elements` and `zoo.data.kinds.pf_candidates`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats32
from zoo.data.kinds.candidates import CANDIDATES
from zoo.data.kinds.clusters import CLUSTER_EVENTS, RECHIT_EVENTS, SUPERCLUSTER_EVENTS, WINDOWS
from zoo.data.kinds.elements import ELEMENT_EVENTS
from zoo.data.kinds.objects import OBJECTS
from zoo.data.kinds.pf_candidates import PF_CANDIDATES
from zoo.data.kinds.schema import Field, Schema
from zoo.errors import InvalidValue, UnknownName

__all__ = [
    "KINDS",
    "assemble",
    "cast",
    "conform",
    "field_names",
    "get_field",
    "has_field",
    "leaf_values",
    "raw_energy_gev",
    "select",
    "validate",
]

KINDS: dict[str, Schema] = {
    schema.name: schema
    for schema in (
        OBJECTS,
        RECHIT_EVENTS,
        CLUSTER_EVENTS,
        WINDOWS,
        SUPERCLUSTER_EVENTS,
        CANDIDATES,
        ELEMENT_EVENTS,
        PF_CANDIDATES,
    )
}


def has_field(records: ak.Array, name: str) -> bool:
    """Says whether the records hold a (dotted) field."""
    inner: Any = records
    for part in name.split("."):
        if part not in ak.fields(inner):
            return False
        inner = inner[part]
    return True


def field_names(records: ak.Array) -> list[str]:
    """Names of all fields in the records, collections dotted, known to the schema or not."""
    names: list[str] = []
    for name in ak.fields(records):
        inner = ak.fields(records[name])
        names.extend(f"{name}.{leaf}" for leaf in inner) if inner else names.append(name)
    return names


def get_field(records: ak.Array, name: str) -> ak.Array:
    """Field of the records by its (dotted) name; `UnknownName` with the nearest ones if it is not there."""
    if not has_field(records, name):
        raise UnknownName("field", name, field_names(records), "the records")
    inner: Any = records
    for part in name.split("."):
        inner = inner[part]
    return inner


def leaf_values(records: ak.Array, name: str) -> npt.NDArray[Any]:
    """Values of one field as a flat NumPy array, the lists of a jagged one one after the other."""
    values = get_field(records, name)
    return _plain(ak.flatten(values) if values.ndim == 2 else values, name)


def validate(
    records: ak.Array, schema: Schema = OBJECTS, *, truth: bool | None = None, ranges: bool = True
) -> None:
    """Checks fields, dtypes, units (by their ranges) and shapes of records.

    Args:
        records: The records, one entry per object.
        schema: Their kind.
        truth: True demands every truth field, False ignores them, None checks those that are there.
        ranges: Also look at every value: finite, within the range of the field table, and an index within
            the collection that it points into.

    Raises:
        InvalidValue: A field is missing or has the wrong dtype, shape or values; says which.
        UnknownName: A field that the schema does not have.
    """
    if not isinstance(records, ak.Array) or records.ndim != 1:
        raise InvalidValue("records", "a one-dimensional awkward array of objects", _describe(records))
    names = field_names(records)
    for name in names:
        if name not in schema.by_name:
            raise UnknownName("field", name, schema.by_name, f"records of the kind {schema.name!r}")
    for field in schema.fields:
        needed = field.role == "input" or (truth is True and field.role == "truth")
        if field.name not in names:
            if needed:
                raise InvalidValue(
                    field.name, f"the field ({field.meaning}, {field.dtype})", f"fields {', '.join(names)}"
                )
        elif not (truth is False and field.role == "truth"):
            _check_field(records, field, ranges)


def conform(records: ak.Array, schema: Schema = OBJECTS) -> ak.Array:
    """Casts the known fields to the dtypes of the schema, refusing every cast that changes a value's meaning.

    Args:
        records: Records whose numbers may be wider, e.g. float64 or int64.
        schema: Their kind.

    Returns:
        Records with the schema's dtypes; unknown fields are dropped.

    Raises:
        InvalidValue: A number does not fit (300 into uint8), or is no integer where one is stored.
    """
    names = [name for name in field_names(records) if name in schema.by_name]
    return assemble({name: cast(get_field(records, name), schema.by_name[name]) for name in names})


def cast(values: ak.Array, field: Field) -> ak.Array:
    """Casts one column to the dtype of its field; as `conform`."""
    flat = _plain(ak.flatten(values) if values.ndim == 2 else values, field.name)
    if flat.dtype == np.dtype(field.dtype):
        return values
    narrow = _cast(flat, field)
    return ak.unflatten(narrow, ak.num(values)) if values.ndim == 2 else ak.Array(narrow)


def assemble(columns: Mapping[str, Any]) -> ak.Array:
    """Builds records from columns by dotted name.

    Args:
        columns: Name -> array; a dotted one is jagged [B, N], any other [B].

    Returns:
        Records [B].

    Raises:
        InvalidValue: The lists of a collection, or the columns, differ in length.
    """
    jagged: dict[str, dict[str, ak.Array]] = {}
    for name, values in columns.items():
        if "." in name:
            collection, leaf = name.split(".")
            jagged.setdefault(collection, {})[leaf] = ak.Array(values)
    parts: dict[str, Any] = {}
    for collection, inside in jagged.items():
        for leaf, values in inside.items():
            if values.ndim != 2:
                raise InvalidValue(
                    f"{collection}.{leaf}", "one list per object", f"{values.ndim} dimension(s)"
                )
        first = next(iter(inside))
        counts = ak.num(inside[first])
        for leaf, values in inside.items():
            if len(values) != len(counts) or not bool(ak.all(ak.num(values) == counts)):
                raise InvalidValue(
                    f"{collection}.{leaf}", f"lists as long as those of {collection}.{first}", "other lengths"
                )
        parts[collection] = ak.zip(inside, depth_limit=2)
    parts.update({name: ak.Array(values) for name, values in columns.items() if "." not in name})
    lengths = {name: len(values) for name, values in parts.items()}
    if len(set(lengths.values())) > 1:
        raise InvalidValue("records", "the same number of objects in every field", lengths)
    return ak.zip(parts, depth_limit=1)


def raw_energy_gev(records: ak.Array) -> Floats32:
    """Raw energy of each object: the sum of its hits' energies, in GeV.

    Args:
        records: Records with `hits.energy_gev`.

    Returns:
        [B] float32, 0 for an object without hits. Never stored, so that it cannot disagree with the hits.
    """
    energy = ak.values_astype(records.hits.energy_gev, np.float64)
    return np.asarray(ak.to_numpy(ak.sum(energy, axis=1)), np.float32)


def select(
    records: ak.Array,
    *,
    energy_gev: tuple[float, float] | None = None,
    et_gev: tuple[float, float] | None = None,
    abs_eta: tuple[float, float] | None = None,
    abs_pdg_id: int | None = None,
    reachable: bool = False,
) -> ak.Array:
    """Keeps the objects whose truth lies in the given half-open ranges.

    Args:
        records: Records with truth.
        energy_gev: True energy, GeV.
        et_gev: True transverse energy E / cosh(eta), GeV.
        abs_eta: |eta| of the primary.
        abs_pdg_id: 11 for electrons, 22 for photons.
        reachable: Keep only 0.5 < E_raw / E_true < 2, which is what a correction with |mu| <= ln 2 can reach.

    Returns:
        The records that pass all of them.
    """
    energy = np.asarray(records.true_energy_gev, np.float64)
    eta = np.asarray(records.true_eta, np.float64)
    keep = np.ones(len(records), bool)
    for limits, values in ((energy_gev, energy), (et_gev, energy / np.cosh(eta)), (abs_eta, np.abs(eta))):
        if limits is not None:
            keep &= (values >= limits[0]) & (values < limits[1])
    if abs_pdg_id is not None:
        keep &= np.abs(np.asarray(records.pdg_id)) == abs_pdg_id
    if reachable:
        ratio = raw_energy_gev(records) / energy
        keep &= (ratio > 0.5) & (ratio < 2.0)
    return records[keep]


def _check_field(records: ak.Array, field: Field, ranges: bool) -> None:
    values = get_field(records, field.name)
    depth = 2 if field.collection else 1
    if values.ndim != depth:
        shape = "one list per object" if depth == 2 else "one value per object"
        raise InvalidValue(field.name, shape, f"an array with {values.ndim} dimension(s)")
    flat = leaf_values(records, field.name)
    if flat.dtype != np.dtype(field.dtype) and flat.size:
        raise InvalidValue(field.name, f"dtype {field.dtype} (zoo.data.conform casts)", f"dtype {flat.dtype}")
    if not ranges or flat.size == 0:
        return
    if flat.dtype.kind == "f" and not np.isfinite(flat).all():
        bad = ~np.isfinite(flat)
        raise InvalidValue(field.name, "finite numbers", f"{_count(bad)}, first {flat[bad][0]}")
    bad = field.outside(flat)
    if bad.any():
        unit = f" {field.unit}" if field.unit else ""
        raise InvalidValue(field.name, f"{field.range_text}{unit}", f"{_count(bad)}, first {flat[bad][0]}")
    if field.into in ak.fields(records):
        bad = np.asarray(ak.to_numpy(ak.any(values >= ak.num(records[field.into]), axis=1)))
        if bad.any():
            raise InvalidValue(field.name, f"indices below the number of {field.into}", _count(bad))


def _plain(values: ak.Array, name: str) -> npt.NDArray[Any]:
    try:
        return np.asarray(ak.to_numpy(values, allow_missing=False))
    except (ValueError, TypeError) as error:
        raise InvalidValue(name, "plain numbers, one list per object at most", values.type) from error


def _cast(flat: npt.NDArray[Any], field: Field) -> npt.NDArray[Any]:
    target = np.dtype(field.dtype)
    if flat.dtype.kind not in "iufb":
        raise InvalidValue(field.name, f"numbers ({field.dtype})", f"dtype {flat.dtype}")
    if target.kind in "iu" and flat.size:
        info = np.iinfo(target)
        with np.errstate(invalid="ignore"):
            bad = ~((flat >= info.min) & (flat <= info.max) & (np.floor(flat) == flat))
        if bad.any():
            raise InvalidValue(
                field.name, f"whole numbers that fit {field.dtype}", f"{_count(bad)}, first {flat[bad][0]}"
            )
    with np.errstate(over="ignore"):
        return flat.astype(target)


def _count(bad: npt.NDArray[Any]) -> str:
    return f"{int(bad.sum())} of {bad.size} outside (index {int(np.argmax(bad))})"


def _describe(value: object) -> str:
    return str(value.type) if isinstance(value, ak.Array) else type(value).__name__
