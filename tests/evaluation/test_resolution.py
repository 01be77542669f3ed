from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.errors import InvalidValue
from zoo.evaluation.resolution import (
    ONE_SIGMA,
    effective_width,
    median,
    relative_resolution,
    shortest_interval,
)
from zoo.evaluation.response import mode, outside, reachable

values = st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=40).map(lambda v: np.sort(np.array(v)))


def brute_width(ordered, weights, fraction):
    best = np.inf
    goal = fraction * weights.sum() * (1 - 1e-12)
    for i in range(len(ordered)):
        for j in range(i, len(ordered)):
            if weights[i : j + 1].sum() >= goal:
                best = min(best, ordered[j] - ordered[i])
    return 0.5 * best


@given(values, st.integers(0, 100), st.sampled_from([0.4, ONE_SIGMA, 0.95, 1.0]))
def test_weighted_width_is_the_shortest_of_all_intervals(ordered, seed, fraction):
    weights = np.random.default_rng(seed).integers(0, 4, (2, len(ordered)))
    weights[:, 0] = 1
    found = effective_width(ordered, fraction, weights)
    for row, width in zip(weights, found, strict=True):
        assert width == pytest.approx(brute_width(ordered, row, fraction), abs=1e-12)


@given(values, st.integers(0, 100))
def test_integer_weights_are_repetitions(ordered, seed):
    weights = np.random.default_rng(seed).integers(0, 4, (1, len(ordered)))
    weights[:, -1] += 1
    repeated = np.repeat(ordered, weights[0])
    assert effective_width(ordered, weights=weights)[0] == pytest.approx(effective_width(repeated)[0])
    assert median(ordered, weights)[0] == pytest.approx(np.median(repeated))


def test_a_normal_distribution_has_its_sigma():
    x = np.random.default_rng(0).normal(0.98, 0.03, 200_000)
    assert relative_resolution(x) == pytest.approx(0.03 / 0.98, rel=0.01)
    low, high = shortest_interval(x, 0.9544997361)
    assert 0.5 * (high - low) == pytest.approx(0.06, rel=0.01)
    assert mode(x) == pytest.approx(0.98, abs=0.002)


def test_the_mode_ignores_a_tail():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(1.0, 0.02, 20_000), rng.uniform(0.2, 0.9, 6_000)])
    assert mode(x) == pytest.approx(1.0, abs=0.003)
    assert np.median(x) < 0.996


def test_nothing_and_one_value():
    assert np.isnan(relative_resolution([])) and np.isnan(mode([]))
    assert relative_resolution([1.0]) == 0.0
    assert np.isnan(effective_width(np.array([]), weights=np.ones((2, 0)))).all()
    assert np.isnan(median(np.array([1.0]), np.zeros((1, 1)))).all()
    for wrong in (0.0, 1.5):
        with pytest.raises(InvalidValue, match="fraction"):
            shortest_interval([1.0], wrong)


def test_tails_and_reach():
    assert outside([0.4, 0.5, 1.0, 1.5, 1.6, np.nan]).tolist() == [True, False, False, False, True, True]
    assert reachable([5, 6, 19, 20, 0], [10, 10, 10, 10, 10]).tolist() == [False, True, True, False, False]
