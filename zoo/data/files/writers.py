"""Writes records to ROOT files, whole or not at all.

The file is written beside its destination under a temporary name and renamed when it is complete: a killed
job, a full disk or a folder without permission leaves no half-written file behind.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from zoo.data.kinds.objects import OBJECTS
from zoo.data.kinds.schema import Schema
from zoo.data.records import field_names, leaf_values, validate
from zoo.errors import InvalidFile, InvalidValue, ZooError
from zoo.files import replacing

__all__ = ["METADATA_KEY", "write_root"]

METADATA_KEY = "zoo_metadata"


def write_root(
    path: str | Path,
    records: ak.Array | Iterable[ak.Array],
    metadata: Mapping[str, Any] | None = None,
    *,
    schema: Schema = OBJECTS,
    step: int = 10_000,
) -> Path:
    """Writes records and their metadata to a ROOT file: one TTree of jagged branches, named as their kind.

    Args:
        path: Destination; replaced if it exists.
        records: Records, or an iterable of records with the same fields (written as they come: bounded
            memory).
        metadata: Goes into the file as JSON (sample, seed, split, configuration, versions, ...).
        schema: Kind of the records.
        step: Objects per basket.

    Returns:
        The path.

    Raises:
        InvalidFile: The folder does not exist or cannot be written, or the disk is full.
        InvalidValue: The records do not fit the schema, or the metadata no JSON.
    """
    import uproot

    path = Path(path)
    try:
        text = json.dumps({"schema_version": schema.version, **(metadata or {})}, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise InvalidValue("metadata", "a mapping that JSON can hold", error) from error
    if not path.parent.is_dir():
        raise InvalidFile(path.parent, "the folder does not exist.", "Create it first.")
    chunks = [records] if isinstance(records, ak.Array) else records
    try:
        with replacing(path) as new, uproot.recreate(new) as file:
            tree = None
            for chunk in chunks:
                validate(chunk, schema)
                if tree is None:
                    tree = file.mktree(schema.name, _types(chunk, schema), title=schema.title)
                for start in range(0, len(chunk), step):
                    tree.extend(_branches(chunk[start : start + step]))
            if tree is None:
                raise InvalidValue("records", "at least one chunk of records", "an empty iterable")
            file[METADATA_KEY] = text
    except ZooError:
        raise
    except OSError as error:
        raise InvalidFile(
            path, f"cannot be written ({error.strerror or error}).", "Nothing was left behind."
        ) from error
    return path


def _types(records: ak.Array, schema: Schema) -> dict[str, Any]:
    """Branch name -> type, as uproot's `mktree` wants it; a collection is one jagged record."""
    types: dict[str, Any] = {}
    names = field_names(records)
    for collection in schema.collections:
        inside = [schema.by_name[name] for name in names if name.startswith(collection + ".")]
        if inside:
            text = ", ".join(f'"{field.leaf}": {field.dtype}' for field in inside)
            types[collection] = f"var * {{{text}}}"
    types.update({name: np.dtype(schema.by_name[name].dtype) for name in names if "." not in name})
    return types


def _branches(records: ak.Array) -> dict[str, Any]:
    return {
        name: ak.to_packed(records[name]) if ak.fields(records[name]) else leaf_values(records, name)
        for name in ak.fields(records)
    }
