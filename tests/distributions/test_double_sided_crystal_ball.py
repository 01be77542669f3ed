import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, stats

from zoo.distributions import DoubleSidedCrystalBall

SHAPES = [
    (0.1, 0.05, 1.2, 3.5, 1.8, 4.2),
    (-0.3, 0.5, 0.3, 5.0, 0.2, 40.0),
    (2.0, 1.0, 3.0, 6.0, 5.0, 150.0),
]
IDS = ["usual", "short core", "long core"]


def make(shape, dtype=tf.float64):
    return DoubleSidedCrystalBall(*[tf.constant(v, dtype) for v in shape])


@pytest.fixture(params=SHAPES, ids=IDS)
def shape(request):
    return request.param


@pytest.mark.ci  # Numba compiles
def test_agrees_with_numba_stats(shape):
    crystalball_ex = pytest.importorskip("numba_stats.crystalball_ex")
    mu, sigma, a_l, n_l, a_r, n_r = shape
    x = mu + sigma * np.linspace(-15, 15, 121)
    args = (a_l, n_l, sigma, a_r, n_r, sigma, mu)
    ours = make(shape)
    np.testing.assert_allclose(ours.prob(x), crystalball_ex.pdf(x, *args), rtol=1e-9)
    np.testing.assert_allclose(ours.cdf(x), crystalball_ex.cdf(x, *args), rtol=1e-8, atol=1e-12)


def test_cdf_and_moments_are_integrals_of_the_density(shape):
    ours = make(shape)
    mu, sigma = shape[:2]
    # x - mu = sinh(u) sigma: an even grid in u reaches the far tails; the powers end at n = 3.5, so E[t^2]
    # converges
    u = np.linspace(-16, 16, 400_001)
    t = np.sinh(u)
    weight = ours.prob(mu + sigma * t).numpy() * sigma * np.cosh(u)
    zeroth = integrate.cumulative_trapezoid(weight, u, initial=0)
    assert zeroth[-1] == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(ours.cdf(mu + sigma * t[::5000]), zeroth[::5000], atol=1e-6)
    first, second = (sigma**power * integrate.trapezoid(weight * t**power, u) for power in (1, 2))
    assert float(ours.mean()) == pytest.approx(mu + first, abs=1e-5 * sigma)
    assert float(ours.variance()) == pytest.approx(second - first**2, rel=2e-3)
    assert float(ours.stddev()) == pytest.approx(math.sqrt(second - first**2), rel=1e-3)
    assert float(ours.mode()) == mu


def test_cdf_plus_survival_is_one_and_logs_agree(shape):
    ours = make(shape)
    x = shape[0] + shape[1] * np.linspace(-30, 30, 61)
    cdf, survival = ours.cdf(x).numpy(), ours.survival_function(x).numpy()
    np.testing.assert_allclose(cdf + survival, 1, atol=1e-12)
    np.testing.assert_allclose(np.exp(ours.log_cdf(x)), cdf, rtol=1e-9)
    assert (np.diff(cdf) >= 0).all()


def test_quantile_inverts_the_cdf(shape):
    ours = make(shape)
    p = np.concatenate([[1e-12, 1e-6, 1e-3], np.linspace(0.01, 0.99, 50), [1 - 1e-3, 1 - 1e-6]])
    np.testing.assert_allclose(ours.cdf(ours.quantile(p)), p, rtol=1e-7)
    assert np.isneginf(ours.quantile(tf.constant(0.0, tf.float64)))
    assert np.isposinf(ours.quantile(tf.constant(1.0, tf.float64)))
    single = make(shape, tf.float32)
    np.testing.assert_allclose(single.cdf(single.quantile(p.astype("f4"))), p, rtol=1e-4, atol=1e-6)


def test_far_tails_in_float32():
    ours = make((0.0, 0.01, 1.0, 3.0, 2.0, 200.0), tf.float32)
    x = tf.constant([-1e4, -1.0, 1.0, 1e4])
    for values in (ours.log_prob(x), ours.log_cdf(x), ours.log_survival_function(x)):
        assert np.isfinite(values).all()
    expected = make((0.0, 0.01, 1.0, 3.0, 2.0, 200.0)).log_survival_function(np.array([1.0, 1e4]))
    np.testing.assert_allclose(ours.log_survival_function(x)[2:], expected, rtol=1e-4)


def test_moments_that_do_not_exist():
    def moments(n_left, n_right):
        ours = make((1.0, 0.1, 1.5, n_left, 1.5, n_right))
        return float(ours.mean()), float(ours.variance())

    assert moments(1.5, 4.0)[0] == -math.inf and moments(4.0, 1.5)[0] == math.inf
    assert math.isnan(moments(1.5, 1.5)[0]) and math.isnan(moments(1.5, 4.0)[1])
    mean, variance = moments(2.5, 4.0)
    assert math.isfinite(mean) and variance == math.inf
    assert all(map(math.isfinite, moments(3.5, 3.5))) and moments(3.5, 3.5)[0] == pytest.approx(1.0)


def test_samples_follow_the_distribution(shape):
    sample = make(shape, tf.float32).sample(20000, seed=(4, 2)).numpy().astype("f8")
    uniform = make(shape).cdf(sample).numpy()
    assert stats.kstest(uniform, "uniform").pvalue > 1e-3
    again = make(shape, tf.float32).sample(20000, seed=(4, 2)).numpy()
    np.testing.assert_array_equal(sample, again)


@pytest.mark.parametrize(
    "method", ["log_prob", "log_cdf", "log_survival_function", "cdf", "survival_function", "quantile"]
)
def test_gradients_are_finite_everywhere(method):
    grid = [
        (0.0, 0.05, a, n, b, m)
        for a in (0.1, 2.0, 8.0)
        for b in (0.1, 8.0)
        for n in (1.01, 200.0)
        for m in (1.01, 3.0)
    ]
    parameters = [tf.Variable(np.array(column, "f4")[:, None]) for column in zip(*grid, strict=True)]
    x = (
        tf.constant([1e-6, 1e-3, 0.3, 0.5, 0.7, 0.999])
        if method == "quantile"
        else tf.constant([-5, -0.2, 0, 0.01, 0.4, 5.0])
    )
    with tf.GradientTape() as tape:
        values = getattr(DoubleSidedCrystalBall(*parameters), method)(x)
    assert np.isfinite(values).all() or method == "quantile"
    if method == "quantile":
        return  # n = 1.01 puts a quantile of 1e-6 beyond float32: the value is an infinity, as it should be
    for gradient in tape.gradient(values, parameters):
        assert np.isfinite(gradient).all()


def test_gradient_of_the_quantile():
    parameters = [tf.Variable(np.float64(value)) for value in SHAPES[0]]
    p = tf.constant([0.001, 0.2, 0.6, 0.99], tf.float64)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(DoubleSidedCrystalBall(*parameters).quantile(p))
    for number, gradient in enumerate(tape.gradient(value, parameters)):
        step = 1e-6
        shifted = [[s + sign * step * (i == number) for i, s in enumerate(SHAPES[0])] for sign in (1, -1)]
        up, down = (float(tf.reduce_sum(make(shape).quantile(p))) for shape in shifted)
        assert float(gradient) == pytest.approx((up - down) / (2 * step), rel=1e-3, abs=1e-6)


def test_batch_shapes_validation_and_copies():
    ours = DoubleSidedCrystalBall(tf.zeros([3, 1]), 0.1, tf.ones([4]), 2.0, 1.0, 3.0, validate_args=True)
    assert ours.batch_shape == (3, 4) and ours.event_shape == () and ours.sample(5, seed=1).shape == (5, 3, 4)
    assert ours.mode().shape == (3, 4) and ours.mean().shape == (3, 4)
    assert ours[0].batch_shape == (4,)
    with pytest.raises(tf.errors.InvalidArgumentError, match="n_left > 1"):
        DoubleSidedCrystalBall(0.0, 0.1, 1.0, 0.9, 1.0, 3.0, validate_args=True)
