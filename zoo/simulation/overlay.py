"""Pile-up crossings laid over the patches of objects."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from zoo.arrays import Bools, Floats32, Ints
from zoo.detectors import cms_barrel
from zoo.simulation.patches import Patches
from zoo.simulation.pileup import HardParticles, PileupPool

__all__ = ["Overlay", "hardest_in_window", "overlay"]


@dataclass(frozen=True)
class Overlay:
    """Pile-up on patches: one crossing for every few of them, turned and mirrored for each.

    Turns are by whole crystals, and mirrors leave the gaps between modules in place. (A crossing has no gaps
    between supermodules: see `pileup`.)

    Attributes:
        energy_gev: [B, R, C] pile-up energy of each crystal of the patches.
        rho_gev: [B] rho of the crossing.
        n_vertices: [B] interactions in the crossing.
        turn: [B] crystals in phi by which the patch's crossing is turned.
        mirror_eta: [B] whether it is mirrored in eta.
        mirror_phi: [B] whether it is mirrored in phi.
        hard: For each crossing its patches, and its particles above 1 GeV.
    """

    energy_gev: Floats32
    rho_gev: Floats32
    n_vertices: Ints
    turn: Ints
    mirror_eta: Bools
    mirror_phi: Bools
    hard: list[tuple[slice, HardParticles]] = field(default_factory=list)

    def turned(self, row: Ints, column: Ints, patch: Ints) -> tuple[Ints, Ints]:
        """Returns the row and column of the crossing's image that lie on (row, column) of some patches."""
        shape = (-1,) + (1,) * (row.ndim - 1)
        mirror_eta, mirror_phi = self.mirror_eta[patch].reshape(shape), self.mirror_phi[patch].reshape(shape)
        image_row = np.where(mirror_eta, cms_barrel.N_ETA - 1 - row, row)
        image_column = np.where(mirror_phi, cms_barrel.N_PHI - 1 - column, column)
        return image_row, (image_column + self.turn[patch].reshape(shape)) % cms_barrel.N_PHI


def overlay(
    patches: Patches,
    pileup: tuple[int, int],
    patches_per_crossing: int,
    split: str,
    pool: PileupPool | None,
    rng: np.random.Generator,
) -> Overlay:
    """Draws crossings and puts them on patches.

    Args:
        patches: Where the patches lie.
        pileup: Least and most interactions of a crossing.
        patches_per_crossing: How many patches share one, each at its own place.
        split: Split of the pool.
        pool: The interactions; None is no pile-up.
        rng: Source of randomness.

    Returns:
        The pile-up on each patch.
    """
    n = len(patches.row)
    laid = Overlay(
        energy_gev=np.zeros((n, *patches.layout.shape), np.float32),
        rho_gev=np.zeros(n, np.float32),
        n_vertices=np.zeros(n, np.int64),
        turn=rng.integers(0, cms_barrel.N_PHI, n),
        mirror_eta=rng.random(n) < 0.5,
        mirror_phi=rng.random(n) < 0.5,
    )
    if pool is None:
        return laid
    everything = np.arange(n)
    rows, columns = laid.turned(patches.rows, patches.columns, everything)
    rows = np.clip(rows, 0, cms_barrel.N_ETA - 1)
    for start in range(0, n, patches_per_crossing):
        part = slice(start, min(start + patches_per_crossing, n))
        n_vertices = int(rng.integers(pileup[0], pileup[1], endpoint=True))
        image, rho, particles = pool.crossing(n_vertices, rng, split)
        laid.energy_gev[part] = image[rows[part][:, :, None], columns[part][:, None, :]]
        laid.rho_gev[part], laid.n_vertices[part] = rho, n_vertices
        laid.hard.append((part, particles))
    laid.energy_gev[~patches.exists] = 0.0
    return laid


def hardest_in_window(laid: Overlay, patches: Patches, found: Ints, row: Ints, column: Ints) -> Floats32:
    """Returns [K] the energy of the hardest pile-up particle above 1 GeV in each window, else 0."""
    hardest = np.zeros(len(patches.row), dtype=np.float32)
    half = patches.layout.window
    image_row, image_column = np.full(len(hardest), -1000), np.zeros(len(hardest), dtype=np.int64)
    image_row[found], image_column[found] = laid.turned(row, column, found)
    for part, particles in laid.hard:
        near = np.abs(particles.row - image_row[part, None]) <= half[0]
        near &= np.abs(cms_barrel.delta_iphi(particles.iphi - 1, image_column[part, None])) <= half[1]
        hardest[part] = np.max(np.where(near, particles.energy_gev, 0.0), axis=1, initial=0.0)
    return hardest[found]
