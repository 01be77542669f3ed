"""Rule-based particle flow: hand-made events, guns, and what must not change the answer."""

from __future__ import annotations

import dataclasses

import awkward as ak
import numpy as np
import pytest

from training.baselines.particle_flow import loss, search
from zoo.baselines.particle_flow import TUNED, ParticleFlowConfig, predict
from zoo.data.kinds.elements import CLASSES, ELEMENT_EVENTS
from zoo.data.records import assemble
from zoo.errors import InvalidValue
from zoo.simulation.columns import to_records
from zoo.simulation.crossings import Gun
from zoo.simulation.element_events import ELEMENT_SAMPLES
from zoo.simulation.sources import Files

TRACK, ECAL, HCAL, GSF = 1, 4, 5, 6
CHARGED, NEUTRAL, PHOTON, ELECTRON, MUON = (
    CLASSES.index(name) for name in ("charged hadron", "neutral hadron", "photon", "electron", "muon")
)
INPUTS = [f for f in ELEMENT_EVENTS.fields if f.collection == "elements" and f.role == "input"]


def track(pt: float, phi: float = 0.0, kind: int = TRACK, **more: float) -> dict[str, float]:
    there = {"eta_ecal": 0.0, "phi_ecal": phi, "eta_hcal": 0.0, "phi_hcal": phi}
    return {
        "kind": kind,
        "pt_gev": pt,
        "phi": phi,
        "energy_gev": pt,
        "charge": 1,
        "hits": 15,
        **there,
        **more,
    }


def cluster(kind: int, energy: float, phi: float = 0.0) -> dict[str, float]:
    return {"kind": kind, "pt_gev": energy, "phi": phi, "energy_gev": energy, "corrected_energy_gev": energy}


def events(*found: list[dict[str, float]]) -> ak.Array:
    counts = [len(event) for event in found]
    columns = {
        field.name: ak.unflatten(
            np.array([one.get(field.leaf, 0) for event in found for one in event], field.dtype), counts
        )
        for field in INPUTS
    }
    return assemble(columns)


def labels(found: ak.Array) -> list[list[int]]:
    return found.elements.class_index.to_list()


def shoot(code: int, pt: tuple[float, float], max_abs_eta: float, n: int = 80) -> tuple[ak.Array, ak.Array]:
    config = dataclasses.replace(ELEMENT_SAMPLES["single_pion"], source=Gun(code, pt, max_abs_eta))
    columns = config.open(Files()).simulate(n, "test", np.random.default_rng(2), truth=False)
    records = to_records(columns, ELEMENT_EVENTS)
    return records, predict(records)


def test_a_charged_hadron_and_its_clusters_are_one_particle():
    found = predict(events([track(20.0), cluster(ECAL, 4.0), cluster(HCAL, 9.0)]))
    assert labels(found) == [[CHARGED, 0, 0]]
    assert found.elements.energy_gev[0, 0] == pytest.approx(np.hypot(20.0, 0.13957), rel=1e-6)
    assert found.elements.charge.to_list() == [[1, 0, 0]]


def test_what_the_track_does_not_explain_is_neutral():
    photon = predict(events([track(10.0), cluster(ECAL, 40.0), cluster(HCAL, 5.0)]))
    assert labels(photon) == [[CHARGED, PHOTON, 0]]
    assert 25.0 < photon.elements.energy_gev[0, 1] <= 40.0
    hadron = predict(events([track(10.0), cluster(ECAL, 0.3), cluster(HCAL, 80.0)]))
    assert labels(hadron)[0][0] == CHARGED and labels(hadron)[0][2] == NEUTRAL
    assert 50.0 < ak.sum(hadron.elements.energy_gev[0, 1:]) < 110.0
    # more is asked of it with more sigma
    none = predict(events([track(10.0), cluster(HCAL, 80.0)]), dataclasses.replace(TUNED, n_sigma=50.0))
    assert labels(none) == [[CHARGED, 0]]


def test_a_photon_near_a_track_is_recovered_when_the_momentum_is_used_up():
    near = 0.05  # within the reach of satellites, beyond that of a track's own cluster
    spent = [track(10.0), cluster(ECAL, 2.0), cluster(HCAL, 5.0), cluster(ECAL, 12.0, near)]
    assert labels(predict(events(spent))) == [[CHARGED, 0, 0, PHOTON]]
    left = [track(50.0), cluster(ECAL, 3.0), cluster(HCAL, 7.0), cluster(ECAL, 2.0, near)]
    assert labels(predict(events(left))) == [[CHARGED, 0, 0, 0]]


def test_clusters_alone_and_leptons():
    assert labels(predict(events([cluster(ECAL, 10.0)], [cluster(HCAL, 20.0)]))) == [[PHOTON], [NEUTRAL]]
    together = predict(events([cluster(ECAL, 8.0), cluster(HCAL, 12.0)]))
    assert labels(together) == [[0, NEUTRAL]] and together.elements.energy_gev[0, 1] > 20.0
    muon = predict(events([track(30.0, muon_type=14), cluster(ECAL, 0.3), cluster(HCAL, 2.0)]))
    assert labels(muon)[0][0] == MUON and ak.sum(muon.elements.energy_gev[0, 1:]) < 5.0
    electron = [track(30.0), track(30.0, kind=GSF, gsf_seed=3), cluster(ECAL, 29.0)]
    assert labels(predict(events(electron))) == [[0, ELECTRON, 0]]


def test_a_doubtful_track_without_energy_behind_it_is_a_fake():
    assert labels(predict(events([track(60.0, hits=TUNED.doubtful_hits - 1), cluster(HCAL, 2.0)])))[0][0] == 0
    assert labels(predict(events([track(60.0, hits=16), cluster(HCAL, 2.0)])))[0][0] == CHARGED


def test_guns_are_found_and_not_counted_twice():
    for code, label, pt, max_abs_eta, least in (
        (211, CHARGED, (3.0, 30.0), 2.3, 0.9),
        (22, PHOTON, (3.0, 60.0), 1.4, 0.9),
        (2112, NEUTRAL, (8.0, 60.0), 2.6, 0.6),
    ):
        records, found = shoot(code, pt, max_abs_eta)
        is_target = records.elements.target_class == label
        right = is_target & (found.elements.class_index == label)
        assert ak.sum(right) >= least * ak.sum(is_target), CLASSES[label]
        ratio = ak.sum(found.elements.energy_gev, axis=1) / ak.sum(records.elements.target_energy_gev, axis=1)
        ratio = np.asarray(ratio)[np.asarray(ak.any(is_target, axis=1))]
        assert 0.85 < np.median(ratio) < 1.15 and np.mean(ratio > 1.6) < 0.12, CLASSES[label]


def test_order_batch_and_empty_events_change_nothing():
    config = dataclasses.replace(ELEMENT_SAMPLES["ttbar"], pileup=(3, 3))
    columns = config.open(Files()).simulate(3, "test", np.random.default_rng(4), truth=False)
    records = to_records(columns, ELEMENT_EVENTS)
    together = predict(records)
    rng = np.random.default_rng(1)
    for number in range(3):
        one = records[number : number + 1]
        order = rng.permutation(len(one.elements[0]))
        shuffled = ak.with_field(one, one.elements[:, order], "elements")
        alone = predict(ak.concatenate([shuffled[:0], shuffled]))
        for name in together.elements.fields:
            expected = together.elements[name][number][order]
            assert np.array_equal(alone.elements[name][0], expected), name
    for edge in ([], [track(5.0)], [cluster(HCAL, 5.0)]):
        assert len(predict(events([], edge, [])).elements[1]) == len(edge)
    assert len(predict(records[:0])) == 0


def test_wrong_constants_are_refused():
    with pytest.raises(InvalidValue, match=r"ParticleFlowConfig\.n_sigma"):
        ParticleFlowConfig(n_sigma=-1.0)


def test_a_search_starts_with_what_there_is_and_its_loss_counts_what_is_wrong():
    records, _ = shoot(211, (3.0, 30.0), 2.0, 8)
    tried = list(search(records, 4, np.random.default_rng(0)))
    assert tried[0] == (loss(records, predict(records)), TUNED)
    assert len({config for _, config in tried}) == 4
    truth = {"class_index": "class", "pt_gev": "pt_gev", "eta": "eta", "phi": "phi"}
    elements = records.elements
    perfect = ak.zip(
        {"elements": ak.zip({ours: elements[f"target_{theirs}"] for ours, theirs in truth.items()})},
        depth_limit=1,
    )
    assert loss(records, perfect) == pytest.approx(0.0, abs=1e-6) and tried[0][0] > 0.05
    with pytest.raises(InvalidValue, match="trials"):
        next(search(records, 0, np.random.default_rng(0)))
