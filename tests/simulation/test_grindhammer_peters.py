"""Parametrised showers against the Geant4 library: moments, energy, the corrections, the folder they lie in.

The tolerances say how good the parametrisation is (docs/simulation.md), plus three statistical errors, which
for a width are 20 %: 5 x 5 sums are right to 0.2 % of E, the position's rms to a tenth of itself; the central
68 % of the 3 x 3 sum is up to 26 % too wide, that of the 5 x 5 sum up to 58 %.
"""

import dataclasses

import numpy as np
import pytest

from zoo.data.records import raw_energy_gev, validate
from zoo.errors import InvalidFile, InvalidValue, UnknownName
from zoo.simulation import grindhammer_peters, rebinning
from zoo.simulation.grindhammer_peters import GFLASH, PAPER, Constants, showers
from zoo.simulation.samples import PHOTONS, simulate
from zoo.simulation.showers import KINDS, ShowerLibrary

ENERGIES = {10.0: 400, 50.0: 250, 100.0: 200}
DEPTH_MM = (np.arange(46) + 0.5) * 5.0
COPIES = 4  # places at which each shower is put


def draw(kind, energy, n, constants=GFLASH, seed=3):
    return showers(kind, np.full(n, energy), np.random.default_rng(seed), constants)


def images(arrays):
    return tuple(arrays[f"{grid.name}_mev"].astype(np.float32) * np.float32(1e-3) for grid in rebinning.GRIDS)


def deposited(arrays):
    return sum(image.sum(axis=(1, 2), dtype=np.float64) for image in images(arrays))


def crystals(arrays, offset_eta, offset_phi):
    """The windows of all showers, COPIES times each."""
    copies = tuple(np.concatenate([image] * COPIES) for image in images(arrays))
    return rebinning.share(copies, offset_eta, offset_phi, np.zeros(len(offset_eta), dtype=np.int64))


def moments(windows, energy, offset_eta, offset_phi):
    """Shapes as in docs/simulation.md."""
    e1, e9, e25 = (windows[:, 7 - h : 8 + h, 7 - h : 8 + h].sum(axis=(1, 2)) for h in (0, 1, 2))
    inner, place = windows[:, 5:10, 5:10], np.arange(-2, 3)
    weight = np.maximum(0.0, 4.2 + np.log(np.maximum(inner / e25[:, None, None], 1e-9)))
    total = weight.sum(axis=(1, 2))
    found_eta = (weight.sum(axis=2) * place).sum(axis=1) / total
    found_phi = (weight.sum(axis=1) * place).sum(axis=1) / total
    return {
        "e1/e9": np.mean(e1 / e9),
        "e9/e25": np.mean(e9 / e25),
        "e25/e": np.mean(e25 / energy),
        "sigma(e9)/e": np.subtract(*np.percentile(e9 / energy, [84, 16])) / 2,
        "sigma(e25)/e": np.subtract(*np.percentile(e25 / energy, [84, 16])) / 2,
        "position": np.concatenate([found_eta - offset_eta, found_phi - offset_phi]).std(),
    }


@pytest.fixture(scope="module")
def drawn():
    return {(kind, energy): draw(kind, energy, n) for kind in KINDS for energy, n in ENERGIES.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("showers")
    grindhammer_peters.library(path, n=300)
    return path


@pytest.mark.ci
@pytest.mark.parametrize("energy", ENERGIES)
@pytest.mark.parametrize("kind", KINDS)
def test_moments_are_those_of_geant4(drawn, kind, energy):
    rng = np.random.default_rng(4)
    arrays, n = drawn[kind, energy], COPIES * ENERGIES[energy]
    eta, phi = rng.uniform(-0.5, 0.5, (2, n)).astype(np.float32)
    found = moments(crystals(arrays, eta, phi), energy, eta, phi)

    library = ShowerLibrary.shipped()
    near = np.flatnonzero(np.abs(np.log(library.table(kind).energy_gev / energy)) < 0.12)
    rows = rng.choice(near, 2000)
    eta, phi = rng.uniform(-0.5, 0.5, (2, 2000)).astype(np.float32)
    windows = library.deposit(kind == "electron", rows, np.full(2000, energy), 0, eta, phi)
    expected = moments(windows, energy, eta, phi)

    assert found["e1/e9"] == pytest.approx(expected["e1/e9"], abs=0.02)
    assert found["e9/e25"] == pytest.approx(expected["e9/e25"], abs=0.002)
    assert found["e25/e"] == pytest.approx(expected["e25/e"], abs=0.004)
    assert found["position"] == pytest.approx(expected["position"], rel=0.2)
    assert 0.8 < found["sigma(e9)/e"] / expected["sigma(e9)/e"] < 1.46
    assert 0.8 < found["sigma(e25)/e"] / expected["sigma(e25)/e"] < 1.78


@pytest.mark.ci
@pytest.mark.parametrize(("energy", "depth_mm"), [(10.0, 81.0), (50.0, 96.0), (100.0, 101.0)])
def test_photons_are_as_deep_as_in_geant4(drawn, energy, depth_mm):
    profile = drawn["photon", energy]["depth_gev"].astype(np.float64)
    assert np.mean(profile @ DEPTH_MM / profile.sum(axis=1)) == pytest.approx(depth_mm, abs=4.0)


@pytest.mark.ci
@pytest.mark.parametrize("kind", KINDS)
def test_rear_leak_rises_with_energy_and_is_near_geant4s(drawn, kind):
    table = ShowerLibrary.shipped().table(kind)
    found = [drawn[kind, energy]["back_gev"].mean() / energy for energy in ENERGIES]
    assert found[0] < found[1] < found[2]
    for part, energy in zip(found, ENERGIES, strict=True):
        assert (
            0.4 < part / table.mean_leak_part(energy) < 1.2
        )  # hard photons leave further behind the profile


@pytest.mark.parametrize("kind", KINDS)
def test_energy_is_conserved_shower_by_shower(drawn, kind):
    for energy in ENERGIES:
        arrays = drawn[kind, energy]
        np.testing.assert_allclose((deposited(arrays) + arrays["back_gev"]) / energy, 1.0, atol=3e-4)
        profile = arrays["depth_gev"].sum(axis=1, dtype=np.float64)
        np.testing.assert_allclose(profile, deposited(arrays), rtol=1e-3)


def test_soft_showers_too():
    for kind in KINDS:
        energy = np.geomspace(0.001, 1.0, 200)
        arrays = showers(kind, energy, np.random.default_rng(1))
        np.testing.assert_allclose((deposited(arrays) + arrays["back_gev"]) / energy, 1.0, atol=2e-3)
        assert np.all(arrays["back_gev"] / energy < 0.2)


def test_images_do_not_cover_each_other(drawn):
    arrays = drawn["electron", 10.0]
    assert np.all(arrays["fine_mev"][:, 25:35, 25:35] == 0) and np.all(
        arrays["outer_mev"][:, 9:21, 9:21] == 0
    )
    for grid in rebinning.GRIDS:
        image = arrays[f"{grid.name}_mev"].astype(np.float64).sum(axis=0)
        assert image.sum() > 0
        assert image[:, ::-1].sum(axis=0) == pytest.approx(image.sum(axis=1), rel=0.3)  # no side is preferred


def test_photons_convert_after_nine_sevenths_of_a_radiation_length():
    depth = draw("photon", 0.05, 20_000)["first_interaction_mm"]
    mean = 9.0 / 7.0 * 8.925
    assert depth.mean() == pytest.approx(mean, abs=4 * mean / np.sqrt(20_000))
    assert np.mean(depth > mean) == pytest.approx(np.exp(-1.0), abs=0.015)
    assert np.all(draw("electron", 0.05, 10)["first_interaction_mm"] == 0)


def test_clumps_move_the_position_and_never_the_sum_of_nine():
    n = 400
    eta, phi = np.random.default_rng(5).uniform(-0.5, 0.5, (2, COPIES * n)).astype(np.float32)
    free, clumped = (
        crystals(draw("electron", 10.0, n, dataclasses.replace(GFLASH, clump=clump)), eta, phi)
        for clump in (1, GFLASH.clump)
    )
    nine = [windows[:, 6:9, 6:9].sum(axis=(1, 2)) for windows in (free, clumped)]
    # the same spots leave the 3 x 3 sum; cells of 2.2 mm are shared at its border
    np.testing.assert_allclose(nine[1], nine[0], atol=0.01)
    found = [moments(windows, 10.0, eta, phi)["position"] for windows in (free, clumped)]
    assert 1.4 < found[1] / found[0] < 2.2


def test_wider_tail_with_an_end_moves_nine_over_twenty_five_alone():
    n = 400
    eta, phi = np.random.default_rng(5).uniform(-0.5, 0.5, (2, COPIES * n)).astype(np.float32)
    published = dataclasses.replace(GFLASH, tail_scale=1.0, reach_mm=1e6)
    before, after = (
        moments(crystals(draw("electron", 10.0, n, constants), eta, phi), 10.0, eta, phi)
        for constants in (published, GFLASH)
    )
    assert before["e9/e25"] - after["e9/e25"] == pytest.approx(0.0037, abs=0.001)
    assert after["e25/e"] == pytest.approx(before["e25/e"], abs=0.001)


def test_paper_set_is_deeper():
    depth = []
    for constants in (GFLASH, PAPER):
        profile = draw("electron", 10.0, 1000, constants)["depth_gev"].astype(np.float64)
        depth.append(np.mean(profile @ DEPTH_MM / profile.sum(axis=1)))
    assert 0.5 < depth[1] - depth[0] < 4.0


def test_same_seed_same_showers():
    one, again, other = (draw("photon", 5.0, 30, seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(one[name], again[name]) for name in one)
    assert not np.array_equal(one["fine_mev"], other["fine_mev"])


def test_same_seed_same_files(folder, tmp_path):
    again = grindhammer_peters.library(tmp_path / "again", n=300)
    other = grindhammer_peters.library(tmp_path / "other", n=300, seed=2)
    known = grindhammer_peters.library(folder, n=300)
    assert known.sha256 == again.sha256 != other.sha256
    assert sorted(path.name for path in folder.iterdir()) == ["electrons.npz", "photons.npz"]


def test_chain_runs_on_the_folder(folder):
    quiet = dataclasses.replace(PHOTONS, pileup=(0, 0))
    records = simulate("photons", 120, 1, config=quiet, library=folder)
    validate(records, truth=True)
    assert 0.88 < np.median(raw_energy_gev(records) / np.asarray(records.true_energy_gev)) < 0.98
    shipped = simulate("photons", 120, 1, config=quiet)
    assert records.hits.energy_gev.to_list() != shipped.hits.energy_gev.to_list()
    energies = ShowerLibrary.from_folder(str(folder)).table("electron").energy_gev
    assert energies.min() >= 0.05 and energies.max() <= 250.0
    counts = np.histogram(np.log(energies), 10, (np.log(0.05), np.log(250.0)))[0]
    assert np.all(np.abs(counts - 30) <= 1)


def test_missing_file_is_written_again(folder, tmp_path):
    (tmp_path / "electrons.npz").write_bytes((folder / "electrons.npz").read_bytes())
    assert (
        grindhammer_peters.library(tmp_path, n=300).sha256 == grindhammer_peters.library(folder, n=300).sha256
    )


@pytest.mark.parametrize("change", [{"n": 301}, {"seed": 2}, {"constants": PAPER}])
def test_folder_with_other_constants_is_an_error(folder, change):
    with pytest.raises(InvalidFile, match="another number, seed or constants"):
        grindhammer_peters.library(folder, **{"n": 300, **change})


def test_folder_with_other_showers_is_an_error(tmp_path):
    np.savez(tmp_path / "photons.npz", energy_gev=np.ones(3))
    with pytest.raises(InvalidFile, match=r"photons\.npz: holds other showers"):
        grindhammer_peters.library(tmp_path)
    (tmp_path / "photons.npz").write_bytes(b"not an archive")
    with pytest.raises(InvalidFile, match="not a shower library"):
        grindhammer_peters.library(tmp_path)


def test_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidFile, match="cannot be written"):
        grindhammer_peters.library(tmp_path / "file" / "showers", n=100)


def test_nonsense_is_refused(tmp_path):
    rng = np.random.default_rng(0)
    with pytest.raises(UnknownName, match="'photon'"):
        showers("photons", [1.0], rng)
    with pytest.raises(InvalidValue, match="energy_gev"):
        showers("photon", [1.0, np.nan, -2.0], rng)
    with pytest.raises(InvalidValue, match="n: expected an integer from 100"):
        grindhammer_peters.library(tmp_path, n=5)
    with pytest.raises(InvalidValue, match="seed"):
        grindhammer_peters.library(tmp_path, seed=-1)
    with pytest.raises(InvalidValue, match="clump"):
        Constants(clump=0)
    with pytest.raises(InvalidValue, match="least_alpha"):
        Constants(least_alpha=1.1)


def test_command_writes_a_folder(tmp_path, capsys):
    path = tmp_path / "paper"
    grindhammer_peters.main([str(path), "--n", "100", "--constants", "paper"])
    assert capsys.readouterr().out == f"{path}\n"
    assert len(grindhammer_peters.library(path, n=100, constants=PAPER).table("photon")) == 100
