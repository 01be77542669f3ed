"""Reads the packed file of showers that ships with the package; `shower_packing` writes it and says how.

File: 8 bytes magic, 4 bytes length of the header (little-endian), the header (JSON), the sections that the
header names by offset and length, counted from the end of the header. Rows keep the order of the folder.
"""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from zoo.arrays import Bytes, Floats32, Ints
from zoo.errors import InvalidFile
from zoo.simulation.rebinning import GRIDS, Grid
from zoo.simulation.shower_table import SCALARS, Kind, ShowerTable

SHIPPED = Path(__file__).parent / "library" / "showers.bin"
MAGIC = b"ZOOSHOW1"
BLOCK = 256


def read_header(path: Path) -> tuple[dict[str, Any], int]:
    """Reads the header of a packed library.

    Args:
        path: A file written by `pack`.

    Returns:
        The header, and where the sections start.

    Raises:
        InvalidFile: No such file, or not a packed library.
    """
    if not path.is_file():
        raise InvalidFile(
            path, "no such file.", "`python -m zoo.simulation.shower_packing FOLDER OUT` writes it."
        )
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise InvalidFile(path, "is not a packed shower library.")
            (length,) = struct.unpack("<I", file.read(4))
            header: dict[str, Any] = json.loads(file.read(length))
    except (struct.error, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InvalidFile(path, f"is truncated or damaged: {error}.") from error
    return header, len(MAGIC) + 4 + length


def read_table(path: Path, kind: Kind) -> ShowerTable:
    """Reads the showers of one kind; keeps the codes, one byte a cell, and decodes what is asked for.

    Args:
        path: A file written by `pack`.
        kind: "photon" or "electron".

    Raises:
        InvalidFile: No such file, or not a whole packed library.
    """
    header, start = read_header(path)
    try:
        part = header["kinds"][kind]
        n = int(part["showers"])
        with path.open("rb") as file:

            def section(place: list[int]) -> bytes:
                file.seek(start + place[0])
                return zlib.decompress(file.read(place[1]))

            scalars = np.frombuffer(section(part["scalars"]), dtype="<f4").reshape(-1, n).astype(np.float32)
            split = np.frombuffer(section(part["split"]), dtype=np.uint8)
            order = np.argsort(scalars[0], kind="stable")
            stored = [np.empty((n, grid.cells**2), dtype=np.uint8) for grid in GRIDS]
            for index, grid in enumerate(GRIDS):
                inward = np.argsort(outward(grid))
                for block, entry in enumerate(part["blocks"]):
                    rows = order[block * BLOCK : (block + 1) * BLOCK]
                    cells = np.frombuffer(section(entry[index]), dtype=np.uint8).reshape(-1, len(rows))
                    stored[index][rows] = cells[inward].T
    except (zlib.error, ValueError, KeyError, IndexError) as error:
        raise InvalidFile(path, f"is truncated or damaged: {error}.") from error
    scales = scalars[len(SCALARS) :]

    def images_gev(rows: Ints, outer: bool) -> tuple[Floats32, ...]:
        wanted = GRIDS if outer else GRIDS[:-1]
        return tuple(
            decode(stored[index][rows].reshape(-1, grid.cells, grid.cells), scales[index][rows])
            for index, grid in enumerate(wanted)
        )

    energy, back, front, first = scalars[: len(SCALARS)]
    return ShowerTable(energy, back, front, first, split, images_gev)


def decode(codes: Bytes, scale: Floats32) -> Floats32:
    """Returns the deposits scale * code^4 of codes [S, cells, cells] with scales [S]."""
    deposit = codes.astype(np.float32)
    np.multiply(deposit, deposit, out=deposit)
    np.multiply(deposit, deposit, out=deposit)
    deposit *= scale[:, None, None]
    return deposit


def outward(grid: Grid) -> Ints:
    """Returns the order of an image's cells by distance from its centre."""
    centre = np.arange(grid.cells) - (grid.cells - 1) / 2
    return np.argsort((centre[:, None] ** 2 + centre**2).ravel(), kind="stable")
