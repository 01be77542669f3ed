"""The fit of two showers against images made of its own templates, whose shape is a formula here."""

import numpy as np
import pytest

from zoo.baselines.template_fit import mass_gev
from zoo.detectors import cms_barrel
from zoo.errors import InvalidValue
from zoo.simulation.mean_shower import CELLS, POSITIONS, MeanShowers


def share(row, column):
    """Share of a crystal whose centre is so far from the impact point."""
    r2 = row**2 + column**2
    return 0.6 * np.exp(-1.6 * r2) / 1.9635 + 0.4 * np.exp(-0.35 * r2) / 8.976


@pytest.fixture(scope="module")
def showers():
    """One node of formula: two round Gaussians, each crystal fluctuating by 1 % of the energy at most."""
    offset = np.linspace(-0.5, 0.5, POSITIONS)
    row, column = np.arange(-3, 4), np.arange(-7, 8)
    d_row, d_column = row[None] - offset[:, None], column[None] - offset[:, None]
    mean = share(d_row[:, None, :, None], d_column[None, :, None, :])
    covariance = np.zeros((1, CELLS, CELLS, 7, 9, 7, 9), np.float32)
    eye = np.eye(63).reshape(7, 9, 7, 9)
    covariance[:] = 1e-6 * eye
    return MeanShowers(
        np.array([3.0]), mean[None].astype(np.float32), np.zeros((1, 2, POSITIONS, 15), np.float32),
        covariance, np.zeros((1, CELLS, CELLS, 7, 9), np.float32), np.zeros(1), np.ones(1),
    )  # fmt: skip


def images(n, rng, energies, distance):
    """Two photons, the harder one in the crystal [15, 15], seed at eta 0; the true masses too."""
    angle = rng.uniform(-np.pi, np.pi, n)
    at = np.zeros((n, 2, 2))
    at[:, 0] = rng.uniform(-0.45, 0.45, (n, 2))
    at[:, 1] = at[:, 0] + distance * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    grid = np.arange(32) - 15
    deposit = np.zeros((n, 32, 32))
    for photon, energy in enumerate(energies):
        row, column = (grid - at[:, photon, axis, None] for axis in (0, 1))
        far = (np.abs(grid - np.rint(at[:, photon, 0, None])) <= 3)[:, :, None]
        far = far & (np.abs(grid - np.rint(at[:, photon, 1, None])) <= 7)[:, None, :]
        deposit += energy * share(row[:, :, None], column[:, None, :]) * far
    eta = cms_barrel.eta_from_row(85 + at[:, :, 0])
    pt = np.array(energies) / np.cosh(eta)
    d_eta, d_phi = np.diff(eta)[:, 0], np.diff(at[:, :, 1])[:, 0] * cms_barrel.PHI_PITCH
    mass = 2 * np.sqrt(pt.prod(axis=1) * (np.sinh(d_eta / 2) ** 2 + np.sin(d_phi / 2) ** 2))
    return deposit, mass


@pytest.mark.parametrize(
    ("energies", "distance", "width"), [((20.0, 12.0), 3.0, 0.02), ((40.0, 30.0), 0.8, 0.02)]
)
def test_masses_of_its_own_templates(showers, energies, distance, width):
    rng = np.random.default_rng(0)
    deposit, mass = images(40, rng, energies, distance)
    clean = mass_gev(deposit + 1e-9, np.ones(40), noise_gev=0.06, showers=showers)
    np.testing.assert_allclose(clean, mass, rtol=0.02)
    noisy = deposit + 0.06 * rng.normal(size=deposit.shape)
    error = mass_gev(noisy, np.ones(40), noise_gev=0.06, showers=showers) / mass - 1
    assert 0.1 * width < error.std() < width and abs(np.median(error)) < 0.5 * width


def test_wrong_images_are_named(showers):
    with pytest.raises(InvalidValue, match=r"shape \(2, 32, 32\)"):
        mass_gev(np.ones((2, 5, 5)), [1, 1], noise_gev=0.06, showers=showers)
    with pytest.raises(InvalidValue, match=r"energy at \[15, 15\]"):
        mass_gev(np.zeros((1, 32, 32)), [1], noise_gev=0.06, showers=showers)
