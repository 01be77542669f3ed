import numpy as np
import pytest

import zoo
from zoo.errors import InvalidValue
from zoo.models.drn.distribution import EnergyDistribution

DSCB = np.array(
    [
        [0.05, 0.03, 1.5, 3.0, 2.0, 5.0],
        [-0.2, 0.10, 1.0, 2.2, 1.2, 2.5],
        [0.0, 0.01, 2.0, 10.0, 2.0, 10.0],
        [0.1, 0.02, 1.0, 3.0, 1.0, 3.0],
    ],
    np.float32,
)
RAW = np.array([50.0, 10.0, 100.0, -1.0], np.float32)
MODE = np.where(RAW > 0, RAW * np.exp(DSCB[:, 0]), -1.0).astype(np.float32)
SIGMA = np.where(RAW > 0, DSCB[:, 1] * MODE, -1.0).astype(np.float32)


@pytest.fixture(scope="module")
def energy():
    return zoo.distribution("drn", {"energy_gev": 1.01 * MODE, "dscb": DSCB, "sigma_gev": SIGMA})


def test_quantile_and_cdf_are_inverse(energy):
    for q in (0.001, 0.025, 0.16, 0.5, 0.84, 0.975, 0.999):
        np.testing.assert_allclose(energy.cdf(np.abs(energy.quantile(q)))[:3], q, rtol=2e-3, atol=2e-6)


def test_quantiles_are_those_of_the_crystal_ball_carried_over(energy):
    """Against the cumulative of the density itself, integrated numerically in log E."""
    steps = np.linspace(-16.0, 16.0, 400_001)
    y, widths = 0.01 * np.sinh(steps), 0.01 * np.cosh(steps)  # fine in the core, far into the power tails
    for row in range(3):
        mu, sigma, alpha_left, n_left, alpha_right, n_right = DSCB[row].astype(float)
        t = (y - mu) / sigma
        left = -(alpha_left**2) / 2 - n_left * np.log1p(alpha_left / n_left * np.maximum(-t - alpha_left, 0))
        right = -(alpha_right**2) / 2 - n_right * np.log1p(
            alpha_right / n_right * np.maximum(t - alpha_right, 0)
        )
        density = np.exp(np.where(t < -alpha_left, left, np.where(t > alpha_right, right, -t * t / 2)))
        cumulative = np.cumsum(density * widths) / (density * widths).sum()
        for q in (0.16, 0.5, 0.84):
            expected = RAW[row] * np.exp(np.interp(q, cumulative, y))
            assert energy.quantile(q)[row] == pytest.approx(expected, rel=2e-3)


def test_intervals_hold_their_share_of_the_samples(energy):
    samples = energy.sample(20_000, seed=1)
    assert samples.shape == (20_000, 4)
    for level in (0.68, 0.95):
        low, high = energy.intervals(level).T
        inside = ((samples > low) & (samples < high)).mean(axis=0)
        np.testing.assert_allclose(inside[:3], level, atol=0.015)
    np.testing.assert_array_equal(samples, energy.sample(20_000, seed=1))
    assert np.isfinite(samples).all()


def test_mode_needs_no_energy_and_many_quantiles_come_at_once(energy):
    np.testing.assert_allclose(energy.mode, MODE, rtol=1e-6)
    several = energy.quantile([0.16, 0.5, 0.84])
    assert several.shape == (3, 4)
    np.testing.assert_allclose(several[1], energy.quantile(0.5), rtol=1e-6)
    assert (np.diff(several[:, :3], axis=0) > 0).all()


def test_an_object_without_hits_stays_minus_one(energy):
    assert energy.quantile(0.5)[3] == energy.mode[3] == -1.0
    np.testing.assert_array_equal(energy.intervals()[3], [-1.0, -1.0])
    assert (energy.sample(3)[:, 3] == -1.0).all()
    assert np.isnan(energy.cdf(20.0)[3])


def test_records_of_predict_are_taken():
    import awkward as ak

    records = ak.zip({"sigma_gev": SIGMA, "dscb": ak.from_regular(ak.Array(DSCB), axis=1)}, depth_limit=1)
    np.testing.assert_array_equal(zoo.distribution("drn", records).dscb, DSCB)
    assert len(zoo.distribution("drn", records[:0])) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: d.quantile(0.0), "probabilities in"),
        (lambda d: d.quantile([0.5, 1.0]), "probabilities in"),
        (lambda d: d.intervals(1.5), "level: expected a probability"),
        (lambda d: d.cdf(-3.0), "energies above 0 GeV"),
        (lambda d: EnergyDistribution(SIGMA, DSCB[:2]), "sigma_gev, dscb"),
        (lambda d: zoo.distribution("drn", {"sigma_gev": SIGMA}), "no dscb"),
    ],
)
def test_bad_questions(energy, call, message):
    with pytest.raises(InvalidValue, match=message):
        call(energy)
