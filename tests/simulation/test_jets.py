"""Jets: the shipped pool, how one is drawn, and the cones of the command that makes it."""

import awkward as ak
import numpy as np
import pytest

from zoo.errors import InvalidFile, InvalidValue, MissingExtra, UnknownName
from zoo.simulation import jets, pythia_jets
from zoo.simulation.jets import JetPool


@pytest.fixture(scope="module")
def pool():
    return JetPool.shipped()


def test_shipped_jets_are_rich_in_pions(pool):
    assert len(pool) == 14000 and jets.SHIPPED.stat().st_size < 2_000_000
    assert pythia_jets.electromagnetic_part(pool).min() > 0.499  # energies are rounded
    energy, eta, _ = pool.axis
    assert np.abs(eta).max() < 1.4405 and np.all(energy > 0.99)
    assert not np.isin(np.abs(pool.pdg_id), (12, 14, 16)).any()
    assert pool.energy_gev.min() >= 0.03 * (1 - 1e-3)
    one = np.arange(*pool.start[100:102])
    assert pool.energy_gev[one].sum() == pytest.approx(energy[100], rel=1e-6)


def test_shipped_jets_are_half_flat_half_logarithmic_in_et(pool):
    edges = np.geomspace(1, 100, pythia_jets.ET_BINS + 1)
    found = np.histogram(pool.et_gev, edges)[0]
    wanted = pythia_jets.quotas(14000, edges)
    assert np.abs(found - wanted).max() <= 5  # rounding of energies moves a few across an edge
    assert wanted.sum() == 14000 and wanted.min() > 250
    assert wanted[-1] == pytest.approx(14000 * (0.5 * (100 - edges[-2]) / 99 + 0.5 / 24), abs=1)


def test_splits_are_disjoint_and_stratified(pool):
    np.testing.assert_array_equal(np.bincount(pool.split), [9800, 1400, 2800])
    hard = pool.et_gev > 50
    assert np.mean(pool.split[hard] == 0) == pytest.approx(0.7, abs=0.01)
    with pytest.raises(UnknownName, match="'train'"):
        pool.choose(np.ones(3), "training", np.random.default_rng(0))


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_drawn_jet_is_near_in_et_and_of_the_split(pool, split):
    wanted = np.geomspace(1.0, 100.0, 4000)
    drawn = pool.choose(wanted, split, np.random.default_rng(0))
    assert np.all(pool.split[drawn] == ("train", "validation", "test").index(split))
    ratio = pool.et_gev[drawn] / wanted
    assert ratio.min() > 0.899 and ratio.max() < 1.101 and ratio.mean() == pytest.approx(1, abs=0.01)
    many = pool.choose(np.full(2000, 30.0), split, np.random.default_rng(1))
    assert len(np.unique(many)) > 50  # never simply the nearest one


def test_particles_of_some_jets(pool):
    owner, particle = pool.particles_of(np.array([7, 3, 7]))
    for number, jet in enumerate((7, 3, 7)):
        np.testing.assert_array_equal(particle[owner == number], np.arange(*pool.start[jet : jet + 2]))


def test_pool_survives_its_file(pool, tmp_path):
    assert pool.save(tmp_path / "copy.npz", provenance="a test") < 2_000_000
    copy = jets.read(tmp_path / "copy.npz")
    for name in ("start", "pdg_id", "energy_gev", "eta", "phi"):
        np.testing.assert_array_equal(getattr(copy, name), getattr(pool, name))
    with pytest.raises(InvalidFile, match="no such file"):
        jets.read(tmp_path / "absent.npz")
    np.savez(tmp_path / "foreign.npz", a=np.zeros(3))
    with pytest.raises(InvalidFile, match="not a pool of jets"):
        jets.read(tmp_path / "foreign.npz")


def events(*lists):
    """Pythia's events made of (PDG code, pT, eta, phi)."""
    made = []
    for particles in lists:
        rows = []
        for code, pt, eta, phi in particles:
            p = {
                "px": pt * np.cos(phi),
                "py": pt * np.sin(phi),
                "pz": pt * np.sinh(eta),
                "e": pt * np.cosh(eta),
            }
            rows.append({"id": code, "status": 1, "p": p})
        made.append({"prt": rows})
    return ak.Array(made)


def test_cones_of_toy_events():
    found = pythia_jets.cone_jets(
        events(
            [
                (22, 10.0, 0.5, 3.1),  # the axis of the first cone
                (211, 4.0, 0.5, -3.0),  # 0.18 away, across phi = pi
                (12, 50.0, 0.5, 3.1),  # a neutrino is not seen
                (22, 3.0, 0.5, 2.6),  # 0.5 away: a second cone
                (22, 0.02, 0.5, 2.6),  # too soft
                (211, 9.0, -1.0, 0.0),  # a cone without photons
                (22, 2.0, 1.6, 1.0),  # beyond the barrel
            ],
            [(11, 5.0, 0.0, 1.0), (130, 4.0, 0.3, 1.2)],
        )
    )
    assert len(found) == 3
    np.testing.assert_array_equal(found.pdg_id, [22, 211, 22, 11, 130])
    pt = [np.hypot(10 + 4 * np.cos(0.18319), 4 * np.sin(0.18319)), 3.0]
    energy, eta, _ = found.axis
    np.testing.assert_allclose(energy[:2], [14 * np.cosh(0.5), 3 * np.cosh(0.5)], rtol=1e-6)
    np.testing.assert_allclose(eta[:2], np.arcsinh([14 * np.sinh(0.5) / pt[0], np.sinh(0.5)]), rtol=1e-5)
    assert pythia_jets.electromagnetic_part(found) == pytest.approx(
        [10 / 14, 1.0, 5 / (5 + 4 * np.cosh(0.3))], rel=1e-6
    )


def test_mostly_hadronic_cones_are_left_out():
    assert len(pythia_jets.cone_jets(events([(22, 4.9, 0, 0), (211, 5.0, 0, 0.1)], [(13, 3.0, 0, 0)]))) == 0


def test_wrong_arguments_are_named(monkeypatch):
    with pytest.raises(InvalidValue, match="at least one jet"):
        pythia_jets.generate(0, 1)
    with pytest.raises(InvalidValue, match="900000000"):
        pythia_jets.generate(1, 0)
    monkeypatch.setitem(__import__("sys").modules, "pythia8mc", None)
    with pytest.raises(MissingExtra, match="pythia"):
        pythia_jets.generate(1, 1)


@pytest.mark.slow
def test_command_makes_a_pool(tmp_path, capsys):
    pytest.importorskip("pythia8mc", reason="needs the extra `pythia`")
    pythia_jets.main(["--n", "24", "--seed", "3", "--out", str(tmp_path / "jets.npz")])
    assert "24 jets" in capsys.readouterr().out
    made = jets.read(tmp_path / "jets.npz")
    edges = np.geomspace(1, 100, pythia_jets.ET_BINS + 1)
    np.testing.assert_array_equal(np.histogram(made.et_gev, edges)[0], pythia_jets.quotas(24, edges))
