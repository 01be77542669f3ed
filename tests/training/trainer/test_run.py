import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tiny_runs import tiny, words

from training.__main__ import main
from training.trainer import callbacks, run, run_record
from zoo.errors import InvalidFile, InvalidValue, UnknownName
from zoo.files import sha256, write_json
from zoo.models.network import network

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def finished(tmp_path_factory, cache):
    """A run of three epochs with averaged weights."""
    out = tmp_path_factory.mktemp("run") / "whole"
    recipe = tiny(ema_momentum=0.5, steps=12)
    return run.run(recipe, out, cache=cache, processes=1, verbose=False), recipe


def rows(out):
    with (out / "log.csv").open() as file:
        return list(csv.DictReader(file))


def load(path):
    import keras

    network("drn").builder()  # registers the layers that the file names
    return keras.models.load_model(path)


def weights(path):
    return load(path).get_weights()


def test_a_run_leaves_everything_behind(finished):
    result, recipe = finished
    out = result.folder
    facts = json.loads((out / "run.json").read_text())
    assert facts["status"] == "finished" and facts["model"] == "drn"
    assert facts["recipe"] == run.as_json(recipe)
    assert facts["objects_seen"] == result.objects_seen == 12 * 16
    assert facts["optimiser_steps"] == facts["steps"] == 12
    assert facts["events"]["train"]["objects"] == 256
    assert facts["versions"] if "versions" in facts else facts["sessions"][0]["versions"]["keras"]
    assert facts["sessions"][0]["cores"] >= 1 and facts["sessions"][0]["cpu_seconds"] > 0
    assert facts["files"]["model.keras"] == sha256(out / "model.keras")
    assert [row["epoch"] for row in rows(out)] == ["0", "1", "2"]
    assert result.best_val_loss == min(float(row["val_loss"]) for row in rows(out))
    assert not list(out.glob(".*")) and not list((out / "backup").glob(".*"))


def test_the_saved_network_is_the_whole_one_and_uncompiled(finished):
    network = load(finished[0].folder / "model.keras")
    assert sorted(network.output) == ["dscb", "energy_gev", "sigma_gev"]
    assert not network.compiled
    now = run.check_outputs(network)
    with np.load(finished[0].folder / "check.npz") as kept:
        for name, values in now.items():
            np.testing.assert_allclose(values, kept[name], rtol=1e-5, atol=1e-6)


def test_it_is_the_averaged_weights_that_are_saved(finished):
    result, recipe = finished
    _, model = run.compile_model(recipe)
    assert callbacks.restore(model, result.folder)["epochs_done"] == 3
    raw = [np.array(w) for w in model.get_weights()]
    with callbacks.averaged(model):
        mean = [np.array(w) for w in model.get_weights()]
    latest = weights(result.folder / "latest.keras")
    for a, b in zip(latest, mean, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(not np.array_equal(a, b) for a, b in zip(latest, raw, strict=True))
    for a, b in zip(model.get_weights(), raw, strict=True):  # the raw ones are back
        np.testing.assert_array_equal(a, b)


def test_val_loss_is_the_mean_over_objects_of_the_likelihood(finished, cache):
    from training.trainer import data
    from zoo.models.drn import events, objective

    result, recipe = finished
    network = load(result.folder / "latest.keras")
    prepared = data.prepare(recipe.data, "validation", n=64, cache=cache, model="drn", quiet=True)
    records = prepared.records(reachable_only=True)
    loss = objective.loss(recipe.config())["dscb"]
    dscb = network(events.to_inputs(records))["dscb"]
    expected = float(loss(events.targets(records)["dscb"], dscb))
    assert float(rows(result.folder)[-1]["val_loss"]) == pytest.approx(expected, rel=1e-5)


def test_a_finished_run_is_not_run_again(finished, cache):
    result, recipe = finished
    with pytest.raises(InvalidFile, match="--resume"):
        run.run(recipe, result.folder, cache=cache, verbose=False)
    before = (result.folder / "run.json").read_bytes()
    again = run.run(recipe, result.folder, resume=True, cache=cache, verbose=False)
    assert again == result and (result.folder / "run.json").read_bytes() == before


@pytest.mark.ci
def test_resume_repeats_nothing_and_ends_where_an_unbroken_run_ends(finished, tmp_path, cache, monkeypatch):
    """Interrupted in its second epoch, a run goes on with the data of that epoch, to equal weights."""
    whole, recipe = finished

    def interrupt(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt  # after the log row of the epoch, before its checkpoints and backup

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.Checkpoints, "on_epoch_end", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run.run(recipe, tmp_path / "broken", cache=cache, verbose=False)
    assert len(rows(tmp_path / "broken")) == 2
    result = run.run(recipe, tmp_path / "broken", resume=True, cache=cache, verbose=False)
    assert [row["epoch"] for row in rows(result.folder)] == ["0", "1", "2"]
    assert (result.steps, result.objects_seen) == (whole.steps, whole.objects_seen)
    assert len(run_record.read_run(result.folder)["sessions"]) == 2
    for a, b in zip(
        weights(result.folder / "latest.keras"), weights(whole.folder / "latest.keras"), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["mid-epoch", "while saving"])
def test_killed_with_9_it_goes_on(tmp_path, cache, moment):
    """Kill -9 in an epoch or between two writes: at most that epoch is lost, and no file."""
    out = tmp_path / "run"
    command = [
        sys.executable,
        "-m",
        "training",
        "drn",
        "--out",
        str(out),
        "--cache",
        str(cache),
        *words(steps=60),
    ]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    pattern = "backup/epoch-*" if moment == "mid-epoch" else "**/.*"
    ready = False
    while not ready and process.poll() is None and time.monotonic() < deadline:
        ready = (out / "best.keras").exists() and any(out.glob(pattern))
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert ready, "the run ended before it could be killed"
    done = len(rows(out))
    assert 1 <= done < 15
    for name in ("best.keras", "latest.keras"):
        load(out / name)  # never half-written
    assert main(["drn", "--resume", "--out", str(out), "--cache", str(cache)]) == 0
    facts = run_record.read_run(out)
    assert facts["optimiser_steps"] == facts["steps"] == 60 and facts["objects_seen"] == 960
    assert [row["epoch"] for row in rows(out)] == [str(number) for number in range(15)]
    assert not [
        path for path in out.rglob("*") if path.name.startswith((".epoch", ".latest", ".best", ".run"))
    ]


def test_other_code_is_refused(finished, cache, tmp_path):
    result, recipe = finished
    facts = run_record.read_run(result.folder)
    for change, error, message in (
        ({"format": 2}, InvalidFile, "has format 2; this code reads format 1"),
        ({"fingerprint": "0" * 16}, InvalidValue, "fingerprint"),
    ):
        out = tmp_path / next(iter(change))
        out.mkdir()
        write_json(out / "run.json", {**facts, "status": "running", **change})
        with pytest.raises(error, match=message):
            run.run(recipe, out, resume=True, cache=cache, verbose=False)
    with pytest.raises(InvalidFile, match="not a run folder"):
        run.run(recipe, tmp_path / "nothing", resume=True, cache=cache, verbose=False)


def test_a_run_of_another_version_goes_on(finished, cache, tmp_path):
    """The number of a version says nothing of the sources: the fingerprint does."""
    result, recipe = finished
    out = shutil.copytree(result.folder, tmp_path / "old")
    write_json(out / "run.json", {**run_record.read_run(out), "code_version": "0.0.1"})
    again = run.run(recipe, out, resume=True, cache=cache, verbose=False)
    assert again.best_val_loss == result.best_val_loss
    assert load(out / "best.keras").count_params() > 0


def test_another_recipe_is_refused(finished, cache):
    with pytest.raises(InvalidValue, match="keeps its recipe"):
        run.run(tiny(steps=100), finished[0].folder, resume=True, cache=cache, verbose=False)


@pytest.mark.ci
def test_a_run_starts_from_the_weights_of_another(finished, cache, tmp_path):
    folder = finished[0].folder
    recipe = tiny(start=str(folder), final_learning_rate=0.0, learning_rate=1e-9, weight_decay=0.0)
    further = run.run(recipe, tmp_path / "further", cache=cache, processes=1, verbose=False)
    pairs = zip(*(weights(one / "model.keras") for one in (further.folder, folder)), strict=True)
    for new, old in pairs:
        np.testing.assert_allclose(new, old, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"hidden": 8}, InvalidValue, "weights of the recipe's configuration"),
        ({"start": "supercluster"}, InvalidValue, "a network drn"),
        ({"start": "drn.barrel_v7"}, UnknownName, "barrel_v1"),
        ({"start": "./nowhere"}, InvalidFile, "nowhere"),
    ],
)
def test_weights_to_start_from_that_do_not_fit(change, error, message, finished, cache, tmp_path):
    recipe = tiny(**{"start": str(finished[0].folder), **change})
    with pytest.raises(error, match=message):
        run.run(recipe, tmp_path / "out", cache=cache, processes=1, verbose=False)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """The folder of a network whose report imports a page, and whose model imports a head."""
    for name, text in {
        "model": "from zoo.models.m.head import Head\n", "objective": "import keras\n", "page": "",
        "head": "from zoo.models.m.model import build\nfrom zoo.layers.knn import KNN\n",
        "report": "from zoo.models.m.page import render\n",
    }.items():  # fmt: skip
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setattr(run_record, "network", lambda name: SimpleNamespace(folder=tmp_path))
    return tmp_path


def test_comments_do_not_change_the_fingerprint(sources):
    code = 'def f(x):\n    """Doubles."""\n    return 2 * x\n'
    prints = []
    for text in (code, code.replace("Doubles", "Twice") + "# done\n", code.replace("2", "3")):
        (sources / "model.py").write_text(text)
        prints.append(run_record.fingerprint("m"))
    assert prints[0] == prints[1] != prints[2]


def test_the_fingerprint_is_of_what_the_network_and_its_losses_import(sources):
    prints = [run_record.fingerprint("m")]
    for name in ("page", "report", "head", "objective", "model"):
        with (sources / f"{name}.py").open("a") as file:
            file.write("CHANGED = True\n")
        prints.append(run_record.fingerprint("m"))
    assert prints[0] == prints[1] == prints[2]
    assert len(set(prints[2:])) == 4


def test_unwritable_out(cache, tmp_path, capsys):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(InvalidFile, match="cannot be written"):
        run.run(tiny(), blocked / "run", cache=cache, verbose=False)
    assert main(["drn", *words(), "--out", str(blocked / "run")]) == 2
    assert "Choose another --out" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_out(cache, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InvalidFile, match="cannot be written"):
        run.run(tiny(), tmp_path / "run", cache=cache, verbose=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dnr"], "drn"),
        (["drn", "--set", "hiden=3"], "hidden"),
        (["drn", "--set", "batch_size=zero"], "type int"),
        (["drn", "--resume"], "--out"),
        (["drn", "--resume", "--out", "x", "--steps", "3"], "keeps its recipe"),
        (["drn", "--strategy", "mirored", "--out", "/tmp/never", *words()], "mirrored"),
        (["bdt_regression", "--set", "trails=3"], "trials"),
        (["fit", "mustach"], "mustache"),
        (["relaese", "runs/drn-001", "--tag", "barrel_v9"], "release"),
    ],
)
def test_mistakes_of_the_command_line(arguments, message, capsys):
    assert main(arguments) == 2
    assert message in capsys.readouterr().err
