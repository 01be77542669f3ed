"""Whole events: the truth of each particle gun, conservation, files, seeds."""

from __future__ import annotations

import dataclasses

import awkward as ak
import numpy as np
import pytest

from zoo.data.files.readers import read_root
from zoo.data.files.writers import write_root
from zoo.data.kinds.elements import CLASSES, ELEMENT_EVENTS, ELEMENT_TYPES
from zoo.data.records import field_names, get_field, validate
from zoo.errors import InvalidValue, UnknownName
from zoo.simulation import collisions
from zoo.simulation.columns import to_records
from zoo.simulation.crossings import Gun
from zoo.simulation.element_events import ELEMENT_SAMPLES
from zoo.simulation.samples import simulate
from zoo.simulation.shifts import SHIFTS
from zoo.simulation.sources import Files

N = 64
TRACK, ECAL, HCAL, GSF, HFEM, HFHAD = (
    ELEMENT_TYPES.index(name)
    for name in ("track", "ECAL cluster", "HCAL cluster", "GSF track", "HF electromagnetic", "HF hadronic")
)


def events(name: str, n: int = N, seed: int = 3, **changes) -> ak.Array:
    config = dataclasses.replace(ELEMENT_SAMPLES[name], **changes)
    columns = config.open(Files()).simulate(n, "train", np.random.default_rng(seed))
    return to_records(columns, ELEMENT_EVENTS)


def shoot(code: int, pt: tuple[float, float], max_abs_eta: float) -> ak.Array:
    return events("single_pion", source=Gun(code, pt, max_abs_eta))


def flat(records: ak.Array, name: str) -> np.ndarray:
    return np.asarray(ak.flatten(get_field(records, name)))


@pytest.fixture(scope="module")
def ttbar() -> ak.Array:
    return events("ttbar", 8, pileup=(2, 4))


@pytest.mark.parametrize(
    ("code", "pt", "max_abs_eta", "label", "types", "least"),
    [
        (22, (5.0, 100.0), 1.4, "photon", (ECAL,), 0.98),
        (11, (5.0, 100.0), 1.4, "electron", (TRACK, GSF), 0.85),
        (13, (5.0, 100.0), 2.3, "muon", (TRACK,), 0.95),
        (211, (5.0, 50.0), 2.4, "charged hadron", (TRACK,), 0.85),
        (2212, (5.0, 50.0), 2.4, "charged hadron", (TRACK,), 0.85),
        (2112, (10.0, 100.0), 2.8, "neutral hadron", (ECAL, HCAL), 0.95),
    ],
)  # fmt: skip
def test_the_target_of_a_gun_is_the_particle(code, pt, max_abs_eta, label, types, least):
    records = shoot(code, pt, max_abs_eta)
    validate(records, ELEMENT_EVENTS, truth=True)
    has = records.elements.target_class > 0
    assert ak.all(ak.sum(has, axis=1) <= 1)
    target = records.elements[has]
    right = target.target_class == CLASSES.index(label)
    assert ak.sum(right) >= least * N
    chosen = target[right]
    assert set(np.asarray(ak.flatten(chosen.kind)).tolist()) <= set(types)
    particle = records.particles[chosen.target_particle]
    for leaf, other in (("energy_gev", "target_energy_gev"), ("eta", "target_eta"), ("phi", "target_phi")):
        np.testing.assert_allclose(
            ak.flatten(particle[leaf]), ak.flatten(chosen[other]), rtol=1e-5, atol=1e-6
        )
    if label in ("electron", "muon", "charged hadron"):
        assert ak.all(chosen.target_charge == particle.charge)
    # what the detector measured is the particle's energy, on average
    if label in ("photon", "charged hadron", "muon"):
        ratio = ak.flatten(chosen.energy_gev / chosen.target_energy_gev)
        assert 0.9 < np.median(ratio) < 1.05


def test_a_charged_hadron_without_a_track_is_a_neutral_one():
    records = shoot(211, (10.0, 50.0), 2.4)
    no_track = ak.sum(records.elements.kind == TRACK, axis=1) == 0
    target = records[no_track].elements
    target = target[target.target_class > 0]
    assert ak.sum(no_track) > 0 and ak.all(target.target_class == CLASSES.index("neutral hadron"))
    assert ak.all(target.target_charge == 0)


def test_forward_particles_have_the_classes_of_the_forward_calorimeter():
    for code, label in ((22, "HF electromagnetic"), (2112, "HF hadron")):
        records = events("single_pion", 24, source=Gun(code, (5.0, 20.0), 5.0))
        ahead = records[np.abs(ak.flatten(records.particles.eta)[: len(records)]) > 3.2]
        target = ahead.elements[ahead.elements.target_class > 0]
        assert len(ahead) > 3 and ak.all(target.target_class == CLASSES.index(label))
        assert ak.all((target.kind == HFEM) | (target.kind == HFHAD))


def test_nothing_is_counted_twice_and_what_is_missing_is_lost(ttbar):
    validate(ttbar, ELEMENT_EVENTS, truth=True)
    placed = ttbar.particles.element >= 0
    in_targets = ak.sum(ttbar.elements.target_energy_gev, axis=1)
    np.testing.assert_allclose(in_targets, ak.sum(ttbar.particles.energy_gev[placed], axis=1), rtol=1e-4)
    x = ak.sum(ttbar.particles.pt_gev * np.cos(ttbar.particles.phi) * placed, axis=1)
    target_x = ak.sum(ttbar.elements.target_pt_gev * np.cos(ttbar.elements.target_phi), axis=1)
    np.testing.assert_allclose(x, target_x, atol=0.02)
    # a leading particle is part of its own target, and of the pile-up if its interaction is
    led = ttbar.elements.target_class > 0
    assert ak.all((ttbar.elements.target_particle >= 0) == led)
    leading = ttbar.particles[ttbar.elements.target_particle[led]]
    assert ak.all(leading.element == ak.local_index(ttbar.elements.kind)[led])
    assert ak.all((leading.interaction > 0) == (ttbar.elements.target_pileup[led] > 0))
    lost = ttbar.particles[~placed]
    assert ak.sum(lost.energy_gev[np.abs(lost.eta) < 2.4]) < 0.15 * ak.sum(ttbar.particles.energy_gev)


def test_links_carry_the_energy_of_clusters(ttbar):
    kind = ttbar.elements.kind[ttbar.links.element]
    for wanted, least, most in ((ECAL, 0.75, 1.05), (HCAL, 0.75, 1.05)):
        linked = ak.sum(ttbar.links.energy_gev[kind == wanted])
        measured = ak.sum(ttbar.elements.energy_gev[ttbar.elements.kind == wanted])
        assert least < linked / measured < most  # the rest is noise


def test_elements_of_all_kinds_come_in_no_order(ttbar):
    found = set(flat(ttbar, "elements.kind").tolist())
    assert found == {TRACK, ECAL, HCAL, GSF, ELEMENT_TYPES.index("brems point"), HFEM, HFHAD, 10}
    kinds = np.asarray(ttbar.elements.kind[0])
    assert (np.diff(kinds) != 0).sum() > 0.3 * len(kinds)


def test_pileup_is_told_by_dz(ttbar):
    track = ttbar.elements[(ttbar.elements.kind == TRACK) & (ttbar.elements.target_class > 0)]
    dz = np.abs(ak.to_numpy(ak.flatten(track.dz_cm)))
    pileup = ak.to_numpy(ak.flatten(track.target_pileup)) > 0
    assert pileup.sum() > 20 and np.mean(dz[~pileup] < 0.2) > 0.9 and np.mean(dz[pileup] < 0.2) < 0.3


def test_root_files_and_seeds(tmp_path):
    records = simulate("ztautau", 3, seed=5)
    again = simulate("ztautau", 3, seed=5)
    path = write_root(tmp_path / "r.root", records, schema=ELEMENT_EVENTS)
    found = read_root(path, schema=ELEMENT_EVENTS)
    for name in field_names(records):
        assert get_field(found, name).to_list() == get_field(records, name).to_list(), name
        assert get_field(again, name).to_list() == get_field(records, name).to_list(), name
    assert simulate("ztautau", 3, seed=6).elements.eta.to_list() != records.elements.eta.to_list()
    short = field_names(simulate("single_muon", 1, seed=1, truth=False))
    dropped = set(field_names(records)) - set(short)
    assert dropped == {f.name for f in ELEMENT_EVENTS.fields if f.collection in ("particles", "links")} | {
        "elements.target_particle"
    }


def test_every_sample_makes_valid_events():
    for name in ELEMENT_SAMPLES:
        records = events(name, 2)
        validate(records, ELEMENT_EVENTS, truth=True)
        assert ak.all(ak.num(records.particles) > 0), name


def test_the_shipped_pool_and_its_splits():
    pool = collisions.Collisions.shipped()
    rows = [
        set(pool.members(process, split)) for process in collisions.PROCESSES for split in ("train", "test")
    ]
    assert sum(map(len, rows)) == len(set().union(*rows)) and min(map(len, rows)) >= 30
    assert np.abs(pool.eta).max() < 5.3 and pool.pt_gev.min() > 0.14
    assert not np.isin(np.abs(pool.pdg_id), (12, 14, 16)).any()
    with pytest.raises(UnknownName, match="ttbar"):
        pool.members("ttbarr", "train")


def test_wrong_configurations():
    with pytest.raises(InvalidValue, match="pileup"):
        dataclasses.replace(ELEMENT_SAMPLES["ttbar"], pileup=(5, 2))
    with pytest.raises(InvalidValue, match=r"Gun\.pdg_id"):
        Gun(15)
    with pytest.raises(InvalidValue, match="a sample of crystals"):
        SHIFTS["noise"].config(ELEMENT_SAMPLES["ttbar"])
