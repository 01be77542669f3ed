"""Compressed .npz files that are there whole or not at all, and errors that say who writes them."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo.errors import InvalidFile

__all__ = ["open_npz", "save_npz"]


def save_npz(path: Path, arrays: Mapping[str, npt.ArrayLike]) -> int:
    """Writes arrays under a temporary name, then renames the file.

    Args:
        path: The file; its folder is made.
        arrays: What it holds.

    Returns:
        Size of the file in bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez_compressed(file, allow_pickle=False, **dict(arrays))
        Path(name).chmod(0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path.stat().st_size


@contextmanager
def open_npz(path: Path, what: str, written_by: str) -> Iterator[Any]:
    """Opens a file; what is missing or broken in it, found inside the `with` too, is an error.

    Args:
        path: The file.
        what: What it should be, "a pool of jets".
        written_by: Module whose command writes it.

    Raises:
        InvalidFile: No such file, or something else.
    """
    if not path.is_file():
        raise InvalidFile(path, "no such file.", f"`python -m {written_by}` writes it.")
    try:
        with np.load(path, allow_pickle=False) as file:
            yield file
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise InvalidFile(path, f"is not {what}: {error}.") from error
