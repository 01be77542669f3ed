from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from zoo.errors import InvalidValue
from zoo.evaluation.bootstrap import ClusterBootstrap, is_worse, paired_ratio, spread
from zoo.evaluation.measures import energy_measures


def test_every_replica_draws_as_many_showers_as_there_are():
    rows = np.random.default_rng(0).integers(0, 50, 1000)
    bootstrap = ClusterBootstrap(rows, np.full(1000, 11), replicas=20)
    assert bootstrap.n_clusters == len(np.unique(rows))
    assert (bootstrap.weights.sum(1) == bootstrap.n_clusters).all()
    weights = bootstrap.event_weights(np.arange(1000))
    assert (weights[0] == 1).all()
    for shower in range(5):  # all events of a shower go together
        assert (np.ptp(weights[:, rows == shower], axis=1) == 0).all()


def test_electron_and_photon_rows_are_different_showers():
    bootstrap = ClusterBootstrap([3, 3, 3], [11, 22, 11])
    assert bootstrap.n_clusters == 2
    assert bootstrap.cluster[0] == bootstrap.cluster[2] != bootstrap.cluster[1]


def test_the_error_of_a_mean_counts_showers_not_events():
    """50 showers with 100 equal events each: the error is that of 50 numbers, ten times that of 5,000."""
    rng = np.random.default_rng(1)
    per_shower = rng.random(50) < 0.3
    rows = np.repeat(np.arange(50), 100)
    hit = per_shower[rows]
    everything = np.arange(5000)
    by_shower = spread(ClusterBootstrap(rows, replicas=400).fraction(hit, everything))
    by_event = spread(ClusterBootstrap(everything, replicas=400).fraction(hit, everything))
    p = per_shower.mean()
    assert by_shower == pytest.approx(np.sqrt(p * (1 - p) / 50), rel=0.15)
    assert by_event == pytest.approx(np.sqrt(p * (1 - p) / 5000), rel=0.15)


def records(**columns):
    return ak.zip({name: np.asarray(values) for name, values in columns.items()}, depth_limit=1)


def test_records_without_a_shower_are_independent():
    """Row -1 is no shower: taken for one, the error of these 400 numbers would be 0."""
    hit = np.random.default_rng(3).random(400) < 0.3
    toys = records(shower_row=np.full(400, -1), shower_pdg_id=np.full(400, 22))
    bootstrap = ClusterBootstrap.of_showers(toys, replicas=400)
    assert bootstrap.n_clusters == 400
    p = hit.mean()
    error = spread(bootstrap.fraction(hit, np.arange(400)))
    assert error == pytest.approx(np.sqrt(p * (1 - p) / 400), rel=0.15)


def test_showers_of_electrons_and_positrons_are_of_one_library():
    found = ClusterBootstrap.of_showers(
        records(shower_row=[3, 3, 3, -1, -1], shower_pdg_id=[11, -11, 22, 11, 11])
    )
    assert found.n_clusters == 4
    assert found.cluster[0] == found.cluster[1] != found.cluster[2]


def test_windows_of_one_event_without_a_shower_go_together():
    windows = records(shower_row=[-1, -1, -1, 7], shower_pdg_id=[0, 0, 0, 22], event_id=[4, 4, 5, 4])
    assert ClusterBootstrap.of_showers(windows).n_clusters == 4
    together = ClusterBootstrap.of_showers(windows, alone="event").cluster
    assert together[0] == together[1] and len(set(together)) == 3


def test_records_that_name_no_showers_count_for_themselves():
    assert ClusterBootstrap.of_showers(records(true_energy_gev=[1.0, 1.0])).n_clusters == 2


def test_fraction_is_the_weighted_mean():
    rows = np.array([0, 0, 1, 2, 2, 2])
    bootstrap = ClusterBootstrap(rows, replicas=30)
    hit, index = np.array([True, False, True, True]), np.array([0, 1, 2, 5])
    weights = bootstrap.event_weights(index)
    with np.errstate(invalid="ignore"):
        expected = (weights @ hit) / weights.sum(1)
    np.testing.assert_allclose(bootstrap.fraction(hit, index), expected)


def test_paired_ratios_cancel_what_is_common():
    """Two methods that differ by 10 % in every event: the ratio has (nearly) no error, each width has."""
    rng = np.random.default_rng(2)
    rows = rng.integers(0, 300, 6000)
    noise = rng.normal(0, 0.03, 6000)
    bootstrap, index = ClusterBootstrap(rows), np.arange(6000)
    wide = energy_measures(1 + noise, None, index, bootstrap)["resolution"]
    narrow = energy_measures(1 + 0.9 * noise, None, index, bootstrap)["resolution"]
    ratio, error = paired_ratio(narrow.replicas, wide.replicas)
    assert ratio == pytest.approx(0.9, abs=0.005)
    assert error < 0.05 * wide.error / wide.value
    assert wide.error / wide.value == pytest.approx(0.011, rel=0.4)


def test_the_same_seed_gives_the_same_errors():
    rows = np.arange(100) % 17
    assert np.array_equal(ClusterBootstrap(rows).weights, ClusterBootstrap(rows).weights)
    assert not np.array_equal(ClusterBootstrap(rows).weights, ClusterBootstrap(rows, seed=1).weights)


def test_worse_needs_two_errors():
    assert is_worse(1.05, 0.02) and not is_worse(1.03, 0.02) and not is_worse(0.9, 0.01)


def test_bad_keys():
    with pytest.raises(InvalidValue, match="one length"):
        ClusterBootstrap([1, 2], [1])
    with pytest.raises(InvalidValue, match="one length"):
        ClusterBootstrap()
    with pytest.raises(InvalidValue, match="replicas"):
        ClusterBootstrap([1], replicas=1)
