import ast
import math
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate

from zoo.losses.crystal_ball import (
    PARAMETERS,
    REACH,
    CrystalBallLoss,
    crystal_ball_log_prob,
    crystal_ball_median,
)

SHAPES = [
    (0.1, 0.05, 1.2, 3.0, 1.8, 2.2),
    (-0.3, 0.01, 0.3, 1.05, 0.2, 40.0),
    (0.0, 1.0, 3.0, 2.0, 5.0, 150.0),
]


def reference(y, mu, sigma, a_l, n_l, a_r, n_r):
    """The density in float64, straight from its definition."""
    t = (y - mu) / sigma
    if t < -a_l:
        value = math.exp(-0.5 * a_l**2) * ((a_l / n_l) * (n_l / a_l - a_l - t)) ** -n_l
    elif t > a_r:
        value = math.exp(-0.5 * a_r**2) * ((a_r / n_r) * (n_r / a_r - a_r + t)) ** -n_r
    else:
        value = math.exp(-0.5 * t * t)
    tail = sum(math.exp(-0.5 * a * a) * n / (a * (n - 1)) for a, n in ((a_l, n_l), (a_r, n_r)))
    core = math.sqrt(math.pi / 2) * (math.erf(a_l / math.sqrt(2)) + math.erf(a_r / math.sqrt(2)))
    return value / sigma / (tail + core)


def log_prob(y, parameters):
    return crystal_ball_log_prob(
        tf.constant(y, tf.float32), *tf.unstack(tf.constant(parameters, tf.float32), axis=-1)
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_log_prob_is_the_definition(shape):
    mu, sigma = shape[:2]
    y = (mu + sigma * np.linspace(-12, 12, 97)).astype("f4")
    expected = [math.log(reference(float(v), *shape)) for v in y]
    np.testing.assert_allclose(log_prob(y, shape).numpy(), expected, rtol=3e-5, atol=3e-5)


@pytest.mark.parametrize("shape", SHAPES[::2])
def test_density_integrates_to_one(shape):
    u = np.linspace(-30, 30, 400_001)
    y = shape[0] + shape[1] * np.sinh(u)
    args = [tf.constant(v, tf.float64) for v in shape]
    density = np.exp(crystal_ball_log_prob(tf.constant(y, tf.float64), *args))
    assert integrate.trapezoid(density * shape[1] * np.cosh(u), u) == pytest.approx(1, abs=1e-6)


def test_far_tails_and_hard_parameters_keep_value_and_gradient():
    shapes = [
        (0.0, 1e-4, 0.1, 1.01, 8.0, 200.0),
        (0.69, 3.0, 8.0, 1.01, 0.1, 200.0),
        (0.0, 1e-4, 8.0, 200.0, 8.0, 200.0),
    ]
    for shape in shapes:
        parameters = tf.Variable(np.tile(np.array(shape, "f4"), (9, 1)))
        y = tf.constant([-1e3, -10, -0.69, -1e-4, 0, 1e-4, 0.69, 10, 1e3], tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(y)
            value = crystal_ball_log_prob(y, *tf.unstack(parameters, axis=-1))
        assert np.isfinite(value).all()
        by_parameter, by_y = tape.gradient(value, [parameters, y])
        assert np.isfinite(by_parameter).all() and np.isfinite(by_y).all()


def test_tail_beyond_the_float32_density_has_the_true_logarithm():
    # exp(-62.89) is below what upstream's floor of 1e-9 keeps
    value = float(log_prob([-60.0], [(0.0, 1.0, 2.0, 60.0, 2.0, 60.0)])[0])
    assert value == pytest.approx(-2.0 - 60 * math.log1p(2 * 58 / 60) - math.log(2.5), abs=0.05)
    gradient_free = float(log_prob([-61.0], [(0.0, 1.0, 2.0, 60.0, 2.0, 60.0)])[0])
    assert gradient_free < value


def test_gradient_is_that_of_finite_differences():
    shape = np.array(SHAPES[0], "f8")
    for y in (-0.4, 0.08, 0.12, 0.5):
        variable = tf.Variable(shape)
        with tf.GradientTape() as tape:
            value = crystal_ball_log_prob(tf.constant(y, tf.float64), *tf.unstack(variable))
        gradient = tape.gradient(value, variable).numpy()
        for i in range(6):
            step = np.zeros(6)
            step[i] = 1e-6
            up, down = (math.log(reference(y, *(shape + sign * step))) for sign in (1, -1))
            assert gradient[i] == pytest.approx((up - down) / 2e-6, rel=1e-4, abs=1e-5), PARAMETERS[i]


def test_half_of_the_density_lies_below_the_median():
    """Against the density, integrated from the median outwards, the median in either tail included."""
    shapes = np.array(
        [[1.5, 3, 1.5, 3], [1, 2.5, 2, 20], [3, 1.5, 0.8, 1.6],
         [0.1, 1.5, 3, 5], [3, 5, 0.1, 1.5], [8, 200, 8, 200]]
    )  # fmt: skip
    medians = crystal_ball_median(*(tf.constant(column, tf.float32) for column in shapes.T)).numpy()
    assert medians[3] < -0.1 and medians[4] > 0.1  # beyond alpha
    for shape, median in zip(shapes, medians, strict=True):

        def density(t, shape=shape):
            return float(
                np.exp(crystal_ball_log_prob(*(tf.constant(v, tf.float64) for v in (t, 0, 1, *shape))))
            )

        edges = sorted([-shape[0], shape[2], float(median)])
        area = [
            integrate.quad(density, low, high, limit=200)[0]
            for low, high in zip([-np.inf, *edges], [*edges, np.inf], strict=True)
        ]
        below = sum(area[: edges.index(float(median)) + 1])
        assert below == pytest.approx(0.5, abs=2e-4)


def test_the_median_is_finite_at_the_edges_of_the_head():
    edges = np.stack(np.meshgrid([0.1, 8], [1.01, 200], [0.1, 8], [1.01, 200]), axis=-1).reshape(-1, 4)
    t = crystal_ball_median(*(tf.constant(column, tf.float32) for column in edges.T)).numpy()
    assert np.isfinite(t).all()
    mirrored = crystal_ball_median(*(tf.constant(column, tf.float32) for column in edges.T[[2, 3, 0, 1]]))
    np.testing.assert_allclose(mirrored, -t, rtol=1e-4, atol=1e-5)


def test_loss_is_the_mean_and_leaves_out_what_mu_cannot_reach():
    parameters = np.tile(np.array(SHAPES[0], "f4"), (4, 1))
    y = np.array([0.1, -0.2, REACH * 1.01, 10.0], "f4")
    expected = -np.sum(log_prob(y[:2], parameters[:2]).numpy()) / 4
    assert float(CrystalBallLoss()(y, parameters)) == pytest.approx(expected, rel=1e-6)
    assert float(CrystalBallLoss()(y[:, None], parameters)) == pytest.approx(expected, rel=1e-6)
    variable = tf.Variable(parameters)
    with tf.GradientTape() as tape:
        value = CrystalBallLoss()(y, variable)
    gradient = tape.gradient(value, variable).numpy()
    assert np.isfinite(gradient).all() and not gradient[2:].any() and gradient[:2].any()
    assert float(CrystalBallLoss(reach=None)(y, parameters)) > expected


def test_loss_survives_its_config():
    loss = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(CrystalBallLoss(reach=0.5))
    )
    assert isinstance(loss, CrystalBallLoss) and loss.reach == 0.5
    assert keras.saving.get_registered_name(CrystalBallLoss) == "zoo>CrystalBallLoss"


def test_nothing_on_the_path_of_a_load_imports_tensorflow_probability():
    root = Path(__file__).parents[2] / "zoo"
    for folder in ("layers", "losses", "models/drn"):
        for path in (root / folder).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = (
                    [a.name for a in node.names]
                    if isinstance(node, ast.Import)
                    else [getattr(node, "module", "")]
                )
                assert not any((name or "").startswith("tensorflow_probability") for name in names), path
