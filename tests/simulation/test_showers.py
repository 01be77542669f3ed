"""The frozen shower library: draws, splits, re-binning, gaps, leaks, speed.

`direct_windows.npz` holds 120 showers above 10 GeV as Geant4 deposited them in crystals, the same showers as
the named rows of the library: re-binning must give them back.
"""

import pickle
import time
from pathlib import Path

import numpy as np
import pytest

from zoo.errors import InvalidFile, InvalidValue, UnknownName
from zoo.simulation import rebinning
from zoo.simulation.shower_table import LEAST_CHOICE, LOG_WINDOW
from zoo.simulation.showers import KINDS, SPLITS, ShowerLibrary

DIRECT = Path(__file__).parent / "direct_windows.npz"


def sums(windows, half):
    return windows[:, 7 - half : 8 + half, 7 - half : 8 + half].sum(axis=(1, 2))


def test_library_holds_every_shower(library):
    assert len(library.table("photon")) == 10_039 and len(library.table("electron")) == 8_313
    for kind in KINDS:
        energy = library.table(kind).energy_gev
        assert energy.min() >= 0.05 and energy.max() <= 250.0


@pytest.mark.parametrize("kind", KINDS)
def test_splits_are_disjoint_and_70_10_20_at_every_energy(library, kind):
    table = library.table(kind)
    rows = [table.rows(split) for split in SPLITS]
    assert np.array_equal(np.sort(np.concatenate(rows)), np.arange(len(table)))
    for low, high in ((0.05, 1.0), (1.0, 10.0), (10.0, 60.0), (60.0, 130.0), (130.0, 250.0)):
        inside = (table.energy_gev >= low) & (table.energy_gev < high)
        parts = np.bincount(table.split[inside], minlength=3) / inside.sum()
        np.testing.assert_allclose(parts, [0.7, 0.1, 0.2], atol=0.01)


@pytest.mark.parametrize("split", SPLITS)
def test_choice_stays_in_its_split_and_near_in_energy(library, split):
    rng = np.random.default_rng(1)
    energy = np.exp(rng.uniform(np.log(0.05), np.log(250.0), 20_000))
    table = library.table("photon")
    rows = library.choose("photon", energy, split, rng)
    assert np.all(table.split[rows] == SPLITS.index(split))
    own = np.log(table.energy_gev[table.rows(split)])
    inside = np.abs(own[None, :] - np.log(energy[:2000, None])) < LOG_WINDOW
    distance = np.abs(np.log(table.energy_gev[rows[:2000]] / energy[:2000]))
    enough = inside.sum(axis=1) >= LEAST_CHOICE
    assert np.all(distance[enough] < LOG_WINDOW + 1e-6)
    widest = np.sort(np.abs(own[None, :] - np.log(energy[:2000, None])), axis=1)[:, LEAST_CHOICE - 1]
    assert np.all(distance[~enough] <= widest[~enough] + 1e-6)


def test_choice_is_uniform_never_the_nearest(library):
    table = library.table("electron")
    log = np.log(table.energy_gev[table.rows("train")])
    for energy in (0.3, 30.0, 300.0):
        rows = library.choose("electron", np.full(20_000, energy), "train", np.random.default_rng(2))
        unique, counts = np.unique(rows, return_counts=True)
        expected = max(LEAST_CHOICE, int(np.sum(np.abs(log - np.log(energy)) < LOG_WINDOW)))
        assert len(unique) == expected
        chi2 = np.sum((counts - counts.mean()) ** 2) / counts.mean()
        assert abs(chi2 - expected) < 5.0 * np.sqrt(2.0 * expected)


def test_choice_refuses_nonsense(library):
    rng = np.random.default_rng(0)
    with pytest.raises(InvalidValue, match="energy_gev"):
        library.choose("photon", [1.0, -2.0, np.nan], "train", rng)
    with pytest.raises(UnknownName, match="validation"):
        library.choose("photon", [1.0], "valid", rng)
    with pytest.raises(UnknownName, match="photon"):
        library.choose("foton", [1.0], "train", rng)


@pytest.mark.parametrize("kind", KINDS)
def test_rebinning_gives_back_the_direct_deposits(library, kind):
    with np.load(DIRECT) as file:
        energy, offset, rows, direct = (
            file[f"{kind}_{n}"] for n in ("energy_gev", "offset", "row", "window_gev")
        )
    np.testing.assert_array_equal(library.table(kind).energy_gev[rows], energy)
    windows = library.deposit(kind == "electron", rows, energy, 0, offset[:, 1], offset[:, 0])
    assert np.mean(np.abs(sums(windows, 1) - sums(direct, 1)) / energy) < 3e-4
    assert np.mean(np.abs(sums(windows, 7) - sums(direct, 7)) / energy) < 2e-4
    assert np.mean(np.abs(windows - direct)[:, 7, 7] / energy) < 3e-3


@pytest.mark.parametrize("symmetry", range(8))
def test_symmetries_of_the_square(library, symmetry):
    rng = np.random.default_rng(3)
    n = 40
    rows = rng.integers(0, len(library.table("photon")), n)
    energy = library.table("photon").energy_gev[rows]
    x, y = rng.uniform(-0.5, 0.5, (2, n))
    plain = library.deposit(False, rows, energy, 0, y, x)
    if symmetry & 1:
        plain, x = plain[:, :, ::-1], -x
    if symmetry & 2:
        plain, y = plain[:, ::-1, :], -y
    if symmetry & 4:
        plain, x, y = plain.transpose(0, 2, 1), y, x
    moved = library.deposit(False, rows, energy, symmetry, y, x)
    np.testing.assert_allclose(moved, plain, atol=2e-5 * energy.max())


def test_deposit_follows_the_impact_point(library):
    rng = np.random.default_rng(4)
    energy = np.full(300, 50.0)
    rows = library.choose("photon", energy, "train", rng)
    eta, phi = rng.uniform(-0.5, 0.5, (2, 300))
    windows = library.deposit(False, rows, energy, rng.integers(0, 8, 300), eta, phi)
    axis = np.arange(-7, 8)
    found_eta = (windows.sum(axis=2) * axis).sum(axis=1) / windows.sum(axis=(1, 2))
    found_phi = (windows.sum(axis=1) * axis).sum(axis=1) / windows.sum(axis=(1, 2))
    for found, true in ((found_eta, eta), (found_phi, phi)):
        assert np.corrcoef(found, true)[0, 1] > 0.9
    assert abs(np.corrcoef(found_eta, phi)[0, 1]) < 0.25


@pytest.mark.parametrize("kind", KINDS)
def test_deposit_leak_and_albedo_make_the_energy(library, kind):
    rng = np.random.default_rng(5)
    energy = np.exp(rng.uniform(np.log(1.0), np.log(240.0), 4000))
    rows = library.choose(kind, energy, "train", rng)
    table = library.table(kind)
    windows = library.deposit(kind == "electron", rows, energy, 0, 0.0, 0.0)
    albedo = table.front_gev[rows] / table.energy_gev[rows] * energy
    balance = (windows.sum(axis=(1, 2)) + library.rear_leak_gev(kind, rows, energy) + albedo) / energy
    for low, high in ((1.0, 10.0), (10.0, 60.0), (60.0, 240.0)):
        inside = (energy >= low) & (energy < high)
        assert abs(balance[inside].mean() - 1.0) < 1.5e-3  # the rest leaves sideways, or was in flight


@pytest.mark.parametrize("kind", KINDS)
def test_leak_of_scaled_showers_has_the_mean_of_the_new_energy(library, kind):
    table = library.table(kind)
    part = table.back_gev / table.energy_gev

    def around(energy):
        return np.flatnonzero(np.abs(np.log(table.energy_gev / energy)) < 0.2)

    low, high = around(30.0), around(120.0)
    scaled = library.rear_leak_gev(kind, low, np.full(len(low), 120.0)).mean() / 120.0
    error = np.hypot(
        part[high].std() / len(high) ** 0.5, scaled / part[low].mean() * part[low].std() / len(low) ** 0.5
    )
    assert abs(scaled - part[high].mean()) < 3.0 * error
    assert part[high].mean() - part[low].mean() > 5.0 * error  # there is a slope to correct for
    np.testing.assert_allclose(
        library.rear_leak_gev(kind, low, table.energy_gev[low]), table.back_gev[low], rtol=1e-5
    )


@pytest.mark.parametrize(("axis", "low", "high"), [("eta", 0.05, 0.07), ("phi", 0.03, 0.05)])
@pytest.mark.parametrize("kind", KINDS)
def test_gap_dips(library, kind, axis, low, high):
    rng = np.random.default_rng(6)
    n, energy = 400, np.full(400, 50.0)
    rows = library.choose(kind, energy, "test", rng)
    across, along = np.full(n, 0.4999), rng.uniform(-0.5, 0.5, n)
    eta, phi = (across, along) if axis == "eta" else (along, across)
    row, iphi = (
        (109, 10) if axis == "eta" else (97, 20)
    )  # |ieta| 25 and iphi 20: the gap is at the upper edge
    at = {"row": np.full(n, row), "iphi": np.full(n, iphi)}
    electron, symmetry = kind == "electron", rng.integers(0, 8, n)
    whole = sums(library.deposit(electron, rows, energy, symmetry, eta, phi), 1).mean()
    dipped = sums(library.deposit(electron, rows, energy, symmetry, eta, phi, **at), 1).mean()
    assert low < 1.0 - dipped / whole < high
    away = {"row": np.full(n, 97), "iphi": np.full(n, 10)}
    same = sums(library.deposit(electron, rows, energy, symmetry, eta, phi, **away), 1).mean()
    assert same == pytest.approx(whole, rel=1e-4)


def test_no_gap_no_change_and_each_strip_loses_its_part():
    offset, plain = np.array([0.3], np.float32), np.array([False])
    none, loss = np.zeros((1, 16), np.float32), np.zeros((1, 16), np.float32)
    for grid in rebinning.GRIDS:
        matrix = rebinning.overlap(grid, offset, plain)
        assert np.array_equal(matrix, rebinning.overlap(grid, offset, plain, none))
        assert matrix.sum(axis=1).max() <= 1.0 + 1e-6
    loss[0, 8] = 0.25  # the edge above the central crystal, at +0.5
    core = rebinning.CORE
    lost = rebinning.overlap(core, offset, plain) - rebinning.overlap(core, offset, plain, loss)
    # Cells are 0.55 mm: the strip of 3 mm on either side holds 3 / 0.55 of them, and 25 % of each is lost.
    np.testing.assert_allclose(lost[0].sum(axis=1), [0.0, 0.25 * 3 / 0.55, 0.25 * 3 / 0.55], rtol=1e-4)
    from_edge_mm = np.abs((np.arange(40) + 0.5 - 20.0) * 0.55 + (0.3 - 0.5) * 22.0)
    np.testing.assert_allclose(lost[0].sum(axis=0)[from_edge_mm < 2.7], 0.25, rtol=1e-4)
    np.testing.assert_allclose(lost[0].sum(axis=0)[from_edge_mm > 3.3], 0.0, atol=1e-6)


def test_nothing_beyond_the_end_of_the_barrel(library):
    windows = library.deposit(True, [8000], [50.0], 0, 0.2, 0.0, row=[168], iphi=[1])
    assert np.all(windows[:, 9:] == 0.0) and windows[0, 8].sum() > 0.0


def test_rest_of_a_big_batch_is_not_forgotten(library):
    rng = np.random.default_rng(7)
    n = 1300  # more than two blocks, both kinds mixed
    electron, energy = rng.random(n) < 0.5, np.full(n, 5.0)
    rows = np.where(electron, *(library.choose(k, energy, "train", rng) for k in ("electron", "photon")))
    whole = library.deposit(electron, rows, energy, 0, 0.1, -0.2)
    some = [0, 600, 1299]
    alone = library.deposit(electron[some], rows[some], energy[some], 0, 0.1, -0.2)
    np.testing.assert_allclose(whole[some], alone, rtol=1e-5, atol=1e-6)


def test_library_travels_to_another_process(library):
    copy = pickle.loads(pickle.dumps(library))
    assert copy == library and copy.table("photon") is library.table("photon")


@pytest.mark.slow  # it measures time
def test_five_thousand_showers_take_a_second(library):
    rng = np.random.default_rng(8)
    n = 4000
    energy = rng.uniform(4.0, 130.0, n)
    rows = library.choose("electron", energy, "train", rng)
    row, iphi = rng.integers(0, 170, n), rng.integers(1, 361, n)
    start = time.process_time()
    library.deposit(True, rows, energy, rng.integers(0, 8, n), 0.1, 0.2, row, iphi)
    assert n / (time.process_time() - start) > 5000.0


def test_folder_without_showers_is_an_error(tmp_path):
    with pytest.raises(InvalidFile, match=r"photons\.npz"):
        ShowerLibrary.from_folder(tmp_path)
    for kind in KINDS:
        (tmp_path / f"{kind}s.npz").write_bytes(b"not an archive")
    with pytest.raises(InvalidFile, match="not a shower library"):
        ShowerLibrary.from_folder(tmp_path).table("photon")
