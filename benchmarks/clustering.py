"""What PFClustering does on the flat segment and in the barrel: the tables of docs/clustering.md.

    python -m benchmarks.clustering [--n EVENTS] [--only PART ...]

| part | what |
| --- | --- |
| `photons` | single photons and pairs, beside the published table |
| `seeds` | seeds of noise alone; pairs by the distance of their crystals |
| `shape` | E1/E9 and E9/E25 of electrons of 100 GeV |
| `dead` | dead crystals and a dead tower beside the intact segment |
| `pions` | the mass of neutral pions in four bins of momentum |
| `correction` | the energy correction beside boosted trees (extra `physics`) |
| `speed` | barrel events per CPU second |

With 10,000 events: 2 minutes of one core, and 3 for `correction`, which makes its training photons again.

Every shower is of the test split, which no correction has seen.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo.baselines.pf_clustering import (
    FLAT_SEGMENT,
    PFClusters,
    corrected_energy_gev,
    lattice_clusters,
    load_correction,
    pf_clusters,
)
from zoo.baselines.pf_clustering.cluster_variables import plane_place
from zoo.baselines.pf_clustering.lattice import flat
from zoo.simulation.flat_segment import (
    FlatEvents,
    FlatSegment,
    flat_events,
    pion_photons,
    simulate_flat,
)
from zoo.simulation.geometry import CRYSTAL_MM, N_PHI, RADIUS_CM
from zoo.simulation.showers import ShowerLibrary

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Lines = Iterator[str]

SEGMENT = FlatSegment()
SHAPE = (SEGMENT.n_rows, SEGMENT.n_columns)
PLANE = flat(*SHAPE)
BLOCK = 2000
"""Events in memory at once."""
TALKS_SEPARATION = 2.75
"""Crystals along each axis between the photons of a pair, at most: uniform to here, the efficiency is the
talk's, which does not say its own."""
MATCHED = 1.0
"""Crystals between a photon's impact and its cluster; the talk does not say its own radius."""
DEAD_FRACTION = 0.01
TOWER = (slice(10, 15), slice(40, 45))
PHOTONS_OF_AN_EVENT = 19
"""With the noise and the pile-up around them, about 50 clusters."""
MOMENTUM_EDGES = (2, 5, 10, 20, 40)
"""GeV: the talk's four bins are not published."""
PUBLISHED = {
    1: ("99.8", "0.59", "0.05 / 0.06", "312k"),
    2: ("82.0", "6.24", "0.09 / 0.09", "311k"),
}
"""PFClustering of the talk's 30 x 85 segment: efficiency (%), sigma_E (GeV), sigma in iphi / ieta, seeds."""


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
    event = np.repeat(np.arange(len(events.energy_gev)), np.diff(clusters.row_splits))
    place = plane_place(PLANE, clusters.position_cm)
    table = clusters.fractions
    of_hit = np.repeat(np.arange(len(events.energy_gev)), np.diff(row_splits))
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


def half_width(values: npt.ArrayLike) -> float:
    """Half of the central 68 % of the values, the talk's sigma."""
    low, high = np.quantile(values, (0.158655, 0.841345)) if np.size(values) else (np.nan, np.nan)
    return float(0.5 * (high - low))


def blocks(n: int) -> Iterator[tuple[int, int]]:
    """Yields (number, events) of blocks that are n events together."""
    for number, start in enumerate(range(0, n, BLOCK)):
        yield number, min(BLOCK, n - start)


def table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> Lines:
    """Yields a Markdown table."""
    titles = list(header)
    yield "| " + " | ".join(titles) + " |"
    yield "| " + " | ".join(["---"] * len(titles)) + " |"
    for row in rows:
        yield "| " + " | ".join(str(cell) for cell in row) + " |"


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


def shape(n: int) -> Lines:
    """E1/E9 and E9/E25 of electrons of 100 GeV."""
    library, rng, size = ShowerLibrary.shipped(), np.random.default_rng(500), min(n, 2000)
    noise = SEGMENT.noise
    rows = []
    for what, reach in (("anywhere on the crystal", 0.5), ("4.4 mm square in its middle", 0.1)):
        energy = np.full(size, 100.0)
        offset = rng.uniform(-reach, reach, (2, size))
        shower = library.choose("electron", energy, "test", rng)
        windows = library.deposit(True, shower, energy, rng.integers(0, 8, size), *offset)
        sigma = noise.sigma_gev(np.zeros(windows.shape, np.float32), rng)
        for measured, name in ((windows, "no noise"), (noise.measure(windows, sigma, rng), "noise")):
            event, row, column = np.nonzero(measured > noise.hit_cut_gev)
            plane = flat(*measured.shape[1:])
            hits = (np.searchsorted(event, np.arange(size + 1)), row, column, measured[event, row, column])
            clusters = lattice_clusters(plane, *hits, config=FLAT_SEGMENT)
            first = clusters.row_splits[:-1]  # the most energetic seed of each electron
            at = (np.arange(size), clusters.seed_row[first], clusters.seed_column[first])
            e1, e9, e25 = (_around(measured, *at, half) for half in (0, 1, 2))
            share = clusters.energy_gev[first] / 100.0
            values = (e1 / e9, e9 / e25, e25 / 100, share)
            rows.append((what, name, *(f"{v.mean():.4f} +- {v.std() / np.sqrt(size):.4f}" for v in values)))
    yield from table(("impact", "", "E1/E9", "E9/E25", "E25/E", "cluster/E"), rows)


def _around(images: npt.NDArray[np.float32], event: Ints, row: Ints, column: Ints, half: int) -> Floats:
    """[K] sums of (2 half + 1)^2 crystals."""
    padded = np.pad(images, ((0, 0), (half, half), (half, half))).astype(np.float64)
    reach = np.arange(2 * half + 1)
    rows, columns = row[:, None, None] + reach[:, None], column[:, None, None] + reach
    total: Floats = padded[event[:, None, None], rows, columns].sum(axis=(1, 2))
    return total


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
                tuple(part for found in both for part in (found.cluster[inside] >= 0, found.errors(inside)))
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


def correction(_: int) -> Lines:
    """The shipped form of the correction beside LightGBM: same training clusters, same test clusters."""
    import lightgbm

    from training.pf_clustering import ENERGY_EDGES, Recipe, samples

    for detector, edges in (("flat_segment", (1, 5, 20, 50, 100)), ("barrel", ENERGY_EDGES)):
        train, test = samples(Recipe(), detector)
        closed = load_correction(detector).apply(test.energy_gev, test.variables)

        def inputs(clusters):
            return np.stack([np.log(clusters.energy_gev), *clusters.variables.values()], axis=1)

        y = np.log(train.true_energy_gev / train.energy_gev)
        weight = np.minimum(train.energy_gev, 30.0)  # the relative width falls about so
        fitted = np.random.default_rng(800).random(len(y)) < 0.85
        trees = lightgbm.LGBMRegressor(
            objective="huber",
            alpha=0.01,
            n_estimators=3000,
            learning_rate=0.05,
            num_leaves=31,
            min_child_samples=100,
            n_jobs=1,
            verbose=-1,
        )
        x = inputs(train)
        trees.fit(
            x[fitted],
            y[fitted],
            sample_weight=weight[fitted] / weight.mean(),
            eval_set=[(x[~fitted], y[~fitted])],
            eval_sample_weight=[weight[~fitted] / weight.mean()],
            callbacks=[lightgbm.early_stopping(50, verbose=False)],
        )
        forest = test.energy_gev * np.exp(trees.predict(inputs(test)))
        true, rows = test.true_energy_gev, []
        for low, high in [(edges[0], edges[-1]), *itertools.pairwise(edges)]:
            inside = (true >= low) & (true < high)
            responses = [(energy / true)[inside] for energy in (test.energy_gev, closed, forest)]
            widths = [100 * half_width(values) / np.median(values) for values in responses]
            sigma = [half_width((energy - true)[inside]) for energy in (closed, forest)]
            rows.append(
                (
                    f"{low}-{high}",
                    *(f"{width:.2f}" for width in widths),
                    f"{widths[1] / widths[2]:.3f}",
                    " / ".join(f"{value:.3f}" for value in sigma),
                    f"{np.median(responses[0]):.3f} -> {np.median(responses[1]):.4f}",
                )
            )
        yield (
            f"{detector}: {len(y):,} training and {len(true):,} test clusters of "
            f"{len(np.unique(train.shower)):,} and {len(np.unique(test.shower)):,} showers, "
            f"{trees.best_iteration_:,} trees."
        )
        yield ""
        yield from table(
            (
                "E (GeV)",
                "raw (%)",
                "closed form (%)",
                "trees (%)",
                "ratio",
                "sigma_E closed / trees (GeV)",
                "median response",
            ),
            rows,
        )
        yield ""


def speed(n: int) -> Lines:
    """Clusters per CPU second, in barrel events of about 50."""
    from benchmarks.timing import rate
    from training.pf_clustering import BARREL_PHOTONS
    from zoo.simulation.samples import simulate

    records = simulate("photons", 5000, 900, config=BARREL_PHOTONS, truth=False)
    counts = np.asarray([len(hits) for hits in records.hits.energy_gev])
    event = np.repeat(np.arange(len(records)) // PHOTONS_OF_AN_EVENT, counts)
    columns = (np.concatenate([np.asarray(hits) for hits in records.hits[name]]) for name in ("ieta", "iphi"))
    energy = np.concatenate([np.asarray(hits) for hits in records.hits.energy_gev]).astype(np.float64)
    ieta, iphi = columns
    key = (event * 200 + ieta.astype(np.int64) + 100) * (N_PHI + 1) + iphi
    crystal, inverse = np.unique(key, return_inverse=True)
    total = np.bincount(inverse, energy)  # where two photons meet
    first, iphi = np.divmod(crystal, N_PHI + 1)
    event, ieta = np.divmod(first, 200)
    splits = np.searchsorted(event, np.arange(event[-1] + 2))
    found = pf_clusters(splits, ieta - 100, iphi, total)

    def events_of(work: Callable[[], object]) -> Callable[[], int]:
        def once() -> int:
            work()
            return len(splits) - 1

        return once

    seconds = 2.0 if n >= 10_000 else 0.2
    plain = rate(events_of(lambda: pf_clusters(splits, ieta - 100, iphi, total)), seconds)
    fixed = rate(events_of(lambda: corrected_energy_gev(found)), seconds)
    per_event = len(found) / (len(splits) - 1)
    yield (
        f"Barrel events of {per_event:.0f} clusters and {len(total) / (len(splits) - 1):.0f} hits: "
        f"{plain:,.0f} events per CPU second; their correction {fixed:,.0f}."
    )


PARTS: dict[str, Callable[[int], Lines]] = {
    "photons": photons,
    "seeds": seeds,
    "shape": shape,
    "dead": dead,
    "pions": pions,
    "correction": correction,
    "speed": speed,
}


def main() -> int:
    """Prints the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.clustering", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--n", type=int, default=10_000, help="events of a table (default 10,000)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="the parts to print")
    options = parser.parse_args()
    for name in options.only:
        print(f"\n### {name}: {PARTS[name].__doc__}\n")
        for line in PARTS[name](options.n):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
