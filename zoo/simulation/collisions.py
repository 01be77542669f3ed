"""A pool of proton-proton collisions at the vertex: hard ones, decays of single taus, and minimum bias.

    pool = Collisions.shipped()
    rows = pool.choose("ttbar", 100, "train", rng)
    owner, particle = pool.particles_of(rows)

`pythia_collisions` makes it. Kept are the particles that a detector could see: no neutrinos, energy above
0.2 GeV, pT above 0.15 GeV, |eta| below 5.2; what decays within the tracker (R < 1 m, |z| < 3 m) has decayed,
its daughters know how far out. The shipped pool holds a few hundred collisions of each process: the
simulation turns and mirrors them, so that one stands in many events; every error is a bootstrap over
`collision_row`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from zoo.arrays import Bytes, Floats32, Ints, first_rows, owners, row_splits
from zoo.errors import UnknownName
from zoo.files import open_npz, save_npz
from zoo.simulation.splits import SPLIT_SEED, SPLITS, split_index, tenths

__all__ = ["PROCESSES", "SHIPPED", "Collisions", "read"]


SHIPPED = Path(__file__).parent / "library" / "collisions.npz"
PROCESSES = ("ttbar", "qcd", "qcd_high", "ztautau", "tau", "minimum_bias")
"""QCD with pT-hat 15-3000 GeV, flat, and 3000-7000 GeV; Z -> tautau, all hadronic; single taus; pile-up."""
ANGLE_UNIT = 2e-4
"""Angles are stored in units of 0.2 mrad, an eightieth of a crystal."""
RADIUS_UNIT_CM = 1.0


@dataclass(frozen=True, eq=False)
class Collisions:
    """Collisions; particles of collision i are `start[i]:start[i + 1]`.

    Attributes:
        start: [C + 1] first particle of each collision.
        process: [C] index into `PROCESSES`.
        pdg_id: [P] PDG code.
        pt_gev: [P] transverse momentum.
        eta: [P] pseudorapidity of the momentum.
        phi: [P] its azimuth.
        radius_cm: [P] distance from the beam line at which it was made.
    """

    start: Ints
    process: Bytes
    pdg_id: npt.NDArray[np.int16]
    pt_gev: Floats32
    eta: Floats32
    phi: Floats32
    radius_cm: Floats32

    def __len__(self) -> int:
        return len(self.process)

    @staticmethod
    @functools.lru_cache(maxsize=1)
    def shipped() -> Collisions:
        """Returns the pool that comes with the package."""
        return read(SHIPPED)

    @functools.cached_property
    def split(self) -> Bytes:
        """[C] index into `SPLITS`: 70 / 10 / 20 % of each process."""
        split = np.empty(len(self), dtype=np.uint8)
        for index in range(len(PROCESSES)):
            members = np.flatnonzero(self.process == index)
            split[members] = tenths(len(members), np.random.default_rng([SPLIT_SEED, len(SPLITS) + 3, index]))
        return split

    def members(self, process: str, split: str) -> Ints:
        """Rows of a process in a split.

        Raises:
            UnknownName: Unknown process or split, or the pool has none of them.
        """
        held = [name for index, name in enumerate(PROCESSES) if (self.process == index).any()]
        if process not in held:
            raise UnknownName("process", process, held, "the pool of collisions")
        wanted = (self.process == PROCESSES.index(process)) & (self.split == split_index(split))
        return np.flatnonzero(wanted)

    def choose(self, process: str, n: int, split: str, rng: np.random.Generator) -> Ints:
        """Draws n rows of a process and split, with repetition."""
        members = self.members(process, split)
        return members[rng.integers(0, len(members), n)]

    def particles_of(self, rows: Ints) -> tuple[Ints, Ints]:
        """Returns the particles of some collisions: [Q] which of `rows` each belongs to, [Q] its number."""
        length = self.start[rows + 1] - self.start[rows]
        owner = owners(length)
        first = first_rows(length)
        return owner, np.arange(len(owner)) + (self.start[rows] - first)[owner]

    def save(self, path: Path, *, provenance: str) -> int:
        """Writes the pool as a compressed .npz; returns its size in bytes."""
        arrays = {
            "count": np.diff(self.start).astype(np.uint16),
            "process": self.process,
            "pdg_id": self.pdg_id,
            "pt_gev": self.pt_gev.astype(np.float16),
            "eta": np.rint(self.eta / ANGLE_UNIT).astype(np.int16),
            "phi": np.rint(self.phi / ANGLE_UNIT).astype(np.int16),
            "radius_cm": np.minimum(np.rint(self.radius_cm / RADIUS_UNIT_CM), 255).astype(np.uint8),
            "provenance": np.str_(provenance),
        }
        return save_npz(path, arrays)


def read(path: Path) -> Collisions:
    """Reads a pool written by `Collisions.save`.

    Args:
        path: The .npz file.

    Raises:
        InvalidFile: No such file, or something else.
    """
    with open_npz(path, "a pool of collisions", "zoo.simulation.pythia_collisions") as file:
        return Collisions(
            start=row_splits(file["count"].astype(np.int64)),
            process=file["process"],
            pdg_id=file["pdg_id"],
            pt_gev=file["pt_gev"].astype(np.float32),
            eta=file["eta"].astype(np.float32) * np.float32(ANGLE_UNIT),
            phi=file["phi"].astype(np.float32) * np.float32(ANGLE_UNIT),
            radius_cm=file["radius_cm"].astype(np.float32) * np.float32(RADIUS_UNIT_CM),
        )
