"""The rules of the targets, against a plain loop; and pairs of near points, against all pairs."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.data.kinds.elements import CLASSES
from zoo.data.near_pairs import near_pairs
from zoo.data.targets import ECAL, GSF, HCAL, HFEM, HFHAD, LEAST_PART, TRACK, assign_targets, class_of


def momentum(energy: list[float]) -> np.ndarray:
    """Massless particles along x."""
    return np.array([[e, e, 0.0, 0.0] for e in energy])


def assign(kinds, pdg, charge, energy, links):
    element, particle, gev = (np.array(column) for column in zip(*links, strict=True))
    arrays = (np.array(kinds), np.array(pdg), np.array(charge), momentum(energy))
    return assign_targets(*arrays, element, particle, gev.astype(np.float64))


def test_tracks_first_then_the_largest_free_cluster():
    # a pion with track and clusters, an electron with GSF track and track, a photon on the pion's cluster
    found = assign(
        [TRACK, ECAL, HCAL, TRACK, GSF, ECAL],
        [211, -11, 22],
        [1, 1, 0],
        [20.0, 10.0, 3.0],
        [(0, 0, 20.0), (1, 0, 9.0), (2, 0, 8.0), (3, 1, 10.0), (4, 1, 10.0), (5, 1, 9.0), (1, 2, 3.0)],
    )
    assert found.element.tolist() == [0, 4, 1]
    assert [CLASSES[label] for label in found.label] == [
        "charged hadron", "photon", "none", "none", "electron", "none",
    ]  # fmt: skip
    assert found.charge.tolist() == [1, 0, 0, 0, 1, 0] and found.momentum_gev[1, 0] == 3.0


def test_what_finds_no_free_element_is_added_to_its_best():
    # the harder photon takes the cluster; the neutron left more in it, so that class is its
    found = assign([ECAL], [22, 2112], [0, 0], [9.0, 8.0], [(0, 0, 2.0), (0, 1, 5.0)])
    assert found.element.tolist() == [0, 0] and found.momentum_gev[0, 0] == 17.0
    assert CLASSES[found.label[0]] == "neutral hadron" and found.particle[0] == 1
    # a second cluster with a sliver of the deposit is not taken
    sliver = 0.5 * LEAST_PART
    found = assign(
        [ECAL, ECAL], [22, 22], [0, 0], [9.0, 8.0], [(0, 0, 9.0), (0, 1, 8.0), (1, 1, 8.0 * sliver)]
    )
    assert found.element.tolist() == [0, 0] and found.label[1] == 0


def test_muons_without_a_track_and_soft_particles_are_lost():
    found = assign([ECAL, ECAL], [13, 22], [-1, 0], [5.0, 0.1], [(0, 0, 0.3), (1, 1, 0.1)])
    assert found.element.tolist() == [-1, -1] and not found.label.any() and not found.momentum_gev.any()


@pytest.mark.parametrize(
    ("pdg", "kind", "label"),
    [
        (211, HCAL, "neutral hadron"), (-11, ECAL, "photon"), (22, HCAL, "neutral hadron"),
        (130, ECAL, "neutral hadron"), (22, HFHAD, "HF electromagnetic"), (-2112, HFEM, "HF hadron"),
        (13, TRACK, "muon"), (13, HCAL, "none"),
    ],
)  # fmt: skip
def test_classes_that_are_possible_on_an_element(pdg, kind, label):
    assert CLASSES[class_of(np.array([pdg]), np.array([kind]))[0]] == label


def test_rounds_give_what_the_plain_loop_gives():
    rng = np.random.default_rng(0)
    n_elements, n_particles, n_links = 60, 80, 300
    energy = rng.exponential(5.0, n_particles) + 0.3
    pair = np.unique(rng.integers(0, n_elements * n_particles, n_links))
    element, particle, gev = pair % n_elements, pair // n_elements, rng.exponential(1.0, len(pair)) + 0.1
    kinds, pdg, charge = np.full(n_elements, ECAL), np.full(n_particles, 22), np.zeros(n_particles, int)
    found = assign_targets(kinds, pdg, charge, momentum(energy), element, particle, gev)
    expected, taken = np.full(n_particles, -1), set()
    total = np.bincount(particle, gev, n_particles)
    for hardest in np.argsort(-energy):
        mine = [i for i in np.flatnonzero(particle == hardest) if gev[i] >= LEAST_PART * total[hardest]]
        mine.sort(key=lambda i: -gev[i])
        free = [i for i in mine if element[i] not in taken]
        if mine:
            expected[hardest] = element[(free or mine)[0]]
        taken.update(element[i] for i in free[:1])
    assert np.array_equal(found.element, expected)
    assert found.momentum_gev[:, 0].sum() == pytest.approx(energy[expected >= 0].sum())


def test_near_pairs_are_all_pairs_within_reach():
    rng = np.random.default_rng(1)
    event, other = rng.integers(0, 3, 120), rng.integers(0, 3, 150)
    eta, phi = rng.uniform(-3, 3, 120), rng.uniform(-np.pi, np.pi, 120)
    other_eta, other_phi = rng.uniform(-3, 3, 150), rng.uniform(-np.pi, np.pi, 150)
    for reach in (0.1, 0.9, 4.0):
        a, b, d_eta, d_phi = near_pairs(event, eta, phi, other, other_eta, other_phi, reach)
        step = np.remainder(other_phi - phi[:, None] + np.pi, 2 * np.pi) - np.pi
        near = (
            (event[:, None] == other) & (np.abs(other_eta - eta[:, None]) <= reach) & (np.abs(step) <= reach)
        )
        assert len(a) == near.sum() and near[a, b].all() and np.all(np.diff(a) >= 0)
        np.testing.assert_allclose(d_phi, step[a, b])
        np.testing.assert_allclose(d_eta, other_eta[b] - eta[a])
