"""PFClustering on Geant4 showers: electrons, neighbouring impacts, dead crystals, neutral pions."""

import dataclasses

import numpy as np
import pytest

from benchmarks.clustering.photons_found import SHAPE, cluster
from benchmarks.clustering.pions import pair_mass_gev
from benchmarks.clustering.tables import half_width
from zoo.baselines import pf_clustering as pf
from zoo.clustering.lattice import flat
from zoo.simulation.flat_segment import (
    CLUSTEX_SEGMENT,
    PION_MASS_GEV,
    flat_events,
    pion_photons,
    simulate_flat,
)
from zoo.simulation.showers import ShowerLibrary

MIDDLE = np.array([15.5, 42.5])


def photons(energy, offsets, n, seed, **options):
    """Events of photons of given energies at given distances from the middle of a crystal."""
    impact = MIDDLE + np.asarray(offsets, float)
    energies = np.tile(np.asarray(energy, float), (n, 1))
    return flat_events(energies, np.tile(impact, (n, 1, 1)), np.random.default_rng(seed), **options)


@pytest.mark.parametrize(("step", "n"), [((0, 1), 1), ((1, 1), 1), ((0, 2), 2), ((2, 1), 2)])
def test_two_photons_in_neighbouring_crystals_are_one_cluster(step, n):
    found = cluster(photons([30.0, 30.0], [(0, 0), step], 40, 1))
    assert np.all(found.owner >= 0)
    assert np.all((found.owner[:, 0] == found.owner[:, 1]) == (n == 1))
    total = found.corrected_gev[found.owner[:, 0]]
    assert np.median(total) == pytest.approx(60 if n == 1 else 30, rel=0.08)
    assert np.all(np.sum(found.cluster >= 0, axis=1) <= n)  # one cluster is never found for both


def test_pairs_of_the_talk():
    # Efficiency 82.0 %, sigma_E 6.24 GeV, position to 0.09 crystals. How far apart the pairs are is not
    # published: one number, chosen for the efficiency, gives the other two.
    segment = dataclasses.replace(CLUSTEX_SEGMENT, max_separation=2.75)
    found = cluster(simulate_flat(1000, 7, n_photons=2, config=segment))
    there = found.cluster >= 0
    assert np.mean(there) == pytest.approx(0.82, abs=0.03)
    assert 4 < half_width(found.errors(there)) < 10  # steep: 3.4 and 10 GeV for 3 and 2.5 crystals
    away = found.place[found.cluster[there]] - found.impact[there]
    assert half_width(away) == pytest.approx(0.09, abs=0.02)


def test_shape_of_electrons_of_100_gev():
    # Geant4, no noise: E1/E9 0.83 on the centre (120 GeV), 0.70 anywhere (photons), E9/E25 0.962
    library, rng, n = ShowerLibrary.shipped(), np.random.default_rng(2), 500
    energy = np.full(n, 100.0)
    for reach, e1_e9, error in ((0.0, 0.831, 0.01), (0.5, 0.703, 0.02)):
        shower = library.choose("electron", energy, "test", rng)
        offset = rng.uniform(-reach, reach, (2, n)) if reach else np.zeros((2, n))
        windows = library.deposit(True, shower, energy, rng.integers(0, 8, n), *offset)
        event, row, column = np.nonzero(windows > 0.02)
        splits = np.searchsorted(event, np.arange(n + 1))
        clusters = pf.lattice_clusters(flat(15, 15), splits, row, column, windows[event, row, column])
        assert len(clusters) == n  # one electron, one cluster
        central = (clusters.seed_row == 7) & (clusters.seed_column == 7)
        assert np.mean(central) > 0.99
        e9, e25 = windows[:, 6:9, 6:9].sum(axis=(1, 2)), windows[:, 5:10, 5:10].sum(axis=(1, 2))
        assert np.mean((clusters.seed_energy_gev / e9)[central]) == pytest.approx(e1_e9, abs=error)
        assert np.mean(e9 / e25) == pytest.approx(0.962, abs=0.006)
        # all but the rear leak, the hits below 0.08 GeV and what lies beyond the window
        assert 0.965 < np.mean(clusters.energy_gev / 100) < np.mean(windows.sum(axis=(1, 2)) / 100) < 0.995


def test_a_dead_crystal_moves_the_seed_and_a_dead_tower_swallows_the_photon():
    dead = np.zeros(SHAPE, dtype=bool)
    dead[15, 42] = True
    offset = [(0.2, 0.3)]
    intact, hurt = (cluster(photons([50.0], offset, 60, 3, dead=mask)) for mask in (None, dead))
    assert np.all(intact.owner >= 0) and np.all(hurt.owner < 0)  # more than half was in the dead crystal
    first = hurt.clusters.row_splits[:-1]  # the most energetic seed
    near = np.abs(hurt.clusters.seed_row[first] - 15) + np.abs(hurt.clusters.seed_column[first] - 42)
    assert np.all(near <= 2) and np.all(near > 0)
    lost = np.median(hurt.clusters.energy_gev[first] / intact.clusters.energy_gev[intact.cluster[:, 0]])
    assert 0.15 < lost < 0.5  # 1 - E1/E, for this impact
    dead[13:18, 40:45] = True
    tower = cluster(photons([50.0], offset, 60, 3, dead=dead))
    assert np.all(tower.cluster < 0)
    # far away nothing changes: the same photons, the same noise
    far = [cluster(photons([50.0], [(-9, -20)], 20, 4, dead=mask)) for mask in (None, dead)]
    np.testing.assert_array_equal(*(found.corrected_gev[found.cluster[:, 0]] for found in far))


def test_one_percent_of_dead_crystals_costs_what_they_and_their_neighbours_cost():
    rng = np.random.default_rng(5)
    dead = rng.random(SHAPE) < 0.01
    energy, impact = rng.uniform(10, 100, (1500, 1)), rng.uniform(size=(1500, 1, 2)) * SHAPE
    intact, hurt = (
        cluster(flat_events(energy, impact, np.random.default_rng(6), dead=mask)) for mask in (None, dead)
    )
    within = {}
    for reach in (1, 3):
        within[reach] = np.zeros(SHAPE, dtype=bool)
        for row, column in np.argwhere(dead):
            within[reach][
                max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1
            ] = True
    crystal = tuple(np.floor(impact[:, 0]).astype(int).T)
    near, far, on = (mask[crystal][:, None] for mask in (within[1], ~within[3], dead))
    assert np.mean(hurt.cluster[far] >= 0) == np.mean(intact.cluster[far] >= 0) > 0.99
    assert half_width(hurt.errors(far)) == pytest.approx(half_width(intact.errors(far)), rel=0.03)
    assert np.mean(intact.cluster >= 0) - np.mean(hurt.cluster >= 0) <= 1.5 * np.mean(on)
    assert half_width(hurt.errors(near)) > 2 * half_width(intact.errors(near))


def test_mass_of_neutral_pions():
    # photons of p = 4 GeV are at least 2 m / p 129 cm = 4.0 crystals apart, of p = 30 GeV half a crystal
    mass = {}
    for momentum in (4.0, 30.0):
        rng = np.random.default_rng(int(momentum))
        energy, impact = pion_photons(np.full(300, momentum), rng)
        here = np.all((impact >= 0) & (impact < SHAPE), axis=(1, 2)) & (energy.min(axis=1) > 1.2)
        found = cluster(flat_events(energy[here], impact[here], rng))
        apart = np.all(found.owner >= 0, axis=1) & (found.owner[:, 0] != found.owner[:, 1])
        mass[momentum] = np.mean(apart), pair_mass_gev(found, apart)
    share, masses = mass[4.0]
    assert share > 0.9
    assert np.median(masses) == pytest.approx(PION_MASS_GEV, rel=0.04)
    assert half_width(masses) < 0.025  # sigma_E / E of 2 GeV is 17 %: 12 % of the mass
    assert mass[30.0][0] < 0.2
