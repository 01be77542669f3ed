"""Outputs per node, padded as from a network or jagged as from `zoo.predict`, as the rows of all nodes."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.arrays import Ints, places
from zoo.errors import InvalidValue

__all__ = ["node_rows"]


def node_rows(values: Any, counts: Ints, what: str) -> npt.NDArray[Any]:
    """Returns one row for each real node, object after object.

    Args:
        values: A list of nodes for each object, or `[B, N, ...]` with anything behind the real ones.
        counts: [B] nodes of each object.
        what: What it is, for the error.

    Returns:
        `[T, ...]`, T the sum of the counts.

    Raises:
        InvalidValue: Another number of objects, or an object with too few nodes.
    """
    values = ak.Array(values)
    found = np.asarray(ak.to_numpy(ak.num(values)), np.int64)
    if len(found) != len(counts):
        raise InvalidValue(what, f"{len(counts)} lists, one for each object", len(found))
    if (found < counts).any():
        first = int(np.argmax(found < counts))
        raise InvalidValue(f"{what}, object {first}", f"at least {counts[first]} nodes", found[first])
    place = places(found)
    return np.asarray(ak.to_numpy(ak.flatten(values)))[place < np.repeat(counts, found)]
