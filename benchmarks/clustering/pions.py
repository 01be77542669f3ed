"""The mass of neutral pions from two clusters."""

from __future__ import annotations

import itertools

import numpy as np

from benchmarks.clustering.photons_found import SHAPE, Found, blocks, cluster
from benchmarks.clustering.tables import Lines, half_width, table
from zoo.arrays import Bools, Floats
from zoo.detectors.cms_barrel import CRYSTAL_MM, RADIUS_CM
from zoo.simulation.flat_segment import flat_events, pion_photons

MOMENTUM_EDGES = (2, 5, 10, 20, 40)
"""GeV: the talk's four bins are not published."""


def pions(n: int) -> Lines:
    """The mass of neutral pions from two corrected clusters."""
    rows = []
    for number, (low, high) in enumerate(itertools.pairwise(MOMENTUM_EDGES)):
        resolved, merged, lost, inside, masses = 0, 0, 0, 0, []
        for part, size in blocks(n // 4):
            rng = np.random.default_rng((700, number, part))
            energy, impact = pion_photons(rng.uniform(low, high, size), rng)
            here = np.all((impact >= 0) & (impact < SHAPE), axis=(1, 2))
            found = cluster(flat_events(energy[here], impact[here], rng))
            both = np.all(found.owner >= 0, axis=1)
            apart = both & (found.owner[:, 0] != found.owner[:, 1])
            inside += int(here.sum())
            resolved, merged, lost = (
                resolved + apart.sum(),
                merged + (both & ~apart).sum(),
                lost + (~both).sum(),
            )
            masses.append(pair_mass_gev(found, apart))
        mass = np.concatenate(masses)
        rows.append(
            (
                f"{low}-{high}",
                f"{100 * inside / (n // 4):.1f}",
                *(f"{100 * count / inside:.1f}" for count in (resolved, merged, lost)),
                f"{1000 * np.median(mass) if len(mass) else np.nan:.1f}",
                f"{1000 * half_width(mass):.1f}",
            )
        )
    header = (
        "momentum (GeV)",
        "both on the segment (%)",
        "two clusters (%)",
        "merged (%)",
        "photon lost (%)",
    )
    yield from table((*header, "median mass (MeV)", "half of the central 68 %"), rows)


def pair_mass_gev(found: Found, events: Bools) -> Floats:
    """Mass of the owners of the two photons of some events, as seen 129 cm before the segment's middle."""
    pair = found.owner[events]
    sideways = (found.place[pair] - np.array(SHAPE) / 2) * CRYSTAL_MM / 10
    direction = np.concatenate([np.full((*pair.shape, 1), RADIUS_CM), sideways], axis=2)
    direction /= np.linalg.norm(direction, axis=2, keepdims=True)
    opening = np.linalg.norm(direction[:, 0] - direction[:, 1], axis=1)  # 2 (1 - cos) = |difference|^2
    mass: Floats = np.sqrt(found.corrected_gev[pair].prod(axis=1)) * opening
    return mass
