"""The flat segment: where showers lie, its noise, what a seed fixes."""

import math

import numpy as np
import pytest

from zoo.errors import InvalidValue
from zoo.simulation.flat_segment import simulate_flat


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
