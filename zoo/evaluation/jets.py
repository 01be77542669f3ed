"""Jets of particles: anti-kt by FastJet (extra `physics`), pile-up's density on a grid, pairs of jets."""

from __future__ import annotations

from typing import NamedTuple

import awkward as ak
import numpy as np

from zoo.angles import phi_cell
from zoo.arrays import Floats, Ints, owners
from zoo.data.near_pairs import near_pairs
from zoo.errors import require

__all__ = ["Jets", "anti_kt", "grid_density", "nearest"]


GRID_ETA, GRID_CELLS = 4.8, (16, 10)  # cells of about 0.6 x 0.6, as FastJet's grid median


class Jets(NamedTuple):
    """J jets, event after event.

    Attributes:
        event: [J] event of each.
        pt_gev: [J].
        eta: [J].
        phi: [J].
    """

    event: Ints
    pt_gev: Floats
    eta: Floats
    phi: Floats


def anti_kt(
    event: Ints,
    pt_gev: Floats,
    eta: Floats,
    phi: Floats,
    energy_gev: Floats,
    n: int,
    *,
    radius: float = 0.4,
    least_gev: float = 5.0,
) -> Jets:
    """Clusters the particles of each event by the anti-kt algorithm (JHEP 04 (2008) 063).

    Args:
        event: [P] event of each particle, ascending.
        pt_gev: [P].
        eta: [P].
        phi: [P].
        energy_gev: [P].
        n: Number of events.
        radius: Of the jets.
        least_gev: Smallest pT of a jet.

    Returns:
        The jets of all events, above `least_gev`.

    Raises:
        MissingExtra: FastJet is not installed.
    """
    fastjet = require("fastjet", extra="physics")
    four = {
        "px": pt_gev * np.cos(phi),
        "py": pt_gev * np.sin(phi),
        "pz": pt_gev * np.sinh(eta),
        "E": energy_gev,
    }
    counts = np.bincount(event, minlength=n)
    particles = ak.zip({k: ak.unflatten(v, counts) for k, v in four.items()}, with_name="Momentum4D")
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, radius)
    found = fastjet.ClusterSequence(particles, definition).inclusive_jets(min_pt=least_gev)
    px, py, pz = (np.asarray(ak.flatten(found[name]), np.float64) for name in ("px", "py", "pz"))
    pt = np.hypot(px, py)
    of = owners(np.asarray(ak.num(found), np.int64))
    return Jets(of, pt, np.arcsinh(pz / np.maximum(pt, 1e-9)), np.arctan2(py, px))


def nearest(jets: Jets, others: Jets, reach: float) -> Ints:
    """[J] the nearest of `others` within a distance of each jet, -1 for none; two may have the same."""
    one, other, d_eta, d_phi = near_pairs(
        jets.event, jets.eta, jets.phi, others.event, others.eta, others.phi, reach
    )
    distance = np.hypot(d_eta, d_phi)
    order = np.argsort(-distance, kind="stable")
    order = order[distance[order] < reach]
    found = np.full(len(jets.event), -1)
    found[one[order]] = other[order]
    return found


def grid_density(event: Ints, pt_gev: Floats, eta: Floats, phi: Floats, n: int) -> Floats:
    """[n] median over cells of the summed pT in a cell, per unit of area: the rho of grid-median methods."""
    rows, columns = GRID_CELLS
    inside = np.abs(eta) < GRID_ETA
    row = np.floor((eta[inside] + GRID_ETA) * rows / (2.0 * GRID_ETA)).astype(np.int64)
    place = (event[inside] * rows + row) * columns + phi_cell(phi[inside], columns)
    cells = np.bincount(place, pt_gev[inside], n * rows * columns).reshape(n, -1)
    area = 2.0 * GRID_ETA * 2.0 * np.pi / (rows * columns)
    return np.asarray(np.median(cells, axis=1) / area, np.float64)
