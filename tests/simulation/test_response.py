import dataclasses

import numpy as np
import pytest

from zoo.detectors import cms_barrel
from zoo.simulation.patches import PatchShape, add_windows
from zoo.simulation.response import NOISE, DeadChannels, LeakageModel, count_dead_neighbours
from zoo.simulation.windows import find_seeds, window_hits


def rng(seed=1):
    return np.random.default_rng(seed)


def patches(n, row=80, iphi=100):
    return PatchShape().around(np.full(n, row), np.full(n, iphi))


@pytest.mark.parametrize(
    ("name", "at_zero", "at_end"),
    [("run2", 0.062, 0.082), ("run3", 0.12, 0.167), ("clustex", 0.167, 0.167)],
)
def test_noise_has_the_sigma_of_its_preset(name, at_zero, at_end):
    noise = NOISE[name]
    for eta, sigma in ((0.0, at_zero), (1.48, at_end)):
        drawn = noise.sigma_gev(np.full(200_000, eta), rng())
        assert drawn.dtype == np.float32 and np.all(drawn > 0)
        assert drawn.mean() == pytest.approx(sigma, abs=0.0006)
        assert drawn.std() == pytest.approx(noise.spread_gev, rel=0.02, abs=1e-6)


def test_measured_energy_has_noise_photostatistics_and_intercalibration():
    noise = NOISE["run2"]
    sigma = np.full(200_000, 0.07, dtype=np.float32)
    for energy in (0.0, 1.0, 60.0):
        deposit = np.full(200_000, energy, dtype=np.float32)
        measured = noise.measure(deposit, sigma, rng())
        expected = np.sqrt(0.07**2 + 0.023**2 * energy + 0.004**2 * energy**2)
        assert measured.std() == pytest.approx(expected, rel=0.01)
        assert measured.mean() == pytest.approx(energy, abs=5 * expected / np.sqrt(200_000))


def test_threshold_keeps_what_a_gaussian_tail_has_above_it():
    noise = NOISE["run2"]
    empty = np.zeros(1_000_000, dtype=np.float32)
    sigma = noise.sigma_gev(empty, rng())
    above = noise.measure(empty, sigma, rng(2)) > noise.hit_threshold_gev(sigma)
    assert above.mean() == pytest.approx(0.00135, rel=0.1)


def test_thresholds_go_with_the_noise():
    sigma = np.array([0.05, 0.1], dtype=np.float32)
    np.testing.assert_allclose(NOISE["run2"].hit_threshold_gev(sigma), 3 * sigma)
    np.testing.assert_allclose(NOISE["run2"].seed_threshold_gev(sigma), [0.23, 0.4], rtol=1e-6)
    np.testing.assert_allclose(NOISE["run3"].seed_threshold_gev(sigma), 3.3 * sigma, rtol=1e-6)
    np.testing.assert_allclose(NOISE["clustex"].hit_threshold_gev(sigma), 0.05)
    np.testing.assert_allclose(NOISE["clustex"].seed_threshold_gev(sigma), 0.5)


def test_single_dead_crystals_and_towers_have_their_frequency():
    where = patches(4000)
    single = DeadChannels(tower_probability=0.0).draw(where.rows, where.columns, (2, 14), rng())
    assert single.mean() == pytest.approx(0.005, rel=0.05)
    towers = DeadChannels(fraction=0.0).draw(where.rows, where.columns, (2, 14), rng())
    hit = towers.any(axis=(1, 2))
    assert hit.mean() == pytest.approx(0.05, abs=0.012)
    # a tower is a square of the trigger grid and touches the window around the centre
    row, column = np.nonzero(towers[hit][0])
    assert len(np.unique(where.rows[0][row] // 5)) == 1 and len(np.unique(where.columns[0][column] // 5)) == 1
    half = PatchShape().half
    window = towers[:, half[0] - 2 : half[0] + 3, half[1] - 14 : half[1] + 15]
    assert np.array_equal(window.any(axis=(1, 2)), hit)


def test_no_crystal_beyond_the_barrel_is_dead():
    where = patches(50, row=0)
    dead = DeadChannels(fraction=1.0).draw(where.rows, where.columns, (2, 14), rng())
    assert np.array_equal(dead, np.broadcast_to(cms_barrel.in_barrel(where.rows)[:, :, None], dead.shape))


def test_dead_neighbours_are_counted():
    dead = np.zeros((2, 5, 6), dtype=bool)
    dead[0, 2, 2] = dead[0, 2, 3] = True
    dead[1] = True
    count = count_dead_neighbours(dead)
    assert count.dtype == np.uint8
    assert count[0, 2, 2] == 1 and count[0, 1, 2] == 2 and count[0, 1, 1] == 1 and count[0, 0, 0] == 0
    assert count[1, 2, 2] == 8 and count[1, 0, 0] == 3


def test_leakage_is_smeared_cut_and_finite_without_leak():
    model, n = LeakageModel(), 200_000
    quiet = model.measure(np.zeros(n), np.zeros(n), rng())
    assert np.isfinite(quiet).all() and np.mean(quiet > 0) == pytest.approx(0.0038, rel=0.2)
    busy = model.measure(np.full(n, 9.0), np.full(n, 50), rng())
    assert busy.dtype == np.float32
    assert busy.min() == 0.0 and busy[busy > 0].min() >= 0.8
    open_model = dataclasses.replace(model, threshold_gev=-np.inf)
    free = open_model.measure(np.full(n, 9.0), np.full(n, 50), rng())
    assert free.mean() == pytest.approx(9.5, abs=0.04)
    assert free.std() == pytest.approx(np.hypot(1.1 * 3.0, 0.3), rel=0.01)


def test_showers_are_added_where_they_fall():
    layout = PatchShape()
    windows = rng().random((4, 15, 15)).astype(np.float32)
    d_row, d_column = np.array([0, 3, -12, 0]), np.array([0, -20, 26, 27])
    owner = np.array([0, 0, 1, 1])
    summed, place = add_windows(layout, 2, owner, d_row, d_column, windows)
    assert summed.shape == (2, 11, 39)
    expected = np.zeros((2, 11 + 60, 39 + 80))
    for shower in range(4):
        row, column = 30 + 5 + d_row[shower], 40 + 19 + d_column[shower]
        expected[owner[shower], row - 7 : row + 8, column - 7 : column + 8] += windows[shower]
    np.testing.assert_allclose(summed, expected[:, 30:-30, 40:-40], rtol=1e-6)
    inside = place < summed.size
    np.testing.assert_allclose(windows[inside].sum(), summed.sum(), rtol=1e-5)
    assert not inside[3].any() and layout.reached_by(d_row, d_column).tolist() == [True, True, True, False]


def test_seed_is_the_highest_hit_near_the_centre():
    where = patches(4)
    energy = np.zeros((4, 11, 39), dtype=np.float32)
    energy[0, 5, 19], energy[0, 6, 21], energy[0, 5, 30] = 3.0, 4.0, 9.0  # the 9 GeV are too far away
    energy[1, 5, 19] = 0.2  # below the seed threshold
    energy[2, 5, 19], energy[2, 5, 18] = 5.0, 2.0  # the first is dead
    is_hit = energy > 0
    is_hit[2, 5, 19] = False
    found, row, column = find_seeds(where, energy, is_hit, np.full_like(energy, 0.25))
    assert found.tolist() == [0, 2]
    assert row.tolist() == [6, 5] and column.tolist() == [21, 18]


def test_window_holds_the_hits_of_5_by_29_crystals_and_wraps_in_phi():
    where = patches(2, row=84, iphi=2)
    is_hit = np.ones((2, 11, 39), dtype=bool)
    is_hit[0, 3, 7] = False
    hits = window_hits(where, np.array([0, 1]), np.array([5, 5]), np.array([19, 20]), is_hit)
    assert hits.count.tolist() == [145 - 1, 145]
    assert hits.number[:3].tolist() == [0, 1, 2] and hits.number[144] == 0
    second = hits.owner == 1
    assert sorted(set(hits.ieta.tolist())) == [-3, -2, -1, 1, 2]  # there is no 0
    assert set(hits.iphi[second].tolist()) == {*range(349, 361), *range(1, 18)}
    row, column = np.divmod(hits.place[second] - 11 * 39, 39)
    assert row.min() == 3 and row.max() == 7 and column.min() == 6 and column.max() == 34
