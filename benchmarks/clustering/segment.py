"""Photons on the flat segment: one and two of them, noise alone, dead crystals."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np

from benchmarks.clustering.photons_found import BLOCK, PLANE, SEGMENT, SHAPE, blocks, cluster
from benchmarks.clustering.tables import Lines, half_width, table
from zoo.arrays import Bools, Floats
from zoo.baselines.pf_clustering import FLAT_SEGMENT, PFClusters, lattice_clusters
from zoo.simulation.flat_segment import flat_events, simulate_flat

TALKS_SEPARATION = 2.75
"""Crystals along each axis between the photons of a pair, at most: uniform to here, the efficiency is the
talk's, which does not say its own."""
DEAD_FRACTION = 0.01
TOWER = (slice(10, 15), slice(40, 45))
PUBLISHED = {
    1: ("99.8", "0.59", "0.05 / 0.06", "312k"),
    2: ("82.0", "6.24", "0.09 / 0.09", "311k"),
}
"""PFClustering of the talk's 30 x 85 segment: efficiency (%), sigma_E (GeV), sigma in iphi / ieta, seeds."""


def photons(n: int) -> Lines:
    """Single photons and pairs."""
    rows = []
    for case, (n_photons, separation) in enumerate(((1, 0.0), (2, TALKS_SEPARATION), (2, 4.0))):
        segment = dataclasses.replace(SEGMENT, max_separation=separation or SEGMENT.max_separation)
        efficiency, raw, corrected, inner, offsets, background, kept = [], [], [], [], [], 0, 0
        for number, size in blocks(n):
            seed = 100 * (case + 1) + number
            found = cluster(simulate_flat(size, seed, n_photons=n_photons, config=segment))
            there = found.cluster >= 0
            own = found.cluster[there]
            efficiency.append(there.ravel())
            raw.append(found.clusters.energy_gev[own] - found.energy_gev[there])
            corrected.append(found.errors(there))
            away_from_border = np.all((found.impact > 1) & (found.impact < np.array(SHAPE) - 1), axis=2)
            inner.append(found.errors(away_from_border))
            offsets.append(found.place[own] - found.impact[there])
            free = np.ones(len(found.clusters), dtype=bool)
            free[own] = False
            background += int(free.sum())
            kept += int((free & _inner(found.clusters)).sum())
        offset = np.concatenate(offsets)
        published = PUBLISHED[n_photons]
        rows.append(
            (
                f"2, within {separation:g} crystals" if separation else "1",
                f"{100 * np.mean(np.concatenate(efficiency)):.2f} ({published[0]})",
                f"{half_width(np.concatenate(raw)):.2f}",
                f"{half_width(np.concatenate(corrected)):.3f} ({published[1]})",
                f"{half_width(np.concatenate(inner)):.3f}",
                f"{half_width(offset[:, 0]):.3f} / {half_width(offset[:, 1]):.3f} ({published[2]})",
                f"{100 * background / n:.0f}k, {100 * kept / n:.0f}k ({published[3]})",
            )
        )
    yield from table(
        (
            "photons",
            "efficiency (%)",
            "sigma_E raw (GeV)",
            "corrected",
            "away from the border",
            "sigma iphi / ieta",
            "other clusters in 100k events: all, without the outer ring",
        ),
        rows,
    )


def _inner(clusters: PFClusters) -> Bools:
    """[K] whether the seed is not in the outer ring of crystals."""
    row, column = clusters.seed_row, clusters.seed_column
    inside: Bools = (row > 0) & (row < SHAPE[0] - 1) & (column > 0) & (column < SHAPE[1] - 1)
    return inside


def seeds(n: int) -> Lines:
    """Seeds of noise alone, and pairs of photons by the distance of their crystals."""
    all_seeds = inner_seeds = 0
    for number, size in blocks(n):
        clusters = lattice_clusters(
            PLANE, *simulate_flat(size, 300 + number, n_photons=0).hits(), config=FLAT_SEGMENT
        )
        all_seeds += len(clusters)
        inner_seeds += int(_inner(clusters).sum())
    below = 0.5 * (1 + math.erf(0.5 / 0.167 / math.sqrt(2)))
    expected = (SHAPE[0] - 2) * (SHAPE[1] - 2) * (1 - below**9) / 9
    yield (
        f"Noise alone, seeds in 100k events: {100 * all_seeds / n:.0f}k; without the outer ring "
        f"{100 * inner_seeds / n:.0f}k, expected {100 * expected:.0f}k, published 311-313k."
    )
    yield ""
    steps = {"same": (0, 0), "side": (0, 1), "corner": (1, 1), "two": (0, 2), "knight": (1, 2), "far": (2, 2)}
    rows = []
    for number, step in enumerate(steps.values()):
        one, size = 0, min(n // 10, BLOCK)
        rng = np.random.default_rng((400, number))
        first = rng.uniform(size=(size, 2)) + rng.integers(5, (SHAPE[0] - 8, SHAPE[1] - 8), (size, 2))
        second = np.floor(first) + step + rng.uniform(size=(size, 2))
        energy = rng.uniform(1.0, 100.0, (size, 2))
        found = cluster(flat_events(energy, np.stack([first, second], axis=1), rng))
        has_two = found.owner[:, 0] != found.owner[:, 1]
        one = int(np.sum(~has_two))
        both = np.all(found.owner >= 0, axis=1) & has_two
        rows.append((f"{step[0]}, {step[1]}", f"{100 * one / size:.1f}", f"{100 * np.mean(both):.1f}"))
    yield from table(
        ("crystals apart, iphi and ieta", "one cluster for both (%)", "two clusters, one each (%)"), rows
    )


def dead(n: int) -> Lines:
    """The same photons on the intact segment, and with 1 % dead crystals and a dead tower."""
    is_dead = np.random.default_rng(600).random(SHAPE) < DEAD_FRACTION
    in_tower = np.zeros(SHAPE, dtype=bool)
    in_tower[TOWER] = True
    single = is_dead & ~in_tower
    classes = {
        "all": np.ones(SHAPE, dtype=bool),
        "on a single dead crystal": single,
        "on one of its 8 neighbours": _ring(single) & ~in_tower,
        "on the dead tower": in_tower,
        "on the ring around it": _ring(in_tower) & ~single,
    }
    near = np.any(list(classes.values())[1:], axis=0)
    classes["elsewhere"] = ~near
    results: dict[str, list[tuple[Bools, Floats, Bools, Floats]]] = {name: [] for name in classes}
    for number, size in blocks(n):
        both = []
        for mask in (None, is_dead | in_tower):
            rng = np.random.default_rng((601, number))
            energy, impact = rng.uniform(1.0, 100.0, (size, 1)), rng.uniform(size=(size, 1, 2)) * SHAPE
            both.append(cluster(flat_events(energy, impact, rng, dead=mask)))
        where = tuple(np.floor(both[0].impact[:, 0]).astype(np.int64).T)
        for name, region in classes.items():
            inside = region[where][:, None]
            results[name].append(
                (
                    both[0].cluster[inside] >= 0,
                    both[0].errors(inside),
                    both[1].cluster[inside] >= 0,
                    both[1].errors(inside),
                )
            )
    rows = []
    for name, region in classes.items():
        intact, intact_error, hurt, hurt_error = map(np.concatenate, zip(*results[name], strict=True))
        rows.append(
            (
                name,
                f"{100 * region.mean():.1f}",
                f"{100 * intact.mean():.2f} -> {100 * hurt.mean():.2f}",
                f"{half_width(intact_error):.2f} -> {half_width(hurt_error):.2f}",
                f"{np.median(hurt_error) if len(hurt_error) else np.nan:+.2f}",
            )
        )
    yield f"{is_dead.sum()} of {is_dead.size} crystals dead, and a tower of 5 x 5."
    yield ""
    yield from table(
        ("impact", "photons (%)", "efficiency (%)", "sigma_E (GeV)", "median error, dead (GeV)"), rows
    )


def _ring(mask: Bools) -> Bools:
    """The crystals that touch a mask and are not in it."""
    padded = np.pad(mask, 1)
    touched = np.zeros_like(mask)
    for d_row, d_column in itertools.product(range(3), range(3)):
        touched |= padded[d_row : d_row + SHAPE[0], d_column : d_column + SHAPE[1]]
    return touched & ~mask
