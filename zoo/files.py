"""Files and folders that are there whole or not at all, and the checksums of what is there.

write(path, text)                                    # bytes, text
write_json(path, facts)
save_npz(path, {"energy_gev": energy_gev})
with replacing(path) as new:                         # whatever needs a path; a folder too
model.save(new)
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.errors import InvalidFile

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "checksums",
    "folder_sha256",
    "open_npz",
    "replacing",
    "save_npz",
    "sha256",
    "write",
    "write_json",
]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a place to make a file or a folder, which then takes the name of `path` in one step.

    The place lies in a hidden folder beside `path` and has its name. After an error nothing is left of it,
    and what `path` held stays.

    Args:
        path: The file or folder to be; its parent exists.

    Raises:
        OSError: It cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as beside:
        new = Path(beside, path.name)
        yield new
        if new.is_file():
            with new.open("rb+") as file:
                os.fsync(file.fileno())  # on disk before the rename
        elif path.is_dir():  # os.replace lets a folder take the place of an empty one alone
            old = Path(beside, f"{path.name}.old")
            os.replace(path, old)
            try:
                os.replace(new, path)
            except OSError:
                os.replace(old, path)
                raise
            return
        os.replace(new, path)


def write(path: Path, content: bytes | str) -> None:
    """Writes a file, whole or not at all; text as UTF-8."""
    with replacing(path) as new:
        new.write_bytes(content.encode() if isinstance(content, str) else content)


def write_json(path: Path, content: Any, *, indent: int | None = 1) -> None:
    """Writes JSON, whole or not at all; NumPy's numbers and arrays and paths may be in it."""
    write(path, json.dumps(content, indent=indent, default=_plain) + "\n")


def save_npz(path: Path, arrays: Mapping[str, npt.ArrayLike], *, compressed: bool = True) -> int:
    """Writes arrays, whole or not at all.

    Args:
        path: The .npz file; its folder is made.
        arrays: What it holds.
        compressed: Smaller, and slower to write and to read.

    Returns:
        Size of the file in bytes.
    """
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as new:
        (np.savez_compressed if compressed else np.savez)(new, allow_pickle=False, **dict(arrays))
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
    import numpy as np

    if not path.is_file():
        raise InvalidFile(path, "no such file.", f"`python -m {written_by}` writes it.")
    try:
        with np.load(path, allow_pickle=False) as file:
            yield file
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise InvalidFile(path, f"is not {what}: {error}.") from error


def sha256(path: Path) -> str:
    """Returns the sha256 of a file's content, in hexadecimal.

    Raises:
        InvalidFile: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InvalidFile(path, f"cannot be read ({error.strerror or error}).") from error


def checksums(folder: Path, paths: Iterable[str]) -> dict[str, str]:
    """Returns the sha256 of some files of a folder, by path, as cards, manifests and runs record them."""
    return {path: sha256(folder / path) for path in paths}


def folder_sha256(folder: Path) -> str:
    """Returns one sha256 for a folder: that of the lines "<sha256>  <path>" of its files, sorted by path."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    lines = "".join(f"{digest}  {name}\n" for name, digest in checksums(folder, names).items())
    return hashlib.sha256(lines.encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Turns NumPy scalars and arrays and paths into what JSON knows."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
