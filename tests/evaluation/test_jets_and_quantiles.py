"""Jets, their partners, the density on a grid; quantiles with errors over clusters of events."""

import numpy as np
import pytest

from zoo.evaluation.bootstrap import ClusterBootstrap
from zoo.evaluation.jets import GRID_ETA, Jets, anti_kt, grid_density, nearest
from zoo.evaluation.quantiles import quantiles, spread_measures


def test_anti_kt_finds_the_cones_of_each_event():
    pytest.importorskip("fastjet")
    event = np.array([0, 0, 0, 0, 2])
    pt, eta = np.array([50.0, 10.0, 20.0, 0.5, 8.0]), np.array([0.0, 0.1, 2.0, -2.0, 1.0])
    phi = np.array([3.1, -3.1, 0.0, 0.0, 1.0])  # the first two lie across phi = pi
    jets = anti_kt(event, pt, eta, phi, pt * np.cosh(eta), 3)
    assert jets.event.tolist() == [0, 0, 2]
    order = np.argsort(-jets.pt_gev)
    np.testing.assert_allclose(jets.pt_gev[order], [60.0, 20.0, 8.0], rtol=1e-3)
    np.testing.assert_allclose(jets.eta[order][1:], [2.0, 1.0], rtol=1e-6)
    none = anti_kt(event[:0], pt[:0], eta[:0], phi[:0], pt[:0], 2)
    assert len(none.event) == 0


def test_the_nearest_jet_of_the_same_event():
    def jets(event, eta, phi):
        return Jets(np.array(event), np.ones(len(event)), np.array(eta), np.array(phi))

    one = jets([0, 0, 1], [0.0, 1.0, 0.0], [np.pi - 0.01, 0.0, 0.0])
    other = jets([0, 0, 0, 1], [0.05, 0.15, 1.0, 2.0], [-np.pi + 0.01, np.pi, 0.3, 0.0])
    assert nearest(one, other, 0.2).tolist() == [0, -1, -1]
    assert nearest(one, other, 0.5).tolist() == [0, 2, -1]


def test_density_of_an_even_event_is_that_and_jets_do_not_move_it():
    rng = np.random.default_rng(2)
    n = 40_000
    eta, phi = rng.uniform(-GRID_ETA, GRID_ETA, n), rng.uniform(-np.pi, np.pi, n)
    event, pt = np.repeat([0, 1], n // 2), np.full(n, 0.01)
    even = n // 2 * 0.01 / (2 * GRID_ETA * 2 * np.pi)
    pt[0], pt[1] = 100.0, 300.0
    np.testing.assert_allclose(grid_density(event, pt, eta, phi, 3), [even, even, 0.0], rtol=0.03)


def test_quantiles_agree_with_weighted_events():
    rng = np.random.default_rng(3)
    event = np.repeat(np.arange(60), rng.integers(5, 40, 60))
    values = rng.normal(0.1 * (event % 7), 1.0)
    bootstrap = ClusterBootstrap(np.arange(60) // 2, replicas=50)
    found = quantiles(values, event, bootstrap, (0.25, 0.5, 0.9))
    np.testing.assert_array_equal(found[:, 0], np.quantile(values, (0.25, 0.5, 0.9)))
    for replica in (1, 7, 50):
        times = bootstrap.weights[replica - 1, bootstrap.cluster[event]]
        exact = np.quantile(np.repeat(values, times), (0.25, 0.5, 0.9))
        np.testing.assert_allclose(found[:, replica], exact, atol=0.05)
    assert np.isnan(quantiles(values[:0], event[:0], bootstrap, (0.5,))).all()
    assert (quantiles(np.ones(5), event[:5], bootstrap, (0.5,)) == 1.0).all()


def test_errors_count_clusters_not_values():
    rng = np.random.default_rng(4)
    event = np.repeat(np.arange(30), 400)
    values = 1.0 + 0.1 * rng.normal(size=30)[event] + 0.01 * rng.normal(size=len(event))
    measures = spread_measures(values, event, ClusterBootstrap(np.arange(30)))
    assert measures["median"].error > 0.01  # of 30 clusters; 12,000 values would have 0.001
    assert measures["iqr_over_median"].value == pytest.approx(
        measures["iqr"].value / measures["median"].value
    )
