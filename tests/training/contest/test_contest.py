"""The contest of a tiny network with a linear calibration, in the place of the trees, on toys."""

import csv
import json
import re

import numpy as np
import pytest
from tiny_runs import tiny

from training.__main__ import main
from training.baselines import linear_calibration
from training.contest import contestants
from training.contest import events as contest_events
from training.contest import objects as contests
from training.contest.objects import contest
from training.trainer import data, run, run_record
from training.trainer.recipe import Data
from zoo.errors import InvalidFile, InvalidValue, UnknownName
from zoo.evaluation.pages.folder import publish
from zoo.files import write_json
from zoo.simulation.shifts import SHIFTS

pytestmark = pytest.mark.ci  # a training, and a contest with all its tables

TOY = {"samples": ("toy",), "n": 4000, "validation_n": 1200, "test_n": 600, "shard_size": 2000}


def write_json_alone(content, plan, page, out, tell):
    """A report without its sixty plots."""
    return publish(content, [], page, out, tell)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A trained network, a trained calibration, and the cache that both share."""
    folder = tmp_path_factory.mktemp("contest")
    run.run(tiny(), folder / "network", cache=folder / "cache", processes=1, verbose=False)
    linear_calibration.train(
        {**TOY, "energy_bins": 6}, out=folder / "linear", processes=1, cache=folder / "cache"
    )
    return folder


@pytest.fixture(scope="module")
def held(work):
    """The contest's folder; without pictures, which the tests of the reports draw."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoo.evaluation.energy.report.publish", write_json_alone)
        page = contest(work / "out", **arguments(work))
    return page.parent


def arguments(work, **changes):
    return {
        "samples": ("toy",), "network": str(work / "network"), "trees": str(work / "linear"),
        "runs": {"the <same> network": str(work / "network")}, "n": 640, "shift_n": 0, "processes": 1,
        "cache": work / "cache", **changes,
    }  # fmt: skip


def test_everything_is_in_the_json(held):
    content = json.loads((held / "contest.json").read_text())["samples"]["toy"]
    report = json.loads((held / "toy" / "report.json").read_text())
    assert report["sample"]["objects"] == content["events"]["objects"] == 640
    assert content["classes"] == report["classes"] and content["overall"] == report["overall"]
    assert {table["name"] for table in content["classes"]} >= {"no_pileup", "gap", "high_r9"}
    network, trees, same = content["runs"]
    assert [run["name"] for run in content["runs"]] == ["DRN", "BDT", "the <same> network"]
    assert (
        same["ratios"] == network["ratios"] and trees["ratios"][0]["to_drn"] != network["ratios"][0]["to_drn"]
    )
    everything = next(row for row in same["ratios"] if row["name"] == "all")
    for kind in ("whole", "mean"):
        assert everything["to_drn"][kind]["resolution"] == {"value": 1.0, "error": 0.0, "worse": False}
    expected = content["overall"]["methods"]["drn"]["ratio"]
    assert everything["to_bdt_regression"]["whole"]["resolution"] == expected
    assert same["parameters"] and same["trained_on"] == 256
    worse = content["goals"][-1]
    assert worse["value"] == sum(row["variable"] in contests.GOAL_VARIABLES for row in content["worse"])
    assert worse["verdict"] == ("met" if worse["value"] == 0 else "not met")


def test_headlines_and_page(held):
    with (held / "contest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["table"] for row in rows} >= {"classes", "runs, all"}
    mine = [row for row in rows if row["name"] == "the <same> network" and row["table"] == "runs, all"]
    same = [row for row in mine if row["figure"] == "ratio to drn"]
    assert [(row["measure"], float(row["value"])) for row in same] == [("resolution", 1.0), ("cruijff", 1.0)]

    text = (held / "index.html").read_text()
    assert re.findall(r"(?:href|src)='([^']+)'", text) == ["toy/index.html"]
    assert (held / "toy" / "index.html").is_file()
    assert "the &lt;same&gt; network" in text and "Toy: DRN against BDT" in text


def test_the_markdown_has_every_row_of_the_tables(held):
    content = json.loads((held / "contest.json").read_text())["samples"]["toy"]
    tables = [
        block.splitlines() for block in (held / "contest.md").read_text().split("\n\n") if block[0] == "|"
    ]
    cells = [[re.split(r"(?<!\\)\|", row)[1:-1] for row in table] for table in tables]
    assert all(len(row) == len(table[0]) for table in cells for row in table)
    goals, classes, runs = (table[2:] for table in cells)
    assert len(goals) == len(content["goals"]) + len(content["checks"])
    expected = [row["mean_ratio"]["drn"]["resolution"]["value"] for row in content["classes"]]
    for row, table, value in zip(classes, content["classes"], expected, strict=True):
        assert row[0].strip() == table["label"]
        assert (
            row[4].strip() == ""
            if value is None
            else float(row[4].split()[0]) == pytest.approx(value, abs=6e-4)
        )
    assert [row[0].strip() for row in runs] == [run["name"] for run in content["runs"]]


def test_a_second_contest_predicts_only_what_is_new(work, held, monkeypatch, capsys):
    asked = []
    ask = contestants.Contestant.predict
    monkeypatch.setattr(
        contestants.Contestant, "predict", lambda who, records: asked.append(who.name) or ask(who, records)
    )
    before = (held / "contest.json").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("zoo.evaluation.energy.report.publish", write_json_alone)
        patch.setattr(data, "make_shard", None)  # nor is any truth simulated again
        contest(held, **arguments(work))
    assert asked == [] and (held / "contest.json").read_bytes() == before
    who = contestants.contestant("one", str(work / "linear"))
    records = data.make_shard(Data(**TOY), "test", 0, 50, "drn")
    kept = held / ".predictions"
    first = contestants.predictions(who, {"other": 1}, records, kept)
    second = contestants.predictions(who, {"other": 1}, records, kept)
    assert asked == ["one"]
    np.testing.assert_array_equal(first["energy_gev"], second["energy_gev"])


def test_who_may_take_part(work, tmp_path):
    with pytest.raises(UnknownName, match="barrel_v1"):
        contest(tmp_path / "out", network="drn.barel_v1", trees=str(work / "linear"))
    with pytest.raises(InvalidValue, match="'drn'"):
        contest(tmp_path / "out", runs={"drn": "drn.barrel_v1"})
    with pytest.raises(InvalidFile, match="not a run folder"):
        contestants.contestant("x", str(tmp_path))
    write_json(tmp_path / "run.json", {"format": 1, "status": "running"})
    with pytest.raises(InvalidFile, match="not finished"):
        contestants.contestant("x", str(tmp_path))
    tag = contestants.contestant("x", "drn.barrel_v1")
    assert tag.samples == ("electrons", "photons") and tag.tag == "barrel_v1" and tag.model == "drn"


ELECTRONS = Data(samples=("electrons",), n=40, test_n=40, shard_size=40)


def electrons(work, split):
    return data.prepare(ELECTRONS, split, n=40, cache=work / "cache", model="drn", processes=1, quiet=True)


def test_test_showers_must_be_unseen(work):
    facts = run_record.read_run(work / "network")
    test, seen = electrons(work, "test"), electrons(work, "train")
    contest_events.check_unseen(test, {"events": {"train": seen.facts}}, work / "cache")
    contest_events.check_unseen(test, facts, work / "cache")
    with pytest.raises(InvalidValue, match="none in two splits"):
        contest_events.check_unseen(test, {"events": {"train": test.facts}}, work / "cache")


@pytest.mark.ci
def test_truth_and_limits_are_those_of_the_test_objects(work):
    test = electrons(work, "test")
    records, limits = contest_events.with_truth(ELECTRONS, test, work / "truth", model="drn", processes=1)
    assert set(limits) == {"oracle", "cascade"}
    assert all(len(limit) == 40 and np.all(limit > 0) for limit in limits.values())
    assert np.all(limits["oracle"] <= limits["cascade"] * (1 + 1e-9))
    deposit = np.asarray([sum(hits) for hits in records.hits.true_energy_gev])
    true = np.asarray(records.true_energy_gev)
    assert np.all(deposit < 1.02 * true) and np.median(deposit / true) > 0.6
    (file,) = (work / "truth").glob("*/truth_00000.npz")
    np.savez(file, **{"hits.true_energy_gev": np.ones(3), "oracle": np.ones(40), "cascade": np.ones(40)})
    with pytest.raises(ValueError):
        contest_events.with_truth(ELECTRONS, test, work / "truth", model="drn", processes=1)


def test_shifted_events_are_simulated_once(tmp_path, monkeypatch):
    key, records = contest_events.shifted("photons", SHIFTS["dead"], 60, 1, tmp_path, processes=1)
    _, nominal = contest_events.shifted("photons", None, 60, 1, tmp_path, processes=1)
    dead = [np.mean(np.concatenate(list(map(list, r.hits.dead_neighbours)))) for r in (records, nominal)]
    assert dead[0] > dead[1] and key["shift"] == "dead" and len(records) == 60
    monkeypatch.setattr(contest_events, "simulate", None)
    again, same = contest_events.shifted("photons", SHIFTS["dead"], 60, 1, tmp_path, processes=1)
    assert again == key
    np.testing.assert_array_equal(same.true_energy_gev, records.true_energy_gev)


def test_what_is_kept_is_made_anew_by_other_sources(work, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(contest_events, "simulate", lambda *_, **__: made.append("events") or records)
    monkeypatch.setattr(
        contestants.Contestant, "predict", lambda *_: made.append("answers") or {"energy_gev": np.ones(9)}
    )
    records = data.make_shard(Data(**TOY), "test", 0, 9, "drn")
    who = contestants.contestant("one", str(work / "linear"))
    for code in ("a" * 16, "a" * 16, "b" * 16):
        monkeypatch.setattr(contest_events, "sources_hash", lambda *_, code=code: code)
        monkeypatch.setattr(contestants, "sources_hash", lambda *_, code=code: code)
        contest_events.shifted("photons", None, 9, 1, tmp_path / "events", processes=1)
        contestants.predictions(who, {"of": "one"}, records, tmp_path / "answers")
    assert made == ["events", "answers"] * 2


def test_the_command(monkeypatch, tmp_path, capsys):
    given = {}
    monkeypatch.setattr(contests, "contest", lambda out, **options: given.update(out=out, **options) or out)
    words = ["contest", "--out", str(tmp_path), "--samples", "photons", "--n", "7", "--runs", "a b=runs/x"]
    assert main(words) == 0
    assert given["out"] == tmp_path and given["samples"] == ["photons"] and given["n"] == 7
    assert given["runs"] == {"a b": "runs/x"} and given["network"] == "drn.barrel_{sample}_v1"
    assert main(["contest", "--runs", "nameless"]) == 2
    assert "NAME=" in capsys.readouterr().err
    monkeypatch.undo()
    assert main(["contest", "--out", str(tmp_path), "--network", "drn.none_v1"]) == 2
    assert "none_v1" in capsys.readouterr().err
