"""Domain shifts: what each changes, what it must not, and the command line."""

import dataclasses
from functools import partial

import awkward as ak
import numpy as np
import pytest

from zoo.__main__ import main
from zoo.data.files.readers import read_metadata, read_root
from zoo.data.records import raw_energy_gev, validate
from zoo.errors import InvalidValue
from zoo.simulation import grindhammer_peters
from zoo.simulation.response import NOISE
from zoo.simulation.samples import ELECTRONS, PHOTONS, simulate
from zoo.simulation.shifts import SHIFTS, Shift
from zoo.simulation.showers import ShowerLibrary

QUIET = dataclasses.replace(PHOTONS, pileup=(0, 0))
DETECTOR = ("noise", "thresholds", "dead")


@pytest.fixture(scope="module")
def records():
    """The nominal sample and its shifts, from one seed."""
    shifted = {name: SHIFTS[name].config(QUIET) for name in DETECTOR}
    return {name: simulate("photons", 500, 9, config=c) for name, c in {"nominal": QUIET, **shifted}.items()}


@pytest.mark.parametrize("name", DETECTOR)
def test_shift_changes_the_detector_alone(name):
    for sample in (ELECTRONS, PHOTONS):
        shifted = SHIFTS[name].config(sample)
        changed = {
            f.name for f in dataclasses.fields(sample) if getattr(sample, f.name) != getattr(shifted, f.name)
        }
        assert changed == {"dead" if name == "dead" else "noise"}
        assert SHIFTS[name].library() is ShowerLibrary.shipped()
    assert ELECTRONS.noise == NOISE["run2"] and ELECTRONS.noise.excess == 1.0


def test_shifted_records_follow_the_schema(records):
    for each in records.values():
        validate(each, truth=True)
    assert len({tuple(raw_energy_gev(each)[:20].tolist()) for each in records.values()}) == len(records)


def test_nominal_noise_is_what_it_was_bit_for_bit():
    noise = NOISE["run2"]
    deposit = np.random.default_rng(1).exponential(1.0, 1000).astype(np.float32)
    sigma = noise.sigma_gev(np.zeros(1000), np.random.default_rng(2))
    stochastic, constant = np.float32(noise.stochastic**2), np.float32(noise.constant**2)
    variance = sigma * sigma + deposit * (stochastic + constant * deposit)
    normal = np.random.default_rng(3).standard_normal(1000, dtype=np.float32)
    expected = normal * np.sqrt(variance) + deposit
    assert np.array_equal(noise.measure(deposit, sigma, np.random.default_rng(3)), expected)


def test_noise_is_larger_than_thresholds_and_feature_believe(records):
    noise = SHIFTS["noise"].config(QUIET).noise
    empty = np.zeros(1_000_000, dtype=np.float32)
    sigma = noise.sigma_gev(empty, np.random.default_rng(1))
    assert sigma.mean() == pytest.approx(NOISE["run2"].floor_gev, abs=1e-4)
    measured = noise.measure(empty, sigma, np.random.default_rng(2))
    assert np.std(measured / sigma) == pytest.approx(1.5, rel=0.005)
    above = np.mean(measured > noise.hit_threshold_gev(sigma))
    assert above == pytest.approx(0.02275, rel=0.03)  # two true sigma; 0.00135 at three

    hits = records["noise"].hits
    assert ak.all(hits.energy_gev > 3 * hits.noise_gev * (1 - 1e-6))
    # 2.1 % of 145 crystals are 3.1 more hits of pure noise; faint deposits under the threshold add a few
    more = ak.mean(ak.num(hits.ieta)) - ak.mean(ak.num(records["nominal"].hits.ieta))
    assert 2.7 < more < 4.0
    means = [ak.mean(records[name].hits.noise_gev) for name in ("noise", "nominal")]
    assert means[0] == pytest.approx(means[1], rel=0.03)


def test_photostatistics_do_not_age():
    noise = SHIFTS["noise"].config(QUIET).noise
    deposit = np.full(200_000, 50.0, dtype=np.float32)
    measured = noise.measure(deposit, np.full(200_000, 0.06, dtype=np.float32), np.random.default_rng(1))
    assert measured.std() == pytest.approx(np.sqrt(0.09**2 + 0.023**2 * 50 + 0.2**2), rel=0.01)


def test_thresholds_are_raised_for_hits_and_seeds(records):
    each = records["thresholds"]
    assert ak.all(each.hits.energy_gev > 4.5 * each.hits.noise_gev * (1 - 1e-6))
    assert not ak.all(records["nominal"].hits.energy_gev > 4.5 * records["nominal"].hits.noise_gev)
    seed = (each.hits.ieta == each.seed_ieta) & (each.hits.iphi == each.seed_iphi)
    hits = each.hits[seed]
    assert ak.all(hits.energy_gev > np.maximum(0.345, 6 * hits.noise_gev) * (1 - 1e-6))
    assert ak.mean(ak.num(each.hits.ieta)) < ak.mean(ak.num(records["nominal"].hits.ieta)) - 1
    preset = dataclasses.replace(QUIET, noise=NOISE["clustex"])  # cuts in GeV
    assert SHIFTS["thresholds"].config(preset).noise.hit_cut_gev == pytest.approx(0.075)


def test_dead_crystals_are_twice_as_many_and_a_tower_is_always_dead(records):
    dead = SHIFTS["dead"].config(QUIET).dead
    layout = QUIET.patch
    patches = layout.around(np.full(3000, 80), np.full(3000, 100))
    drawn = dead.draw(patches.rows, patches.columns, layout.window, np.random.default_rng(1))
    half, window = layout.half, layout.window
    near = drawn[
        :, half[0] - window[0] : half[0] + window[0] + 1, half[1] - window[1] : half[1] + window[1] + 1
    ]
    assert np.all(near.any(axis=(1, 2)))
    single = dataclasses.replace(dead, tower_probability=0.0)
    drawn = single.draw(patches.rows, patches.columns, layout.window, np.random.default_rng(1))
    assert drawn.mean() == pytest.approx(0.01, rel=0.05)
    neighbours = {name: ak.mean(each.hits.dead_neighbours > 0) for name, each in records.items()}
    assert neighbours["dead"] > 3 * neighbours["nominal"]


@pytest.fixture
def small(monkeypatch):
    """The shift of showers, with a library that takes two seconds instead of two minutes."""
    shift = Shift("grindhammer_peters", showers=partial(grindhammer_peters.library, n=300))
    monkeypatch.setitem(SHIFTS, shift.name, shift)
    return shift


def test_showers_of_a_shift_need_a_folder(small, tmp_path):
    assert small.config(ELECTRONS) == ELECTRONS
    with pytest.raises(InvalidValue, match="a folder, written at first use"):
        small.library()
    assert small.library(tmp_path / "gp").source == str(tmp_path / "gp")


def zoo(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    return code, capsys.readouterr().err


def test_command_writes_a_shifted_sample(capsys, tmp_path, records):
    out = tmp_path / "noise.root"
    command = ("simulate", "photons", "--n", 20, "--seed", 9, "--no-pileup", "--shift", "noise", "--out", out)
    assert zoo(capsys, *command)[0] == 0
    metadata = read_metadata(out)
    assert metadata["shift"] == "noise" and metadata["config"]["noise"]["excess"] == 1.5
    expected = simulate("photons", 20, 9, config=SHIFTS["noise"].config(QUIET))
    assert read_root(out).hits.energy_gev.to_list() == expected.hits.energy_gev.to_list()


def test_command_writes_the_showers_at_first_use(capsys, tmp_path, small):
    folder = tmp_path / "gp"
    command = ("simulate", "photons", "--n", 20, "--no-pileup", "--shift", "grindhammer_peters")
    assert zoo(capsys, *command, "--showers", folder, "--out", tmp_path / "a.root")[0] == 0
    assert zoo(capsys, *command, "--showers", folder, "--out", tmp_path / "b.root")[0] == 0
    one, other = (read_metadata(tmp_path / name) for name in ("a.root", "b.root"))
    assert one["library_sha256"] == other["library_sha256"] == small.library(folder).sha256
    assert one["library_sha256"] != ShowerLibrary.shipped().sha256


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--shift", "nois"), "unknown shift 'nois'. Did you mean 'noise'"),
        (("--shift", "grindhammer_peters"), "a folder, written at first use"),
        (("--shift", "dead", "--showers", "nowhere"), "photons.npz"),
    ],
)
def test_command_names_the_mistake(capsys, tmp_path, arguments, message):
    code, err = zoo(capsys, "simulate", "photons", "--n", 5, "--out", tmp_path / "x.root", *arguments)
    assert code != 0 and message in err and "Traceback" not in err
    assert not (tmp_path / "x.root").exists()
