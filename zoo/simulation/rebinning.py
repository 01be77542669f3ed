"""Shares a shower's deposit among the crystals, exactly, at any impact point.

A library shower is three nested images of the deposit, each with square cells centred on the impact point
(core 0.55 mm, fine 2.2 mm, outer 11 mm). The deposit is taken as uniform inside a cell; each cell is shared
among the crystals by the overlap of their edges, in eta and phi independently, so that one image G gives the
window `M_eta G M_phi^T` with M[k, c] the part of cell c inside crystal k.

The eight symmetries of the square act on M, not on G: a mirror image reverses the order of the cells, the
transposed image swaps the two matrices. A gap between modules lets a strip along the crystals' edge lose a
part `a` of its deposit: `a` times the overlap of the cell with the strip is taken off M, again exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo.arrays import Bools, Floats32
from zoo.detectors.cms_barrel import CRYSTAL_MM

WINDOW = 15
"""Crystals along each side of the window that holds a shower."""
STRIP_HALF_WIDTH_MM = 3.0
"""Half of the strip of about 6 mm along a module gap (JINST 3 S08004), the part on one side of the edge."""


@dataclass(frozen=True)
class Grid:
    """One of the nested images: `cells` x `cells` squares of `cell_mm`, centred on the impact point."""

    name: str
    cells: int
    cell_mm: float

    @property
    def reach(self) -> int:
        """Crystals on each side of the central one that the image can touch, in a window of 15."""
        half = self.cells * self.cell_mm / CRYSTAL_MM / 2
        return min(int(np.ceil(half)), WINDOW // 2)


CORE = Grid("core", 40, 0.55)
FINE = Grid("fine", 60, 2.2)
OUTER = Grid("outer", 30, 11.0)
GRIDS = (CORE, FINE, OUTER)


def overlap(grid: Grid, offset: Floats32, mirrored: Bools, loss: Floats32 | None = None) -> Floats32:
    """Returns the part of each cell that each crystal collects.

    Args:
        grid: The image.
        offset: [S] impact point minus centre of the central crystal, in crystals.
        mirrored: [S] whether the image is reversed along this axis.
        loss: [S, 16] part of the deposit lost in the strip on either side of the edges of the window's 15
            crystals; None is no loss.

    Returns:
        [S, 2 reach + 1, cells] the matrix M for the central crystals that the image can touch.
    """
    reach = grid.reach
    cell = np.arange(grid.cells, dtype=np.float32)
    cells = np.where(mirrored[:, None], cell[::-1], cell)[:, None, :]
    scale = np.float32(CRYSTAL_MM / grid.cell_mm)
    edge = np.arange(-reach, reach + 2, dtype=np.float32) - np.float32(0.5)
    position = (edge - offset[:, None]) * scale + np.float32(grid.cells / 2)
    below = _part_below(position, cells)
    matrix: Floats32 = np.diff(below, axis=1)
    if loss is not None and loss.any():
        first = WINDOW // 2 - reach
        lost = loss[:, first : first + 2 * reach + 2]
        hit = np.flatnonzero(lost.any(axis=1))
        strip = np.float32(STRIP_HALF_WIDTH_MM / grid.cell_mm)
        part = lost[hit, :, None]
        centre = below[hit]
        above_edge = (_part_below(position[hit] + strip, cells[hit]) - centre) * part
        below_edge = (centre - _part_below(position[hit] - strip, cells[hit])) * part
        matrix[hit] -= above_edge[:, :-1] + below_edge[:, 1:]
    return matrix


def _part_below(position: Floats32, cells: Floats32) -> Floats32:
    """[S, K, C] part of each cell that lies below each of K positions, which are in cells."""
    part = position[:, :, None] - cells
    np.clip(part, 0.0, 1.0, out=part)
    return part


def share(
    images: tuple[Floats32, ...],
    offset_eta: Floats32,
    offset_phi: Floats32,
    symmetry: npt.NDArray[np.integer],
    loss_eta: Floats32 | None = None,
    loss_phi: Floats32 | None = None,
    grids: tuple[Grid, ...] = GRIDS,
) -> Floats32:
    """Re-bins showers on the crystals.

    Args:
        images: One [S, cells, cells] array for each grid, indexed [y, x] as stored.
        offset_eta: [S] impact point minus centre of the central crystal, in crystals, along eta.
        offset_phi: [S] the same along phi.
        symmetry: [S] 0..7: bit 0 mirrors x, bit 1 mirrors y, bit 2 swaps them.
        loss_eta: [S, 16] part lost in the strips along the window's edges in eta; None is no gap.
        loss_phi: [S, 16] the same in phi.
        grids: The grids of `images`; leaving out the outer one is faster and drops what lies beyond three
            crystals.

    Returns:
        [S, 15, 15] windows [eta, phi] in the unit of the images.
    """
    code = np.asarray(symmetry)
    swapped = (code & 4).astype(bool)
    mirror_x, mirror_y = (code & 1).astype(bool), (code & 2).astype(bool)
    along_y = np.where(swapped, offset_phi, offset_eta).astype(np.float32)
    along_x = np.where(swapped, offset_eta, offset_phi).astype(np.float32)
    loss_y = _swap(loss_eta, loss_phi, swapped)
    loss_x = _swap(loss_phi, loss_eta, swapped)
    windows = np.zeros((len(code), WINDOW, WINDOW), dtype=np.float32)
    for grid, image in zip(grids, images, strict=True):
        first = WINDOW // 2 - grid.reach
        inner = slice(first, WINDOW - first)
        rows = overlap(grid, along_y, mirror_y, loss_y)
        columns = overlap(grid, along_x, mirror_x, loss_x)
        windows[:, inner, inner] += rows @ image @ columns.transpose(0, 2, 1)
    windows[swapped] = windows[swapped].transpose(0, 2, 1)
    return windows


def _swap(usual: Floats32 | None, other: Floats32 | None, swapped: Bools) -> Floats32 | None:
    """Losses along one axis of the image: the detector's other axis where the image is swapped."""
    if usual is None and other is None:
        return None
    zero = np.zeros((len(swapped), WINDOW + 1), dtype=np.float32)
    result: Floats32 = np.where(
        swapped[:, None], zero if other is None else other, zero if usual is None else usual
    )
    return result
