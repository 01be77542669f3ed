"""Samples of candidates: what is generated, what stands in an image, and that pairs stay whole."""

import dataclasses

import awkward as ak
import numpy as np
import pytest

from zoo.data.kinds.candidates import CANDIDATES, PHOTON
from zoo.data.records import validate
from zoo.detectors.cms_barrel import delta_iphi, impact, row_from_ieta
from zoo.errors import InvalidValue
from zoo.simulation.candidates import CANDIDATE_SAMPLES, CandidateConfig, simulate_candidates
from zoo.simulation.diphotons import CONTINUED, Decays, draw_candidates
from zoo.simulation.samples import simulate
from zoo.simulation.showers import ShowerLibrary
from zoo.simulation.splits import split_index

SAMPLES = ("continued_diphotons", "higgs_to_four_photons_hard")


@pytest.fixture(scope="module")
def found():
    return {name: simulate(name, 600, 5, split="validation") for name in SAMPLES}


@pytest.fixture(params=SAMPLES)
def records(found, request):
    return found[request.param]


def offsets(records):
    """Rows and columns of the hits from the seed, jagged."""
    counts = ak.num(records.hits.ieta)
    row = row_from_ieta(ak.flatten(records.hits.ieta)) - np.repeat(row_from_ieta(records.seed_ieta), counts)
    column = delta_iphi(ak.flatten(records.hits.iphi), np.repeat(records.seed_iphi.to_numpy(), counts))
    return ak.unflatten(row, counts), ak.unflatten(column, counts)


def test_records_follow_the_schema(records):
    validate(records, CANDIDATES, truth=True)
    assert len(records) == 600


def test_hits_lie_around_the_highest_crystal_and_above_threshold(records):
    row, column = offsets(records)
    assert ak.max(abs(row)) == ak.max(abs(column)) == 16
    seed = (row == 0) & (column == 0)
    assert ak.all(ak.sum(seed, axis=1) == 1)
    near = (abs(row) <= 11) & (abs(column) <= 11)
    highest = ak.max(ak.where(near, records.hits.energy_gev, 0.0), axis=1)
    energy = ak.flatten(records.hits.energy_gev[seed])
    assert np.mean(energy == highest) > 0.98  # a harder crystal may lie behind the edge of the search
    if ak.all(records.n_pileup == 0):
        assert 0.1199 < ak.min(records.hits.energy_gev) < 0.121  # two sigma


def test_both_showers_belong_to_the_split(records):
    table = {kind: ShowerLibrary.shipped().table(kind).split for kind in ("photon", "electron")}
    for prefix in ("", "second_"):
        for kind, code in (("photon", 22), ("electron", 11)):
            rows = records[f"{prefix}shower_row"][records[f"{prefix}shower_pdg_id"] == code].to_numpy()
            assert np.all(table[kind][rows[rows >= 0]] == split_index("validation"))
    assert ak.all(
        (records.second_shower_row >= 0) | (records.parent_pdg_id == PHOTON) | (records.lead_share > 0.9)
    )


def test_the_simple_calorimeter_sees_the_energy_where_the_photon_went(found):
    records = found["continued_diphotons"]
    energy = records.pt_gev * np.cosh(records.true_eta)
    inside = (abs(records.true_eta) < 1.2) & (records.opening_crystals < 5)
    ratio = (ak.sum(records.hits.energy_gev, axis=1) / energy)[inside]
    assert np.median(ratio) == pytest.approx(1.0, abs=0.03) and np.std(ratio) < 0.06
    photons = records[records.parent_pdg_id == PHOTON]
    at = impact(photons.true_eta, photons.true_phi)
    moved = np.hypot(row_from_ieta(photons.seed_ieta) - at.row, delta_iphi(photons.seed_iphi, at.iphi))
    assert len(photons) > 50 and np.mean(moved == 0) > 0.85 and moved.max() < 1.5
    assert ak.all(records.n_converted == 0) and ak.all(records.shower_pdg_id == 22)


def test_the_hard_sample_has_conversions_gaps_and_pileup(found):
    records = found["higgs_to_four_photons_hard"]
    assert 0.3 < np.mean(records.n_converted > 0) < 0.95 and ak.any(records.shower_pdg_id == 11)
    assert ak.all((records.n_pileup >= 20) & (records.n_pileup <= 70))
    whole = records[records.n_converted == 0]
    ratio = ak.sum(whole.hits.energy_gev, axis=1) / (whole.pt_gev * np.cosh(whole.true_eta))
    assert np.median(ratio) > 1.0  # pile-up adds


def test_pairs_are_of_one_boson(found):
    first, second = (found["higgs_to_four_photons_hard"][start::2] for start in (0, 1))
    for name in ("event_id", "mass_gev", "pt_gev", "n_pileup"):
        np.testing.assert_array_equal(first[name], second[name])
    np.testing.assert_allclose(first.true_eta, -second.true_eta, atol=1e-6)
    assert {round(float(mass), 3) for mass in first.mass_gev} == {0.1, 0.2, 0.4, 0.6, 0.8, 1.0}
    assert first.event_id.to_list() == list(range(300))


def test_a_pair_that_lost_one_is_left_out():
    config = CANDIDATE_SAMPLES["higgs_to_four_photons"]
    deaf = dataclasses.replace(config.noise, seed_cut_gev=25.0)
    library, rng = ShowerLibrary.shipped(), np.random.default_rng(1)
    columns = simulate_candidates(300, dataclasses.replace(config, noise=deaf), "test", library, None, rng)
    assert 0 < len(columns) < 250
    np.testing.assert_array_equal(columns.origin[::2] + 1, columns.origin[1::2])
    assert columns.counts["hits"].sum() == len(columns.values["hits.energy_gev"])


def test_generated_decays_are_narrow_flat_and_of_their_mass():
    made = draw_candidates(40_000, Decays(photon_fraction=CONTINUED), np.random.default_rng(2))
    decay = made.parent_pdg_id != PHOTON
    assert decay.mean() == pytest.approx(1 - CONTINUED, abs=0.01)
    assert made.opening_crystals[decay].max() <= 10.0 and np.all(made.opening_crystals[~decay] == 0)
    counts = np.histogram2d(made.mass_gev[decay], made.parents.pt_gev[decay], [4, 4], [(0, 1.6), (20, 100)])[
        0
    ]
    expected = decay.sum() / 16
    assert np.sum((counts - expected) ** 2 / expected) < 37.7  # chi2 of 15 degrees of freedom, 0.1 %
    # labels are as dense on both sides of 0
    density = np.sum((made.label_gev > -0.3) & (made.label_gev <= 0)) / 0.3 / (decay.sum() / 1.6)
    assert density == pytest.approx(1.0, abs=0.04)
    np.testing.assert_array_equal(made.label_gev[decay], made.mass_gev[decay])

    photons = made.photons
    two = decay[photons.owner]
    assert np.bincount(photons.owner).tolist() == np.where(decay, 2, 1).tolist()
    (e1, e2), (eta1, eta2), (phi1, phi2) = (
        v[two].reshape(-1, 2).T for v in (photons.energy_gev, photons.eta, photons.phi)
    )
    assert np.all(e1 >= e2)
    pt1, pt2 = e1 / np.cosh(eta1), e2 / np.cosh(eta2)
    mass = 2 * np.sqrt(pt1 * pt2 * (np.sinh((eta1 - eta2) / 2) ** 2 + np.sin((phi1 - phi2) / 2) ** 2))
    np.testing.assert_allclose(mass, made.mass_gev[decay], rtol=1e-3)


@pytest.mark.ci
def test_same_seed_same_content_whatever_the_processes():
    names = ("neutral_pions_hard", 1010, 3)
    alone, together = simulate(*names), simulate(*names, processes=2)
    assert ak.to_list(alone) == ak.to_list(together)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Decays(masses_gev=(3.0,)), "max_opening_crystals"),
        (lambda: Decays(higgs_gev=125.0, masses_gev=(20.0,)), "max_opening_crystals"),
        (lambda: Decays(photon_fraction=1.5), "photon_fraction"),
        (lambda: Decays(lowest_label_gev=0.0), "lowest_label_gev"),
        (lambda: CandidateConfig("x", pileup=(3, 1)), "pileup"),
        (lambda: CandidateConfig("x", candidates_per_crossing=5), "candidates_per_crossing"),
        (lambda: simulate("higgs_to_four_photons", 3, 1), "a multiple of 2"),
    ],
)
def test_bad_configurations_are_named(make, message):
    with pytest.raises(InvalidValue, match=message):
        make()
