"""Measures of a mass regression by hand, and the bootstrap over two showers of each event."""

import numpy as np
import pytest

from zoo.errors import InvalidValue
from zoo.evaluation.bootstrap import ClusterBootstrap, CrossedBootstrap
from zoo.evaluation.mass import density_ratio, mass_measures


def test_measures_of_a_few_candidates():
    mass = np.array([0.5, 1.0, 0.5, 1.0, 9.0])
    answer = np.array([0.6, 0.9, np.nan, -0.5, 0.0])
    found = mass_measures(answer, mass, np.arange(4), ClusterBootstrap(np.arange(5), replicas=5))
    assert found["mae"].value == pytest.approx((0.1 + 0.1 + 1.5) / 3)
    assert found["mre"].value == pytest.approx((0.2 + 0.1 + 1.5) / 3)
    assert found["bias"].value == pytest.approx(-0.1) and found["width"].value == pytest.approx(0.8)
    assert found["answered"].value == 0.75 and found["positive"].value == pytest.approx(2 / 3)
    nothing = mass_measures(answer, mass, np.array([2]), ClusterBootstrap(np.arange(5), replicas=5))
    assert np.isnan(nothing["mae"].value) and nothing["answered"].value == 0.0


def test_density_ratio_sees_a_peak_near_zero():
    rng = np.random.default_rng(0)
    answer = np.concatenate([1.2 * rng.random(12_000), 0.05 * rng.random(1_000)])
    found = density_ratio(answer, np.arange(13_000), ClusterBootstrap(np.arange(13_000), replicas=50))
    assert found.value == pytest.approx(2.0, abs=4 * found.error) and found.error < 0.1
    flat = density_ratio(answer, np.arange(12_000), ClusterBootstrap(np.arange(13_000), replicas=50))
    assert flat.value == pytest.approx(1.0, abs=4 * flat.error)


def test_errors_over_two_showers_cover_what_both_bring():
    """Events x_ij = a_i + a_j + noise: the error of their mean is that of both showers, not of one."""
    rng = np.random.default_rng(1)
    n, showers, means, crossed, one = 4000, 100, [], [], []
    for seed in range(60):
        effect = rng.normal(size=showers)
        first, second = rng.integers(0, showers, (2, n))
        values = effect[first] + effect[second] + 0.1 * rng.normal(size=n)
        means.append(values.mean())
        keys = [np.stack([each, np.full(n, 22)], axis=1) for each in (first, second)]
        for bootstrap, into in (
            (CrossedBootstrap(*keys, replicas=40, seed=seed), crossed),
            (ClusterBootstrap(first, replicas=40, seed=seed), one),
        ):
            weights = bootstrap.event_weights(np.arange(n))
            into.append(np.std((weights @ values / weights.sum(axis=1))[1:]))
    true = np.std(means)
    assert np.mean(crossed) == pytest.approx(true, rel=0.25)
    assert np.mean(one) < 0.75 * true


def test_an_event_of_one_shower_counts_as_often_as_that_one():
    first = np.array([[5, 22], [5, 11], [7, 22]])
    second = np.array([[-1, 22], [-1, 22], [5, 22]])
    bootstrap = CrossedBootstrap(first, second, replicas=30)
    weights = bootstrap.event_weights(np.arange(3))
    assert bootstrap.n_clusters == 4  # rows 5 and 7 of the photons, 5 of the electrons, and no shower
    assert (weights[0] == 1).all() and set(np.unique(weights[1:, 2] % 1)) == {0.0}
    zero = weights[1:, 0] == 0
    assert zero.any() and (weights[1:, 2][zero] == 0).all()
    with pytest.raises(InvalidValue, match="one shape"):
        CrossedBootstrap(first, second[:2])
