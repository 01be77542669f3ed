import dataclasses

import awkward as ak
import numpy as np
import pytest

from zoo.data.records import raw_energy_gev, validate
from zoo.detectors.cms_barrel import delta_iphi, impact, row_from_ieta
from zoo.errors import InvalidValue, UnknownName
from zoo.simulation.objects import draw_primaries, simulate_objects
from zoo.simulation.pileup import PileupPool
from zoo.simulation.response import NOISE, NoiseModel
from zoo.simulation.samples import ELECTRONS, PHOTONS, SampleConfig, simulate
from zoo.simulation.showers import ShowerLibrary
from zoo.simulation.splits import split_index

QUIET = dataclasses.replace(ELECTRONS, pileup=(0, 0))


@pytest.fixture(scope="module", params=["electrons", "photons"])
def records(request):
    return simulate(request.param, 400, 5, split="validation")


@pytest.fixture(scope="module")
def quiet():
    return simulate("electrons", 600, 5, config=QUIET)


def same(one, other):
    return ak.to_list(one) == ak.to_list(other)


def test_records_follow_the_schema(records, quiet):
    for each in (records, quiet):
        validate(each, truth=True)
    assert len(records) == 400 and records.event_id.to_list() == list(range(400))
    assert records.attrs["events"] >= 400


@pytest.mark.parametrize("config", [ELECTRONS, PHOTONS])
def test_primaries_have_the_spectrum_of_the_sample(config):
    pdg_id, energy, eta, phi = draw_primaries(40_000, config, np.random.default_rng(0))
    assert set(pdg_id.tolist()) == set(config.pdg_ids)
    et = energy / np.cosh(eta)
    assert et.min() >= 4.0 and energy.max() <= 130.0 and np.abs(eta).max() <= 1.44
    for flat in (eta, phi):
        assert np.abs(np.histogram(flat, 8)[0] - 5000).max() < 5 * np.sqrt(5000)
    central = np.abs(eta) < 0.2
    low, high = 4.05, 130.0  # the mean of half flat, half log-uniform
    expected = 0.5 * (low + high) / 2 + 0.5 * (high - low) / np.log(high / low)
    assert energy[central].mean() == pytest.approx(expected, rel=0.03)


def test_hits_lie_in_the_window_and_above_their_threshold(records):
    d_row = row_from_ieta(ak.flatten(records.hits.ieta))
    counts = ak.num(records.hits.ieta)
    d_row = d_row - np.repeat(row_from_ieta(records.seed_ieta), counts)
    d_iphi = delta_iphi(ak.flatten(records.hits.iphi), np.repeat(records.seed_iphi.to_numpy(), counts))
    assert np.abs(d_row).max() == 2 and np.abs(d_iphi).max() <= 14
    assert ak.all(records.hits.energy_gev > 3 * records.hits.noise_gev * (1 - 1e-6))
    crystal = ak.Array(records.hits.ieta * 1000.0 + records.hits.iphi)
    assert ak.all(ak.num(crystal) == ak.Array([len(set(each)) for each in crystal.to_list()]))
    on_seed = (records.hits.ieta == records.seed_ieta) & (records.hits.iphi == records.seed_iphi)
    assert ak.all(ak.sum(on_seed, axis=1) == 1)
    assert ak.all(records.hits.energy_gev[on_seed] > 0.23)


def test_truth_adds_up(records):
    energy = records.true_energy_gev
    assert ak.all(ak.sum(records.hits.true_energy_gev, axis=1) <= energy * (1 + 1e-5))
    assert ak.all(ak.sum(records.particles.deposit_gev, axis=1) <= energy * (1 + 1e-5))
    for record in records[:50]:
        summed = np.zeros(len(record.hits))
        np.add.at(summed, np.asarray(record.deposits.hit), np.asarray(record.deposits.energy_gev))
        true = np.asarray(record.hits.true_energy_gev)
        lost = true - summed  # only deposits below 1 MeV are not listed
        assert np.all(lost > -1e-4 * (1 + true)) and np.all(
            lost <= 1e-3 * len(record.particles) + 1e-4 * true
        )
        reached = np.asarray(record.particles.library_row) >= 0
        assert set(np.asarray(record.deposits.particle)) <= set(np.flatnonzero(reached))


def test_measured_energy_is_truth_and_pileup_and_noise(records):
    hits = ak.flatten(records.hits)
    deposit = np.asarray(hits.true_energy_gev) + np.asarray(hits.pileup_energy_gev)
    sigma = np.sqrt(np.asarray(hits.noise_gev) ** 2 + 0.023**2 * deposit + (0.004 * deposit) ** 2)
    pull = (np.asarray(hits.energy_gev) - deposit)[deposit > 1.0] / sigma[deposit > 1.0]
    assert pull.std() == pytest.approx(1.0, abs=0.06) and abs(pull.mean()) < 0.1


def test_showers_belong_to_the_split(records):
    library = ShowerLibrary.shipped()
    for kind, code in (("photon", 22), ("electron", 11)):
        of_kind = np.abs(records.particles.pdg_id) == code
        rows = ak.flatten(records.particles.library_row[of_kind])
        rows = np.asarray(rows[rows >= 0])
        assert rows.size and np.all(library.table(kind).split[rows] == split_index("validation"))


def test_first_particle_is_the_primary(records):
    first = records.particles[:, 0]
    assert ak.all(first.parent == -1) and ak.all(first.pdg_id == records.pdg_id)
    assert ak.all(first.radius_cm == 0) and ak.all(records.particles.parent[:, 1:] >= 0)


def test_pileup_is_there_and_only_where_asked_for(records, quiet):
    assert ak.all((records.n_pileup >= 20) & (records.n_pileup <= 70))
    assert ak.any(records.hits.pileup_energy_gev > 0.1) and ak.all(records.rho_gev > 0)
    assert np.corrcoef(records.rho_gev, records.n_pileup)[0, 1] > 0.7
    assert ak.all(quiet.n_pileup == 0) and ak.all(quiet.rho_gev == 0)
    assert ak.all(quiet.hits.pileup_energy_gev == 0)


def test_hardest_pileup_particle_lies_in_the_window():
    library, rng = ShowerLibrary.shipped(), np.random.default_rng(2)
    columns = simulate_objects(500, PHOTONS, "validation", library, PileupPool.shipped(), rng, truth=False)
    hard = columns.values["pileup_photon_gev"]
    assert np.all((hard == 0) | (hard >= 1.0)) and 0.05 < np.mean(hard > 0) < 0.95
    owner = np.repeat(np.arange(len(columns)), columns.counts["hits"])
    largest = np.zeros(len(columns))
    np.maximum.at(largest, owner, columns.values["hits.pileup_energy_gev"])
    assert np.median(largest[hard > 0]) > 0.4 * np.median(hard[hard > 0])
    assert np.median(largest[hard == 0]) < 0.4
    nothing = simulate_objects(50, QUIET, "validation", library, None, rng, truth=False)
    assert np.all(nothing.values["pileup_photon_gev"] == 0)


def test_seed_stands_where_the_particle_went():
    records = simulate("photons", 500, 7, config=dataclasses.replace(PHOTONS, pileup=(0, 0)))
    straight = records[ak.num(records.particles.pdg_id) == 1]
    assert len(straight) > 150
    at = impact(straight.true_eta, straight.true_phi)
    d_row = row_from_ieta(straight.seed_ieta) - at.row
    d_iphi = delta_iphi(straight.seed_iphi, at.iphi)
    assert np.mean((np.abs(d_row) <= 1) & (np.abs(d_iphi) <= 1)) > 0.97  # but for dead crystals
    assert np.mean((d_row == 0) & (d_iphi == 0)) > 0.75


def test_charges_bend_to_their_side(quiet):
    hard = quiet[quiet.true_energy_gev > 20]
    moved = delta_iphi(hard.seed_iphi, impact(hard.true_eta, hard.true_phi).iphi)
    electron = np.asarray(hard.pdg_id) == 11
    assert moved[electron].mean() > 0.3 and moved[~electron].mean() < -0.3


def test_raw_energy_is_near_the_truth(quiet):
    ratio = raw_energy_gev(quiet) / np.asarray(quiet.true_energy_gev)
    assert 0.88 < np.median(ratio) < 0.97
    assert np.mean((ratio < 0.5) | (ratio > 2.0)) < 0.08


def test_leakage_is_never_the_exact_leak(quiet):
    leakage = np.asarray(quiet.leakage_gev)
    assert np.all((leakage == 0) | (leakage >= 0.8)) and 0.01 < np.mean(leakage > 0) < 0.6


def test_same_seed_same_content():
    first, again, other = (simulate("photons", 60, seed, split="validation") for seed in (3, 3, 4))
    assert same(first, again) and not same(first, other)


def test_content_does_not_depend_on_processes_nor_on_truth():
    alone = simulate("electrons", 1010, 3, config=QUIET)
    together = simulate("electrons", 1010, 3, config=QUIET, processes=2, truth=False)
    assert "particles" not in together.fields and "deposits" not in together.fields
    assert same(alone[together.fields], together)


def test_splits_use_other_showers():
    test, train = (simulate("electrons", 20, 3, config=QUIET, split=split) for split in ("test", "train"))
    assert same(test.true_energy_gev, train.true_energy_gev) and not same(test.hits, train.hits)


def test_objects_without_a_seed_are_replaced():
    deaf = NoiseModel(**{**dataclasses.asdict(NOISE["run2"]), "seed_cut_gev": 20.0})
    records = simulate("photons", 50, 1, config=dataclasses.replace(PHOTONS, pileup=(0, 0), noise=deaf))
    assert len(records) == 50 and records.attrs["events"] > 75
    assert ak.all(ak.max(records.hits.energy_gev, axis=1) > 20.0)


def test_a_sample_without_seeds_is_an_error():
    deaf = NoiseModel(**{**dataclasses.asdict(NOISE["run2"]), "seed_cut_gev": 1e4})
    with pytest.raises(InvalidValue, match="0 seeds"):
        simulate("photons", 2, 1, config=dataclasses.replace(PHOTONS, pileup=(0, 0), noise=deaf))


def test_progress_counts_to_n():
    seen = []
    simulate("photons", 30, 1, split="validation", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(30, 30)]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("electron", 10, 1), UnknownName, "'electrons'"),
        (("electrons", 0, 1), InvalidValue, "n: expected an integer from 1"),
        (("electrons", 10, -1), InvalidValue, "seed: expected"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        simulate(*arguments)


def test_wrong_split_and_wrong_configuration_are_named():
    with pytest.raises(UnknownName, match="'train'"):
        simulate("photons", 10, 1, split="training")
    with pytest.raises(InvalidValue, match="pileup"):
        SampleConfig("x", (22,), pileup=(10, 5))
    with pytest.raises(InvalidValue, match="a configuration of 'photons'"):
        simulate("photons", 10, 1, config=QUIET)
    with pytest.raises(InvalidValue, match="pdg_ids"):
        SampleConfig("x", (13,))
