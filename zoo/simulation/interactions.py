"""Minimum-bias interactions at the calorimeter's face: the record, its file, and its checks.

`minimum_bias` makes them with Pythia; `pileup` lays them over the crystals. The shipped file holds 5,000.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.arrays import Bytes, Floats32, Ints, row_splits
from zoo.files import open_npz, save_npz

SHIPPED = Path(__file__).parent / "library" / "minimum_bias.npz"
MAX_ETA = 1.5
KIND_NAMES = ("photon", "electron", "hadron", "mip")
GRID_ETA = 9
GRID_PHI = 11
GRID_MAX_ETA = 2.5
GRID_AREA = 2 * GRID_MAX_ETA / GRID_ETA * 2 * np.pi / GRID_PHI
ANGLE_UNIT = 1e-4
"""Angles are stored in units of 0.1 mrad, a hundred-and-seventieth of a crystal."""


@dataclass(frozen=True)
class MinimumBias:
    """Interactions at the calorimeter's face; particles of event i are `start[i]:start[i + 1]`.

    Attributes:
        start: [events + 1] first particle of each event.
        energy_gev: [particles] energy left in the crystals.
        eta: [particles] pseudorapidity of the point on the face.
        phi: [particles] azimuth of that point.
        kind: [particles] index into `KIND_NAMES`.
        grid_gev: [events, 9, 11] sums of pT for rho, along eta and phi.
    """

    start: Ints
    energy_gev: Floats32
    eta: Floats32
    phi: Floats32
    kind: Bytes
    grid_gev: Floats32

    def __len__(self) -> int:
        return len(self.start) - 1


def save(events: MinimumBias, path: Path, *, seed: int) -> int:
    """Writes events as a compressed .npz: 16-bit floats for energies and sums, 16-bit integers for angles.

    Returns:
        Size of the file in bytes.
    """
    arrays = {
        "count": np.diff(events.start).astype(np.uint16),
        "energy_gev": events.energy_gev.astype(np.float16),
        "eta": np.rint(events.eta / ANGLE_UNIT).astype(np.int16),
        "phi": np.rint(events.phi / ANGLE_UNIT).astype(np.int16),
        "kind": events.kind,
        "grid_gev": events.grid_gev.astype(np.float16),
        "seed": np.int64(seed),
        "provenance": np.str_("Pythia 8.317.2, SoftQCD:inelastic, pp 13 TeV, zoo.simulation.minimum_bias"),
    }
    return save_npz(path, arrays)


def read(path: Path) -> MinimumBias:
    """Reads events written by `save`.

    Args:
        path: The .npz file.

    Raises:
        InvalidFile: No such file, or something else.
    """
    with open_npz(path, "a pool of minimum-bias events", "zoo.simulation.minimum_bias") as file:
        return MinimumBias(
            start=row_splits(file["count"].astype(np.int64)),
            energy_gev=file["energy_gev"].astype(np.float32),
            eta=file["eta"].astype(np.float32) * np.float32(ANGLE_UNIT),
            phi=file["phi"].astype(np.float32) * np.float32(ANGLE_UNIT),
            kind=file["kind"],
            grid_gev=file["grid_gev"].astype(np.float32),
        )


def figures(events: MinimumBias) -> dict[str, float]:
    """Returns the checks of the pool: particles, photon density and mean pT, rho per interaction."""
    photon = events.kind == 0
    area = 2 * MAX_ETA * 2 * np.pi
    pt = events.energy_gev / np.cosh(events.eta)
    rng = np.random.default_rng(0)
    drawn = events.grid_gev[rng.integers(0, len(events), (200, 45))].sum(axis=1)
    return {
        "particles_per_event": float(len(events.kind) / len(events)),
        "photons_per_area": float(photon.sum() / len(events) / area),
        "photon_mean_pt_gev": float(pt[photon].mean()),
        "energy_gev_per_area": float(pt.sum() / len(events) / area),
        "rho_gev_per_event": float(np.median(drawn, axis=(1, 2)).mean() / GRID_AREA / 45),
    }
