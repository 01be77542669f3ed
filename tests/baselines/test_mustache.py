"""Mustache: the test vectors of the public algorithm, and what no order and no other event may change."""

from dataclasses import fields, replace

import numpy as np
import pytest

from zoo.baselines.mustache import CMS, MustacheConfig, eta_window, max_dphi, mustache
from zoo.data.clusters import Clusters, collect
from zoo.errors import InvalidValue

ENDCAP = {  # rows of EcalSCDynamicDPhiParametersESProducer: the same formula with other constants
    1.6: (0.0497038, 0.975707, -0.18149, 0.431729, 0.14, 0.55),
    1.9: (0.05643, 1.60429, -0.642352, 0.458106, 0.12, 0.45),
    2.3: (0.0928887, 1.22321, -0.260256, 0.345852, 0.12, 0.30),
}


def random_clusters(n_events=40, n_clusters=25, seed=0, spread=0.4):
    """Soft clusters around a few centres, so that windows overlap; some events are empty."""
    random = np.random.default_rng(seed)
    counts = random.integers(0, n_clusters, n_events) * (random.random(n_events) > 0.1)
    splits = np.concatenate([[0], np.cumsum(counts)])
    event, total = np.repeat(np.arange(n_events), counts), counts.sum()
    centre_eta, centre_phi = (
        random.uniform(-1.4, 1.4, n_events)[event],
        random.uniform(-np.pi, np.pi, n_events)[event],
    )
    phi = centre_phi + random.normal(0, spread, total)
    return Clusters(
        splits,
        random.exponential(4.0, total) * (random.random(total) > 0.05),
        np.clip(centre_eta + random.normal(0, 0.03, total), -1.479, 1.479),
        np.remainder(phi + np.pi, 2 * np.pi) - np.pi,
    )


def one_event(*clusters):
    """Clusters of one event from rows of energy, eta, phi."""
    energy, eta, phi = np.array(clusters, float).reshape(-1, 3).T
    return Clusters([0, len(energy)], energy, eta, phi)


def as_sets(found, clusters):
    """Superclusters of each event as sets of (energy, eta, phi), in their order."""
    key = list(zip(clusters.energy_gev, clusters.eta, clusters.phi, strict=True))
    return [
        [
            (
                key[found.seed[s]],
                frozenset(key[m] for m in found.members[found.member_splits[s] : found.member_splits[s + 1]]),
                found.energy_gev[s],
                found.et_gev[s],
                found.eta[s],
                found.phi[s],
            )
            for s in range(found.row_splits[b], found.row_splits[b + 1])
        ]
        for b in range(len(found.row_splits) - 1)
    ]


@pytest.mark.parametrize(
    ("eta", "up", "low"),
    [
        (0.0, 0.01740, -0.00870),
        (0.7, 0.03253, -0.00492),
        (1.2, 0.05807, 0.00144),
        (1.6, 0.07137, 0.00469),
        (1.9, 0.07560, 0.00571),
        (2.3, 0.07393, 0.00531),
    ],
)
def test_window_in_eta(eta, up, low):
    for sign_eta, sign_phi in ((1, 1), (-1, 1), (1, -1)):
        window = eta_window(sign_eta * eta, 0.5, sign_phi * 0.3)
        np.testing.assert_allclose(window, (low, up), atol=5.1e-6)


def test_window_at_the_seed_is_three_half_crystals():
    for energy in (0.08, 1.0, 100.0):
        np.testing.assert_allclose(eta_window(0.0, energy, 0.0), (-0.0087, 0.0174), rtol=1e-12)


@pytest.mark.parametrize(
    ("eta", "expected"),
    [
        (0.0, (0.600, 0.446, 0.140)),
        (1.6, (0.550, 0.436, 0.140)),
        (1.9, (0.450, 0.373, 0.120)),
        (2.3, (0.300, 0.300, 0.124)),
    ],
)
def test_dynamic_dphi(eta, expected):
    names = [entry.name for entry in fields(CMS) if entry.name.startswith("dphi_")]
    config = replace(CMS, **dict(zip(names, ENDCAP[eta], strict=True))) if eta else CMS
    np.testing.assert_allclose(max_dphi([0.3, 1.0, 10.0], config), expected, atol=5.1e-4)
    assert max_dphi([0.0], config) == config.dphi_cutoff


def test_soft_clusters_have_no_window():
    edge = 10**-1.1
    low, up = eta_window(0.3, [0.0, 0.05, edge * (1 - 1e-12), edge * (1 + 1e-6)], 0.1)
    assert list(low[:3]) == list(up[:3]) == [0, 0, 0]
    assert low[3] < 0 < up[3]
    found = mustache(one_event((20, 0.3, 0), (0.079, 0.3, 0), (0.080, 0.3, 0)))
    assert list(found.supercluster_of) == [0, -1, 0]


def test_highest_seed_takes_what_is_in_both_cuts():
    found = mustache(
        one_event(
            (6, 0.0, 0.5),  # 0: a seed of its own: 0.5 is beyond the cut at 6 GeV, 0.162
            (20, 0.0, 0.0),  # 1: the highest seed
            (0.5, 0.010, 0.3),  # 2: in 1
            (0.5, 0.018, 0.3),  # 3: too high in eta for both
            (0.5, 0.0, -0.5),  # 4: cut in phi at 0.5 GeV: 0.537
            (0.9, 0.0, 0.35),  # 5: within reach of both seeds, the higher one has it
            (6, 0.005, 0.12),  # 6: a seed itself, within reach of 1
            (5, 0.5, 2.0),  # 7: ET 4.43
            (4, 0.5, -2.0),  # 8: ET 3.55 < 4
        )
    )
    assert list(found.supercluster_of) == [1, 0, 0, -1, 0, 0, 0, 2, -1]
    assert list(found.seed) == [1, 0, 7]
    assert list(found.raw_energy_gev) == [20 + 0.5 + 0.5 + 0.9 + 6, 6, 5]
    assert list(found.members[: found.member_splits[1]]) == [1, 6, 5, 4, 2]
    assert list(found.row_splits) == [0, 3]
    np.testing.assert_allclose(found.et_gev[1:], [6, 5 / np.cosh(0.5)])
    np.testing.assert_allclose(found.eta[1:], [0, 0.5], atol=1e-15)
    np.testing.assert_allclose(found.phi[1:], [0.5, 2.0])


def test_windows_open_away_from_the_centre_on_both_sides():
    """At eta 1.2 and 0.3 in phi the window is 0.0014 to 0.058 outwards."""
    for sign in (1, -1):
        found = mustache(one_event((20, sign * 1.2, 0), (0.5, sign * 1.25, 0.3), (0.5, sign * 1.15, 0.3)))
        assert list(found.supercluster_of) == [0, 0, -1]


def test_across_phi_pi():
    found = mustache(one_event((20, 0, np.pi - 0.05), (2, 0, -np.pi + 0.05), (2, 0, np.pi - 0.15)))
    assert list(found.supercluster_of) == [0, 0, 0]
    assert abs(found.phi[0]) > np.pi - 0.06
    np.testing.assert_allclose(np.cos(found.phi[0] - (np.pi - 0.05)), 1, atol=1e-4)


def test_clusters_of_a_lost_supercluster_stay_lost():
    """The seed of 3.5 GeV has the soft cluster first; the softer seed does not get it back."""
    found = mustache(one_event((3.5, 0, 0), (0.3, 0, 0.2), (3.4, 0.1, 0)))
    assert list(found.supercluster_of) == [-1, -1, -1] and not len(found.seed)
    assert list(found.row_splits) == [0, 0] and list(found.member_splits) == [0]
    assert len(mustache(one_event((3.5, 0, 0), (0.3, 0, 0.2)), replace(CMS, min_et_gev=3.79)).seed) == 1


def test_calibrated_energy_orders_and_sums_raw_energy_cuts():
    clusters = Clusters([0, 3], [9.0, 10.0, 0.2], [0, 0, 0], [0, 0.1, 0.2], raw_energy_gev=[9.5, 8.0, 0.07])
    found = mustache(clusters)
    assert list(found.supercluster_of) == [0, 0, -1]  # 0.07 GeV raw is too soft
    assert found.seed[0] == 1 and found.energy_gev[0] == 19 and found.raw_energy_gev[0] == 17.5
    np.testing.assert_allclose(found.phi[0], 0.1 * 8 / 17.5, atol=1e-5)


def test_position_and_et_are_those_of_the_mean_point():
    clusters = Clusters([0, 2], [30.0, 10.0], [1.0, 1.02], [0.1, 0.2])
    found = mustache(clusters)
    points = np.array([[np.cos(p), np.sin(p), np.sinh(e)] for e, p in ((1.0, 0.1), (1.02, 0.2))])
    x, y, z = np.average(points, axis=0, weights=[30, 10])
    np.testing.assert_allclose(found.eta[0], np.arcsinh(z / np.hypot(x, y)), rtol=1e-14)
    np.testing.assert_allclose(found.et_gev[0], 40 / np.cosh(found.eta[0]), rtol=1e-14)


def plain(clusters, config=CMS):
    """The same with loops over events and clusters."""
    owner = [-1] * len(clusters.eta)
    for b in range(len(clusters.row_splits) - 1):
        free = sorted(
            range(clusters.row_splits[b], clusters.row_splits[b + 1]), key=lambda c: -clusters.et_gev[c]
        )
        while free and clusters.et_gev[free[0]] > config.min_seed_et_gev:
            seed = free[0]
            eta0, phi0 = clusters.eta[seed], clusters.phi[seed]
            for c in list(free):
                dphi = np.angle(np.exp(1j * (clusters.phi[c] - phi0)))
                low, up = eta_window(eta0, clusters.raw_energy_gev[c], dphi, config)
                deta = np.copysign(1, eta0) * (clusters.eta[c] - eta0)
                et = clusters.raw_energy_gev[c] / np.cosh(clusters.eta[c])
                if c == seed or (low < deta < up and abs(dphi) < max_dphi(et, config)):
                    owner[c] = seed
                    free.remove(c)
    return collect(clusters, np.array(owner, dtype=int), config.min_et_gev)


@pytest.mark.parametrize("config", [CMS, replace(CMS, dphi_scale=1.3, margin_up=0.004, margin_low=0.006)])
def test_agrees_with_plain_loops(config):
    clusters = random_clusters(seed=3)
    found, expected = mustache(clusters, config), plain(clusters, config)
    np.testing.assert_array_equal(found.supercluster_of, expected.supercluster_of)
    assert len(found.seed) > 30 and (found.supercluster_of >= 0).sum() > 1.5 * len(found.seed)


def test_order_of_clusters_changes_nothing():
    clusters = random_clusters(seed=4)
    shuffled = np.lexsort((np.random.default_rng(1).random(len(clusters.eta)), clusters.event))
    other = Clusters(
        clusters.row_splits, clusters.energy_gev[shuffled], clusters.eta[shuffled], clusters.phi[shuffled]
    )
    assert as_sets(mustache(clusters), clusters) == as_sets(mustache(other), other)
    np.testing.assert_array_equal(
        mustache(clusters).supercluster_of[shuffled], mustache(other).supercluster_of
    )


def test_other_events_change_nothing():
    clusters = random_clusters(seed=5)
    together = as_sets(mustache(clusters), clusters)
    for b in range(len(clusters.row_splits) - 1):
        part = slice(clusters.row_splits[b], clusters.row_splits[b + 1])
        alone = Clusters(
            [0, part.stop - part.start], clusters.energy_gev[part], clusters.eta[part], clusters.phi[part]
        )
        assert as_sets(mustache(alone), alone) == [together[b]]


def test_equal_et_is_broken_by_place():
    """Two seeds of one ET share a soft cluster: the one of lower eta, then lower phi, has it."""
    rows = [(10, 0, 0.2), (10, 0, -0.2), (0.5, 0, 0.0)]
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        found = mustache(one_event(*(rows[i] for i in order)))
        owner = dict(zip(order, found.supercluster_of, strict=True))
        assert owner == {1: 0, 0: 1, 2: 0}


def test_duplicate_clusters_join_their_twin():
    found = mustache(one_event((5, 0.3, 1), (5, 0.3, 1), (5, 0.3, 1)))
    assert list(found.supercluster_of) == [0, 0, 0] and found.energy_gev[0] == 15


def test_no_events_and_no_clusters():
    for splits in ([0], [0, 0], [0, 0, 0]):
        found = mustache(Clusters(splits, [], [], []))
        assert list(found.row_splits) == splits and not len(found.seed) and list(found.member_splits) == [0]


def test_every_public_field_is_consistent():
    clusters = random_clusters(seed=6)
    found = mustache(clusters)
    counts = np.diff(found.member_splits)
    assert found.member_splits[-1] == len(found.members) == (found.supercluster_of >= 0).sum()
    np.testing.assert_array_equal(
        found.supercluster_of[found.members], np.repeat(np.arange(len(counts)), counts)
    )
    np.testing.assert_array_equal(found.members[found.member_splits[:-1]], found.seed)
    np.testing.assert_array_equal(
        clusters.event[found.seed], np.repeat(np.arange(len(found.row_splits) - 1), np.diff(found.row_splits))
    )
    np.testing.assert_allclose(
        found.raw_energy_gev, np.add.reduceat(clusters.energy_gev[found.members], found.member_splits[:-1])
    )
    assert found.et_gev.min() > 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dphi_width": 0.0}, "dphi_width.*above 0"),
        ({"dphi_cutoff": 0.1}, r"dphi_cutoff.*0\.14"),
        ({"min_et_gev": -1.0}, "min_et_gev.*0 or more"),
        ({"curve_up": (0.0, np.nan, 0.0)}, "curve_up.*finite"),
    ],
)
def test_wrong_constants(change, words):
    with pytest.raises(InvalidValue, match=words):
        MustacheConfig(**change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"energy_gev": [1.0]}, "eta: expected shape"),
        ({"energy_gev": [1.0, np.nan]}, "energy_gev: expected finite"),
        ({"energy_gev": [1.0, -1.0]}, "energy_gev: expected 0 or more"),
        ({"raw_energy_gev": [1.0, -1.0]}, "raw_energy_gev: expected 0 or more"),
        ({"phi": [np.inf, 0.0]}, "phi: expected finite"),
        ({"row_splits": [0, 1]}, "row_splits: expected 0 first, never falling, 2 last"),
        ({"row_splits": [0, 3, 2]}, "never falling"),
        ({"row_splits": [0.0, 2.0]}, "integers"),
        ({"row_splits": []}, "integers"),
    ],
)
def test_wrong_clusters(change, words):
    good = {"row_splits": [0, 2], "energy_gev": [1.0, 2.0], "eta": [0.0, 0.1], "phi": [0.0, 0.1]}
    with pytest.raises(InvalidValue, match=words):
        Clusters(**{**good, **change})
