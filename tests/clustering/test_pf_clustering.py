"""PFClustering: cases by hand, a slow implementation in plain loops, and what must not change the answer."""

import dataclasses
import itertools
import math

import numpy as np
import pytest

from zoo.angles import wrap_phi
from zoo.baselines import pf_clustering as pf
from zoo.clustering import lattice
from zoo.clustering import pf_clusters as clustering
from zoo.detectors import cms_barrel
from zoo.errors import InvalidValue
from zoo.simulation.flat_segment import simulate_flat

PITCH = 2.2
FLAT = pf.PFClusteringConfig(seed_threshold_gev=0.5, gather_threshold_gev=0.05)
ROUND = dict(rtol=0, atol=1e-9)


def plane(images, config=FLAT, **options):
    """Clusters images [N, rows, columns] on a plane; crystals with 0 are no hits."""
    images = np.atleast_3d(np.asarray(images, float)) if np.ndim(images) != 2 else np.asarray(images)[None]
    event, row, column = np.nonzero(images)
    splits = np.searchsorted(event, np.arange(len(images) + 1))
    grid = lattice.flat(*images.shape[1:])
    return pf.lattice_clusters(
        grid, splits, row, column, images[event, row, column], config=config, **options
    )


def random_hits(rng, n_events=6, n_showers=5, size=12):
    """Hits of overlapping showers across phi = 0 and ieta = 0, with noise: splits, ieta, iphi, energy."""
    parts, splits = [], [0]
    row, column = np.mgrid[:size, :size]
    for _ in range(n_events):
        image = 0.1 * rng.random((size, size))
        for _ in range(n_showers):
            distance = np.hypot(row - rng.uniform(1, size - 1), column - rng.uniform(1, size - 1))
            image += rng.uniform(0.5, 20) * np.exp(-distance / 0.6)
        hit = image > 0.06
        parts.append(
            (
                cms_barrel.ieta_from_row(row[hit] + 79),
                cms_barrel.wrap_iphi(column[hit] + 355),
                image[hit],
            )
        )
        splits.append(splits[-1] + int(hit.sum()))
    return np.array(splits), *(np.concatenate(column) for column in zip(*parts, strict=True))


def slow_clusters(ieta, iphi, energy, config):
    """PFClustering of one event in plain loops: a list of (seed, energy, position, {hit: fraction})."""
    place = cms_barrel.crystal_xyz_cm(ieta, iphi)
    axis = place / np.linalg.norm(place, axis=1)[:, None]
    row = cms_barrel.row_from_ieta(ieta)
    hits = range(len(energy))
    near = [
        [h for h in hits if abs(row[h] - row[j]) <= 1 and abs(cms_barrel.delta_iphi(iphi[h], iphi[j])) <= 1]
        for j in hits
    ]
    order = sorted(hits, key=lambda j: (-energy[j], row[j], iphi[j]))
    seeds, usable = [], set(hits)
    for j in order:
        if energy[j] < config.seed_threshold_gev or j not in usable:
            continue
        if all(energy[h] <= energy[j] for h in near[j]):
            seeds.append(j)
            usable -= set(near[j])
    found, used = [], set()
    for s in seeds:
        if s in used or energy[s] < config.gather_threshold_gev:
            continue
        topo, front = {s}, [s]
        while front:
            j = front.pop()
            more = {h for h in near[j] if energy[h] >= config.gather_threshold_gev} - topo
            topo |= more
            front += more
        used |= topo
        found += slow_sharing(
            sorted(topo), [k for k in seeds if k in topo], near, place, axis, energy, config
        )
    return sorted(found, key=lambda cluster: order.index(cluster[0]))


def slow_sharing(topo, seeds, near, place, axis, energy, config):
    def deep(k, fraction):
        total = sum(fraction[j] * energy[j] for j in fraction)
        depth = 0.89 * (7.4 + math.log(total))
        weight = {j: max(0.0, 4.2 + math.log(max(fraction[j] * energy[j] / total, 1e-300))) for j in fraction}
        return sum(w * (place[j] + depth * axis[j]) for j, w in weight.items()) / sum(weight.values())

    def shallow(k, fraction):
        cells = [j for j in fraction if len(seeds) == 1 or j in near[k]]
        weight = {j: max(0.0, math.log(max(fraction[j] * energy[j] / 0.08, 1e-300))) for j in cells}
        return sum(w * place[j] for j, w in weight.items()) / sum(weight.values())

    def angles(r):
        return math.asinh(r[2] / math.hypot(r[0], r[1])), math.atan2(r[1], r[0])

    fractions = {k: {k: 1.0} for k in seeds}
    for _ in range(config.max_iterations):
        old = {k: angles(deep(k, fractions[k])) for k in seeds}
        centre = {k: shallow(k, fractions[k]) for k in seeds}
        total = {k: sum(fractions[k][j] * energy[j] for j in fractions[k]) for k in seeds}
        fractions = {k: {} for k in seeds}
        for j in topo:
            distance2 = {k: (math.dist(place[j], centre[k]) / 1.5) ** 2 for k in seeds}
            weight = {
                k: 1.0 if j == k else 0.0 if j in seeds else total[k] / 0.08 * math.exp(-distance2[k] / 2)
                for k in seeds
            }
            norm = sum(weight.values())
            for k in seeds:
                if norm > 1e-20 and (distance2[k] < 100 or weight[k] / norm > 0.9999):
                    fractions[k][j] = weight[k] / norm
        moved = 0.0
        for k in seeds:
            eta, phi = angles(deep(k, fractions[k]))
            turn = (phi - old[k][1] + math.pi) % (2 * math.pi) - math.pi
            moved = max(moved, math.hypot(eta - old[k][0], turn))
        if moved <= 1e-8 * max(1, len(seeds) - 1) ** 2:
            break
    kept = {k: {j: f for j, f in fractions[k].items() if f > 1e-7} for k in seeds}
    return [(k, sum(f * energy[j] for j, f in kept[k].items()), deep(k, kept[k]), kept[k]) for k in seeds]


@pytest.mark.parametrize("seed", [0, 1])
def test_same_as_the_slow_implementation(seed):
    splits, ieta, iphi, energy = random_hits(np.random.default_rng(seed), n_events=3, n_showers=7, size=11)
    clusters = pf.pf_clusters(splits, ieta, iphi, energy)
    expected = []
    for first, last in itertools.pairwise(splits):
        event = slice(first, last)
        for s, total, position, part in slow_clusters(ieta[event], iphi[event], energy[event], pf.BARREL):
            expected.append((s + first, total, position, {j + first: f for j, f in part.items()}))
    np.testing.assert_array_equal(clusters.seed, [cluster[0] for cluster in expected])
    np.testing.assert_allclose(clusters.energy_gev, [cluster[1] for cluster in expected], rtol=1e-9)
    np.testing.assert_allclose(clusters.position_cm, [cluster[2] for cluster in expected], rtol=1e-9)
    np.testing.assert_array_equal(clusters.n_hits, [len(cluster[3]) for cluster in expected])
    table = clusters.fractions
    np.testing.assert_allclose(
        table.fraction, [expected[k][3][j] for k, j in zip(table.cluster, table.hit, strict=True)], **ROUND
    )
    assert len(clusters) >= 6 and (table.fraction < 0.9).sum() > 20  # hits are really shared


def test_one_shower_is_one_cluster_with_all_its_energy():
    row, column = np.mgrid[:7, :7]
    image = 10 * np.exp(-np.hypot(row - 3, column - 3) / 0.5)
    image[image < 0.05] = 0
    clusters = plane(image)
    assert len(clusters) == 1 and (clusters.seed_row[0], clusters.seed_column[0]) == (3, 3)
    np.testing.assert_allclose(clusters.energy_gev, image.sum(), rtol=1e-12)
    np.testing.assert_array_equal(clusters.fractions.fraction, 1.0)
    assert clusters.n_hits[0] == (image > 0).sum()
    np.testing.assert_allclose(clusters.position_cm[0], [129, 0, 0], **ROUND)


@pytest.mark.parametrize(("step", "n"), [((0, 1), 1), ((1, 1), 1), ((0, 2), 2), ((2, 1), 2)])
def test_two_impacts_in_neighbouring_crystals_are_one_seed(step, n):
    row, column = np.mgrid[:9, :9]
    image = sum(
        energy * np.exp(-np.hypot(row - r, column - c) / 0.4)
        for energy, r, c in ((10.0, 3, 3), (8.0, 3 + step[0], 3 + step[1]))
    )
    clusters = plane(np.where(image > 0.05, image, 0))
    assert len(clusters) == n
    np.testing.assert_allclose(clusters.energy_gev.sum(), image[image > 0.05].sum(), rtol=1e-6)


def test_a_hit_halfway_is_shared_as_the_seeds_energies():
    # 0.08 GeV weighs nothing in a position: centres stay on the seeds, so f = (a + f m) / (a + b + m)
    clusters = plane([[10.0, 0.08, 4.0]])
    np.testing.assert_allclose(clusters.energy_gev, [10 + 0.08 * 10 / 14, 4 + 0.08 * 4 / 14], rtol=1e-12)
    np.testing.assert_array_equal(clusters.fractions.cluster, [0, 0, 1, 1])
    np.testing.assert_array_equal(clusters.fractions.hit, [0, 1, 1, 2])
    np.testing.assert_allclose(clusters.fractions.fraction, [1, 10 / 14, 4 / 14, 1], rtol=1e-12)


def test_the_first_step_of_the_sharing_is_two_gaussians():
    once = dataclasses.replace(FLAT, max_iterations=1)
    near, far = (math.exp(-((k * PITCH / 1.5) ** 2) / 2) for k in (1, 2))
    clusters = plane([[10.0, 0.07, 0.06, 4.0]], once)
    fraction = [10 * near / (10 * near + 4 * far), 10 * far / (10 * far + 4 * near)]
    np.testing.assert_allclose(clusters.fractions.fraction[1:3], fraction, rtol=1e-12)


@pytest.mark.parametrize(("energy", "n_hits"), [(10.0, 7), (100.0, 8)])
def test_a_hit_far_away_is_dropped(energy, n_hits):
    # E / 0.08 exp(-(2.2 k / 1.5)^2 / 2) > 1e-20 up to k = 6 for 10 GeV and up to k = 7 for 100 GeV
    clusters = plane([[energy, *[0.08] * 9]])
    np.testing.assert_array_equal(clusters.n_hits, [n_hits])
    np.testing.assert_allclose(clusters.energy_gev, energy + 0.08 * (n_hits - 1), rtol=1e-12)


def test_a_cluster_without_any_large_hit_lies_at_its_linear_mean():
    # 81 hits, none with 1.5 % of the energy: all logarithmic weights are zero
    image = np.full((9, 9), 0.49)
    image[:, 8], image[4, 4] = 0.4, 0.51
    column = (image.sum(axis=0) @ (np.arange(9) - 4)) / image.sum()
    np.testing.assert_allclose(plane(image).position_cm, [[129, 0, column * PITCH]], **ROUND)


def test_equal_neighbours_are_one_seed_and_a_plateau_has_every_other():
    np.testing.assert_array_equal(plane([[2.0, 2.0]]).seed_column, [0])
    np.testing.assert_array_equal(plane([[2.0] * 7]).seed_column, [0, 2, 4, 6])


def test_thresholds():
    grid = [[0.6, 0.04, 0, 0.499, 0.3, 0, 0.5, 0.05]]
    clusters = plane(grid)
    np.testing.assert_array_equal(clusters.seed_column, [0, 6])  # a seed has at least 0.5
    np.testing.assert_allclose(clusters.energy_gev, [0.6, 0.55], rtol=1e-12)  # a hit at least 0.05
    assert len(plane(grid, seed_threshold_gev=[0.7, 1, 0.4, 1, 0.6, 1])) == 1
    assert plane(grid, gather_threshold_gev=0.03).n_hits.tolist() == [2, 2]


def test_a_neighbour_below_the_gather_threshold_still_stops_a_seed():
    assert len(plane([[0.6, 0.7]], gather_threshold_gev=[0.1, 0.8])) == 0


def test_phi_closes_and_ieta_has_no_zero():
    around = pf.pf_clusters([0, 4], [-1, 1, 1, -1], [360, 1, 360, 1], [5.0, 1.0, 2.0, 3.0])
    assert len(around) == 1 and around.n_hits[0] == 4 and around.seed_ieta[0] == -1
    assert around.seed_iphi[0] == 360 and around.energy_gev[0] == pytest.approx(11.0)
    # the same hits anywhere else along phi: turned, nothing else
    there = pf.pf_clusters([0, 4], [-1, 1, 1, -1], [100, 101, 100, 101], [5.0, 1.0, 2.0, 3.0])
    np.testing.assert_allclose(around.eta, there.eta, **ROUND)
    turn = wrap_phi(there.phi - around.phi)
    np.testing.assert_allclose(turn, 100 * cms_barrel.PHI_PITCH, **ROUND)
    assert len(pf.pf_clusters([0, 2], [-85, 85], [7, 7], [5.0, 4.0])) == 2  # the ends do not touch


def test_a_dead_crystal_is_no_hit():
    row, column = np.mgrid[:7, :7]
    image = 10 * np.exp(-np.hypot(row - 3, column - 3.4) / 0.5)
    image[image < 0.05] = 0
    image[3, 3] = 0
    clusters = plane(image)
    assert clusters.seed_column[0] == 4 and clusters.energy_gev.sum() == pytest.approx(image.sum(), rel=1e-6)
    image[1:6, 1:6] = 0  # a dead tower
    assert len(plane(image)) == 0


def test_events_without_hits_or_seeds():
    clusters = pf.pf_clusters([0, 0, 1, 1, 2, 2], [5, 5], [9, 9], [3.0, 0.1])
    np.testing.assert_array_equal(clusters.row_splits, [0, 0, 1, 1, 1, 1])
    for splits in ([0], [0, 0, 0]):
        nothing = pf.pf_clusters(splits, [], [], [])
        assert len(nothing) == 0 and len(nothing.fractions.hit) == 0
        np.testing.assert_array_equal(nothing.row_splits, splits)


def test_energy_is_conserved():
    # within 10 sigma (15 cm) of all clusters a hit is shared in full; a part that falls farther is lost
    splits, ieta, iphi, energy = random_hits(np.random.default_rng(5), size=6)
    table = pf.pf_clusters(splits, ieta, iphi, energy).fractions
    total = np.bincount(table.hit, table.fraction, len(energy))
    shared = total > 0
    np.testing.assert_allclose(total[shared], 1.0, atol=1e-6)
    assert shared[energy > 0.5].all() and not shared[energy < 0.08].any()
    assert table.fraction.min() > 1e-7 and table.fraction.max() <= 1.0
    splits, *hits = random_hits(np.random.default_rng(5))
    table = pf.pf_clusters(splits, *hits).fractions
    assert np.bincount(table.hit, table.fraction).max() < 1 + 1e-12


def test_neither_the_order_of_hits_nor_other_events_matter(monkeypatch):
    rng = np.random.default_rng(6)
    splits, *hits = random_hits(rng, n_events=7)
    clusters = pf.pf_clusters(splits, *hits)
    order = np.concatenate([rng.permutation(np.arange(a, b)) for a, b in itertools.pairwise(splits)])
    mixed = pf.pf_clusters(splits, *(column[order] for column in hits))
    for name in ("row_splits", "energy_gev", "position_cm", "n_hits", "seed_row", "eta", "phi"):
        np.testing.assert_array_equal(getattr(mixed, name), getattr(clusters, name), name)
    np.testing.assert_array_equal(order[mixed.fractions.hit], clusters.fractions.hit)
    np.testing.assert_array_equal(mixed.fractions.fraction, clusters.fractions.fraction)
    for event in range(7):
        piece = slice(splits[event], splits[event + 1])
        alone = pf.pf_clusters([0, piece.stop - piece.start], *(column[piece] for column in hits))
        own = slice(*clusters.row_splits[event : event + 2])
        np.testing.assert_array_equal(alone.energy_gev, clusters.energy_gev[own])
        np.testing.assert_array_equal(alone.position_cm, clusters.position_cm[own])
    monkeypatch.setattr(clustering, "BLOCK", 150)  # events by ones and twos
    cut = pf.pf_clusters(splits, *hits)
    np.testing.assert_array_equal(cut.energy_gev, clusters.energy_gev)
    np.testing.assert_array_equal(cut.fractions.hit, clusters.fractions.hit)
    np.testing.assert_array_equal(cut.fractions.cluster, clusters.fractions.cluster)


def test_clusters_come_by_falling_seed_energy():
    splits, *hits = random_hits(np.random.default_rng(7))
    clusters = pf.pf_clusters(splits, *hits)
    seeds = hits[2][clusters.seed]
    for first, last in itertools.pairwise(clusters.row_splits):
        assert last > first and np.all(np.diff(seeds[first:last]) <= 0)
    np.testing.assert_array_equal(clusters.seed_ieta, hits[0][clusters.seed])
    np.testing.assert_array_equal(clusters.seed_iphi, hits[1][clusters.seed])


def test_rate_of_noise_seeds():
    # A crystal with its 8 neighbours around is the largest of nine and above t with P = (1 - Phi(t)^9) / 9;
    # CMS finds 3.12 a segment of 30 x 85 without its outer ring.
    sigma, n = 0.167, 150
    image = np.random.default_rng(8).normal(0.0, sigma, (n, 30, 85))
    clusters = plane(np.where(image > 0.05, image, 0))
    inner = (np.abs(clusters.seed_row - 14.5) < 14) & (np.abs(clusters.seed_column - 42) < 42)
    below = 0.5 * (1 + math.erf(0.5 / sigma / math.sqrt(2)))
    expected = n * 28 * 83 * (1 - below**9) / 9
    assert expected / n == pytest.approx(3.12, rel=0.03)
    assert inner.sum() == pytest.approx(expected, abs=4 * math.sqrt(expected))


def test_single_photons_of_the_flat_segment():
    # the talk: 99.8 % of single photons, positions to 0.05 crystals; two photons in adjacent crystals merge
    events = simulate_flat(300, seed=10)
    clusters = pf.lattice_clusters(lattice.flat(30, 85), *events.hits(), config=pf.FLAT_SEGMENT)
    event = np.repeat(np.arange(300), np.diff(clusters.row_splits))
    place = clusters.position_cm[:, 1:] / PITCH + [15, 42.5]
    away = place - events.impact[event, 0]
    near = np.hypot(*away.T) < 1
    inside = np.all((events.impact[:, 0] > 1) & (events.impact[:, 0] < [29, 84]), axis=1)
    found = np.bincount(event[near], minlength=300)[inside]
    assert np.mean(found > 0) > 0.985 and found.max() <= 2
    assert np.median(np.abs(away[near])) < 0.06
    ratio = clusters.energy_gev[near] / events.energy_gev[event[near], 0]
    assert 0.92 < np.median(ratio) < 0.97  # thresholds and leakage: what the correction is for


GOOD = ([0, 2], [1, 2], [1, 1], [1.0, 2.0])


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, [0, 3], "row_splits: expected from 0 to the number of hits, 2"),
        (0, [1, 2], "row_splits"),
        (0, [0, 2, 1, 2], "never falling.*a fall at event 1"),
        (0, [0.0, 2.0], "integers"),
        (1, [0, 2], "ieta"),
        (1, [1, 2, 3], "one for each of 2 hits"),
        (2, [1, 361], "iphi.*361"),
        (2, [1.5, 1], "iphi: expected integers"),
        (3, [1.0, float("nan")], "nan at hit 1"),
        (3, [[1.0, 2.0]], "shape"),
    ],
)
def test_bad_hits_are_errors(place, value, message):
    arguments = list(GOOD)
    arguments[place] = value
    with pytest.raises(InvalidValue, match=message):
        pf.pf_clusters(*arguments)


def test_a_crystal_twice_and_bad_thresholds_are_errors():
    with pytest.raises(InvalidValue, match="row 85, column 3 twice in event 1"):
        pf.pf_clusters([0, 1, 3], [1, 1, 1], [4, 4, 4], [1.0, 1.0, 1.0])
    with pytest.raises(InvalidValue, match="one for each of 2 hits"):
        pf.pf_clusters(*GOOD, seed_threshold_gev=[1.0, 1.0, 1.0])
    with pytest.raises(InvalidValue, match="gather_threshold_gev: expected positive"):
        pf.pf_clusters(*GOOD, gather_threshold_gev=0.0)
    with pytest.raises(InvalidValue, match=r"shower_sigma_cm: expected a positive number"):
        dataclasses.replace(pf.BARREL, shower_sigma_cm=-1.5)
