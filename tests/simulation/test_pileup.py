"""Pile-up: the pool, crossings, and the command that makes the pool."""

import time

import awkward as ak
import numpy as np
import pytest

from zoo.detectors import cms_barrel
from zoo.errors import InvalidFile, InvalidValue, MissingExtra, UnknownName
from zoo.simulation import hadrons, interactions, minimum_bias
from zoo.simulation.pileup import CRYSTAL_LEAST_GEV, PileupPool


@pytest.fixture(scope="module")
def pool():
    return PileupPool.shipped()


def test_pool_looks_like_minimum_bias(pool):
    found = interactions.figures(pool.events)
    assert len(pool.events) == 5000
    assert 0.9 < found["photons_per_area"] < 1.3  # about one for each unit of eta-phi
    assert 0.24 < found["photon_mean_pt_gev"] < 0.33
    assert 0.5 < found["rho_gev_per_event"] < 0.68
    assert pool.events.energy_gev.min() >= 0.03 * (1 - 1e-3)
    assert np.abs(pool.events.eta).max() <= 1.5 and np.abs(pool.events.phi).max() <= np.pi + 1e-3


def test_pool_has_minimum_ionising_peak(pool):
    mip = pool.events.energy_gev[pool.events.kind == interactions.KIND_NAMES.index("mip")]
    assert np.median(mip) == pytest.approx(0.27, abs=0.02) and mip.std() < 0.1


def test_splits_of_the_pool(pool):
    np.testing.assert_array_equal(np.bincount(pool.split), [3500, 500, 1000])
    assert [len(pool.deposits(split)) for split in ("validation", "test")] == [500, 1000]
    with pytest.raises(UnknownName, match="train"):
        pool.deposits("training")


def test_deposits_hold_the_energy_of_the_particles(pool):
    table = pool.deposits("validation")
    vertex = np.repeat(np.arange(len(pool.events)), np.diff(pool.events.start))
    chosen = (pool.split[vertex] == 1) & (np.abs(pool.events.eta) < 1.3)
    inside = np.abs(cms_barrel.eta_from_row(table.row)) < 1.3
    assert table.energy_gev[inside].sum() / pool.events.energy_gev[chosen].sum() == pytest.approx(
        0.98, abs=0.015
    )
    assert table.energy_gev.min() > CRYSTAL_LEAST_GEV
    assert (
        table.row.min() >= 0
        and table.row.max() < 170
        and table.column.min() >= 0
        and table.column.max() < 360
    )


def test_crossing_is_reproducible_and_adds_up(pool):
    one, two, other = (pool.crossing(40, np.random.default_rng(seed), "validation") for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.image, two.image)
    assert one.rho == two.rho and not np.array_equal(one.image, other.image)
    assert one.image.shape == (170, 360) and one.image.dtype == np.float32
    rng = np.random.default_rng(1)
    table = pool.deposits("validation")
    drawn = rng.integers(0, len(table), 40)
    total = sum(table.energy_gev[table.start[i] : table.start[i + 1]].sum(dtype=float) for i in drawn)
    assert one.image.sum(dtype=float) == pytest.approx(total, rel=1e-4)


def test_empty_and_impossible_crossings(pool):
    empty = pool.crossing(0, np.random.default_rng(0), "validation")
    assert not empty.image.any() and empty.rho == 0.0 and len(empty.particles.row) == 0
    with pytest.raises(InvalidValue, match="n_vertices"):
        pool.crossing(-1, np.random.default_rng(0), "validation")


def test_rho_grows_with_the_vertices(pool):
    rng = np.random.default_rng(3)
    few, many = (np.mean([pool.crossing(n, rng, "test").rho for _ in range(60)]) for n in (20, 60))
    assert many / few == pytest.approx(3.0, rel=0.12)
    assert 0.5 < many / 60 < 0.7


def test_crossings_are_the_same_everywhere(pool):
    rng = np.random.default_rng(4)
    image = sum(pool.crossing(60, rng, "test").image.astype(float) for _ in range(60))
    sectors = image.sum(axis=0).reshape(12, 30).sum(axis=1)
    assert sectors.std() / sectors.mean() < 0.1
    assert image[:85].sum() / image.sum() == pytest.approx(0.5, abs=0.02)


def test_hard_particles_stand_where_the_energy_is(pool):
    crossing = pool.crossing(60, np.random.default_rng(5), "test")
    found = crossing.particles
    assert len(found.row) > 20 and found.energy_gev.min() > 1.0
    assert found.iphi.min() >= 1 and found.iphi.max() <= 360
    inside = (found.row > 2) & (found.row < 167)
    padded = np.pad(crossing.image, ((0, 0), (1, 1)), mode="wrap")
    for energy, row, iphi in zip(*(a[inside] for a in found), strict=True):
        assert padded[row - 1 : row + 2, iphi - 1 : iphi + 2].sum() > 0.6 * energy


@pytest.mark.slow  # it measures time
def test_a_crossing_takes_five_milliseconds(pool):
    rng = np.random.default_rng(6)
    pool.crossing(45, rng, "test")
    start = time.process_time()
    for _ in range(50):
        pool.crossing(45, rng, "test")
    assert (time.process_time() - start) / 50 < 5e-3


def test_foreign_pool_is_an_error(tmp_path):
    with pytest.raises(InvalidFile, match="no such file"):
        interactions.read(tmp_path / "absent.npz")
    np.savez(tmp_path / "foreign.npz", a=np.zeros(3))
    with pytest.raises(InvalidFile, match="not a pool"):
        interactions.read(tmp_path / "foreign.npz")


def test_pool_survives_its_file(pool, tmp_path):
    size = interactions.save(pool.events, tmp_path / "copy.npz", seed=1)
    assert size < 3_000_000
    copy = interactions.read(tmp_path / "copy.npz")
    np.testing.assert_allclose(copy.phi, pool.events.phi, atol=1e-4)
    np.testing.assert_array_equal(copy.start, pool.events.start)


def particles_to_face(charge, pt, phi=0.3, pz=0.5):
    pt = np.atleast_1d(np.asarray(pt, dtype=float))
    zero = np.zeros_like(pt)
    pz = np.broadcast_to(np.asarray(pz, dtype=float), pt.shape)
    return hadrons.to_face(np.full_like(pt, charge), zero, zero, zero, pt * np.cos(phi), pt * np.sin(phi), pz)


def test_photons_go_straight():
    eta, phi = particles_to_face(0.0, [1.0, 20.0], pz=[1.0, -10.0])
    np.testing.assert_allclose(eta, np.arcsinh([1.0, -0.5]))
    np.testing.assert_allclose(phi, 0.3)


def test_displaced_photon_hits_where_its_line_meets_the_face():
    one = np.ones(1)
    eta, phi = hadrons.to_face(0 * one, 0 * one, 50.0 * one, 10.0 * one, one, 0 * one, 0 * one)
    assert phi[0] == pytest.approx(np.arcsin(50.0 / 129.0)) and eta[0] == pytest.approx(
        np.arcsinh(10.0 / 129.0)
    )


def test_charged_particles_bend_and_the_soft_ones_curl_up():
    eta, phi = particles_to_face(1.0, [0.73, 0.74, 10.0])
    assert np.isinf(eta[0]) and np.all(np.isfinite(eta[1:]))
    assert 0.3 - phi[2] == pytest.approx(0.57 * 1.29 / 10.0, rel=0.01)
    _, other = particles_to_face(-1.0, 10.0)
    assert other[0] - 0.3 == pytest.approx(0.3 - phi[2])


def test_generator_needs_its_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pythia8mc", None)
    with pytest.raises(MissingExtra, match=r"reco-zoo\[pythia\]"):
        minimum_bias.generate(1, 1)


def test_generator_refuses_nonsense():
    with pytest.raises(InvalidValue, match="n:"):
        minimum_bias.generate(0, 1)
    with pytest.raises(InvalidValue, match="seed"):
        minimum_bias.generate(1, 0)


class Charges:
    """What `at_face` asks of Pythia's particle data."""

    def charge(self, code):
        return {22: 0.0, 211: 1.0, -211: -1.0, 11: -1.0, 130: 0.0, 12: 0.0}[code]


def toy_event(*particles):
    """A Pythia batch of one event from (pdg id, px, pz) with the beam along z, all from the origin."""
    origin = {"px": 0.0, "py": 0.0, "pz": 0.0, "e": 0.0}
    made = [
        {
            "id": code,
            "status": 1,
            "m": 0.0,
            "p": {"px": px, "py": 0.0, "pz": pz, "e": float(np.hypot(px, pz))},
            "vProd": origin,
        }
        for code, px, pz in particles
    ]
    return ak.Array([{"prt": made}])


def test_what_arrives_at_the_face():
    batch = toy_event(
        (22, 2.0, 0.0),  # photon: arrives, seen
        (22, 0.02, 0.0),  # too soft
        (22, 1.0, 5.0),  # beyond |eta| 1.5, still in the grid of rho
        (211, 0.6, 0.0),  # curls up; the track is seen with an efficiency between 0 and 0.94
        (11, 3.0, 1.0),  # electron: all its energy
        (130, 9.0, 0.0),  # neutral hadron: in rho alone
        (12, 50.0, 0.0),  # neutrino: nowhere
    )
    found = minimum_bias.at_face(batch, {}, Charges(), np.random.default_rng(0))
    np.testing.assert_array_equal(found.start, [0, 2])
    assert [interactions.KIND_NAMES[k] for k in found.kind] == ["photon", "electron"]
    np.testing.assert_allclose(found.energy_gev, [2.0, np.hypot(3.0, 1.0)], rtol=1e-6)
    assert found.phi[1] == pytest.approx(np.arcsin(1.29 * 0.3 * 3.8 / 2 / 3.0), rel=2e-3)  # a negative charge
    assert found.grid_gev.sum() == pytest.approx(2.0 + 1.0 + 0.6 * 0.94 * 0.6 + 3.0 * 0.94 + 9.0, rel=1e-5)


def test_hadrons_in_the_crystals():
    pdg, n = np.full(20_000, 211), 20_000
    deposit, kind = hadrons.crystal_deposit(pdg, np.full(n, 20.0), np.full(n, 20.0), np.random.default_rng(1))
    mip = kind == interactions.KIND_NAMES.index("mip")
    assert mip.mean() == pytest.approx(0.32, abs=0.015)
    assert np.median(deposit[mip]) == pytest.approx(0.27, abs=0.01)
    assert deposit[~mip].mean() / 20.0 == pytest.approx(1.2 / 3.4, abs=0.01)
    muon, kind = hadrons.crystal_deposit(
        np.full(100, 13), np.full(100, 9.0), np.full(100, 9.0), np.random.default_rng(1)
    )
    assert np.all(kind == 3) and muon.max() < 1.0


@pytest.mark.slow
def test_command_makes_a_pool(tmp_path, capsys):
    pytest.importorskip("pythia8mc", reason="needs the extra `pythia`")
    out = tmp_path / "pool.npz"
    minimum_bias.main(["--n", "40", "--seed", "3", "--out", str(out)])
    assert "photons_per_area" in capsys.readouterr().out
    events = interactions.read(out)
    assert len(events) == 40 and len(events.energy_gev) == events.start[-1] > 200
    again = minimum_bias.generate(40, 3)
    np.testing.assert_array_equal(np.diff(again.start), np.diff(events.start))
    np.testing.assert_allclose(again.energy_gev, events.energy_gev, rtol=1e-3)
