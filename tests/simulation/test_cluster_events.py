"""Superclustering events: truth that adds up, whole windows, and the physics of brems and conversions."""

import dataclasses

import awkward as ak
import numpy as np
import pytest

from zoo.__main__ import main
from zoo.angles import wrap_phi
from zoo.baselines.pf_clustering import pf_clusters
from zoo.data.files.readers import read_metadata, read_root
from zoo.data.kinds.clusters import CLUSTER_EVENTS
from zoo.data.records import validate
from zoo.detectors import cms_barrel
from zoo.errors import InvalidValue
from zoo.simulation.arrivals import arrive
from zoo.simulation.generated import Generated, Resonance, Spectrum, draw_groups, draw_resonances
from zoo.simulation.jets import JetPool
from zoo.simulation.response import DeadChannels, NoiseModel
from zoo.simulation.samples import RESONANCE, SUPERCLUSTERS, ClusterEventConfig, simulate
from zoo.simulation.shifts import SHIFTS
from zoo.simulation.showers import ShowerLibrary
from zoo.simulation.splits import split_index
from zoo.simulation.transport import TransportConfig

JET, ELECTRON, PHOTON = range(3)
QUIET = dataclasses.replace(SUPERCLUSTERS, pileup=(0, 0))


@pytest.fixture(scope="module")
def records():
    return simulate("superclusters", 1500, 5, split="validation")


@pytest.fixture(scope="module")
def quiet():
    return simulate("superclusters", 1500, 6, split="validation", config=QUIET)


def same(one, other):
    return ak.to_list(one) == ak.to_list(other)


def scalar(records, name):
    """[B] a field of the one group of each record."""
    return ak.to_numpy(ak.flatten(records.groups[name])).astype(float)


def generated_et(records):
    return scalar(records, "energy_gev") / np.cosh(scalar(records, "eta"))


def flat(records, name):
    """[K] a field of all clusters."""
    return ak.to_numpy(ak.flatten(records.clusters[name])).astype(float)


def owner(records):
    """[K] the record of each cluster."""
    return np.repeat(np.arange(len(records)), ak.num(records.clusters.ieta))


def first(records):
    """[B] the number of each record's first cluster."""
    counts = ak.to_numpy(ak.num(records.clusters.ieta))
    return np.cumsum(counts) - counts


def shares(records):
    """[K] deposit of the record's group in each cluster."""
    place = records.shares.cluster + first(records)
    total = np.zeros(len(owner(records)))
    total[ak.to_numpy(ak.flatten(place))] = ak.to_numpy(ak.flatten(records.shares.energy_gev))
    return total


def seeds(records):
    """[K] whether a window is made around each cluster."""
    et = flat(records, "energy_gev") / np.cosh(flat(records, "eta"))
    return (et > 1.0) & (flat(records, "whole_window") == 1)


def test_records_follow_the_schema(records, quiet):
    for each in (records, quiet):
        validate(each, CLUSTER_EVENTS, truth=True)
        assert ak.all(ak.num(each.groups.flavour) == 1)
    assert records.event_id.to_list() == list(range(1500))
    assert ak.all((records.n_pileup >= 20) & (records.n_pileup <= 75)) and ak.all(records.rho_gev > 0)
    assert ak.all(quiet.n_pileup == 0) and ak.all(quiet.rho_gev == 0)
    assert ak.all(quiet.clusters.pileup_gev == 0)


def test_every_group_has_a_record_with_or_without_clusters(quiet):
    soft = generated_et(quiet) < 1.5
    assert np.any(np.asarray(ak.num(quiet.clusters.ieta))[soft] == 0)
    lost = np.asarray(quiet.shower_row) < 0  # an electron that curled up: nothing arrived
    assert np.all(scalar(quiet, "deposit_gev")[lost] == 0)


def test_groups_have_the_spectrum_of_the_sample():
    made = draw_groups(40_000, Spectrum(), "train", np.random.default_rng(0))
    part = np.bincount(made.flavour) / 40_000
    np.testing.assert_allclose(part, [0.2, 0.4, 0.4], atol=0.01)
    et = made.energy_gev / np.cosh(made.eta)
    light = made.flavour != JET
    assert et[light].min() >= 1.0 and et[light].max() <= 100.0 and np.abs(made.eta).max() < 1.4405
    expected = 0.5 * 50.5 + 0.5 * 99 / np.log(100)  # the mean of half flat, half log-uniform
    for flavour in range(3):
        assert et[made.flavour == flavour].mean() == pytest.approx(expected, rel=0.03)
    for angle in (made.phi, made.eta[light]):
        counts = np.histogram(angle, 8)[0]
        assert np.abs(counts / counts.mean() - 1).max() < 0.08


def test_jets_are_turned_mirrored_and_whole():
    rng = np.random.default_rng(0)
    made = draw_groups(300, Spectrum(jet_part=1.0, electron_part=0.0), "validation", rng)
    assert np.all(made.flavour == JET)
    pt = made.particle_gev / np.cosh(made.particle_eta)
    energy, x, y, z = (
        np.bincount(made.group, part)
        for part in (
            made.particle_gev, pt * np.cos(made.particle_phi), pt * np.sin(made.particle_phi),
            pt * np.sinh(made.particle_eta),
        )
    )  # fmt: skip
    np.testing.assert_allclose(energy, made.energy_gev, rtol=1e-6)
    np.testing.assert_allclose(np.arcsinh(z / np.hypot(x, y)), made.eta, atol=1e-5)
    np.testing.assert_allclose(wrap_phi(np.arctan2(y, x) - made.phi), 0, atol=1e-5)
    pool = JetPool.shipped()
    known = np.abs(pool.axis[0][pool.split == 1][:, None] - made.energy_gev).min(axis=0)
    assert np.all(known < 1e-6 * made.energy_gev)  # jets of the split, not scaled


def test_hadrons_leave_a_part_and_take_the_rest_with_them():
    n = 4000
    zero = np.zeros(n)
    made = Generated(
        np.zeros(n, np.int8), zero, zero, zero, np.arange(n), np.full(n, 211), zero + 10.0, zero, zero
    )
    found = arrive(made, TransportConfig(), np.random.default_rng(0))
    np.testing.assert_allclose(found.energy_gev + found.behind_gev, 10.0)
    assert len(found.group) > 0.99 * n and not found.electron.any()
    bend = np.arcsin(1.29 * 0.299792458 * 3.8 / 2 / 10.0)  # a positive charge turns to smaller phi
    crystal = cms_barrel.phi_from_iphi(found.impact.iphi) + found.impact.offset_phi * cms_barrel.PHI_PITCH
    np.testing.assert_allclose(crystal, -bend, atol=1e-6)


def test_cluster_energy_is_truth_and_pileup_and_noise(records):
    energy, expected = flat(records, "energy_gev"), shares(records) + flat(records, "pileup_gev")
    hits = records.hits
    place = ak.to_numpy(ak.flatten(hits.cluster + first(records)))
    fraction = ak.to_numpy(ak.flatten(hits.fraction)).astype(float)
    measured = ak.to_numpy(ak.flatten(hits.energy_gev)).astype(float)
    np.testing.assert_allclose(np.bincount(place, fraction * measured), energy, rtol=1e-5)
    noise = ak.to_numpy(ak.flatten(hits.noise_gev)).astype(float)
    # thresholds favour upward fluctuations of single hits, so only clusters far above them
    variance = np.bincount(place, (fraction * noise) ** 2) + 0.023**2 * expected + 0.004**2 * expected**2
    hard = expected > 10.0
    pull = (energy - expected)[hard] / np.sqrt(variance[hard])
    assert hard.sum() > 600 and pull.std() == pytest.approx(0.95, abs=0.12) and 0 < pull.mean() < 0.5


def test_hits_are_shared_whole(quiet):
    crystal = ak.to_numpy(ak.flatten(quiet.hits.ieta * 1000 + quiet.hits.iphi)).astype(np.int64)
    event = np.repeat(np.arange(len(quiet)), ak.num(quiet.hits.ieta))
    key, inverse = np.unique(event * 10**6 + crystal, return_inverse=True)
    total = np.bincount(inverse, ak.to_numpy(ak.flatten(quiet.hits.fraction)).astype(float))
    assert len(key) < len(crystal) and total.max() <= 1 + 1e-5  # some are shared, none more than whole


def test_no_energy_of_a_group_is_lost():
    perfect = NoiseModel("perfect", 1e-3, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0, 0.1, 0.0, least_gev=1e-3)
    config = dataclasses.replace(QUIET, noise=perfect, dead=DeadChannels(0.0, 0.0))
    config = dataclasses.replace(config, generated=Spectrum(min_et_gev=10.0, jet_part=0.0))
    records = simulate("superclusters", 400, 1, config=config)
    total = np.bincount(owner(records), shares(records), len(records))
    deposit = scalar(records, "deposit_gev")
    energy = scalar(records, "energy_gev")
    assert np.all(total <= deposit * (1 + 1e-5)) and np.all(deposit <= energy * (1 + 1e-5))
    # what is below the gather threshold of 0.08 GeV, of 225 crystals, is all that can be missing
    assert np.median(total / deposit) > 0.96 and (total / deposit).min() > 0.7
    of_particles = ak.sum(records.particles.deposit_gev, axis=1)
    np.testing.assert_allclose(of_particles, deposit, rtol=1e-5)


def test_truth_of_particles(records):
    deposit = ak.to_numpy(ak.sum(records.particles.deposit_gev, axis=1))
    np.testing.assert_allclose(deposit, scalar(records, "deposit_gev"), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        ak.to_numpy(ak.sum(records.particles.energy_gev, axis=1)), scalar(records, "energy_gev"), rtol=1e-4
    )
    flavour = scalar(records, "flavour")
    single = records.particles[flavour != JET]
    assert ak.all(ak.num(single.pdg_id) == 1)
    np.testing.assert_array_equal(
        np.abs(ak.flatten(single.pdg_id)) == 11, flavour[flavour != JET] == ELECTRON
    )
    jets = records.particles[flavour == JET]
    neutral = (np.abs(jets.pdg_id) == 2112) | (jets.pdg_id == 130)
    assert ak.any(neutral) and ak.all(jets.deposit_gev[neutral] == 0)
    assert ak.all(jets.library_row[neutral] == -1)


def test_showers_belong_to_the_split(records):
    library = ShowerLibrary.shipped()
    for kind, code in (("photon", 22), ("electron", 11)):
        rows = np.asarray(records.shower_row)[np.asarray(records.shower_pdg_id) == code]
        rows = rows[rows >= 0]
        assert len(rows) > 100
        assert np.all(library.table(kind).split[rows] == split_index("validation"))


def test_windows_of_the_core_are_whole(records):
    """The reach holds the largest window, and pile-up clusters fill it evenly up to its edges."""
    shape = SUPERCLUSTERS.region
    crystal_eta = cms_barrel.eta_from_ieta(flat(records, "ieta").astype(int))
    crystal_phi = cms_barrel.phi_from_iphi(flat(records, "iphi"))
    off_eta = np.abs(flat(records, "eta") - crystal_eta) / cms_barrel.ETA_PITCH
    off_phi = np.abs(wrap_phi(flat(records, "phi") - crystal_phi)) / cms_barrel.PHI_PITCH
    assert np.quantile(off_eta, 0.999) < 1.0 and np.quantile(off_phi, 0.999) < 1.0
    largest_eta, largest_phi = 0.1 + 0.1 / 1.5 * 1.48, 0.7  # the run-3 edges
    assert (shape.window[0] - 2) * cms_barrel.ETA_PITCH > largest_eta
    assert (shape.window[1] - 2) * cms_barrel.PHI_PITCH > largest_phi

    soft = shares(records) < 0.1 * flat(records, "energy_gev")
    events = owner(records)
    eta, phi = flat(records, "eta"), flat(records, "phi")
    near, far, above, below = 0, 0, 0, 0
    for seed in np.flatnonzero(seeds(records) & (np.abs(eta) < 1.1)):
        others = np.flatnonzero((events == events[seed]) & soft)
        dphi = np.abs(wrap_phi(phi[others] - phi[seed]))
        deta = np.abs(eta[others] - eta[seed])
        near += np.sum((deta < 0.2) & (dphi > 0.3) & (dphi < 0.4))
        far += np.sum((deta < 0.2) & (dphi > 0.6) & (dphi < 0.7))
        above += np.sum((deta > 0.15) & (deta < 0.2) & (dphi < 0.7))
        below += np.sum((deta > 0.05) & (deta < 0.1) & (dphi < 0.7))
    assert far / near == pytest.approx(1.0, abs=0.1) and above / below == pytest.approx(1.0, abs=0.1)


def test_clusters_are_those_of_the_whole_region(quiet):
    """Clustering the hits of a record again finds its clusters: nothing was cut inside the region."""
    record = quiet[int(np.argmax(ak.num(quiet.clusters.ieta)))]
    crystal, index = np.unique(
        np.stack([np.asarray(record.hits.ieta), np.asarray(record.hits.iphi)]), axis=1, return_index=True
    )
    again = pf_clusters(
        [0, len(index)],
        *crystal,
        np.asarray(record.hits.energy_gev)[index],
        seed_threshold_gev=np.maximum(0.23, 4 * np.asarray(record.hits.noise_gev)[index]),
    )
    np.testing.assert_allclose(np.sort(again.energy_gev), np.sort(record.clusters.energy_gev), rtol=1e-4)


def brems_spread(records, chosen):
    """Energy-weighted rms of dphi of the group's clusters about the largest, mean over groups."""
    share, events = shares(records), owner(records)
    phi = flat(records, "phi")
    found = []
    for event in np.flatnonzero(chosen):
        mine = np.flatnonzero((events == event) & (share > 0.1))
        if len(mine):
            dphi = wrap_phi(phi[mine] - phi[mine[np.argmax(share[mine])]])
            found.append(np.sqrt(np.average(dphi**2, weights=share[mine])))
    return np.mean(found)


def test_brems_clusters_spread_more_at_high_eta_and_low_et():
    config = dataclasses.replace(QUIET, generated=Spectrum(jet_part=0.0, electron_part=1.0))
    records = simulate("superclusters", 3000, 2, config=config)
    et, eta = generated_et(records), np.abs(scalar(records, "eta"))
    soft, hard = (et > 4) & (et < 10), (et > 30) & (et < 60)
    low, high = eta < 0.6, eta > 1.0
    assert brems_spread(records, soft & high) > 1.2 * brems_spread(records, soft & low)
    assert brems_spread(records, hard & high) > 1.2 * brems_spread(records, hard & low)
    assert brems_spread(records, soft) > 2.5 * brems_spread(records, hard)


def test_photons_convert_more_at_high_eta():
    config = dataclasses.replace(QUIET, generated=Spectrum(min_et_gev=10.0, jet_part=0.0, electron_part=0.0))
    records = simulate("superclusters", 1500, 2, config=config)
    large = shares(records) > 0.05 * scalar(records, "deposit_gev")[owner(records)]
    split = np.bincount(owner(records)[large], minlength=len(records)) > 1
    eta = np.abs(scalar(records, "eta"))
    assert split[eta > 1.2].mean() > 1.5 * split[eta < 0.5].mean() > 0.05


def test_leakage_follows_hadrons(quiet):
    leakage = flat(quiet, "leakage_gev")
    assert np.all((leakage == 0) | (leakage >= 0.8))
    hard = (shares(quiet) > 5.0) & seeds(quiet)
    part = leakage / flat(quiet, "energy_gev")
    is_jet = scalar(quiet, "flavour")[owner(quiet)] == JET
    assert np.mean(part[hard & is_jet] > 0.1) > 5 * np.mean(part[hard & ~is_jet] > 0.1)


def test_resonance_has_its_mass_and_one_crossing():
    records = simulate("resonance", 400, 3, split="validation")
    validate(records, CLUSTER_EVENTS, truth=True)
    assert records.event_id.to_list() == [number // 2 for number in range(400)]
    for name in ("n_pileup", "rho_gev"):
        pairs = ak.to_numpy(records[name]).reshape(-1, 2)
        np.testing.assert_array_equal(pairs[:, 0], pairs[:, 1])
    energy, eta, phi = (scalar(records, name).reshape(-1, 2).T for name in ("energy_gev", "eta", "phi"))
    pt = energy / np.cosh(eta)
    mass = np.sqrt(2 * pt[0] * pt[1] * (np.cosh(eta[0] - eta[1]) - np.cos(phi[0] - phi[1])))
    np.testing.assert_allclose(mass, 91.19, rtol=1e-4)
    assert np.abs(eta).max() < 1.44 and pt.min() > 4.0
    assert ak.all(ak.sum(ak.flatten(records.particles.pdg_id).to_numpy().reshape(-1, 2), axis=1) == 0)


def test_resonances_decay_without_a_preferred_direction():
    made = draw_resonances(20_000, Resonance(), np.random.default_rng(0))
    assert len(made) == 20_000 and np.all(made.flavour == ELECTRON)
    assert abs(made.eta.mean()) < 0.02 and abs(np.mean(made.pdg_id == 11) - 0.5) < 1e-9
    assert np.corrcoef(made.pdg_id[::2], made.energy_gev[::2])[0, 1] == pytest.approx(0, abs=0.04)


@pytest.mark.ci
def test_same_seed_same_content_whatever_the_processes():
    alone = simulate("superclusters", 1040, 3, config=QUIET)
    together = simulate("superclusters", 1040, 3, config=QUIET, processes=2, truth=False)
    assert "particles" not in together.fields and "shares" in together.fields
    assert same(alone[together.fields], together)
    other = simulate("superclusters", 1040, 4, config=QUIET, truth=False)
    assert not same(other.groups, together.groups)


def test_the_command_writes_what_the_simulation_gives(tmp_path, capsys):
    path = tmp_path / "clusters.root"
    options = ["--n", "30", "--seed", "3", "--no-pileup", "--out", str(path)]
    assert main(["simulate", "superclusters", *options]) == 0 and str(path) in capsys.readouterr().out
    read = read_root(path, schema=CLUSTER_EVENTS)
    made = simulate("superclusters", 30, 3, config=QUIET)
    assert same(read, made[read.fields]) and set(read.fields) == set(made.fields)
    assert read_metadata(path)["config"]["generated"]["electron_part"] == 0.4


def test_shifts_change_the_detector_of_clusters_too():
    assert SHIFTS["noise"].config(SUPERCLUSTERS).noise.excess == 1.5
    config = SHIFTS["dead"].config(QUIET)
    dead = simulate("superclusters", 200, 3, config=config)
    assert ak.mean(dead.hits.dead_neighbours > 0) > 0.05


def test_wrong_configurations_are_named():
    with pytest.raises(InvalidValue, match="a multiple of 2"):
        simulate("resonance", 3, 1)
    with pytest.raises(InvalidValue, match="a multiple of 2"):
        dataclasses.replace(RESONANCE, regions_per_crossing=5)
    with pytest.raises(InvalidValue, match="pileup"):
        ClusterEventConfig("x", pileup=(5, 1))
    with pytest.raises(InvalidValue, match="max_et_gev"):
        Spectrum(min_et_gev=10.0, max_et_gev=5.0)
    with pytest.raises(InvalidValue, match="together at most 1"):
        Spectrum(jet_part=0.7, electron_part=0.7)
    with pytest.raises(InvalidValue, match="a configuration of 'superclusters'"):
        simulate("superclusters", 10, 1, config=RESONANCE)
