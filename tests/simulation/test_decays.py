"""Decays to photons: conservation, isotropy, the smallest opening angle."""

import numpy as np
import pytest

from zoo.errors import InvalidValue
from zoo.simulation.decays import Parents, higgs_to_two, to_photons


def parents(n, seed=0, mass=None):
    rng = np.random.default_rng(seed)
    mass = rng.uniform(1e-3, 1.6, n) if mass is None else np.full(n, mass)
    return Parents(mass, rng.uniform(20, 100, n), rng.uniform(-1.4, 1.4, n), rng.uniform(-np.pi, np.pi, n))


def vectors(photons):
    pt = photons.energy_gev / np.cosh(photons.eta)
    return np.stack(
        [photons.energy_gev, pt * np.cos(photons.phi), pt * np.sin(photons.phi), pt * np.sinh(photons.eta)],
        axis=-1,
    )


def test_four_momentum_is_conserved_and_photons_are_massless():
    made = parents(10_000)
    photons = to_photons(made, np.random.default_rng(1))
    total = vectors(photons).sum(axis=-2)
    np.testing.assert_allclose(total, made.momentum(), rtol=1e-9, atol=1e-9)
    assert (photons.energy_gev[:, 0] >= photons.energy_gev[:, 1]).all() and (photons.energy_gev > 0).all()
    # m^2 = 2 E1 E2 (1 - cos theta), written with half angles: exact for small angles too
    deta, dphi = np.diff(photons.eta)[:, 0], np.diff(photons.phi)[:, 0]
    pt = photons.energy_gev / np.cosh(photons.eta)
    mass = np.sqrt(4 * pt.prod(axis=1) * (np.sinh(deta / 2) ** 2 + np.sin(dphi / 2) ** 2))
    np.testing.assert_allclose(mass, made.mass_gev, rtol=1e-5)


def test_decays_are_isotropic_in_the_rest_frame():
    """A photon of a parent of velocity beta has an energy flat from (1 - beta) E / 2 to (1 + beta) E / 2."""
    made = parents(50_000, mass=0.5)
    photons = to_photons(made, np.random.default_rng(2))
    energy = photons.energy_gev.sum(axis=1)
    beta = np.sqrt(1 - (made.mass_gev / energy) ** 2)
    asymmetry = (photons.energy_gev[:, 0] - photons.energy_gev[:, 1]) / (energy * beta)
    counts = np.histogram(asymmetry, 10, (0.0, 1.0))[0]
    assert np.sum((counts - 5000) ** 2 / 5000) < 27.9  # chi2 of 9 degrees of freedom, 0.1 %
    assert asymmetry.max() <= 1.0 + 1e-9


def test_smallest_opening_angle_is_that_of_equal_energies():
    made = parents(20_000, mass=0.4)
    photons = to_photons(made, np.random.default_rng(3))
    v = vectors(photons)[..., 1:] / photons.energy_gev[..., None]
    angle = 2 * np.arcsin(0.5 * np.linalg.norm(v[:, 0] - v[:, 1], axis=-1))
    least = 2 * np.arcsin(made.mass_gev / photons.energy_gev.sum(axis=1))
    assert (angle >= least * (1 - 1e-6)).all() and np.isclose((angle / least).min(), 1.0, atol=1e-3)


def test_higgs_pairs_are_back_to_back_with_the_boson_mass_for_every_mass():
    for mass in (0.1, 1.0, 60.0):
        pair = higgs_to_two(np.full(1000, mass), 125.0, np.random.default_rng(4))
        total = pair.momentum().sum(axis=-2)
        np.testing.assert_allclose(total, np.tile([125.0, 0, 0, 0], (1000, 1)), atol=1e-8)
    assert to_photons(pair, np.random.default_rng(5)).energy_gev.shape == (1000, 2, 2)


def test_impossible_masses_are_errors():
    with pytest.raises(InvalidValue, match="mass_gev"):
        to_photons(parents(3, mass=0.0), np.random.default_rng(0))
    with pytest.raises(InvalidValue, match="half of 125"):
        higgs_to_two(np.array([63.0]), 125.0, np.random.default_rng(0))
