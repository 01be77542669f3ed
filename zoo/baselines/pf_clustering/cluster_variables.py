"""What the energy correction knows of a cluster besides its energy.

| variable | what it is | why the energy depends on it |
| --- | --- | --- |
| `larger_offset`, `smaller_offset` | distances from the seed's centre along the axes | less leaks sideways |
| `log_hits` | ln of the number of hits | what the thresholds have cut away |
| `seed_share` | energy of the seed over that of the cluster | how wide, and how late, the shower is |
| `abs_eta` | abs(eta) | noise and thresholds |
| `eta_gap`, `phi_gap`, `border` | closeness to gaps in eta and phi, to the detector's end | lost there |

Offsets are in crystals. Closeness is exp(-d / 0.3 crystals) at distance d: 1 on the edge, 0.04 one crystal
away.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zoo.angles import wrap_phi
from zoo.arrays import Floats
from zoo.clustering.lattice import Lattice
from zoo.detectors import cms_barrel

__all__ = ["Variables", "barrel_variables", "plane_place", "plane_variables"]

Variables = dict[str, Floats]
"""Name -> [K] values."""

REACH = 0.3
"""Crystals over which a gap is felt; from 0.25 to 0.6 it hardly matters."""
_ETA_EDGES = np.flatnonzero(cms_barrel.ETA_GAP_EDGES)


def barrel_variables(
    energy_gev: npt.ArrayLike,
    eta: npt.ArrayLike,
    phi: npt.ArrayLike,
    seed_ieta: npt.ArrayLike,
    seed_iphi: npt.ArrayLike,
    seed_energy_gev: npt.ArrayLike,
    n_hits: npt.ArrayLike,
) -> Variables:
    """Returns the variables of clusters of the barrel.

    Args:
        energy_gev: [K] uncorrected energies.
        eta: [K] pseudorapidities.
        phi: [K] azimuths.
        seed_ieta: [K] ieta of the seeds.
        seed_iphi: [K] iphi of the seeds.
        seed_energy_gev: [K] their energies.
        n_hits: [K] hits of the clusters.
    """
    row = np.asarray(eta, np.float64) / cms_barrel.ETA_PITCH + cms_barrel.N_ETA / 2
    seed_phi = cms_barrel.phi_from_iphi(np.asarray(seed_iphi))
    turn = wrap_phi(np.asarray(phi, np.float64) - seed_phi) / cms_barrel.PHI_PITCH
    column = np.asarray(seed_iphi) - 0.5 + turn
    to_edge = np.abs(row[:, None] - _ETA_EDGES)
    to_supermodule = np.abs(
        (column + cms_barrel.SUPERMODULE_IPHI / 2) % cms_barrel.SUPERMODULE_IPHI
        - cms_barrel.SUPERMODULE_IPHI / 2
    )
    return {
        **_shape(row - cms_barrel.row_from_ieta(seed_ieta) - 0.5, turn, n_hits, seed_energy_gev, energy_gev),
        "abs_eta": np.abs(np.asarray(eta, np.float64)),
        "eta_gap": _closeness(to_edge[:, 1:-1].min(axis=1)),
        "phi_gap": _closeness(to_supermodule),
        "border": _closeness(to_edge[:, [0, -1]].min(axis=1)),
    }


def plane_place(lattice: Lattice, position_cm: Floats) -> Floats:
    """Returns where clusters of a plane are, [K, 2], in crystals: crystal i reaches from i to i + 1."""
    first = lattice.position_cm[0, 1:]
    pitch = lattice.position_cm[-1, 1:] - first
    place: Floats = (position_cm[:, 1:] - first) / pitch * [lattice.n_rows - 1, lattice.n_columns - 1] + 0.5
    return place


def plane_variables(
    lattice: Lattice,
    energy_gev: npt.ArrayLike,
    position_cm: Floats,
    seed_row: npt.ArrayLike,
    seed_column: npt.ArrayLike,
    seed_energy_gev: npt.ArrayLike,
    n_hits: npt.ArrayLike,
) -> Variables:
    """Returns the variables of clusters of a plane of two rows and columns or more.

    Args:
        lattice: The plane.
        energy_gev: [K] uncorrected energies.
        position_cm: [K, 3] positions.
        seed_row: [K] rows of the seeds.
        seed_column: [K] their columns.
        seed_energy_gev: [K] their energies.
        n_hits: [K] hits of the clusters.
    """
    place = plane_place(lattice, position_cm)
    offset = place - np.stack([np.asarray(seed_row), np.asarray(seed_column)], axis=1) - 0.5
    to_end = np.minimum(place, [lattice.n_rows, lattice.n_columns] - place).min(axis=1)
    return {
        **_shape(offset[:, 0], offset[:, 1], n_hits, seed_energy_gev, energy_gev),
        "border": _closeness(to_end),
    }


def _shape(
    along_eta: Floats,
    along_phi: Floats,
    n_hits: npt.ArrayLike,
    seed_energy_gev: npt.ArrayLike,
    energy_gev: npt.ArrayLike,
) -> Variables:
    """Returns what every detector has."""
    offsets = np.abs(along_eta), np.abs(along_phi)
    return {
        "larger_offset": np.maximum(*offsets),
        "smaller_offset": np.minimum(*offsets),
        "log_hits": np.log(np.asarray(n_hits, np.float64)),
        "seed_share": np.asarray(seed_energy_gev, np.float64) / np.asarray(energy_gev, np.float64),
    }


def _closeness(distance: Floats) -> Floats:
    close: Floats = np.exp(-distance / REACH)
    return close
