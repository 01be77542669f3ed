"""The flat segment, its clusters, and which cluster each photon became."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from zoo.arrays import Bools, Floats, Ints, owners
from zoo.baselines.pf_clustering import FLAT_SEGMENT, PFClusters, corrected_energy_gev, lattice_clusters
from zoo.baselines.pf_clustering.cluster_variables import plane_place
from zoo.clustering.lattice import flat
from zoo.simulation.flat_segment import FlatEvents, FlatSegment

SEGMENT = FlatSegment()
SHAPE = (SEGMENT.n_rows, SEGMENT.n_columns)
PLANE = flat(*SHAPE)
BLOCK = 2000
"""Events in memory at once."""
MATCHED = 1.0
"""Crystals between a photon's impact and its cluster; the talk does not say its own radius."""


@dataclass(frozen=True, eq=False)
class Found:
    """Photons of N events with n each, and what has been made of them.

    Attributes:
        energy_gev: [N, n] true energies.
        impact: [N, n, 2] where they arrived.
        cluster: [N, n] the cluster next to each, each cluster for one photon only; -1 without.
        owner: [N, n] the cluster that holds more than half of each photon's deposit; -1 without.
        clusters: Those of all events.
        place: [K, 2] where they are.
        corrected_gev: [K] their corrected energies.
    """

    energy_gev: Floats
    impact: Floats
    cluster: Ints
    owner: Ints
    clusters: PFClusters
    place: Floats
    corrected_gev: Floats

    def errors(self, photons: Bools) -> Floats:
        """E - E_true of those of some photons [N, n] that have a cluster."""
        chosen = photons & (self.cluster >= 0)
        return self.corrected_gev[self.cluster[chosen]] - self.energy_gev[chosen]


def cluster(events: FlatEvents) -> Found:
    """Clusters events of the segment and finds the photons in the clusters."""
    row_splits, row, column, energy = events.hits()
    clusters = lattice_clusters(PLANE, row_splits, row, column, energy, config=FLAT_SEGMENT)
    event = owners(np.diff(clusters.row_splits))
    place = plane_place(PLANE, clusters.position_cm)
    table = clusters.fractions
    of_hit = owners(np.diff(row_splits))
    n = events.energy_gev.shape[1]
    owner = np.full(events.energy_gev.shape, -1)
    for photon in range(n):
        deposit = events.deposit_gev[of_hit, photon, row, column]
        held = np.bincount(table.cluster, table.fraction * deposit[table.hit], len(clusters))
        half = held > 0.5 * events.deposit_gev[:, photon].sum(axis=(1, 2))[event]
        owner[event[half], photon] = np.flatnonzero(half)
    return Found(
        events.energy_gev,
        events.impact,
        _one_to_one(event, place, events.impact),
        owner,
        clusters,
        place,
        corrected_energy_gev(clusters, "flat_segment") if len(clusters) else np.empty(0),
    )


def _one_to_one(event: Ints, place: Floats, impact: Floats) -> Ints:
    """[N, n] the cluster of each photon: the closest pair of an event first, none used twice."""
    away = np.linalg.norm(place[:, None] - impact[event], axis=2)
    which, photon = np.nonzero(away < MATCHED)
    found = np.full(impact.shape[:2], -1)
    used = np.zeros(len(event), dtype=bool)
    for pair in np.argsort(away[which, photon], kind="stable"):
        k, p = which[pair], photon[pair]
        if not used[k] and found[event[k], p] < 0:
            used[k], found[event[k], p] = True, k
    return found


def blocks(n: int) -> Iterator[tuple[int, int]]:
    """Yields (number, events) of blocks that are n events together."""
    for number, start in enumerate(range(0, n, BLOCK)):
        yield number, min(BLOCK, n - start)
