"""P(m > 0) of single photons against published values, a simulation of the posterior, and its limits."""

import numpy as np
import pytest

from zoo.errors import InvalidValue
from zoo.evaluation.posterior_median import best_answers, positive_fraction, sigma_m2_gev2

SIGMA_M2 = np.array([0.0050, 0.0109, 0.0176, 0.0252, 0.0336])  # at pT 20, 40, 60, 80, 100 GeV


def test_the_table_of_the_reference():
    # The reference rounds to two digits; at 80 GeV it has .18 and this integral .1875.
    np.testing.assert_allclose(positive_fraction(SIGMA_M2), [0.05, 0.09, 0.14, 0.18, 0.24], atol=0.008)


def test_one_half_where_the_labels_reach_as_deep_as_the_resolution():
    s = np.array([0.28**2])
    assert positive_fraction(s)[0] == pytest.approx(0.5, abs=0.01)
    for sigma in SIGMA_M2:
        assert positive_fraction(sigma, lowest_gev=-1.08 * np.sqrt(sigma)) == pytest.approx(0.5, abs=0.01)


def test_against_the_median_of_a_simulated_posterior():
    rng = np.random.default_rng(0)
    s = 0.03
    label = np.concatenate([rng.uniform(-0.3, 0.0, 150_000), rng.uniform(0.0, 1.6, 800_000)])
    x = np.maximum(label, 0.0) ** 2 + rng.normal(0.0, s, label.size)
    edges = np.linspace(-0.1, 0.14, 41)
    photons, decays = (np.histogram(x[kind], edges)[0] for kind in (label < 0, label > 0))
    centres = 0.5 * (edges[1:] + edges[:-1])
    share = decays / (decays + photons)
    near = np.abs(share - 0.5) < 0.15
    threshold = np.polyval(np.polyfit(share[near], centres[near], 3), 0.5)
    assert positive_fraction(s) == pytest.approx(
        np.mean(x[label < 0] > threshold), abs=0.006
    )  # statistics of the simulation: 0.002


def test_the_best_answers_are_above_zero_as_often_as_the_integral_says_and_resolve_far_from_it():
    pt = np.repeat([30.0, 90.0], 20_000)
    photons = best_answers(np.zeros(40_000), pt)
    for value in (30.0, 90.0):
        expected = positive_fraction(sigma_m2_gev2(value))
        assert np.mean(photons[pt == value] > 0) == pytest.approx(expected, abs=0.01)
    mass = np.random.default_rng(2).uniform(0.6, 1.2, 20_000)
    error = best_answers(mass, np.full(20_000, 60.0)) - mass
    assert error.std() == pytest.approx(np.mean((sigma_m2_gev2(60.0) / (2 * mass)) ** 2) ** 0.5, rel=0.02)
    assert len(best_answers([], [])) == 0


def test_wrong_sides_of_zero_are_errors():
    with pytest.raises(InvalidValue, match="sigma_m2"):
        positive_fraction([0.01, 0.0])
    with pytest.raises(InvalidValue, match="label range"):
        positive_fraction(0.01, lowest_gev=0.3)
