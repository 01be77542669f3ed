"""Azimuths: into one turn, and onto a ring of cells."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats, Ints

__all__ = ["phi_cell", "wrap_phi"]


def wrap_phi(phi: npt.ArrayLike) -> Floats:
    """Brings angles, or differences of angles, to (-pi, pi]."""
    angle = np.asarray(phi, dtype=np.float64)
    return np.pi - np.mod(np.pi - angle, 2.0 * np.pi)


def phi_cell(phi: npt.ArrayLike, cells: npt.ArrayLike) -> Ints:
    """Returns the cell, 0 to `cells` - 1, of angles in any turn; the first one begins at phi = 0.

    Args:
        phi: [...] angles.
        cells: Number of equal cells around the axis, one for all or one for each angle.
    """
    turn = np.remainder(np.asarray(phi, np.float64), 2 * np.pi) / (2 * np.pi)
    # -1e-20 is a whole turn after rounding
    number = np.asarray(cells, np.int64)
    return np.minimum(np.floor(turn * number).astype(np.int64), number - 1)
