"""Losses of sets and energies: by hand, at their limits, and their gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.losses.energy_regression import EnergyRegression, huber, pinball
from zoo.losses.set_cross_entropy import SetCrossEntropy, set_cross_entropy
from zoo.losses.soft_f1 import SoftF1, soft_f1_loss

LABEL = np.array([[1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 0, 0]], "f4")
LOGIT = np.array([[2.0, -1.0, 0.5, 9.0], [1.0, -3.0, 0.0, 0.0], [-40.0, 90.0, 0.0, 0.0]], "f4")
MASK = np.array([[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 0, 0]], "f4")
ENERGY = np.array([[40.0, 2.0, 5.0, 7.0], [3.0, 1.0, 0, 0], [10.0, 30.0, 0, 0]], "f4")


def log1pexp(x):
    return np.logaddexp(0.0, x)


def check_gradient(function, x):
    """The gradient by x, against differences in float64."""
    variable = tf.Variable(x.astype("f8"))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(function(variable))
    gradient = tape.gradient(total, variable).numpy()
    assert np.isfinite(gradient).all()
    for index in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[index] = 1e-5
        up, down = (float(tf.reduce_sum(function(tf.constant(x + sign * step)))) for sign in (1, -1))
        assert gradient[index] == pytest.approx((up - down) / 2e-5, rel=1e-5, abs=1e-8)


def test_cross_entropy_is_the_mean_over_real_nodes():
    expected = [
        (log1pexp(-2.0) + log1pexp(-1.0) + log1pexp(-0.5)) / 3,
        (log1pexp(1.0) + log1pexp(-3.0)) / 2,
        (40.0 + 0.0) / 2,
    ]
    np.testing.assert_allclose(set_cross_entropy(LABEL, LOGIT, MASK), expected, rtol=1e-5)
    assert set_cross_entropy(LABEL, LOGIT, 0 * MASK).numpy().tolist() == [0, 0, 0]
    check_gradient(lambda x: set_cross_entropy(LABEL.astype("f8"), x, MASK.astype("f8")), LOGIT)


def test_soft_f1_by_hand():
    p = 1 / (1 + np.exp(-LOGIT.astype("f8")))
    beta, w = 1.5, MASK * ENERGY
    hit, lost = (w * p * LABEL).sum(1), (w * (1 - p) * LABEL).sum(1)
    wrong = (w * p * (1 - LABEL)).sum(1)
    expected = 1 - (1 + beta**2) * hit[0] / ((1 + beta**2) * hit[0] + beta * lost[0] + wrong[0])
    found = soft_f1_loss(LABEL, LOGIT, w, beta).numpy()
    assert found[0] == pytest.approx(expected, rel=1e-5)
    assert found[1] == 0.0  # nothing is labelled
    assert found[2] == pytest.approx(1 - 3.25 * 30 / (3.25 * 30 + 1.5 * 10), rel=1e-5)
    np.testing.assert_allclose(soft_f1_loss(LABEL, LOGIT, 1000 * w, beta), found, rtol=1e-5)  # no unit
    double = [array.astype("f8") for array in (LABEL, w)]
    check_gradient(lambda x: soft_f1_loss(double[0], x, double[1], beta), LOGIT)


@pytest.mark.parametrize("right", [True, False])
def test_soft_f1_at_its_ends(right):
    logit = np.where((LABEL > 0) == right, 60.0, -60.0).astype("f4")
    np.testing.assert_allclose(soft_f1_loss(LABEL, logit, MASK, 2.0)[::2], [0 if right else 1] * 2, atol=1e-6)


def test_huber_and_pinball():
    error = np.array([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0])
    np.testing.assert_allclose(huber(tf.constant(error), 1.0), [2.5, 0.5, 0.125, 0, 0.125, 0.5, 2.5])
    np.testing.assert_allclose(pinball(tf.constant(error), 0.25), [2.25, 0.75, 0.375, 0, 0.125, 0.25, 0.75])
    both = pinball(tf.constant(error), 0.25) + pinball(tf.constant(error), 0.75)
    np.testing.assert_allclose(both, np.abs(error))
    sample = np.random.default_rng(0).exponential(size=20_001)
    guesses = np.linspace(0.5, 2.5, 401)
    cost = [float(tf.reduce_mean(pinball(tf.constant(sample - guess), 0.75))) for guess in guesses]
    assert guesses[np.argmin(cost)] == pytest.approx(np.quantile(sample, 0.75), abs=0.01)


def test_energy_regression_in_gev_and_relative():
    true, found = np.array([50.0, 10.0, 0.0], "f4"), tf.constant([48.0, 30.0, 9.0])
    gev = EnergyRegression(reduction=None)(true, found).numpy()
    np.testing.assert_allclose(gev, [2.0 + 2.0, 87.5 + 20.0, 0.0], rtol=1e-6)
    relative = EnergyRegression(0.1, 1.0, (0.5,), reduction=None)(true[:, None], found).numpy()
    np.testing.assert_allclose(relative, [0.04**2 / 2 + 0.02, 0.1 * 1.95 + 1.0, 0.0], rtol=1e-4)
    loss = EnergyRegression(0.1, 0.5)
    check_gradient(lambda x: loss.call(true.astype("f8"), x), found.numpy() + 0.3)


@pytest.mark.parametrize(
    "loss", [SetCrossEntropy(), SoftF1(1.5), SoftF1(2.0, False), EnergyRegression(0.1, 1.0)]
)
def test_classes_are_the_functions_and_can_be_saved(loss):
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert again.get_config() == loss.get_config()
    target = np.stack([LABEL, ENERGY, MASK], axis=-1)
    if isinstance(loss, SetCrossEntropy):
        expected = set_cross_entropy(LABEL, LOGIT, MASK)
    elif isinstance(loss, SoftF1):
        expected = soft_f1_loss(LABEL, LOGIT, MASK * ENERGY if loss.weighted else MASK, loss.beta)
    else:
        target, expected = ENERGY[:, 0], None
    found = float(again(target, LOGIT if expected is not None else LOGIT[:, 0]))
    if expected is not None:
        assert found == pytest.approx(float(tf.reduce_mean(expected)), rel=1e-6)
