from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("iminuit")

from zoo.errors import InvalidValue
from zoo.evaluation.cruijff import FEWEST, cruijff, fit_cruijff

TRUE = (0.99, 0.02, 0.012, 0.12, 0.08)
RESOLUTION = 0.016 / 0.99


def drawn(n: int, seed: int, low: float = 0.85, high: float = 1.1) -> np.ndarray:
    """Samples of a Cruijff density by inversion of its numerical integral."""
    grid = np.linspace(low, high, 20_001)
    density = cruijff(grid, *TRUE)
    sums = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]))])
    return np.interp(np.random.default_rng(seed).random(n) * sums[-1], sums, grid)


def test_both_conventions_are_one_function():
    x = np.linspace(0.8, 1.2, 101)
    public = cruijff(x, 1.0, 0.03, 0.02, 0.1, 0.2)
    roofit = cruijff(x, 1.0, 0.03, 0.02, 0.2, 0.4, convention="roofit")
    np.testing.assert_allclose(public, roofit, rtol=1e-14)
    d = x[x < 1.0] - 1.0
    np.testing.assert_allclose(public[x < 1.0], np.exp(-(d**2) / (2 * (0.03**2 + 0.1 * d**2))), rtol=1e-12)
    assert cruijff(1.0, 1.0, 0.03, 0.02, 0.1, 0.2) == 1.0
    with pytest.raises(InvalidValue, match="'public' or 'roofit'"):
        cruijff(x, 1.0, 0.1, 0.1, 0.0, 0.0, convention="egm")  # type: ignore[arg-type]


def test_a_sampled_cruijff_is_found_again():
    fit = fit_cruijff(drawn(100_000, 1))
    assert fit.valid and fit.chi2 / fit.n_dof < 1.6
    errors = np.sqrt(np.diag(fit.covariance))
    found = (fit.mean, fit.sigma_left, fit.sigma_right, fit.alpha_left, fit.alpha_right)
    for name, value, true, error in zip(["m", "l", "r", "al", "ar"], found, TRUE, errors[1:], strict=True):
        assert abs(value - true) < 4 * error, (name, value, true, error)
    assert fit.resolution == pytest.approx(RESOLUTION, rel=0.03)
    assert fit.resolution == fit.sigma / fit.mean


def test_the_errors_are_honest():
    pulls = []
    for seed in range(40):
        fit = fit_cruijff(drawn(3_000, seed))
        assert fit.valid
        pulls.append((fit.resolution - RESOLUTION) / fit.resolution_error)
    assert abs(np.mean(pulls)) < 0.6
    assert 0.7 < np.std(pulls) < 1.35


def test_repeated_showers_do_not_shrink_the_error():
    """Each response four times: the error over showers stays, the error over events would be half of it."""
    x = drawn(3_000, 5)
    once = fit_cruijff(x, n_bins=40)
    again = np.repeat(x, 4)
    by_shower = fit_cruijff(again, clusters=np.repeat(np.arange(3_000), 4), n_bins=40)
    by_event = fit_cruijff(again, n_bins=40)
    assert by_shower.resolution_error == pytest.approx(once.resolution_error, rel=0.05)
    assert by_event.resolution_error == pytest.approx(0.5 * once.resolution_error, rel=0.05)


def test_roofit_convention_of_the_result():
    x = drawn(5_000, 2)
    public, roofit = fit_cruijff(x), fit_cruijff(x, convention="roofit")
    assert roofit.alpha_left == pytest.approx(2 * public.alpha_left)
    assert roofit.resolution == public.resolution
    grid = np.linspace(0.9, 1.05, 20)
    np.testing.assert_allclose(public.density(grid), roofit.density(grid), rtol=1e-12)
    width = np.linspace(*public.interval, 2001)
    assert np.trapezoid(public.density(width), width) == pytest.approx(public.n_entries, rel=0.01)


def test_gauss_is_the_limit():
    x = np.random.default_rng(3).normal(1.0, 0.03, 50_000)
    fit = fit_cruijff(x)
    assert fit.resolution == pytest.approx(0.03, rel=0.03)


def test_too_few_or_equal_values_give_no_fit():
    for values in ([], np.ones(500), drawn(FEWEST - 10, 1), np.full(100, np.nan)):
        fit = fit_cruijff(values)
        assert not fit.valid and np.isnan(fit.resolution) and np.isnan(fit.covariance).all()
