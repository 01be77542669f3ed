"""Patches: the crystals around one object, large enough for its window wherever the seed turns out to be.

A patch of R x C crystals stands around the particle that arrives with most energy. A seed is searched near
its centre, the window is cut around the seed, and one crystal more on each side gives every hit its
neighbours. Showers whose window of 15 x 15 does not touch the patch are not simulated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo.arrays import Bools, Floats32, Ints
from zoo.detectors import cms_barrel

__all__ = ["PatchShape", "Patches", "add_windows"]


HALF_SHOWER = 7  # the library's windows are 15 x 15


@dataclass(frozen=True)
class PatchShape:
    """Half sizes, in crystals, of the window of an object and of the search for its seed.

    The window of 5 x 29 is the one of the records; the search region is how far the seed may be from the
    leading particle, what matching reconstructed objects to the truth does in data. One crystal more on each
    side gives every hit its neighbours.
    """

    window: tuple[int, int] = (2, 14)
    search: tuple[int, int] = (2, 4)
    border: int = 1

    @property
    def half(self) -> tuple[int, int]:
        """Half size of the patch: search + window + border."""
        return (
            self.window[0] + self.search[0] + self.border,
            self.window[1] + self.search[1] + self.border,
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the patch."""
        return (2 * self.half[0] + 1, 2 * self.half[1] + 1)

    def around(self, row: Ints, iphi: Ints) -> Patches:
        """Lays patches around crystals, [B] each."""
        rows = row[:, None] + np.arange(-self.half[0], self.half[0] + 1)
        columns = (iphi[:, None] - 1 + np.arange(-self.half[1], self.half[1] + 1)) % cms_barrel.N_PHI
        return Patches(self, row, iphi, rows, columns)

    def reached_by(self, d_row: Ints, d_column: Ints) -> Bools:
        """Says which showers at this distance from the centre put anything into the patch."""
        return np.asarray(
            (np.abs(d_row) <= self.half[0] + HALF_SHOWER) & (np.abs(d_column) <= self.half[1] + HALF_SHOWER)
        )


@dataclass(frozen=True)
class Patches:
    """Where patches lie: centres [B], rows [B, R] (may leave the barrel) and columns [B, C] (iphi - 1)."""

    layout: PatchShape
    row: Ints
    iphi: Ints
    rows: Ints
    columns: Ints

    def part(self, chosen: slice) -> Patches:
        """Returns some of the patches."""
        return Patches(
            self.layout, self.row[chosen], self.iphi[chosen], self.rows[chosen], self.columns[chosen]
        )

    @property
    def exists(self) -> Bools:
        """[B, R] whether a row is part of the barrel."""
        return cms_barrel.in_barrel(self.rows)


def add_windows(
    layout: PatchShape, n: int, owner: Ints, d_row: Ints, d_column: Ints, windows: Floats32
) -> tuple[Floats32, npt.NDArray[np.int32]]:
    """Adds showers into patches.

    Args:
        layout: Shape of the patches.
        n: Number of patches.
        owner: [S] patch of each shower.
        d_row: [S] row of the shower's central crystal minus the patch's centre.
        d_column: [S] the same in phi.
        windows: [S, 15, 15] deposits in GeV.

    Returns:
        The patches [n, R, C], and where in them, flattened, each value of `windows` went, [S, 15, 15]; the
        number of crystals of all patches stands for "nowhere".
    """
    n_rows, n_columns = layout.shape
    reach = np.arange(-HALF_SHOWER, HALF_SHOWER + 1, dtype=np.int32)
    row = (d_row.astype(np.int32) + layout.half[0])[:, None] + reach
    column = (d_column.astype(np.int32) + layout.half[1])[:, None] + reach
    inside_row = (row >= 0) & (row < n_rows)
    inside_column = (column >= 0) & (column < n_columns)
    line = (owner.astype(np.int32)[:, None] * n_rows + row) * n_columns
    nowhere = n * n_rows * n_columns
    inside = inside_row[:, :, None] & inside_column[:, None, :]
    place = np.where(inside, line[:, :, None] + column[:, None, :], np.int32(nowhere))
    summed = np.bincount(place.ravel(), windows.ravel(), nowhere + 1)[:nowhere]
    return summed.astype(np.float32).reshape(n, n_rows, n_columns), place
