"""From measured patches to objects: the seed, the window of 5 x 29 crystals around it, and its rechits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo.arrays import Bools, Floats32, Ints, first_rows
from zoo.detectors.cms_barrel import N_PHI, ieta_from_row
from zoo.simulation.patches import Patches

__all__ = ["Hits", "find_seeds", "window_hits"]


@dataclass(frozen=True)
class Hits:
    """The rechits of K objects, object after object, by row and then by column.

    Args:
        count: [K] hits of each object.
        owner: [H] object of each hit.
        place: [H] index of its crystal in the flattened patches.
        ieta: [H] crystal index along eta.
        iphi: [H] crystal index along phi.
    """

    count: Ints
    owner: Ints
    place: Ints
    ieta: npt.NDArray[np.int16]
    iphi: npt.NDArray[np.int16]

    @property
    def number(self) -> npt.NDArray[np.int16]:
        """[H] number of each hit inside its object."""
        first = first_rows(self.count)
        return (np.arange(self.owner.size) - first[self.owner]).astype(np.int16)


def find_seeds(
    patches: Patches, measured_gev: Floats32, is_hit: Bools, threshold_gev: Floats32
) -> tuple[Ints, Ints, Ints]:
    """Finds in each patch the rechit of highest energy near the centre, if it passes the seed threshold.

    Args:
        patches: Where the patches lie.
        measured_gev: [B, R, C] measured energies.
        is_hit: [B, R, C] whether a crystal is a rechit.
        threshold_gev: [B, R, C] seed threshold of each crystal.

    Returns:
        The patches with a seed [K], and the seed's place in them: row and column of the patch, [K] each.
    """
    half, search = patches.layout.half, patches.layout.search
    rows = slice(half[0] - search[0], half[0] + search[0] + 1)
    columns = slice(half[1] - search[1], half[1] + search[1] + 1)
    near = (slice(None), rows, columns)
    candidates = np.where(is_hit[near] & (measured_gev[near] > threshold_gev[near]), measured_gev[near], 0.0)
    flat = candidates.reshape(len(candidates), -1)
    best = np.argmax(flat, axis=1) if len(flat) else np.empty(0, dtype=np.int64)
    found = np.flatnonzero(flat[np.arange(len(flat)), best] > 0.0)
    row, column = np.divmod(best[found], 2 * search[1] + 1)
    return found, row + rows.start, column + columns.start


def window_hits(patches: Patches, patch: Ints, seed_row: Ints, seed_column: Ints, is_hit: Bools) -> Hits:
    """Collects the rechits of the window around each seed.

    Args:
        patches: Where the patches lie.
        patch: [K] patches with a seed.
        seed_row: [K] row of the seed in its patch.
        seed_column: [K] column of the seed in its patch.
        is_hit: [B, R, C] whether a crystal is a rechit.

    Returns:
        The hits of the K objects.
    """
    half_rows, half_columns = patches.layout.window
    n_rows, n_columns = patches.layout.shape
    in_row = seed_row[:, None] + np.arange(-half_rows, half_rows + 1)
    in_column = seed_column[:, None] + np.arange(-half_columns, half_columns + 1)
    place = ((patch[:, None] * n_rows + in_row) * n_columns)[:, :, None] + in_column[:, None, :]
    chosen = is_hit.ravel()[place]
    owner, row, column = np.nonzero(chosen)
    image_row = patches.rows[patch[owner], in_row[owner, row]]
    image_column = patches.columns[patch[owner], in_column[owner, column]]
    return Hits(
        count=chosen.sum(axis=(1, 2)),
        owner=owner,
        place=place[chosen],
        ieta=ieta_from_row(image_row).astype(np.int16),
        iphi=(image_column % N_PHI + 1).astype(np.int16),
    )
