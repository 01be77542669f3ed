"""Pile-up: minimum-bias interactions, drawn from a pool and laid over the crystals.

    pool = PileupPool.shipped()
    image, rho, particles = pool.crossing(45, rng, "train")

The pool's interactions (`interactions`) carry a split, 70 / 10 / 20 %, and their showers are library
showers of the same split, so that nothing of a training event can stand in a test event. The showers of one
split are re-binned once per process, at first use, into a sparse table (interaction, crystal, energy). A
crossing draws interactions at random, turns each by a whole number of crystals in phi and mirrors it in eta,
and adds them up.

Modules' gaps in eta are respected. Those between supermodules are not, because of the turn in phi: a strip of
6 mm in 450 mm that loses 6.5 % changes pile-up by 0.1 %.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from zoo.arrays import Bools, Floats32, Ints, first_rows, owners
from zoo.detectors import cms_barrel
from zoo.errors import InvalidValue
from zoo.simulation import interactions
from zoo.simulation.rebinning import WINDOW
from zoo.simulation.showers import ETA_STRIP_ATTENUATION, ShowerLibrary
from zoo.simulation.splits import SPLIT_SEED, SPLITS, split_index, tenths

HARD_GEV = 1.0
"""Particles above this energy are listed with a crossing, and keep what lies beyond three crystals."""
CRYSTAL_LEAST_GEV = 1e-4
"""Deposits below 0.1 MeV, a seven-hundredth of the noise, are dropped."""


def check_pileup(config: Any) -> None:
    """Makes sure that the `pileup` of a sample's configuration is the least and the most interactions.

    Raises:
        InvalidValue: It is no such pair.
    """
    least, most = config.pileup
    if not 0 <= least <= most:
        raise InvalidValue(
            f"{type(config).__name__}.pileup", "(least, most) with 0 <= least <= most", config.pileup
        )


class HardParticles(NamedTuple):
    """Pile-up particles above 1 GeV in a crossing: energy and the crystal that they hit."""

    energy_gev: Floats32
    row: Ints
    iphi: Ints


class Crossing(NamedTuple):
    """One bunch crossing's pile-up.

    Attributes:
        image: [170, 360] energy in GeV, indexed [row, iphi - 1].
        rho: Median density of pT per unit eta-phi in GeV.
        particles: The particles above 1 GeV.
    """

    image: Floats32
    rho: float
    particles: HardParticles


@dataclass(frozen=True)
class Deposits:
    """The interactions of one split on the crystals.

    Attributes:
        start: [events + 1] first entry of each interaction in the three arrays below.
        row: [entries] row 0..169.
        column: [entries] iphi - 1.
        energy_gev: [entries] deposit.
        hard_start: [events + 1] first hard particle of each interaction in the three arrays below.
        hard_row: [hard particles] row of the crystal that each hits.
        hard_column: [hard particles] its iphi - 1.
        hard_gev: [hard particles] its energy.
        grid_gev: [events, 9, 11] sums of pT for rho.
    """

    start: Ints
    row: npt.NDArray[np.int32]
    column: npt.NDArray[np.int32]
    energy_gev: Floats32
    hard_start: Ints
    hard_row: Ints
    hard_column: Ints
    hard_gev: Floats32
    grid_gev: Floats32

    def __len__(self) -> int:
        return len(self.start) - 1


class PileupPool:
    """A pool of minimum-bias interactions on the crystals.

    Args:
        events: The interactions at the calorimeter's face.
        library: Showers for their particles.
    """

    def __init__(self, events: interactions.MinimumBias, library: ShowerLibrary) -> None:
        self.events = events
        self.library = library
        self.split = tenths(len(events), np.random.default_rng([SPLIT_SEED, len(SPLITS)]))
        self._deposits: dict[str, Deposits] = {}

    @staticmethod
    @functools.lru_cache(maxsize=2)
    def shipped(library: ShowerLibrary | None = None) -> PileupPool:
        """Returns the pool that comes with the package, on the shipped showers or on another library."""
        return PileupPool(interactions.read(interactions.SHIPPED), library or ShowerLibrary.shipped())

    def deposits(self, split: str) -> Deposits:
        """Returns the interactions of a split on the crystals; re-bins them at first use.

        Args:
            split: "train", "validation" or "test".

        Raises:
            UnknownName: Any other split.
        """
        if split not in self._deposits:
            self._deposits[split] = self._rebin(split)
        return self._deposits[split]

    def _rebin(self, split: str) -> Deposits:
        """Gives every particle of a split a library shower and puts it on the crystals."""
        index = split_index(split)
        members = np.flatnonzero(self.split == index)
        counts = np.diff(self.events.start)
        vertex = owners(counts)
        kept = np.flatnonzero((self.split[vertex] == index) & (np.abs(self.events.eta) < cms_barrel.MAX_ETA))
        local = np.searchsorted(members, vertex[kept])
        energy = self.events.energy_gev[kept].astype(np.float64)
        at = cms_barrel.impact(self.events.eta[kept], self.events.phi[kept])
        electron = self.events.kind[kept] == interactions.KIND_NAMES.index("electron")
        rng = np.random.default_rng([SPLIT_SEED, len(SPLITS) + 1, index])
        symmetry = rng.integers(0, 8, len(kept))
        shower = np.zeros(len(kept), dtype=np.int64)
        for kind, chosen in (("photon", ~electron), ("electron", electron)):
            if chosen.any():
                shower[chosen] = self.library.choose(kind, energy[chosen], split, rng)
        hard = energy > HARD_GEV
        cells: list[Ints] = []
        values: list[Floats32] = []
        for outer in (False, True):
            for part in np.array_split(np.flatnonzero(hard == outer), max(1, np.sum(hard == outer) // 4096)):
                windows = self.library.deposit(
                    electron[part],
                    shower[part],
                    energy[part],
                    symmetry[part],
                    at.offset_eta[part],
                    at.offset_phi[part],
                    at.row[part],
                    at.iphi[part],
                    strip_attenuation=(ETA_STRIP_ATTENUATION, 0.0),
                    outer=outer,
                )
                which, eta, phi = np.nonzero(windows > CRYSTAL_LEAST_GEV)
                row = at.row[part][which] + eta - WINDOW // 2
                column = (at.iphi[part][which] - 1 + phi - WINDOW // 2) % cms_barrel.N_PHI
                cells.append((local[part][which] * cms_barrel.N_ETA + row) * cms_barrel.N_PHI + column)
                values.append(windows[which, eta, phi])
        cell, inverse = np.unique(np.concatenate(cells), return_inverse=True)
        total = np.bincount(inverse, weights=np.concatenate(values)).astype(np.float32)
        owner, place = np.divmod(cell, cms_barrel.N_ETA * cms_barrel.N_PHI)
        edges = np.arange(len(members) + 1)
        hard_index = np.flatnonzero(hard)
        return Deposits(
            np.searchsorted(owner, edges),
            (place // cms_barrel.N_PHI).astype(np.int32),
            (place % cms_barrel.N_PHI).astype(np.int32),
            total,
            np.searchsorted(local[hard_index], edges),
            at.row[hard_index],
            at.iphi[hard_index] - 1,
            energy[hard_index].astype(np.float32),
            self.events.grid_gev[members],
        )

    def crossing(self, n_vertices: int, rng: np.random.Generator, split: str) -> Crossing:
        """Lays interactions over each other.

        Args:
            n_vertices: How many; 0 gives an empty crossing.
            rng: Source of randomness.
            split: "train", "validation" or "test".

        Returns:
            The image, rho, and the particles above 1 GeV.

        Raises:
            InvalidValue: `n_vertices` is negative.
        """
        if n_vertices < 0:
            raise InvalidValue("n_vertices", "0 or more", n_vertices)
        table = self.deposits(split)
        drawn = rng.integers(0, len(table), n_vertices)
        turn = rng.integers(0, cms_barrel.N_PHI, n_vertices)
        mirrored = rng.random(n_vertices) < 0.5
        entry, copy = _ragged(table.start, drawn)
        row, column = _moved(table.row[entry], table.column[entry], turn[copy], mirrored[copy])
        size = cms_barrel.N_ETA * cms_barrel.N_PHI
        image = np.bincount(row * cms_barrel.N_PHI + column, weights=table.energy_gev[entry], minlength=size)
        hard, copy = _ragged(table.hard_start, drawn)
        hard_row, hard_column = _moved(
            table.hard_row[hard], table.hard_column[hard], turn[copy], mirrored[copy]
        )
        return Crossing(
            image.astype(np.float32).reshape(cms_barrel.N_ETA, cms_barrel.N_PHI),
            _rho(table.grid_gev[drawn], turn, mirrored),
            HardParticles(table.hard_gev[hard], hard_row, hard_column + 1),
        )


def _ragged(start: Ints, drawn: Ints) -> tuple[Ints, Ints]:
    """Indices of the entries of the drawn interactions, and which draw each belongs to."""
    length = start[drawn + 1] - start[drawn]
    copy = owners(length)
    first = first_rows(length)
    return np.arange(len(copy)) + (start[drawn] - first)[copy], copy


def _moved(
    row: npt.NDArray[np.integer], column: npt.NDArray[np.integer], turn: Ints, mirrored: Bools
) -> tuple[Ints, Ints]:
    """Crystals after the turn in phi and the mirror in eta."""
    column = column + turn
    column[column >= cms_barrel.N_PHI] -= cms_barrel.N_PHI
    return np.where(mirrored, cms_barrel.N_ETA - 1 - row, row), column


def _rho(grids: Floats32, turn: Ints, mirrored: Bools) -> float:
    """Median over the grid's cells of the density of pT, each interaction turned by whole cells."""
    if not len(grids):
        return 0.0
    cells = np.rint(turn * (interactions.GRID_PHI / cms_barrel.N_PHI)).astype(np.int64)
    along_phi = (np.arange(interactions.GRID_PHI) - cells[:, None]) % interactions.GRID_PHI
    along_eta = np.arange(interactions.GRID_ETA)
    along_eta = np.where(mirrored[:, None], along_eta[::-1], along_eta)
    copies = np.arange(len(grids))[:, None, None]
    total = grids[copies, along_eta[:, :, None], along_phi[:, None, :]].sum(axis=0)
    return float(np.median(total) / interactions.GRID_AREA)
