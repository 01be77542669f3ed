"""A lattice of crystals: which are neighbours, where they stand, which way they point.

The algorithm knows crystals as (row, column). `barrel()` is the ECAL barrel, 170 rows along eta and 360
columns that close to a ring; `flat()` is a plane.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from zoo.arrays import Bools, Floats, Ints
from zoo.detectors import cms_barrel
from zoo.errors import InvalidValue

__all__ = ["Lattice", "barrel", "flat"]


@dataclass(frozen=True, eq=False)
class Lattice:
    """Crystals in rows and columns.

    Attributes:
        n_rows: Number of rows.
        n_columns: Number of columns.
        ring: Whether the last column is a neighbour of the first.
        position_cm: [rows * columns, 3] centres of the front faces, crystal (r, c) at r * columns + c.
        axis: [rows * columns, 3] unit vectors into the crystals, along which depth counts.
    """

    n_rows: int
    n_columns: int
    ring: bool
    position_cm: Floats
    axis: Floats

    def __post_init__(self) -> None:
        least = 3 if self.ring else 1
        if self.n_rows < 1 or self.n_columns < least:
            raise InvalidValue("Lattice", f"1 row and {least} columns or more", (self.n_rows, self.n_columns))

    def cell(self, row: Ints, column: Ints) -> Ints:
        """Returns the number of each crystal, row by row."""
        return row * self.n_columns + column

    def step(self, row: Ints, column: Ints, d_row: int, d_column: int) -> tuple[Ints, Bools]:
        """Returns the crystals that lie a step away, and whether there is one."""
        there, beside = row + d_row, column + d_column
        exists = (there >= 0) & (there < self.n_rows)
        if self.ring:
            return self.cell(there, beside % self.n_columns), exists
        return self.cell(there, beside), exists & (beside >= 0) & (beside < self.n_columns)

    def touch(self, row: Ints, column: Ints, other_row: Ints, other_column: Ints) -> Bools:
        """Says whether crystals share an edge or a corner, or are the same."""
        apart = np.abs(column - other_column)
        if self.ring:
            apart = np.minimum(apart, self.n_columns - apart)
        touching: Bools = (np.abs(row - other_row) <= 1) & (apart <= 1)
        return touching


@functools.cache
def barrel() -> Lattice:
    """The ECAL barrel of `simulation.geometry`: rows along eta, column iphi - 1, axes from the origin."""
    row, column = np.divmod(np.arange(cms_barrel.N_ETA * cms_barrel.N_PHI), cms_barrel.N_PHI)
    position = cms_barrel.crystal_xyz_cm(cms_barrel.ieta_from_row(row), column + 1)
    axis = position / np.linalg.norm(position, axis=1, keepdims=True)
    return Lattice(cms_barrel.N_ETA, cms_barrel.N_PHI, True, position, axis)


@functools.cache
def flat(n_rows: int, n_columns: int, pitch_cm: float = cms_barrel.CRYSTAL_MM / 10) -> Lattice:
    """A plane of parallel crystals at normal incidence: depth moves nothing sideways.

    It touches the barrel's cylinder at eta = phi = 0, so that angles, in which convergence is counted, mean
    what they mean there: rows run along y (phi), columns along z (eta), the middle on the x axis.

    Args:
        n_rows: Number of rows.
        n_columns: Number of columns.
        pitch_cm: Width of a crystal.
    """
    row, column = np.divmod(np.arange(n_rows * n_columns), n_columns)
    sideways = [row - (n_rows - 1) / 2, column - (n_columns - 1) / 2]
    distance = np.full(row.shape, cms_barrel.RADIUS_CM)
    position = np.stack([distance, sideways[0] * pitch_cm, sideways[1] * pitch_cm], axis=1)
    return Lattice(n_rows, n_columns, False, position, np.zeros_like(position))
