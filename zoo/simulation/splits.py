"""Training, validation and test never share a shower, a jet or a collision: 7, 1 and 2 of every ten."""

from __future__ import annotations

import numpy as np

from zoo.arrays import Bytes
from zoo.errors import UnknownName

SPLITS = ("train", "validation", "test")
SPLIT_TENTHS = (7, 1, 2)
SPLIT_SEED = 20240519


def split_index(split: str) -> int:
    """Returns the index of "train", "validation" or "test".

    Raises:
        UnknownName: Any other name.
    """
    if split not in SPLITS:
        raise UnknownName("split", split, SPLITS)
    return SPLITS.index(split)


def tenths(n: int, rng: np.random.Generator) -> Bytes:
    """Returns [n] indices into `SPLITS`: every ten hold 7 train, 1 validation, 2 test, in random order."""
    ten = np.repeat(np.arange(len(SPLITS), dtype=np.uint8), SPLIT_TENTHS)
    split: Bytes = rng.permuted(np.tile(ten, (-(-n // len(ten)), 1)), axis=1).ravel()[:n]
    return split
