"""The report on candidates of which everything is known."""

import json

import awkward as ak
import numpy as np
import pytest

from zoo.errors import InvalidValue
from zoo.evaluation.posterior_median import positive_fraction, sigma_m2_gev2
from zoo.models.mass_regressor import events, report
from zoo.models.mass_regressor.report.goals import check_goals
from zoo.models.network import network

N = 4000


@pytest.fixture(scope="module")
def records():
    """Toys with masses of their own: decays of all masses, photons, pairs of 0.4 and 0.8 GeV, pi0."""
    one = events.sample(50, 4)
    many = one[np.arange(N) % 50]
    rng = np.random.default_rng(5)
    kind = np.repeat([36, 22, 36, 111], [2000, 1000, 800, 200])
    mass = np.where(kind == 22, 0.0, 1.6 * (1 - rng.random(N)))
    mass[3000:3800] = np.repeat([0.4, 0.8], 400)
    mass[3800:] = 0.135
    event = np.arange(N)
    # numbers of events recur: two pairs in different parts of a file may have the same
    event[3000:3800] = np.repeat(np.arange(400), 2)
    pt = rng.uniform(20, 100, N)
    pt[3000:3800] = np.repeat(pt[3000:3400], 2)
    columns = {
        "parent_pdg_id": kind.astype("i4"),
        "mass_gev": mass.astype("f4"),
        "pt_gev": pt.astype("f4"),
        "opening_crystals": rng.uniform(0, 10, N).astype("f4"),
        "event_id": event,
        "shower_row": rng.integers(0, 300, N).astype("i4"),
        "second_shower_row": np.where(kind == 22, -1, rng.integers(0, 300, N)).astype("i4"),
    }
    for name, values in columns.items():
        many = ak.with_field(many, values, name)
    return many


@pytest.fixture(scope="module")
def answers(records):
    """Errors of 50 MeV, and photons above 0 at one in five."""
    rng = np.random.default_rng(6)
    mass = np.asarray(records.mass_gev) + 0.05 * rng.normal(size=N)
    photon = np.asarray(records.parent_pdg_id) == 22
    return np.where(photon, np.where(rng.random(N) < 0.2, 0.1, -0.1), mass)


@pytest.fixture(scope="module")
def content(records, answers):
    trees = np.asarray(records.mass_gev) + 2 * (answers - np.asarray(records.mass_gev))
    return report.report_content(
        records, {"mass_gev": answers}, baselines={"mass_shapes": {"mass_gev": trees}}, replicas=20
    )


def test_measures_and_their_ratio(content):
    network, trees = (content["overall"][name] for name in ("mass_regressor", "mass_shapes"))
    assert network["mae"]["value"] == pytest.approx(0.05 * np.sqrt(2 / np.pi), rel=0.06)
    assert network["width"]["value"] == pytest.approx(0.0497, rel=0.08)
    assert abs(network["bias"]["value"]) < 4 * network["bias"]["error"] < 0.02
    assert network["answered"]["value"] == 1.0
    assert trees["mae"]["value"] == pytest.approx(2 * network["mae"]["value"], rel=1e-6)
    # twice the error of each candidate: the paired ratio has no error
    assert trees["mae_ratio"]["value"] == pytest.approx(0.5) and trees["mae_ratio"]["error"] < 1e-6
    assert "mae_ratio" not in network and content["baseline"] == "mass_shapes"
    resolved = content["overall"]["three_by_three"]
    assert 0 < resolved["answered"]["value"] < 1 and resolved["mae_ratio"]["value"] < 1


def test_bins_hold_the_flat_decays_alone(content, records):
    flat = (
        (np.asarray(records.parent_pdg_id) == 36)
        & (np.arange(N) < 2000)
        & (np.asarray(records.mass_gev) < 1.2)
    )
    for name in ("pt", "opening"):
        assert sum(row["objects"] for row in content["variables"][name]["bins"]) == flat.sum()
    near = content["near_zero"]["mass_regressor"]["density"]
    assert near["value"] == pytest.approx(0.8, abs=4 * near["error"] + 0.1) and near["error"] < 0.3
    best = content["near_zero"]["posterior_median"]["density"]  # no peak: unresolved decays are below 0
    assert best["value"] == pytest.approx(0.41, abs=4 * best["error"] + 0.05)


def test_photons_stand_beside_the_posterior_median(content, records):
    pt = np.asarray(records.pt_gev)[np.asarray(records.parent_pdg_id) == 22]
    for row in content["photons"]:
        found = row["methods"]["mass_regressor"]["positive"]
        assert found["value"] == pytest.approx(0.2, abs=4 * found["error"])
        inside = pt[(pt >= row["low"]) & (pt < row["high"])]
        assert row["objects"] == len(inside)
        grid = np.linspace(row["low"], row["high"], 4)
        expected = np.interp(inside, grid, positive_fraction(sigma_m2_gev2(grid)))
        assert row["expected"] == pytest.approx(expected.mean(), abs=0.003)


def test_peaks_and_planes(content):
    assert [(peak["label"], peak["objects"]) for peak in content["peaks"]] == [
        ("a, 0.4 GeV", 400),
        ("a, 0.8 GeV", 400),
        ("pi0", 200),
    ]
    planes = content["planes"]["masses"]
    assert [(plane["mass_gev"], plane["pairs"]) for plane in planes] == [(0.4, 200), (0.8, 200)]
    for plane in planes:
        counts, edges = np.array(plane["counts"]), np.array(content["planes"]["edges_gev"])
        centres = 0.5 * (edges[1:] + edges[:-1])
        assert counts.sum() == 200 and plane["both_in_region"]["value"] == 1.0
        for axis in (0, 1):
            assert counts.sum(axis=axis) @ centres / 200 == pytest.approx(plane["mass_gev"], abs=0.02)


def test_the_folder_and_the_card(records, answers, content, tmp_path):
    found = report.evaluate(
        records,
        network("mass_regressor").to_records({"mass_gev": answers}),
        out=tmp_path / "report",
        replicas=5,
        template_n=0,
    )
    assert json.loads((tmp_path / "report" / "report.json").read_text()) == found
    page = (tmp_path / "report" / "index.html").read_text()
    assert "3 x 3" in page and page.count("data:image/png") == 13
    metrics = {metric["name"]: metric for metric in report.card_metrics(content, "a toy")}
    first = metrics["mean absolute error, 0.15-0.3 GeV"]
    assert first["baseline_name"] == "trees on shapes" and first["baseline"] == pytest.approx(
        2 * first["value"], rel=1e-3
    )
    assert metrics["P(m > 0) of photons, pT 20-40 GeV"]["value"] == pytest.approx(0.2, abs=0.08)
    assert {metric["sample"] for metric in metrics.values()} == {"a toy"}


def test_baselines_alone_and_bad_predictions(records):
    trees = {"mass_shapes": {"mass_gev": np.full(N, 0.5)}}
    alone = report.report_content(records, None, baselines=trees, replicas=5)
    assert (alone["model"], alone["baseline"]) == ("mass_shapes", "three_by_three")
    with pytest.raises(InvalidValue, match="the field mass_gev"):
        report.report_content(records, {"energy_gev": np.zeros(N)}, replicas=5)
    with pytest.raises(InvalidValue, match="4000 values"):
        report.report_content(records, {"mass_gev": np.zeros(3)}, replicas=5)


def test_goals_follow_from_the_figures(content):
    goals = {goal["goal"]: goal for goal in content["goals"]}
    beaten = goals["0.4 GeV: mean |error| over that of trees on shapes"]
    assert beaten["value"] == pytest.approx(0.5) and beaten["verdict"] == "met" and beaten["limit"] == 0.9
    assert goals["0.1 GeV: mean |error| over that of trees on shapes"]["limit"] == 1.0
    for row in content["photons"]:
        goal = goals[f"photons, pT {row['low']:g}-{row['high']:g} GeV: P(m > 0) off the posterior median"]
        off = abs(row["methods"]["mass_regressor"]["positive"]["value"] - row["expected"])
        assert goal["value"] == pytest.approx(off) and (goal["verdict"] == "met") == (off <= 0.03)
    worse = {**content, "template": [{"low": 20.0, "high": 40.0, "ratio": {"value": 1.5, "error": 0.1}}]}
    assert check_goals(worse)[-1]["verdict"] == "not met"
    worse["template"][0]["ratio"] = {"value": 1.2, "error": 0.1}
    assert check_goals(worse)[-1]["verdict"] == "undecided"
