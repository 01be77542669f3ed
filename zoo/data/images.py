"""Hits to images: the crystals around the highest one of each candidate, as a dense array.

    seed_ieta, seed_iphi = highest(ieta, iphi, energy_gev, row_splits)
    images = crop(ieta, iphi, energy_gev, row_splits, seed_ieta, seed_iphi)      # [B, 32, 32] GeV
    channels = et_and_ez(images, seed_ieta)                                      # [B, 32, 32, 2] GeV
    images = draw(records)                                                       # of candidates with a seed

Any rechits will do, those of a whole barrel too.
"""

from __future__ import annotations

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats32, owners, row_splits
from zoo.data.records import leaf_values
from zoo.detectors import cms_barrel

__all__ = ["SEED_AT", "SIDE", "crop", "draw", "et_and_ez", "highest"]

SIDE = 32
"""Rows (ieta) and columns (iphi) of an image."""

SEED_AT = 15
"""Row and column of the seed crystal."""

Integers = npt.NDArray[np.integer]


def highest(
    ieta: Integers, iphi: Integers, energy_gev: npt.ArrayLike, row_splits: Integers
) -> tuple[Integers, Integers]:
    """Finds the crystal of highest energy of each candidate; among equals the one of lowest ieta, then iphi.

    Args:
        ieta: [T] of all hits, candidate after candidate.
        iphi: [T].
        energy_gev: [T]; hits that are not above 0, or not finite, are passed over.
        row_splits: [B + 1] candidate b owns the hits row_splits[b] to row_splits[b + 1] - 1.

    Returns:
        ieta and iphi [B], both 0 for a candidate without energy.
    """
    ieta, iphi = np.asarray(ieta, np.int64), np.asarray(iphi, np.int64)
    owner = owners(np.diff(row_splits))
    energy = np.asarray(energy_gev, np.float64)
    lit = np.flatnonzero(np.isfinite(energy) & (energy > 0))
    order = lit[np.lexsort((iphi[lit], ieta[lit], -energy[lit], owner[lit]))]
    found, first = np.unique(owner[order], return_index=True)
    seeds = np.zeros((2, len(row_splits) - 1), np.int64)
    seeds[:, found] = ieta[order[first]], iphi[order[first]]
    return seeds[0], seeds[1]


def crop(
    ieta: Integers,
    iphi: Integers,
    energy_gev: npt.ArrayLike,
    row_splits: Integers,
    seed_ieta: Integers,
    seed_iphi: Integers,
) -> Floats32:
    """Draws the energies of the crystals around each seed.

    phi goes round; beyond the barrel's end the image is zero; hits outside the image are left out; hits of
    one crystal are summed. Energies are taken as they are, negative and broken ones too.

    Args:
        ieta: [T] of all hits, candidate after candidate.
        iphi: [T].
        energy_gev: [T].
        row_splits: [B + 1] candidate b owns the hits row_splits[b] to row_splits[b + 1] - 1.
        seed_ieta: [B] crystal that comes to [15, 15]; 0 gives an empty image.
        seed_iphi: [B].

    Returns:
        [B, 32, 32] float32 in GeV: rows are ieta, columns iphi.
    """
    seed_ieta, seed_iphi = np.asarray(seed_ieta, np.int64), np.asarray(seed_iphi, np.int64)
    seeded, n = seed_ieta != 0, len(seed_ieta)
    owner = owners(np.diff(row_splits))
    seed_row = cms_barrel.row_from_ieta(np.where(seeded, seed_ieta, 1))
    row = cms_barrel.row_from_ieta(ieta) - seed_row[owner] + SEED_AT
    column = cms_barrel.delta_iphi(iphi, seed_iphi[owner]) + SEED_AT
    inside = (row >= 0) & (row < SIDE) & (column >= 0) & (column < SIDE) & seeded[owner]
    place = ((owner * SIDE + row) * SIDE + column)[inside]
    energy = np.asarray(energy_gev, np.float64)[inside]
    return np.bincount(place, energy, n * SIDE**2).astype(np.float32).reshape(n, SIDE, SIDE)


def draw(records: ak.Array) -> Floats32:
    """Draws the image of each candidate around its seed; see `crop`.

    Args:
        records: Candidates [B] (`zoo.data.kinds.candidates`).

    Returns:
        [B, 32, 32] float32 in GeV.
    """
    counts = np.asarray(ak.to_numpy(ak.num(records.hits.ieta)), np.int64)
    return crop(
        leaf_values(records, "hits.ieta"),
        leaf_values(records, "hits.iphi"),
        leaf_values(records, "hits.energy_gev"),
        row_splits(counts),
        leaf_values(records, "seed_ieta"),
        leaf_values(records, "seed_iphi"),
    )


def et_and_ez(images: Floats32, seed_ieta: Integers) -> Floats32:
    """Splits energies into E_T = E / cosh(eta) and |E_z| = E |tanh(eta)| of each crystal (CMS-EGM-20-001).

    Args:
        images: [B, 32, 32] in GeV, of `crop`.
        seed_ieta: [B] the crystals at [15, 15].

    Returns:
        [B, 32, 32, 2] float32 in GeV.
    """
    seed_row = cms_barrel.row_from_ieta(np.where(seed_ieta == 0, 1, seed_ieta))
    eta = cms_barrel.eta_from_row(seed_row[:, None] + np.arange(SIDE) - SEED_AT)
    channels = np.empty((*images.shape, 2), np.float32)
    for number, part in enumerate((1.0 / np.cosh(eta), np.abs(np.tanh(eta)))):
        np.multiply(images, part.astype(np.float32)[:, :, None], out=channels[..., number])
    return channels
