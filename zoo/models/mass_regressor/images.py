"""Hits to images: the crop of 32 x 32 crystals around the highest one. NumPy only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zoo.models.mass_regressor.config import IMAGE

__all__ = ["SEED_AT", "crop", "highest"]

SEED_AT = 15  # row and column of the seed crystal in an image
MAX_IETA, N_IPHI = 85, 360
ETA_PITCH = 0.0174  # CMS barrel; the crystals' eta, as seen from the origin, is (|ieta| - 1/2) times it

Ints = npt.NDArray[np.integer]
Float32 = npt.NDArray[np.float32]


def _row(ieta: Ints) -> npt.NDArray[np.int64]:
    """Row of the barrel, 0 to 169: there is no ieta 0."""
    ieta = np.asarray(ieta, np.int64)
    return ieta + MAX_IETA - (ieta > 0)


def highest(ieta: Ints, iphi: Ints, energy_gev: npt.ArrayLike, row_splits: Ints) -> tuple[Ints, Ints]:
    """Finds the crystal of highest energy of each candidate; among equals the one of lowest ieta, then iphi.

    Args:
        ieta: [T] of all hits, candidate after candidate.
        iphi: [T].
        energy_gev: [T]; hits that are not above 0, or not a number, are passed over.
        row_splits: [B + 1] candidate b owns the hits row_splits[b] to row_splits[b + 1] - 1.

    Returns:
        ieta and iphi [B], both 0 for a candidate without energy.
    """
    energy = np.asarray(energy_gev, np.float64)
    energy = np.where(np.isfinite(energy) & (energy > 0), energy, 0.0)
    owner = np.repeat(np.arange(len(row_splits) - 1), np.diff(row_splits))
    order = np.lexsort((iphi, ieta, -energy, owner))
    first = order[np.minimum(row_splits[:-1], max(len(order) - 1, 0))] if len(order) else order
    found = np.zeros((2, len(row_splits) - 1), np.int64)
    if len(order):
        lit = (np.diff(row_splits) > 0) & (energy[first] > 0)
        found[:, lit] = np.stack([ieta, iphi])[:, first[lit]]
    return found[0], found[1]


def crop(
    ieta: Ints, iphi: Ints, energy_gev: npt.ArrayLike, row_splits: Ints, seed_ieta: Ints, seed_iphi: Ints
) -> Float32:
    """Draws the images: E_T = E / cosh(eta) and |E_z| = E |tanh(eta)| of each crystal, in GeV.

    phi goes round; beyond the barrel's end the image is zero; hits outside it are left out; hits of one
    crystal are summed.

    Args:
        ieta: [T] of all hits, candidate after candidate.
        iphi: [T].
        energy_gev: [T], stored as it is: negative and broken values are the network's to ignore.
        row_splits: [B + 1] candidate b owns the hits row_splits[b] to row_splits[b + 1] - 1.
        seed_ieta: [B] crystal that comes to [15, 15]; 0 gives an empty image.
        seed_iphi: [B].

    Returns:
        [B, 32, 32, 2] float32: rows are ieta, columns iphi.
    """
    n = len(row_splits) - 1
    owner = np.repeat(np.arange(n), np.diff(row_splits))
    row = _row(ieta) - _row(seed_ieta)[owner] + SEED_AT
    turn = np.asarray(iphi, np.int64) - np.asarray(seed_iphi, np.int64)[owner]
    column = (turn + N_IPHI // 2) % N_IPHI - N_IPHI // 2 + SEED_AT
    inside = (row >= 0) & (row < IMAGE) & (column >= 0) & (column < IMAGE)
    inside &= np.asarray(seed_ieta)[owner] != 0
    eta = (np.abs(np.asarray(ieta, np.float64)) - 0.5) * ETA_PITCH
    energy = np.asarray(energy_gev, np.float64)
    place = ((owner * IMAGE + row) * IMAGE + column)[inside]
    size = n * IMAGE * IMAGE
    channels = [
        np.bincount(place, (energy * factor)[inside], size) for factor in (1.0 / np.cosh(eta), np.tanh(eta))
    ]
    return np.stack(channels, axis=-1).astype(np.float32).reshape(n, IMAGE, IMAGE, 2)
