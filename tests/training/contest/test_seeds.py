"""Runs that differ in their seed alone: what they are measured on, and what is refused."""

import json

import numpy as np
import pytest

from tests.tiny_runs import tiny
from training.contest.seeds import compare_seeds
from training.trainer import run
from zoo.errors import InvalidFile, InvalidValue

pytestmark = pytest.mark.ci


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seeds")
    made = {"cache": folder / "cache", "processes": 1, "verbose": False}
    for seed in (2, 3):
        run.run(tiny(**{"fit.seed": seed}), folder / str(seed), **made)
    return folder


def test_spread_of_two_seeds(runs, monkeypatch):
    monkeypatch.setattr("zoo.evaluation.energy.report.publish", lambda *_: None)  # sixty pictures
    page = compare_seeds([runs / "2", runs / "3"], runs / "out", cache=runs / "cache", processes=1)
    content = json.loads((runs / "out" / "seeds.json").read_text())
    assert content["seeds"] == [2, 3] and content["test_objects"] == 1024
    row = next(one for one in content["metrics"] if one["name"] == "effective resolution, all objects")
    assert row["values"][0] != row["values"][1]
    assert row["spread"] == pytest.approx(abs(row["values"][0] - row["values"][1]) / np.sqrt(2))
    assert row["test_error"] > 0
    assert "| effective resolution, all objects |" in page.read_text()


def test_what_is_refused(runs, tmp_path):
    with pytest.raises(InvalidValue, match="two or more"):
        compare_seeds([runs / "2"], tmp_path)
    with pytest.raises(InvalidValue, match="another one in each run"):
        compare_seeds([runs / "2", runs / "2"], tmp_path)
    facts = json.loads((runs / "3" / "run.json").read_text())
    other = tmp_path / "other"
    other.mkdir()
    facts["recipe"]["fit"]["batch_size"] = 8
    (other / "run.json").write_text(json.dumps(facts))
    with pytest.raises(InvalidValue, match=r"but for fit\.seed"):
        compare_seeds([runs / "2", other], tmp_path)
    (other / "run.json").write_text(json.dumps({**facts, "status": "running"}))
    with pytest.raises(InvalidFile, match="not finished"):
        compare_seeds([runs / "2", other], tmp_path)
