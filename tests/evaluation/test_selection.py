import numpy as np
import pytest

from zoo.evaluation.bootstrap import ClusterBootstrap
from zoo.evaluation.selection import confusion, half_widths, roc_curve, share


def test_area_is_the_probability_to_rank_right():
    rng = np.random.default_rng(0)
    label = rng.random(400) < 0.3
    value = np.round(rng.normal(label, 1.0), 1)  # with ties, which count half
    right = (value[label][:, None] > value[~label]).mean() + 0.5 * (
        value[label][:, None] == value[~label]
    ).mean()
    curve = roc_curve(value, label)
    assert curve.area == pytest.approx(right, abs=1e-12)
    assert (curve.false_rate[0], curve.true_rate[0]) == (0, 0) and (
        curve.false_rate[-1],
        curve.true_rate[-1],
    ) == (1, 1)
    assert (np.diff(curve.false_rate) >= 0).all() and (np.diff(curve.threshold) <= 0).all()
    weight = rng.integers(1, 4, 400)
    repeated = roc_curve(np.repeat(value, weight), np.repeat(label, weight))
    assert roc_curve(value, label, weight).area == pytest.approx(repeated.area)


def test_roc_of_nothing_and_of_one_class():
    assert np.isnan(roc_curve([], []).area)
    assert np.isnan(roc_curve([0.2, 0.4], [1, 1]).area)
    perfect = roc_curve([0.9, 0.8, 0.1], [1, 1, 0])
    assert perfect.area == 1 and len(roc_curve(np.linspace(0, 1, 5000), np.arange(5000) % 2).threshold) == 200


def test_share_counts_showers_in_its_error():
    rng = np.random.default_rng(1)
    shower = np.repeat(np.arange(200), 50)
    good = np.repeat(rng.random(200) < 0.5, 50).astype(float)  # all events of a shower alike
    figure = share(good, np.ones_like(good), np.arange(len(good)), ClusterBootstrap(shower, replicas=400))
    assert figure.value == good.mean()
    assert figure.error == pytest.approx(np.sqrt(0.25 / 200), rel=0.15)
    nothing = share(good, 0 * good, np.arange(5), ClusterBootstrap(shower))
    assert np.isnan(nothing.value)


def test_half_widths_of_a_skewed_distribution():
    values = np.random.default_rng(2).exponential(size=20_000) + 1.0
    bootstrap = ClusterBootstrap(np.arange(len(values)), replicas=20)
    left, right = half_widths(values, np.arange(len(values)), bootstrap)
    low, middle, high = 1.0 - np.log([0.84, 0.5, 0.16])
    assert left.value == pytest.approx((middle - low) / middle, rel=0.02)
    assert right.value == pytest.approx((high - middle) / middle, rel=0.02)
    assert 0 < left.error < right.error < 0.02


def test_confusion_rows_sum_to_one():
    true, called = np.array([0, 0, 1, 1, 1, 2]), np.array([0, 1, 1, 1, 0, 2])
    matrix = confusion(true, called, 3, np.arange(6), ClusterBootstrap(np.arange(6)))
    values = np.array([[figure.value for figure in row] for row in matrix])
    np.testing.assert_allclose(values, [[0.5, 0.5, 0], [1 / 3, 2 / 3, 0], [0, 0, 1]])
