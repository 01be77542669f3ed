"""Names of the array types, and the bookkeeping of ragged rows.

Rows of several owners lie one after the other: `counts` says how many each owner has. With counts 2, 0, 3:

    row_splits   0 2 2 5         where each owner's rows begin, and the end
    first_rows   0 2 2           where each owner's rows begin
    owners       0 0 2 2 2       of each row
    places       0 1 0 1 2       of each row among those of its owner
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "Arrays",
    "Bools",
    "Bytes",
    "Floats",
    "Floats32",
    "Ints",
    "first_rows",
    "owners",
    "places",
    "row_splits",
]

Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
Arrays = dict[str, npt.NDArray[Any]]


def row_splits(counts: npt.ArrayLike) -> Ints:
    """Returns [n + 1] where the rows of each of n owners begin, and where the last ones end."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


def first_rows(counts: npt.ArrayLike) -> Ints:
    """Returns [n] the first row of each owner."""
    return row_splits(counts)[:-1]


def owners(counts: npt.ArrayLike) -> Ints:
    """Returns [rows] the owner of each row."""
    number = np.asarray(counts, np.int64)
    return np.repeat(np.arange(len(number)), number)


def places(counts: npt.ArrayLike) -> Ints:
    """Returns [rows] the place of each row among those of its owner, from 0."""
    return np.arange(np.sum(counts, dtype=np.int64)) - np.repeat(
        first_rows(counts), np.asarray(counts, np.int64)
    )
