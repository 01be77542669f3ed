"""A library shower for every particle that arrives, laid on the crystals."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from zoo.arrays import Bools, Floats, Floats32, Ints
from zoo.detectors.cms_barrel import Impact
from zoo.simulation.showers import ETA_STRIP_ATTENUATION, KINDS, PHI_STRIP_ATTENUATION, ShowerLibrary

__all__ = ["Showers", "lay_showers", "take_impacts"]


@dataclass(frozen=True)
class Showers:
    """The showers that reach a patch.

    Attributes:
        particle: [S] number of the particle that made each.
        owner: [S] its patch.
        electron: [S] whether it comes from the library's electrons; else from the photons.
        library_row: [S] row there.
        iphi: [S] iphi of the crystal that is hit.
        row: [S] image row of that crystal.
        energy_gev: [S] energy.
        windows: [S, 15, 15] deposits in GeV around that crystal.
    """

    particle: Ints
    owner: Ints
    electron: Bools
    library_row: Ints
    iphi: Ints
    row: Ints
    energy_gev: Floats
    windows: Floats32

    def part(self, chosen: slice, first_owner: int) -> Showers:
        """Returns some of the showers, their patches counted from another one."""
        columns = {field.name: getattr(self, field.name)[chosen] for field in fields(self)}
        return Showers(**{**columns, "owner": columns["owner"] - first_owner})

    def rear_leak_gev(self, library: ShowerLibrary) -> Floats:
        """Returns [S] what leaves through the rear face."""
        leak = np.zeros(len(self.particle))
        for kind, chosen in zip(KINDS, (~self.electron, self.electron), strict=True):
            leak[chosen] = library.rear_leak_gev(kind, self.library_row[chosen], self.energy_gev[chosen])
        return leak


def take_impacts(impact: Impact, chosen: Bools | Ints) -> Impact:
    """Keeps some impacts, by a mask or by their numbers."""
    return Impact(
        impact.row[chosen], impact.iphi[chosen], impact.offset_eta[chosen], impact.offset_phi[chosen]
    )


def lay_showers(
    particle: Ints,
    owner: Ints,
    electron: Bools,
    energy_gev: Floats,
    impact: Impact,
    full_shower_gev: float,
    split: str,
    library: ShowerLibrary,
    rng: np.random.Generator,
    *,
    gaps: bool = True,
) -> Showers:
    """Draws showers and puts them on the crystals.

    Args:
        particle: [S] as in `Showers`.
        owner: [S] as in `Showers`.
        electron: [S] as in `Showers`.
        energy_gev: [S] energies to scale to.
        impact: Where the particles arrive, [S].
        full_shower_gev: Softer showers end at three crystals.
        split: "train", "validation" or "test".
        library: Shower library.
        rng: Source of randomness.
        gaps: Whether strips along the gaps between modules lose a part.
    """
    strips = (ETA_STRIP_ATTENUATION, PHI_STRIP_ATTENUATION) if gaps else (0.0, 0.0)
    library_row = np.empty(particle.size, dtype=np.int64)
    for kind, chosen in zip(KINDS, (~electron, electron), strict=True):
        library_row[chosen] = library.choose(kind, energy_gev[chosen], split, rng)
    symmetry = rng.integers(0, 8, particle.size)
    windows = np.empty((particle.size, 15, 15), dtype=np.float32)
    full = energy_gev >= full_shower_gev
    for outer, chosen in ((True, full), (False, ~full)):
        windows[chosen] = library.deposit(
            electron[chosen],
            library_row[chosen],
            energy_gev[chosen],
            symmetry[chosen],
            impact.offset_eta[chosen],
            impact.offset_phi[chosen],
            row=impact.row[chosen],
            iphi=impact.iphi[chosen],
            strip_attenuation=strips,
            outer=outer,
        )
    return Showers(particle, owner, electron, library_row, impact.iphi, impact.row, energy_gev, windows)
