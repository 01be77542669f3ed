"""The parts of whole events: cells, clusters, paths to the faces, material, the pool's generator."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.errors import InvalidFile, InvalidValue, MissingExtra
from zoo.simulation import collisions, pythia_collisions
from zoo.simulation.calorimeters import ECAL_FACE, CalorimeterConfig, hadronic_response
from zoo.simulation.cell_clusters import ClusterConfig, cluster, spread
from zoo.simulation.cell_grids import CENTRE, ecal_grid, hcal_grid, hf_grid
from zoo.simulation.hadrons import to_face_from_vertex
from zoo.simulation.helix import curvature_per_cm
from zoo.simulation.surfaces import Rays, Surface, advance, fly
from zoo.simulation.upstream import UpstreamConfig, go_upstream

QUIET = ClusterConfig({-1: 0.0, -2: 0.0}, {-1: 0.23, -2: 0.6}, {-1: 0.01, -2: 0.01}, 1.5)
CONFIG = CalorimeterConfig()


@pytest.mark.parametrize("grid", [ecal_grid(), hcal_grid(), hf_grid(11)], ids=["ecal", "hcal", "hf"])
def test_cells_are_where_they_are_found(grid):
    cells = np.arange(len(grid))
    assert np.array_equal(grid.find(grid.eta, grid.phi), cells)
    assert np.array_equal(grid.around[:, CENTRE], cells) and np.array_equal(grid.under[:, CENTRE], cells)
    eta, phi = grid.direction(cells, grid.local(cells, grid.eta, grid.phi))
    np.testing.assert_allclose(eta, grid.eta, atol=1e-9)
    np.testing.assert_allclose(np.cos(phi - grid.phi), 1.0)
    one = np.flatnonzero(grid.around[:, 13] >= 0)  # the next in phi, or in y
    near = np.abs(grid.offsets_cm(one, grid.around[one, 13]))
    assert np.all(near[:, 0] < 1e-6) and np.all((near[:, 1] > 1.0) & (near[:, 1] < 40.0))
    assert np.all(grid.find(np.array([0.0, 9.0]), np.zeros(2))[1] == -1)


def test_numbers_of_cells_are_those_of_cms():
    assert (ecal_grid().layer == -1).sum() == 61_200
    assert 14_000 < (ecal_grid().layer == -2).sum() < 15_000  # 14,648
    assert len(hcal_grid()) == 2 * (20 * 72 + 9 * 36)


def test_photons_have_the_shape_of_the_library_and_keep_their_energy():
    rng, grid, n = np.random.default_rng(0), ecal_grid(), 150
    eta, phi = rng.uniform(-1.2, 1.2, n), rng.uniform(-np.pi, np.pi, n)
    found = spread(grid, np.arange(n), np.arange(n), np.full(n, 20.0), eta, phi, CONFIG.em_shape)
    image = np.zeros((n, len(grid)), np.float32)
    np.add.at(image, (found.event, found.cell), found.energy_gev)
    around = grid.around[image.argmax(axis=1)]
    window = np.take_along_axis(image, around, axis=1).reshape(n, 5, 5)
    e1, e9, e25 = window[:, 2, 2], window[:, 1:4, 1:4].sum(axis=(1, 2)), window.sum(axis=(1, 2))
    # Geant4: .697, .961, .972 (docs/simulation.md)
    assert np.mean(e1 / e9) == pytest.approx(0.697, abs=0.04)
    assert np.mean(e9 / e25) == pytest.approx(0.961, abs=0.015)
    assert np.mean(e25 / 20.0) == pytest.approx(0.972, abs=0.015)


def test_near_photons_merge_and_far_ones_do_not():
    grid = ecal_grid()
    phi = 0.5 * 0.01745
    for apart, clusters in ((1, 1), (4, 2)):
        eta = 0.0174 * np.array([10.5, 10.5 + apart])
        found = spread(
            grid,
            np.zeros(2, int),
            np.arange(2),
            np.array([20.0, 10.0]),
            eta,
            np.full(2, phi),
            CONFIG.em_shape,
        )
        made = cluster(grid, 1, found, QUIET, np.random.default_rng(0))
        assert len(made.energy_gev) == clusters
        assert made.energy_gev.sum() == pytest.approx(30.0, rel=0.04)
        assert made.link_gev.sum() == pytest.approx(made.energy_gev.sum(), rel=1e-3)
        if clusters == 2:
            assert np.sort(made.energy_gev) == pytest.approx([10.0, 20.0], rel=0.06)
            np.testing.assert_allclose(np.sort(made.eta), eta, atol=0.003)
            np.testing.assert_allclose(made.phi, phi, atol=0.003)
            own = made.link_particle == np.where(made.energy_gev[made.link_cluster] > 15, 0, 1)
            assert made.link_gev[own].sum() > 0.95 * made.link_gev.sum()


def test_paths_to_the_faces():
    rng, n = np.random.default_rng(1), 200
    eta, phi, pt = rng.uniform(-1.3, 1.3, n), rng.uniform(-3, 3, n), rng.uniform(1.0, 20.0, n)
    charge = rng.choice([-1, 1], n)
    curvature = curvature_per_cm(charge.astype(float), pt, 3.8)
    rays = Rays.from_beam(np.zeros(n), eta, phi, np.zeros(n), curvature)
    at_eta, at_phi, reached = fly(rays, Surface(129.0, 1e4))
    expected = to_face_from_vertex(charge, pt * np.cosh(eta), eta, phi)
    assert reached.all()
    np.testing.assert_allclose(at_eta, expected[0], atol=1e-9)
    np.testing.assert_allclose(np.cos(at_phi - expected[1]), 1.0)
    # an endcap: two half steps are a whole one, and a straight line keeps its direction
    half = advance(advance(rays, np.full(n, 20.0)), np.full(n, 20.0))
    whole = advance(rays, np.full(n, 40.0))
    np.testing.assert_allclose([half.x, half.uy, half.z], [whole.x, whole.uy, whole.z], atol=1e-9)
    straight = Rays.from_beam(np.zeros(2), np.array([2.0, -2.5]), np.ones(2), np.zeros(2), np.zeros(2))
    at_eta, at_phi, reached = fly(straight, ECAL_FACE)
    assert reached.all() and at_eta == pytest.approx([2.0, -2.5]) and at_phi == pytest.approx([1.0, 1.0])
    curled, at = curvature_per_cm(np.ones(1), np.full(1, 0.7), 3.8), np.zeros(1)
    soft = Rays.from_beam(at, at, at, at, curled)
    assert not fly(soft, ECAL_FACE)[2].any()


@pytest.mark.parametrize(("charge", "eta"), [(0, 0.0), (0, 1.4), (1, 0.0), (-1, 2.0)])
def test_material_converts_and_radiates_as_it_should(charge, eta):
    n, config, zero = 3000, UpstreamConfig(), np.zeros(3000)
    start = (np.arange(n), np.full(n, charge), zero + 50.0, zero + eta, zero, zero, zero)
    found = go_upstream(*start, ECAL_FACE, 3.8, config, np.random.default_rng(0))
    x0 = float(config.material.thickness_x0(eta))
    if charge == 0:
        converted = len(np.unique(found.electrons.particle)) / n
        assert converted == pytest.approx(1 - np.exp(-7 / 9 * x0), abs=0.03)
    else:
        radiated = found.electrons.radiated_gev.sum(axis=1)
        assert radiated.mean() / 50.0 == pytest.approx(1 - np.exp(-x0), abs=0.02)
        np.testing.assert_allclose(radiated + found.electrons.left_gev, 50.0)
    arrived = np.bincount(found.showering.particle, found.showering.energy_gev, n)
    assert arrived.max() < 50.0 * (1 + 1e-9) and np.median(arrived) > 49.0


def test_response_to_hadrons_rises_to_one_at_the_calibration_energy():
    energy = np.array([2.0, 10.0, 50.0, 300.0])
    hcal = hadronic_response(energy, CONFIG.hcal_e_over_h, CONFIG)
    ecal = hadronic_response(energy, CONFIG.ecal_e_over_h, CONFIG)
    assert np.all(np.diff(hcal) > 0) and hcal[2] == pytest.approx(1.0) and np.all(ecal < hcal)


def test_a_pool_survives_its_file(tmp_path):
    one = np.array([0.5, -2.0, 5.1], np.float32)
    pool = collisions.Collisions(
        np.array([0, 2, 3]), np.array([0, 5], np.uint8), np.array([211, -22, 130], np.int16), 8 * abs(one),
        one, one / 2, np.array([0.0, 0.0, 30.2], np.float32),
    )  # fmt: skip
    pool.save(tmp_path / "pool.npz", provenance="by hand")
    again = collisions.read(tmp_path / "pool.npz")
    assert again.start.tolist() == [0, 2, 3] and again.pdg_id.tolist() == [211, -22, 130]
    np.testing.assert_allclose(again.pt_gev, pool.pt_gev, rtol=5e-4)
    np.testing.assert_allclose([again.eta, again.phi], [pool.eta, pool.phi], atol=1.1e-4)
    assert again.radius_cm.tolist() == [0.0, 0.0, 30.0]
    assert again.particles_of(np.array([1, 1]))[1].tolist() == [2, 2]
    with pytest.raises(InvalidFile, match="pythia_collisions"):
        collisions.read(tmp_path / "missing.npz")


def test_wrong_arguments_of_the_generator(monkeypatch):
    source = pythia_collisions.SOURCES[0]
    with pytest.raises(InvalidValue, match="at least one collision"):
        pythia_collisions.generate(source, 0, 1)
    with pytest.raises(InvalidValue, match="900000000"):
        pythia_collisions.generate(source, 1, 0)
    monkeypatch.setitem(__import__("sys").modules, "pythia8mc", None)
    with pytest.raises(MissingExtra, match="pythia"):
        pythia_collisions.generate(source, 1, 1)


@pytest.mark.slow
def test_the_command_makes_a_pool(tmp_path):
    pytest.importorskip("pythia8mc", reason="needs the extra `pythia`")
    pythia_collisions.main(["--scale", "0.01", "--seed", "3", "--out", str(tmp_path / "pool.npz")])
    pool = collisions.read(tmp_path / "pool.npz")
    assert set(pool.process.tolist()) == set(range(len(collisions.PROCESSES)))
    pythia_collisions.main(["--only", "ttbar", "--scale", "0.01", "--out", str(tmp_path / "some.npz")])
    assert set(collisions.read(tmp_path / "some.npz").process.tolist()) == {0}
    assert not np.isin(np.abs(pool.pdg_id), (12, 14, 16)).any() and np.abs(pool.eta).max() < 5.2
