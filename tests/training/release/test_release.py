"""The release of a toy run into a temporary folder, with its own card."""

import json
import re
import shutil
from pathlib import Path

import pytest
from tiny_runs import tiny

import zoo
from training.baselines import bdt_regression as bdt_trainer
from training.baselines import linear_calibration as linear_trainer
from training.release.publish import release
from training.trainer import run, run_record
from training.trainer.recipe import read
from zoo.cards import registry
from zoo.cards.reading import read_card
from zoo.errors import InvalidFile, InvalidValue
from zoo.evaluation import EnergyReport
from zoo.evaluation.energy.card_metrics import card_metrics
from zoo.files import sha256, write_json


@pytest.fixture
def cards(tmp_path, monkeypatch):
    """Copies of the cards, without any tag, so that the package's own stay as they are."""
    found = {}
    for name in ("drn", "linear_calibration"):
        source = registry.info(name).path
        target = tmp_path / "cards" / name / "card.toml"
        target.parent.mkdir(parents=True)
        text = source.read_text().split("\n[tags.")[0]
        target.write_text(re.sub(r'default_tag = ".*"', 'default_tag = "toy_v1"', text))
        found[name] = target
    monkeypatch.setattr(registry, "info", lambda name: read_card(found[name]))
    return found


@pytest.fixture(scope="module")
def linear_run(tmp_path_factory, cache):
    overrides = {"samples": ("toy",), "n": 4000, "validation_n": 1200, "test_n": 1200, "shard_size": 2000}
    return linear_trainer.train(
        {**overrides, "energy_bins": 6}, out=tmp_path_factory.mktemp("linear"), cache=cache, processes=1
    )


def test_a_baseline_is_released(tmp_path, cards, linear_run, cache):
    folder = release(linear_run, "toy_v1", cache=cache, saved_models=tmp_path / "saved", baselines=())
    assert sorted(path.name for path in folder.iterdir()) == ["calibration.json", "run.json"]
    tag = read_card(cards["linear_calibration"]).tags["toy_v1"]
    assert tag.files == {"calibration.json": sha256(folder / "calibration.json")}
    names = [metric.name for metric in tag.metrics]
    assert "effective resolution, all objects" in names and "inefficiency" in names
    assert any(name.startswith("effective resolution, ET") for name in names)
    assert all(metric.sample for metric in tag.metrics)
    overall = next(metric for metric in tag.metrics if metric.name.startswith("effective resolution, all"))
    assert overall.error > 0.01 * overall.value  # toys have no shower, and are independent
    assert (linear_run / "report" / "report.json").is_file()
    with pytest.raises(InvalidFile, match="the tag exists"):
        release(linear_run, "toy_v1", cache=cache, saved_models=tmp_path / "saved", baselines=())
    assert [path.name for path in (tmp_path / "saved" / "linear_calibration").iterdir()] == ["toy_v1"]


def test_nothing_is_left_of_a_release_that_fails(tmp_path, cards, linear_run, cache, monkeypatch):
    before = cards["linear_calibration"].read_bytes()

    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(EnergyReport, "write", lambda *_: {})  # it takes long
    monkeypatch.setattr("training.release.publish.card_metrics", lambda *_: [])
    monkeypatch.setattr("training.release.publish.record_tag", fail)
    with pytest.raises(OSError, match="disk full"):
        release(linear_run, "toy_v1", cache=cache, saved_models=tmp_path / "saved", baselines=())
    assert not list((tmp_path / "saved" / "linear_calibration").iterdir())
    assert cards["linear_calibration"].read_bytes() == before


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"status": "running"}, InvalidFile, "--resume"),
        ({"format": 2}, InvalidFile, "has format 2"),
        ({"files": {"calibration.json": "0" * 64}}, InvalidFile, "is not the file"),
    ],
)
def test_a_run_that_cannot_be_released(tmp_path, cards, linear_run, cache, change, error, message):
    damaged = tmp_path / "run"
    shutil.copytree(linear_run, damaged)
    write_json(damaged / "run.json", {**run_record.read_run(linear_run), **change})
    with pytest.raises(error, match=message):
        release(damaged, "toy_v1", cache=cache, saved_models=tmp_path / "saved", baselines=())
    assert not list(tmp_path.glob("saved/*/*"))


def test_names_of_tags_and_missing_runs(tmp_path, linear_run):
    for name in ("toy", "toy_1", "Toy_v1", "../toy_v1"):
        with pytest.raises(InvalidValue, match="barrel_v1"):
            release(linear_run, name, saved_models=tmp_path)
    with pytest.raises(InvalidFile, match="not a run folder"):
        release(tmp_path, "toy_v1")


@pytest.mark.slow
def test_a_network_is_released(tmp_path, cards, cache):
    result = run.run(tiny(), tmp_path / "run", cache=cache, processes=1, verbose=False)
    folder = release(
        result.folder, "toy_v1", cache=cache, saved_models=tmp_path / "saved", baselines=(), processes=1
    )
    names = {path.name for path in folder.iterdir()}
    assert {
        "model.keras",
        "model.onnx",
        "frozen.pb",
        "saved_model",
        "golden",
        "manifest.json",
        "run.json",
    } <= names
    tag = read_card(cards["drn"]).tags["toy_v1"]
    assert tag.preset == read("drn").preset and tag.files["model.keras"] == sha256(folder / "model.keras")
    assert json.loads((folder / "manifest.json").read_text())["tag"] == "toy_v1"
    assert zoo.load(f"{folder}").count_params() == run_record.read_run(folder)["parameters"]

    # A network that answers something else than at the end of its run is not released.
    (result.folder / "model.keras").write_bytes((result.folder / "latest.keras").read_bytes())
    other = run.run(tiny(**{"fit.seed": 9}), tmp_path / "other", cache=cache, processes=1, verbose=False)
    facts = run_record.read_run(other.folder)
    shutil.copyfile(result.folder / "check.npz", other.folder / "check.npz")
    facts["files"]["check.npz"] = sha256(other.folder / "check.npz")
    write_json(other.folder / "run.json", facts)
    with pytest.raises(InvalidValue, match="at the end of its run"):
        release(other.folder, "toy_v2", cache=cache, saved_models=tmp_path / "saved", baselines=())
    assert [path.name for path in Path(tmp_path / "saved" / "drn").iterdir()] == ["toy_v1"]


def test_metrics_of_a_card_leave_no_bin_out():
    figure = {"value": 0.0123456, "error": 0.001}
    method = {
        "resolution": figure,
        "median": figure,
        "coverage_68": figure,
        "ratio": {"value": 0.9, "error": 0.01},
    }
    report = {
        "model": "drn",
        "baseline": "bdt",
        "methods": [{"name": "drn", "label": "DRN"}, {"name": "bdt", "label": "BDT"}],
        "overall": {"methods": {"drn": method, "bdt": method}},
        "inefficiency": figure,
        "variables": {
            "et": {
                "unit": "GeV",
                "bins": [
                    {"low": a, "high": a + 10, "methods": {"drn": method, "bdt": method}} for a in (0, 10, 20)
                ],
            }
        },
    }
    metrics = card_metrics(report, "events")
    assert sum("ET" in metric["name"] for metric in metrics) == 3
    assert metrics[0]["value"] == 0.01235 and metrics[0]["baseline_name"] == "BDT"
    ratio = next(metric for metric in metrics if metric["name"].startswith("ratio"))
    assert (ratio["value"], ratio["baseline"]) == (0.9, 1.0)
    assert not any("95" in metric["name"] for metric in metrics)  # the report has no such figure


def test_trainers_share_one_frame():
    assert bdt_trainer.train.__kwdefaults__ == linear_trainer.train.__kwdefaults__
