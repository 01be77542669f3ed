"""Writes what `predict` returned to a ROOT file, whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.errors import InvalidFile
from zoo.files import replacing

if TYPE_CHECKING:
    import awkward as ak

__all__ = ["TREE", "write_predictions"]

TREE = "predictions"


def write_predictions(
    path: str | os.PathLike[str],
    found: ak.Array,
    metadata: Mapping[str, Any] | None = None,
    *,
    sizes: Mapping[str, int] | None = None,
    features: Mapping[str, Sequence[str]] | None = None,
) -> Path:
    """Writes predictions to a ROOT file.

    Args:
        path: Destination; the tree is called `predictions`, one entry for each object.
        found: What `predict` returned.
        metadata: Goes into the file as JSON.
        sizes: Length of the fields that are vectors of one length, {"dscb": 6}; other lists are written
            jagged.
        features: Names of the components of the fields that are a vector for each node: each is a jagged
            branch of its own, {"momentum": ("pt_gev", "eta")} becomes `momentum_pt_gev` and `momentum_eta`.

    Returns:
        The path.

    Raises:
        InvalidFile: It cannot be written; nothing half-written stays.
    """
    import awkward as ak
    import numpy as np
    import uproot

    from zoo.data.files.writers import METADATA_KEY

    path = Path(path)
    branches: dict[str, Any] = {}
    types: dict[str, Any] = {}
    for name, values in _columns(found, features or {}):
        if values.ndim > 1 and name not in (sizes or {}):
            branches[name], types[name] = values, ak.type(values).content
            continue
        plain = np.asarray(ak.to_numpy(values))
        shape = (len(found), sizes[name]) if sizes and name in sizes else (len(found),)
        branches[name] = plain.reshape(shape)
        types[name] = np.dtype((plain.dtype, shape[1:])) if shape[1:] else plain.dtype
    try:
        with replacing(path) as new, uproot.recreate(new) as file:
            tree = file.mktree(TREE, types)
            if len(found):
                tree.extend(branches)
            file[METADATA_KEY] = json.dumps(dict(metadata or {}))
    except OSError as error:
        reason = f"cannot be written ({error.strerror or error})."
        raise InvalidFile(path, reason, "Nothing was left behind.") from error
    return path


def _columns(found: ak.Array, features: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, ak.Array]]:
    for name in found.fields:
        if name not in features:
            yield name, found[name]
        for number, feature in enumerate(features.get(name, ())):
            yield f"{name}_{feature}", found[name][:, :, number]
