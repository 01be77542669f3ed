import csv
import json
import shutil

import awkward as ak
import numpy as np
import pytest

import zoo.errors
from training.baselines import bdt_regression as trainer
from training.trainer import run_record
from zoo.baselines import bdt_regression
from zoo.baselines.residuals import ONE_SIGMA
from zoo.errors import InvalidFile, MissingExtra
from zoo.files import sha256
from zoo.models.drn.events import sample

pytest.importorskip("lightgbm")


TOYS = {
    "samples": ("toy",), "n": 6000, "validation_n": 2000, "shard_size": 2000, "trials": 2, "width_trials": 2,
    "objects": 3000, "search.rounds": 20, "forest.rounds": 60, "forest.learning_rate": 0.1,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Trained by the command's own path, on toys: as small as it gets."""
    root = tmp_path_factory.mktemp("bdt")
    return trainer.train(TOYS, out=root / "run", processes=1, cache=root / "cache")


def test_the_run_folder(folder):
    facts = run_record.read_run(folder)
    assert facts["status"] == "finished" and facts["model"] == "bdt_regression"
    for name, expected in facts["files"].items():
        assert sha256(folder / name) == expected
    assert set(bdt_regression.FILES) <= set(facts["files"])
    with (folder / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["forest"] for row in rows] == ["value"] * 2 + ["width"] * 2
    assert all(float(row["score"]) > 0 and int(row["num_leaves"]) >= 8 for row in rows)


def test_a_run_takes_the_parameters_of_another_for_fewer_objects(folder, tmp_path):
    overrides = {**TOYS, "n": 2000, "search.reuse": str(folder), "forest.rounds": 5}
    run = trainer.train(overrides, out=tmp_path / "half", processes=1, cache=folder.parent / "cache")
    first, second = run_record.read_run(folder), run_record.read_run(run)
    for forest in ("value", "width"):
        given, taken = first["forests"][forest], second["forests"][forest]
        assert {name for name in given if given[name] != taken[name]} <= {"trees", "trees_of_folds"}
    assert second["objects_seen"] < first["objects_seen"]
    assert (run / "trials.csv").read_text() == (folder / "trials.csv").read_text()


def test_it_calibrates_the_raw_sum_and_knows_its_width(folder):
    records = sample(4000, 999)
    found = bdt_regression.predict(records, folder)
    there = np.asarray(found.energy_gev) > 0
    true = np.asarray(records.true_energy_gev)[there]
    raw = np.asarray(ak.sum(records.hits.energy_gev, axis=1))[there]
    y, mu = np.log(true / raw), np.log(np.asarray(found.energy_gev)[there] / raw)
    within = np.abs(y) < np.log(2)
    error, raw_error = np.mean(np.abs(y - mu)[within]), np.mean(np.abs(y)[within])
    scaled_error = np.mean(np.abs(y - np.median(y))[within])  # toys leave little to learn beyond one scale
    assert error < 0.55 * raw_error and error < 1.05 * scaled_error
    pit = np.asarray(found.pit)[there][within]
    assert np.mean(np.abs(pit - 0.5) < ONE_SIGMA / 2) == pytest.approx(ONE_SIGMA, abs=0.04)


def test_objects_without_hits_and_without_truth(folder):
    records = sample(50, 5)
    empty = ak.with_field(records, records.hits[:, :0], "hits")
    found = bdt_regression.predict(empty, folder)
    assert set(found.energy_gev.tolist()) == set(found.sigma_gev.tolist()) == {-1.0}
    blind = ak.without_field(records, "true_energy_gev")
    assert ak.fields(bdt_regression.predict(blind, folder)) == ["energy_gev", "sigma_gev"]


def test_an_object_alone_gets_the_same_answer(folder):
    records = sample(64, 6)
    together = bdt_regression.predict(records, folder)
    alone = ak.concatenate([bdt_regression.predict(records[i : i + 1], folder) for i in range(len(records))])
    np.testing.assert_array_equal(np.asarray(together.energy_gev), np.asarray(alone.energy_gev))


def test_damaged_weights(folder, tmp_path):
    for name in bdt_regression.FILES:
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    content = json.loads((folder / "calibration.json").read_text())
    (tmp_path / "calibration.json").write_text(json.dumps({**content, "inputs": content["inputs"][:-1]}))
    with pytest.raises(InvalidFile, match="noise_seed_gev"):
        bdt_regression.load(tmp_path)
    (tmp_path / "mean.txt.xz").write_bytes(b"nothing")
    with pytest.raises(InvalidFile, match="not the weights"):
        bdt_regression.predict(sample(2, 0), tmp_path / ".." / tmp_path.name)
    (tmp_path / "mean.txt.xz").unlink()
    with pytest.raises(InvalidFile, match="is missing"):
        bdt_regression.load(tmp_path)


def test_without_lightgbm(folder, tmp_path, monkeypatch):
    def absent(module, extra):
        raise MissingExtra(module, extra)

    monkeypatch.setattr(bdt_regression, "require", absent)
    shutil.copytree(folder, tmp_path / "unread")
    with pytest.raises(zoo.errors.MissingExtra, match=r"pip install .*physics"):
        bdt_regression.load(tmp_path / "unread")
