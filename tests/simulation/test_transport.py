import numpy as np
import pytest

from zoo.simulation import bremsstrahlung
from zoo.simulation.helix import curvature_per_cm, step_to_radius
from zoo.simulation.material import Band, Material
from zoo.simulation.transport import ARRIVED, CONVERTED, CURLED, TransportConfig, transport

PITCH = 2 * np.pi / 360


def run(pdg_id, energy, eta, n=4000, seed=1, config=None, phi=0.3):
    energy, eta, phi = np.full(n, energy), np.full(n, eta), np.full(n, phi)
    return transport(np.full(n, pdg_id), energy, eta, phi, np.random.default_rng(seed), config)


def test_material_follows_the_table_and_its_shares():
    material = Material()
    np.testing.assert_allclose(material.thickness_x0([0, -0.5, 1.4]), [0.40, 0.50, 1.9])
    assert material.thickness_x0(0.65) == pytest.approx(0.61)
    radii, shares = material.sublayers()
    assert 20 <= radii.size <= 24 and shares.sum() == pytest.approx(1.0)
    for low, high, share in ((3, 16, 0.25), (20, 55, 0.35), (60, 108, 0.30), (110, 125, 0.10)):
        assert shares[(radii > low) & (radii < high)].sum() == pytest.approx(share)


def test_material_names_what_is_wrong():
    with pytest.raises(ValueError, match="shares that add up to 1"):
        Material(bands=(Band(3, 5, 0.5, 2),))


@pytest.mark.parametrize(("eta", "fraction"), [(0.0, 0.33), (1.4, 0.85)])
def test_electron_radiates_the_expected_mean(eta, fraction):
    # without ionisation and at high energy the mean left over is exp(-t) whatever the layers are
    cascade = run(11, 100.0, eta, config=TransportConfig(ionisation_gev_per_x0=0.0))
    primary = np.flatnonzero(cascade.parent == -1)
    radiated = 1.0 - cascade.energy_gev[primary] / 100.0
    error = radiated.std() / np.sqrt(radiated.size)
    assert radiated.mean() == pytest.approx(1.0 - np.exp(-Material().thickness_x0(eta)), abs=4 * error)
    assert radiated.mean() == pytest.approx(fraction, abs=4 * error + 0.01)


def test_spectrum_of_radiated_photons():
    rng = np.random.default_rng(3)
    n, path, energy, cut = 200_000, 0.02, 50.0, 0.03
    left, emitter, photon = bremsstrahlung.radiate(np.full(n, energy), np.full(n, path), rng, cut)
    y = photon / energy
    edges = np.array([0.0006, 0.01, 0.1, 0.5, 1.0])
    primitive = 4 / 3 * (np.log(edges) - edges + 3 / 8 * edges**2)
    expected = n * path * np.diff(primitive)
    counts = np.histogram(y, edges)[0]
    assert np.all(np.abs(counts - expected) < 5 * np.sqrt(expected) + 0.01 * expected)
    np.testing.assert_allclose(left + np.bincount(emitter, photon, n), energy)


def test_energy_is_conserved_in_every_event():
    for pdg_id in (11, -11, 22):
        cascade = run(pdg_id, 20.0, 1.2, n=1000)
        final = cascade.fate != CONVERTED
        total = np.bincount(cascade.event[final], cascade.energy_gev[final], 1000) + cascade.lost_gev
        np.testing.assert_allclose(total, 20.0, rtol=1e-9)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_photon_conversion_fraction(eta):
    cascade = run(22, 40.0, eta, n=8000)
    converted = (cascade.fate == CONVERTED)[cascade.parent == -1].mean()
    assert converted == pytest.approx(1 - np.exp(-7 / 9 * Material().thickness_x0(eta)), abs=0.02)


def test_pair_shares_the_energy():
    u = (np.arange(100_000) + 0.5) / 100_000
    x = bremsstrahlung.pair_share(u)
    np.testing.assert_allclose(x + x[::-1], 1.0, atol=1e-12)
    histogram = np.histogram(x, 10, (0, 1))[0] / 10_000
    edges = np.linspace(0, 1, 11)
    expected = np.diff(edges - 2 / 3 * edges**2 + 4 / 9 * edges**3) / (7 / 9) * 10
    np.testing.assert_allclose(histogram, expected, atol=2e-3)


def test_stiff_and_soft_tracks_meet_the_cylinder_exactly():
    rng = np.random.default_rng(0)
    angle = rng.uniform(-np.pi, np.pi, 1000)
    radius = rng.uniform(0, 60, 1000)
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    direction = angle + rng.uniform(-0.4, 0.4, 1000)
    curvature = rng.choice([-1, 1], 1000) * 10 ** rng.uniform(-7, -2.1, 1000)
    curvature[::7] = 0.0
    start = (x, y, np.cos(direction), np.sin(direction))
    nx, ny, ux, uy, arc, reached = step_to_radius(*start, curvature, 129.0)
    assert reached.mean() > 0.95
    np.testing.assert_allclose(np.hypot(nx, ny)[reached], 129.0, rtol=1e-10)
    np.testing.assert_allclose(np.hypot(ux, uy), 1.0, rtol=1e-12)
    # the same point by the direction turned by curvature times arc
    turned = direction + curvature * arc
    np.testing.assert_allclose(np.cos(turned) * ux + np.sin(turned) * uy, 1.0, atol=1e-9)
    chord = np.hypot(nx - x, ny - y)
    bent = curvature != 0
    np.testing.assert_allclose(chord[~bent], arc[~bent])
    expected = 2 * np.sin(curvature * arc / 2)[bent] / curvature[bent]
    np.testing.assert_allclose(chord[bent], expected, rtol=1e-7)


def test_two_short_steps_are_one_long_step():
    one = np.array([1.0])
    curvature = curvature_per_cm(one, 1.5 * one, 3.8)
    long = step_to_radius(0 * one, 0 * one, one, 0 * one, curvature, 129.0)
    short = step_to_radius(0 * one, 0 * one, one, 0 * one, curvature, 40.0)
    again = step_to_radius(*short[:4], curvature, 129.0)
    np.testing.assert_allclose(np.array(again[:4]), np.array(long[:4]), atol=1e-9)
    assert short[4] + again[4] == pytest.approx(long[4])


@pytest.mark.parametrize("pt", [2.0, 10.0])
@pytest.mark.parametrize("radius", [0.0, 30.0, 80.0])
def test_brems_photon_lands_where_the_field_says(pt, radius):
    one = np.array([1.0])
    curvature = curvature_per_cm(-one, pt * one, 3.8)
    x, y, ux, uy, _, _ = step_to_radius(0 * one, 0 * one, one, 0 * one, curvature, max(radius, 1e-6))
    electron = step_to_radius(x, y, ux, uy, curvature, 129.0)
    photon = step_to_radius(x, y, ux, uy, 0 * one, 129.0)
    dphi = np.arctan2(electron[1], electron[0]) - np.arctan2(photon[1], photon[0])
    expected = 0.57 / pt * (1.29 - radius / 100) ** 2 / 1.29
    assert dphi[0] == pytest.approx(expected, rel=0.22 / pt)  # the formula is the stiff limit
    if radius == 0.0:
        assert dphi[0] / PITCH == pytest.approx({10.0: 4.2, 2.0: 21.0}[pt], rel=0.03)


def test_charges_bend_apart_and_soft_ones_curl_up():
    nothing = TransportConfig(material=Material(scale=0.0))
    up, down = (run(pdg_id, 5.0, 0.0, n=1, config=nothing, phi=0.0) for pdg_id in (11, -11))
    assert up.phi[0] == pytest.approx(-down.phi[0]) and up.phi[0] > 0.1
    assert run(11, 0.73, 0.0, n=1, config=nothing).fate[0] == CURLED
    assert run(11, 0.74, 0.0, n=1, config=nothing).fate[0] == ARRIVED
    assert run(22, 0.10, 0.0, n=1, config=nothing).fate[0] == ARRIVED


def test_electron_keeps_its_pseudorapidity_at_high_energy():
    cascade = run(11, 100.0, 1.1, n=1, config=TransportConfig(material=Material(scale=0.0)))
    assert cascade.eta[0] == pytest.approx(1.1, abs=1e-3)


def test_parents_come_before_their_daughters_in_their_event():
    cascade = run(11, 60.0, 1.3, n=200)
    first = np.searchsorted(cascade.event, np.arange(200))
    local = np.arange(cascade.event.size) - first[cascade.event]
    assert np.all(cascade.parent < local)
    assert np.all((cascade.parent == -1) == (local == 0))
    mother = first[cascade.event] + np.maximum(cascade.parent, 0)
    daughters = cascade.parent >= 0
    assert np.all(cascade.radius_cm[daughters] >= cascade.radius_cm[mother][daughters])
    pairs = daughters & (np.abs(cascade.pdg_id) == 11)
    assert np.all(cascade.pdg_id[mother][pairs] == 22)
    assert np.all(cascade.fate[mother][pairs] == CONVERTED)


def test_same_seed_same_cascade():
    first, second, other = (run(11, 30.0, 0.7, n=50, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.energy_gev, second.energy_gev)
    assert first.energy_gev.size != other.energy_gev.size or np.any(first.energy_gev != other.energy_gev)
