"""Jets rich in neutral pions, at the vertex: the record, its file, and how one is drawn.

    pool = JetPool.shipped()
    rows = pool.choose(et_gev, "train", rng)
    owner, particle = pool.particles_of(rows)

Jets are what an electron or photon identification mistakes for electrons and photons: photons of neutral
pions, close together, with charged hadrons between them. `pythia_jets` makes the shipped 14,000.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from zoo.arrays import Bytes, Floats32, Ints, first_rows, owners, row_splits
from zoo.files import open_npz, save_npz
from zoo.simulation.splits import SPLIT_SEED, SPLITS, split_index, tenths

__all__ = ["SHIPPED", "JetPool", "read"]


SHIPPED = Path(__file__).parent / "library" / "jets.npz"
ANGLE_UNIT = 1e-4
"""Angles are stored in units of 0.1 mrad."""
ET_WINDOW = 0.1
"""A jet is drawn among those whose ET differs by less than this part: never simply the nearest one."""


@dataclass(frozen=True, eq=False)
class JetPool:
    """J jets at the vertex; particles of jet j are `start[j]:start[j + 1]`, the hardest first.

    Attributes:
        start: [J + 1] first particle of each jet.
        pdg_id: [P] PDG code; neutrinos are left out.
        energy_gev: [P] energy.
        eta: [P] pseudorapidity of the direction.
        phi: [P] azimuth of the direction.
    """

    start: Ints
    pdg_id: npt.NDArray[np.int16]
    energy_gev: Floats32
    eta: Floats32
    phi: Floats32

    def __len__(self) -> int:
        return len(self.start) - 1

    @staticmethod
    @functools.lru_cache(maxsize=1)
    def shipped() -> JetPool:
        """Returns the pool that comes with the package."""
        return read(SHIPPED)

    @functools.cached_property
    def axis(self) -> tuple[Floats32, Floats32, Floats32]:
        """[J] energy, eta and phi of each jet: of the sum of its particles, taken as massless."""
        pt = self.energy_gev / np.cosh(self.eta)
        energy, x, y, z = (
            np.add.reduceat(part.astype(np.float64), self.start[:-1])
            for part in (
                self.energy_gev, pt * np.cos(self.phi), pt * np.sin(self.phi), pt * np.sinh(self.eta)
            )
        )  # fmt: skip
        eta, phi = np.arcsinh(z / np.hypot(x, y)), np.arctan2(y, x)
        return energy.astype(np.float32), eta.astype(np.float32), phi.astype(np.float32)

    @property
    def et_gev(self) -> Floats32:
        """[J] transverse energy E / cosh(eta)."""
        energy, eta, _ = self.axis
        return (energy / np.cosh(eta)).astype(np.float32)

    @functools.cached_property
    def split(self) -> Bytes:
        """[J] index into `SPLITS`: 70 / 10 / 20 %, stratified in ET."""
        split = np.empty(len(self), dtype=np.uint8)
        rng = np.random.default_rng([SPLIT_SEED, len(SPLITS) + 2])
        split[np.argsort(self.et_gev, kind="stable")] = tenths(len(self), rng)
        return split

    @functools.cached_property
    def _by_et(self) -> tuple[tuple[Ints, Floats32], ...]:
        """For each split its jets, softest first, and their ET."""
        order = np.argsort(self.et_gev, kind="stable")
        parts = [order[self.split[order] == index] for index in range(len(SPLITS))]
        return tuple((part, self.et_gev[part]) for part in parts)

    def choose(self, et_gev: npt.ArrayLike, split: str, rng: np.random.Generator) -> Ints:
        """Draws jets near in ET; they are not scaled.

        Args:
            et_gev: [S] wanted transverse energies.
            split: "train", "validation" or "test".
            rng: Source of randomness.

        Returns:
            [S] numbers of jets.

        Raises:
            UnknownName: Unknown split.
        """
        jets, et = self._by_et[split_index(split)]
        wanted = np.asarray(et_gev, dtype=np.float64)
        first = np.minimum(np.searchsorted(et, wanted * (1 - ET_WINDOW)), len(jets) - 1)
        last = np.maximum(np.searchsorted(et, wanted * (1 + ET_WINDOW)), first + 1)
        return np.asarray(jets[rng.integers(first, last)])

    def particles_of(self, jets: Ints) -> tuple[Ints, Ints]:
        """Returns the particles of some jets: [Q] which of `jets` each belongs to, [Q] its number."""
        length = np.diff(self.start)[jets]
        owner = owners(length)
        first = first_rows(length)
        return owner, np.arange(len(owner)) + (self.start[jets] - first)[owner]

    def save(self, path: Path, *, provenance: str) -> int:
        """Writes the pool as a compressed .npz; returns its size in bytes."""
        arrays = {
            "count": np.diff(self.start).astype(np.uint16),
            "pdg_id": self.pdg_id,
            "energy_gev": self.energy_gev.astype(np.float16),
            "eta": np.rint(self.eta / ANGLE_UNIT).astype(np.int16),
            "phi": np.rint(self.phi / ANGLE_UNIT).astype(np.int16),
            "provenance": np.str_(provenance),
        }
        return save_npz(path, arrays)


def read(path: Path) -> JetPool:
    """Reads a pool written by `JetPool.save`.

    Args:
        path: The .npz file.

    Raises:
        InvalidFile: No such file, or something else.
    """
    with open_npz(path, "a pool of jets", "zoo.simulation.pythia_jets") as file:
        return JetPool(
            start=row_splits(file["count"].astype(np.int64)),
            pdg_id=file["pdg_id"],
            energy_gev=file["energy_gev"].astype(np.float32),
            eta=file["eta"].astype(np.float32) * np.float32(ANGLE_UNIT),
            phi=file["phi"].astype(np.float32) * np.float32(ANGLE_UNIT),
        )
