import awkward as ak
import numpy as np
import pytest

from zoo.data.records import validate
from zoo.errors import InvalidValue
from zoo.models.drn import events
from zoo.models.drn.events import SAMPLE_CASES


@pytest.fixture(scope="module")
def records():
    return events.sample(len(SAMPLE_CASES) + 6, 3)


def test_sample_is_valid_and_repeatable(records):
    validate(records)
    assert ak.to_list(events.sample(5, 3)) == ak.to_list(records[:5])
    assert ak.to_list(events.sample(5, 4)) != ak.to_list(records[:5])
    assert len(events.sample(0, 1)) == 0


def test_sample_holds_its_cases(records):
    counts = dict(zip(SAMPLE_CASES, ak.num(records.hits.ieta).tolist(), strict=False))
    assert [counts[case] for case in ("no hits", "one hit", "two hits", "all 145 crystals")] == [0, 1, 2, 145]
    row = dict(zip(SAMPLE_CASES, records, strict=False))
    assert len(set(row["every hit of one energy"].hits.energy_gev.tolist())) == 1
    twins = row["twin hits, equal in everything"].hits
    assert twins.tolist()[0] == twins.tolist()[1]
    assert {-1, 1} <= set(row["across eta 0"].hits.ieta.tolist())
    assert {1, 360} <= set(row["across the end of iphi"].hits.iphi.tolist())
    assert max(row["dead neighbours"].hits.dead_neighbours) > 0
    assert ak.sum(row["largest energies"].hits.energy_gev) > 5000


def test_inputs_hold_the_records(records):
    inputs = events.to_inputs(records)
    assert {name: value.dtype for name, value in inputs.items()} == dict.fromkeys(
        ("hits", "hit_mask", "event"), "f4"
    )
    np.testing.assert_array_equal(inputs["hit_mask"].sum(1), ak.num(records.hits.ieta))
    for number, name in enumerate(("ieta", "iphi", "energy_gev", "noise_gev", "dead_neighbours")):
        np.testing.assert_array_equal(
            inputs["hits"][inputs["hit_mask"] > 0][:, number], ak.flatten(records.hits[name])
        )
    assert not inputs["hits"][inputs["hit_mask"] == 0].any()
    np.testing.assert_array_equal(inputs["event"], np.stack([records.rho_gev, records.leakage_gev], -1))
    assert events.to_inputs(records[:1])["hits"].shape == (1, 1, 5)
    assert events.to_inputs(records[:0])["hits"].shape == (0, 1, 5)


def change(name, index, value):
    def apply(inputs):
        inputs[name][index] = value

    return apply


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda i: i.pop("event"), "event: expected this input tensor"),
        (lambda i: i.update(hits=i["hits"].astype("f8")), "hits: expected a float32 array.*float64"),
        (lambda i: i.update(hits=i["hits"][0]), "hits: expected 3 dimensions"),
        (lambda i: i.update(hits=i["hits"][:, :, :4]), r"hits: expected shape .*ieta, iphi.*4\)"),
        (lambda i: i.update(hit_mask=i["hit_mask"][:, 1:]), "hit_mask: expected shape"),
        (change("hits", (20, 0, 2), np.nan), r"hits: expected finite.*nan at index \(20, 0, 2\)"),
        (change("hits", (1, 100, 0), np.inf), "hits: expected finite.*inf"),
        (change("event", (2, 1), np.nan), "event: expected finite"),
        (change("hit_mask", (1, 0), 0.5), "zeros and ones"),
        (change("hits", (20, 0, 0), 0), "hits.ieta.*not 0"),
        (change("hits", (20, 0, 0), 90), "hits.ieta.*-85 to 85"),
        (change("hits", (20, 0, 1), 0.5), "hits.iphi"),
        (change("hits", (20, 0, 2), 0), "hits.energy_gev.*above 0"),
        (change("hits", (20, 0, 2), -0.3), "hits.energy_gev.*GeV.*-0.3"),
        (change("hits", (20, 0, 2), 45000), "hits.energy_gev.*7000 GeV"),
        (change("event", (2, 0), -1), "rho_gev"),
    ],
)
def test_validate_says_what_is_wrong(records, spoil, message):
    inputs = events.to_inputs(records)
    events.validate(inputs)
    spoil(inputs)
    with pytest.raises(InvalidValue, match=message):
        events.validate(inputs)
