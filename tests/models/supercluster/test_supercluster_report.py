"""The report on windows of which everything is known."""

import json

import awkward as ak
import numpy as np
import pytest

from zoo.errors import InvalidFile, InvalidValue
from zoo.models.network import network
from zoo.models.supercluster import events, report


@pytest.fixture(scope="module")
def records():
    return events.sample(160, 4)


def answers(records, flip=0.0):
    """An oracle's answer, with a fraction of the edges turned over."""
    counts = ak.to_numpy(ak.num(records.clusters))
    padded = np.zeros((len(records), max(counts.max(), 1)))
    real = np.arange(padded.shape[1]) < counts[:, None]
    label = ak.to_numpy(ak.flatten(records.clusters.in_supercluster)).astype(float)
    turned = np.random.default_rng(0).random(len(label)) < flip
    padded[real] = np.where(turned, 1 - label, label) * 0.9 + 0.05
    flavour = np.eye(3)[np.asarray(records.flavour)]
    return {
        "edge_probability": padded,
        "flavour_probability": flavour,
        "energy_gev": np.asarray(records.true_energy_gev),
    }


def test_an_oracle_is_as_good_as_the_labels(records):
    content = report.report_content(records, answers(records), replicas=5)
    found = content["overall"]["supercluster"]
    for measure in ("precision", "recall", "energy_precision", "energy_recall"):
        assert found[measure]["value"] == 1.0
    assert found == {**content["overall"]["labels"], **{k: found[k] for k in ("resolution", "median")}}
    assert found["resolution"]["value"] == 0.0 and found["median"]["value"] == 1.0
    assert content["roc"]["clusters"]["area"] == content["roc"]["energy"]["area"] == 1.0
    values = [[cell["value"] for cell in row] for row in content["flavour"]["confusion"]]
    np.testing.assert_array_equal(values, np.eye(3))
    sums = ak.to_numpy(ak.sum(records.clusters.energy_gev * records.clusters.in_supercluster, axis=1))
    signal = np.asarray(records.flavour) > 0
    assert found["collected"]["value"] == pytest.approx(
        sums[signal].sum() / records.sim_energy_gev[signal].to_numpy().sum(), rel=1e-5
    )


def test_errors_are_seen(records):
    found = report.report_content(records, answers(records, 0.2), replicas=5)
    overall = found["overall"]["supercluster"]
    assert overall["recall"]["value"] == pytest.approx(0.8, abs=0.05)
    assert 0.8 < found["roc"]["clusters"]["area"] < 0.99 or found["roc"]["clusters"]["area"] == pytest.approx(
        0.8, abs=0.05
    )
    assert overall["raw_resolution"]["value"] > found["overall"]["labels"]["raw_resolution"]["value"]
    assert (
        sum(row["objects"] for row in found["variables"]["abs_eta"]["bins"])
        == (np.asarray(records.flavour) > 0).sum()
    )


def test_one_window_of_an_object_counts(records):
    """The same windows once more, with a softer seed: counted once, and the harder ones stay."""
    softer = ak.with_field(records, records.clusters.energy_gev * 0.5, ("clusters", "energy_gev"))
    twice = ak.concatenate([records, softer])
    one, both = answers(records), answers(twice)
    first = report.report_content(records, one, replicas=5)["overall"]["supercluster"]
    found = report.report_content(twice, both, replicas=5)["overall"]["supercluster"]
    assert found["raw_resolution"]["value"] == first["raw_resolution"]["value"]


def test_the_folder_and_the_card(records, tmp_path):
    found = network("supercluster").to_records(answers(records, 0.1))
    content = report.evaluate(records, found, out=tmp_path / "report", replicas=5)
    assert json.loads((tmp_path / "report" / "report.json").read_text()) == content
    page = (tmp_path / "report" / "index.html").read_text()
    assert "Mustache" in page and "data:image/png" in page
    metrics = report.card_metrics(content, "a toy")
    names = [metric["name"] for metric in metrics]
    assert (
        "electrons called electron" in names and "effective resolution of the raw sum, ET 25-50 GeV" in names
    )
    raw = next(metric for metric in metrics if metric["name"] == "effective resolution of the raw sum")
    widths = {name: content["overall"][name]["raw_resolution"]["value"] for name in report.MUSTACHES}
    better = min(widths, key=widths.get)
    assert raw["baseline_name"] == report.LABELS[better] and raw["baseline"] == pytest.approx(
        widths[better], rel=1e-3
    )
    with pytest.raises(InvalidFile, match="does not exist"):
        report.evaluate(records, answers(records), out=tmp_path / "no" / "report")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda o: o.pop("edge_probability"), "the field edge_probability"),
        (lambda o: o.update(energy_gev=o["energy_gev"][:-1]), "160 rows, one a window"),
    ],
)
def test_bad_predictions(records, spoil, message):
    outputs = answers(records)
    spoil(outputs)
    with pytest.raises(InvalidValue, match=message):
        report.report_content(records, outputs, replicas=5)
