"""The flat segment: where showers lie, its noise, what a seed fixes."""

import math

import numpy as np
import pytest

from zoo.errors import InvalidValue
from zoo.simulation.flat_segment import PION_MASS_GEV, flat_events, pion_photons, simulate_flat


def test_showers_lie_around_their_impacts():
    events = simulate_flat(60, seed=1, n_photons=2)
    assert events.measured_gev.shape == (60, 30, 85) and events.deposit_gev.shape == (60, 2, 30, 85)
    inner = np.all((events.impact > 7) & (events.impact < [23, 78]), axis=2)
    deposit, impact = events.deposit_gev[inner], events.impact[inner]
    contained = deposit.sum(axis=(1, 2)) / events.energy_gev[inner]
    assert 0.98 < np.median(contained) < 0.995 and contained.max() < 1.0  # the rest leaves at the rear
    rows, columns = np.arange(30) + 0.5, np.arange(85) + 0.5  # crystal i reaches from i to i + 1
    total = deposit.sum(axis=(1, 2))
    centre = np.stack([deposit.sum(axis=2) @ rows, deposit.sum(axis=1) @ columns], axis=1) / total[:, None]
    assert len(centre) > 20 and np.abs(centre - impact).max() < 0.45
    assert np.abs((centre - impact).mean(axis=0)).max() < 0.1
    separation = np.abs(events.impact[:, 1] - events.impact[:, 0])
    assert 3 < separation.max() <= 4
    assert np.all((events.impact >= 0) & (events.impact < [30, 85]))


def test_noise_of_empty_crystals():
    events = simulate_flat(40, seed=2, n_photons=0)
    n = events.measured_gev.size
    assert events.measured_gev.std() == pytest.approx(0.167, rel=5 / math.sqrt(2 * n))
    row_splits, row, column, energy = events.hits()
    assert row_splits[-1] == len(row) == len(column) == len(energy)
    part = 0.5 * (1 - math.erf(0.05 / 0.167 / math.sqrt(2)))
    assert len(energy) == pytest.approx(n * part, abs=5 * math.sqrt(n * part))
    assert energy.min() > 0.05


def test_a_seed_fixes_everything_and_splits_share_no_shower():
    first, again = simulate_flat(5, seed=3), simulate_flat(5, seed=3)
    np.testing.assert_array_equal(first.measured_gev, again.measured_gev)
    assert not np.array_equal(first.measured_gev, simulate_flat(5, seed=4).measured_gev)
    train, test = (simulate_flat(50, seed=3, split=split).shower.ravel() for split in ("train", "test"))
    assert not set(train) & set(test)
    assert len(simulate_flat(0, seed=1).hits()[0]) == 1


@pytest.mark.parametrize("arguments", [{"n": -1, "seed": 0}, {"n": 1, "seed": -1}])
def test_bad_numbers_are_errors(arguments):
    with pytest.raises(InvalidValue, match="0 or more"):
        simulate_flat(**arguments)


def test_photons_of_given_energies_and_points_and_dead_crystals():
    energy = np.array([[20.0], [30.0]])
    impact = np.array([[[10.5, 40.5]], [[20.2, 3.3]]])
    dead = np.zeros((30, 85), dtype=bool)
    dead[10, 40] = True
    intact, hurt = (flat_events(energy, impact, np.random.default_rng(5), dead=mask) for mask in (None, dead))
    np.testing.assert_array_equal(intact.deposit_gev, hurt.deposit_gev)
    np.testing.assert_array_equal(intact.measured_gev[:, ~dead], hurt.measured_gev[:, ~dead])
    assert np.all(hurt.measured_gev[:, dead] == 0) and intact.measured_gev[0, 10, 40] > 10
    assert np.argmax(intact.deposit_gev[1, 0]) == 20 * 85 + 3
    _, row, column, _ = hurt.hits()
    assert not np.any((row == 10) & (column == 40))


@pytest.mark.parametrize(
    ("energy", "impact", "dead", "message"),
    [
        ((2, 1), (2, 2, 2), None, r"\[N, n, 2\]"),
        ((2, 1), (2, 1, 2), (85, 30), "dead"),
        ((1, 1), None, None, "impact"),
    ],
)
def test_photons_that_do_not_fit_are_errors(energy, impact, dead, message):
    where = np.full((1, 1, 2), 31.0) if impact is None else np.ones(impact)
    mask = None if dead is None else np.zeros(dead, dtype=bool)
    with pytest.raises(InvalidValue, match=message):
        flat_events(np.ones(energy), where, np.random.default_rng(1), dead=mask)


def test_photons_of_pions_have_its_mass_and_energy():
    rng = np.random.default_rng(6)
    momentum = np.repeat([0.05, 3.0, 40.0], 2000)
    energy, impact = pion_photons(momentum, rng)
    pion = np.hypot(momentum, PION_MASS_GEV)
    np.testing.assert_allclose(energy.sum(axis=1), pion, rtol=1e-12)
    # isotropic decay: E1 is uniform in (pion +- momentum) / 2
    place = (2 * energy[:, 0] - pion) / momentum
    assert np.abs(place).max() <= 1 + 1e-9 and np.mean(place) == pytest.approx(0, abs=4 / math.sqrt(3 * 6000))
    assert np.var(place) == pytest.approx(1 / 3, rel=0.05)
    point = np.concatenate([np.full((6000, 2, 1), 129.0), (impact - [15, 42.5]) * 2.2], axis=2)
    direction = point / np.linalg.norm(point, axis=2, keepdims=True)
    cos = np.sum(direction[:, 0] * direction[:, 1], axis=1)
    good = np.isfinite(cos) & (momentum < 40)  # 1 - cos needs digits
    np.testing.assert_allclose(np.sqrt(2 * energy.prod(axis=1) * (1 - cos))[good], PION_MASS_GEV, rtol=1e-6)
    # a photon that flies back meets no plane: hardly any at 3 GeV, most pairs at 0.05 GeV
    assert np.mean(good[momentum == 3]) > 0.995 and np.mean(good[momentum == 0.05]) < 0.5
    # the pion's own direction: within 5 crystals of the middle
    flight = np.sum(energy[:, :, None] * direction, axis=1)[good & (momentum == 3)]
    aim = flight[:, 1:] / flight[:, :1] * 129.0 / 2.2
    assert 4.8 < np.abs(aim).max() <= 5.0 + 1e-9
