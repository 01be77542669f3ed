"""Losses of particles: by hand, what must not change them, and their gradients by differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.losses.momentum_sums import jet_loss, met_loss
from zoo.losses.particle_density import density, density_loss, directions, sliced_wasserstein_loss
from zoo.losses.set_focal import SetFocal, set_focal_loss

RNG = np.random.default_rng(5)
TRUE = RNG.normal(0.0, 8.0, (2, 6, 4))
PREDICTED = TRUE + RNG.normal(0.0, 3.0, TRUE.shape)
TRUE[0, 4:] = PREDICTED[0, 5:] = 0.0  # one element without target, one that is padding
JET = np.array([[0, 0, 1, -1, -1, -1], [-1, 2, 2, 0, 1, 1]], "i4")
LABEL = np.eye(3)[[[0, 1, 2, 0], [2, 2, 1, 0]]]
LOGIT = RNG.normal(0.0, 2.0, (2, 4, 3))
MASK = np.array([[1.0, 1, 1, 0], [1, 1, 1, 1]])

EVENT_LOSSES = {
    "met": lambda true, x: met_loss(true, x),
    "jet": lambda true, x: jet_loss(true, x, JET),
    "density": density_loss,
    "wasserstein": lambda true, x: sliced_wasserstein_loss(true, x, 5),
}


def check_gradient(function, x, step=1e-6):
    variable = tf.Variable(x.astype("f8"))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(function(variable))
    gradient = tape.gradient(total, variable).numpy()
    assert np.isfinite(gradient).all()
    rng = np.random.default_rng(0)
    for _ in range(6):  # along random directions, each of which moves every number
        along = rng.normal(size=x.shape) * (np.abs(x) > 0)
        up, down = (float(tf.reduce_sum(function(tf.constant(x + sign * step * along)))) for sign in (1, -1))
        assert (gradient * along).sum() == pytest.approx((up - down) / (2 * step), rel=1e-5, abs=1e-7)
    return gradient


@pytest.mark.parametrize("name", EVENT_LOSSES)
def test_gradients_of_event_losses(name):
    gradient = check_gradient(lambda x: EVENT_LOSSES[name](tf.constant(TRUE), x), PREDICTED)
    assert np.abs(gradient).max() > 0
    for found in EVENT_LOSSES[name](tf.constant(TRUE), tf.constant(TRUE)).numpy():
        assert found == pytest.approx(0.0, abs=1e-6)
    # An element of which nothing is predicted pulls, and has a finite gradient.
    zero = tf.Variable(np.zeros_like(TRUE))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(EVENT_LOSSES[name](tf.constant(TRUE), zero))
    assert np.isfinite(tape.gradient(total, zero)).all() and float(total) > 0


@pytest.mark.parametrize("name", EVENT_LOSSES)
def test_padding_changes_no_event_loss(name, monkeypatch):
    wide = [np.pad(part, [(0, 0), (0, 5), (0, 0)]) for part in (TRUE, PREDICTED)]
    expected = EVENT_LOSSES[name](tf.constant(TRUE), tf.constant(PREDICTED))
    monkeypatch.setattr(f"{__name__}.JET", np.pad(JET, [(0, 0), (0, 5)], constant_values=-1))
    np.testing.assert_allclose(EVENT_LOSSES[name](*map(tf.constant, wide)), expected, rtol=1e-10)


def test_met_is_of_the_vector_sum():
    back_to_back = np.array([[[30.0, 0, 0, 0], [-30.0, 0, 0, 0]]])
    assert met_loss(tf.constant(0 * back_to_back), tf.constant(back_to_back)).numpy() == pytest.approx([0.0])
    off = np.sqrt((PREDICTED - TRUE)[:, :, :2].sum(1) ** 2 @ np.ones(2) + 1) - 1
    np.testing.assert_allclose(met_loss(tf.constant(TRUE), tf.constant(PREDICTED)), off)


def test_jets_by_hand():
    expected = []
    for true, found, jet in zip(TRUE, PREDICTED, JET, strict=True):
        errors = []
        for number in range(jet.max() + 1):
            pt, wanted = (np.hypot(*part[jet == number, :2].sum(0)) for part in (found, true))
            error = abs(pt / wanted - 1)
            errors.append(error**2 / 2 if error < 1 else error - 0.5)
        expected.append(np.mean(errors))
    np.testing.assert_allclose(
        EVENT_LOSSES["jet"](tf.constant(TRUE), tf.constant(PREDICTED)), expected, rtol=1e-4
    )
    none = jet_loss(tf.constant(TRUE), tf.constant(PREDICTED), np.full_like(JET, -1))
    assert none.numpy().tolist() == [0, 0]


def test_density_keeps_the_momentum_and_is_periodic():
    found = density(tf.constant(PREDICTED)).numpy()
    np.testing.assert_allclose(found.sum((1, 2)), np.hypot(PREDICTED[..., 0], PREDICTED[..., 1]).sum(1))
    near = [[[-10.0, side * 1e-6, 0.0, 10.0]] for side in (1, -1)]
    left, right = (density(tf.constant([event], tf.float64)).numpy() for event in near)
    np.testing.assert_allclose(left, right, atol=1e-5)


def test_wasserstein_on_a_line_is_that_of_scipy():
    from scipy.stats import wasserstein_distance

    expected = []
    for true, found in zip(TRUE, PREDICTED, strict=True):
        points = []
        for part in (true, found):
            pt = np.hypot(part[:, 0], part[:, 1])
            eta = np.arcsinh(part[:, 2] / np.where(pt > 0, pt, 1))
            points.append(np.stack([part[:, 0], part[:, 1], pt * eta], -1) @ directions(5))
        expected.append(
            np.mean([6 * wasserstein_distance(points[0][:, k], points[1][:, k]) for k in range(5)])
        )
    np.testing.assert_allclose(
        EVENT_LOSSES["wasserstein"](tf.constant(TRUE), tf.constant(PREDICTED)), expected, rtol=1e-9
    )


def test_focal_loss_by_hand_and_at_its_limits():
    p = 1 / (1 + np.exp(-LOGIT))
    right = np.where(LABEL > 0, p, 1 - p)
    each = -np.where(LABEL > 0, 0.25, 0.75) * (1 - right) ** 2 * np.log(right)
    expected = (each.sum(-1) * MASK).sum(1) / MASK.sum(1)
    np.testing.assert_allclose(set_focal_loss(LABEL, LOGIT, MASK), expected)
    plain = set_focal_loss(LABEL, LOGIT, MASK, gamma=0.0, alpha=0.5)
    np.testing.assert_allclose(plain, (-0.5 * np.log(right).sum(-1) * MASK).sum(1) / MASK.sum(1))
    for gamma in (0.0, 0.5, 2.0):
        check_gradient(lambda x, gamma=gamma: set_focal_loss(LABEL, x, MASK, gamma), LOGIT)
        check_gradient(lambda x, gamma=gamma: set_focal_loss(LABEL, x, MASK, gamma), 300.0 * LOGIT)
    assert set_focal_loss(LABEL, LOGIT, 0 * MASK).numpy().tolist() == [0, 0]


def test_focal_loss_of_numbers_of_classes():
    pt = np.geomspace(0.1, 900.0, MASK.size).reshape(MASK.shape)
    target = np.stack([LABEL.argmax(-1), MASK, pt], -1).astype("f4")
    for power in (0.0, 0.5):
        loss = SetFocal(1.5, 0.3, power)
        weight = np.minimum(pt, 100.0) ** power
        each = np.stack([set_focal_loss(LABEL, LOGIT, MASK * (np.arange(MASK.shape[1]) == k), 1.5, 0.3)
                         for k in range(MASK.shape[1])], -1)  # fmt: skip
        expected = ((each * MASK * weight).sum(1) / MASK.sum(1)).mean()
        again = keras.losses.deserialize(keras.losses.serialize(loss))
        for one in (loss, again):
            assert float(one(target, LOGIT.astype("f4"))) == pytest.approx(expected, rel=1e-5)
