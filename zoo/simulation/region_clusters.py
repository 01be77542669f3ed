"""From showers in regions of crystals to PF clusters, with the truth of each.

crystals = fill(regions, showers, config, split, pool, rng)      # deposits, pile-up, read-out
columns = cluster(regions, crystals, leak_gev, config, rng)      # clusters, hits, shares
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats, Floats32, Ints, first_rows, owners
from zoo.clustering.pf_clusters import PFClusters, pf_clusters
from zoo.detectors import cms_barrel
from zoo.simulation.columns import Columns
from zoo.simulation.deposits import Showers
from zoo.simulation.overlay import Overlay, overlay
from zoo.simulation.patches import HALF_SHOWER, Patches, PatchShape, add_windows
from zoo.simulation.pileup import PileupPool
from zoo.simulation.readout import Readout, read_out
from zoo.simulation.response import DeadChannels, LeakageModel, NoiseModel, count_dead_neighbours

__all__ = ["Crystals", "Detector", "cluster", "fill"]


CORE = slice(HALF_SHOWER - 2, HALF_SHOWER + 3)
"""A shower belongs to the cluster that has most of its central 5 x 5 crystals."""


@dataclass(frozen=True)
class Detector:
    """The crystals around an event, what disturbs them, and how many events share a crossing."""

    region: PatchShape
    pileup: tuple[int, int]
    regions_per_crossing: int
    noise: NoiseModel
    dead: DeadChannels
    tower_reach: tuple[int, int]
    leakage: LeakageModel


@dataclass(frozen=True, eq=False)
class Crystals:
    """B regions of R x C crystals, filled and read out.

    Attributes:
        true_gev: [B, R, C] deposit of the region's group.
        pileup: Pile-up laid over them.
        readout: What is measured.
        deposit_gev: [S] what each shower leaves in its region.
        core_gev: [S, 5, 5] its middle.
        core_place: [S, 5, 5] where that lies in the flattened regions; B R C for "outside".
    """

    true_gev: Floats32
    pileup: Overlay
    readout: Readout
    deposit_gev: Floats
    core_gev: Floats32
    core_place: npt.NDArray[np.int32]


def fill(
    regions: Patches,
    showers: Showers,
    detector: Detector,
    split: str,
    pool: PileupPool | None,
    rng: np.random.Generator,
) -> Crystals:
    """Fills regions with showers and pile-up, and reads them out.

    Args:
        regions: Where they lie.
        showers: The groups' showers; the owner of each is its region.
        detector: The detector.
        split: Split of the pool.
        pool: Pile-up events; None is no pile-up.
        rng: Source of randomness.
    """
    d_row = showers.row - regions.row[showers.owner]
    d_column = cms_barrel.delta_iphi(showers.iphi, regions.iphi[showers.owner])
    true_gev, place = add_windows(
        detector.region, len(regions.row), showers.owner, d_row, d_column, showers.windows
    )
    pileup = overlay(regions, detector.pileup, detector.regions_per_crossing, split, pool, rng)
    deposit = true_gev + pileup.energy_gev
    readout = read_out(regions, deposit, detector.noise, detector.dead, detector.tower_reach, rng)
    inside = np.where(place < true_gev.size, showers.windows, np.float32(0.0))
    return Crystals(
        true_gev,
        pileup,
        readout,
        inside.sum(axis=(1, 2), dtype=np.float64),
        showers.windows[:, CORE, CORE],
        place[:, CORE, CORE],
    )


def cluster(
    regions: Patches, crystals: Crystals, leak_gev: Floats, detector: Detector, rng: np.random.Generator
) -> Columns:
    """Clusters the hits of regions.

    Args:
        regions: Where they lie.
        crystals: Their crystals.
        leak_gev: [S] what is left behind the calorimeter with each shower.
        detector: The detector.
        rng: Source of randomness.

    Returns:
        One record for each region: clusters, hits, the groups' shares; rho and the number of interactions.
    """
    readout, pileup = crystals.readout, crystals.pileup
    n_rows, n_columns = detector.region.shape
    place = np.flatnonzero(readout.is_hit)
    line, column = np.divmod(place, n_columns)
    event, row = np.divmod(line, n_rows)
    ieta = cms_barrel.ieta_from_row(regions.rows[event, row])
    iphi = regions.columns[event, column] + 1
    measured, sigma = readout.measured_gev.ravel()[place], readout.sigma_gev.ravel()[place]
    found = pf_clusters(
        np.searchsorted(event, np.arange(len(regions.row) + 1)),
        ieta,
        iphi,
        measured,
        seed_threshold_gev=detector.noise.seed_threshold_gev(sigma),
    )
    d_row = np.abs(row[found.seed] - detector.region.half[0])
    d_column = np.abs(column[found.seed] - detector.region.half[1])
    search, border = detector.region.search, detector.region.border
    kept = (d_row <= detector.region.half[0] - border) & (d_column <= detector.region.half[1] - border)
    whole = (d_row <= search[0]) & (d_column <= search[1])

    owner = event[found.seed]
    counts = np.bincount(owner[kept], minlength=len(regions.row))
    number = (np.cumsum(kept) - 1) - first_rows(counts)[owner]
    pairs = kept[found.fractions.cluster]
    of, hit, fraction = (
        values[pairs] for values in (found.fractions.cluster, found.fractions.hit, found.fractions.fraction)
    )
    true_gev = np.bincount(of, fraction * crystals.true_gev.ravel()[place[hit]], len(found))
    pileup_gev = np.bincount(of, fraction * pileup.energy_gev.ravel()[place[hit]], len(found))
    leak = np.bincount(*_cluster_of_showers(found, place, crystals, leak_gev), len(found))
    n_pileup = pileup.n_vertices[owner]
    shared = kept & (true_gev > 0)
    values: dict[str, npt.NDArray[Any]] = {
        "clusters.ieta": found.seed_ieta[kept].astype(np.int16),
        "clusters.iphi": found.seed_iphi[kept].astype(np.int16),
        "clusters.energy_gev": found.energy_gev[kept].astype(np.float32),
        "clusters.eta": found.eta[kept].astype(np.float32),
        "clusters.phi": found.phi[kept].astype(np.float32),
        "clusters.leakage_gev": detector.leakage.measure(leak, n_pileup, rng)[kept],
        "clusters.pileup_gev": pileup_gev[kept].astype(np.float32),
        "clusters.whole_window": whole[kept].astype(np.uint8),
        "hits.cluster": number[of].astype(np.int16),
        "hits.ieta": ieta[hit].astype(np.int16),
        "hits.iphi": iphi[hit].astype(np.int16),
        "hits.energy_gev": measured[hit],
        "hits.fraction": fraction.astype(np.float32),
        "hits.noise_gev": sigma[hit],
        "hits.dead_neighbours": count_dead_neighbours(readout.dead).ravel()[place[hit]],
        "shares.cluster": number[shared].astype(np.int16),
        "shares.group": np.zeros(int(shared.sum()), dtype=np.int16),
        "shares.energy_gev": true_gev[shared].astype(np.float32),
        "rho_gev": pileup.rho_gev,
        "n_pileup": pileup.n_vertices.astype(np.int16),
    }
    n = len(regions.row)
    return Columns(
        values,
        {
            "clusters": counts,
            "hits": np.bincount(owner[of], minlength=n),
            "shares": np.bincount(owner[shared], minlength=n),
        },
        np.arange(n),
    )


def _cluster_of_showers(
    found: PFClusters, place: Ints, crystals: Crystals, leak_gev: Floats
) -> tuple[Ints, Floats]:
    """Returns the cluster with most of each shower's middle, and its leak, if it is in any."""
    n_showers = len(leak_gev)
    number = np.full(crystals.true_gev.size + 1, -1, dtype=np.int32)
    number[place] = np.arange(len(place))
    hit_of = number[crystals.core_place.reshape(n_showers, -1)]
    shower, cell = np.nonzero(hit_of >= 0)
    hit, energy = hit_of[shower, cell], crystals.core_gev.reshape(n_showers, -1)[shower, cell]

    # the pairs (cluster, fraction) of each hit, side by side
    by_hit = np.argsort(found.fractions.hit, kind="stable")
    start = np.searchsorted(found.fractions.hit[by_hit], np.arange(len(place) + 1))
    times = np.diff(start)[hit]
    entry = owners(times)
    pair = by_hit[np.arange(len(entry)) + (start[hit] - first_rows(times))[entry]]
    part = energy[entry] * found.fractions.fraction[pair]

    key = shower[entry] * max(len(found), 1) + found.fractions.cluster[pair]
    keys, inverse = np.unique(key, return_inverse=True)
    total = np.bincount(inverse, part, len(keys))
    of_shower, of_cluster = np.divmod(keys, max(len(found), 1))
    best = np.lexsort((-total, of_shower))
    best = best[np.flatnonzero(np.diff(of_shower[best], prepend=-1))]
    return of_cluster[best], leak_gev[of_shower[best]]
