import csv
import dataclasses
import socket
import typing
from pathlib import Path

import pytest
import tiny_runs

pytest.importorskip("keras_tuner")

from training.trainer import recipe as recipes
from tuning import search as searching
from tuning.__main__ import main
from tuning.hypermodel import COLUMNS
from tuning.parallel import free_port
from zoo.errors import InvalidValue, UnknownName

# Keras Tuner 1.4.8 calls what Python and Keras have deprecated since.
pytestmark = [
    pytest.mark.filterwarnings("ignore:currentThread|getName:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer:UserWarning"),
]


def narrow(hp):
    return {"model.hidden": hp.Choice("hidden", [2, 3, 4]), "learning_rate": hp.Float("rate", 1e-3, 1e-2)}


SPACES = Path(searching.__file__).parent / "spaces"
SMALL = {"n": 128, "validation_n": 32, "shard_size": 64, "steps": 4, "steps_per_epoch": 2}


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(searching, "find_space", lambda model: narrow)
    return tiny_runs.tiny(**SMALL)


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.ci
def test_every_trial_is_logged_and_a_search_goes_on(tmp_path, tiny, cache):
    """One trial; the same command again adds nothing; with a larger number it adds the second."""
    searching.search(tiny, tmp_path, trials=1, cache=cache, processes=1, verbose=0)
    (only,) = rows(tmp_path / "trials.csv")
    searching.search(tiny, tmp_path, trials=1, cache=cache, processes=1, verbose=0)
    assert rows(tmp_path / "trials.csv") == [only]
    best = searching.search(tiny, tmp_path, trials=2, cache=cache, processes=1, verbose=0)
    first = rows(tmp_path / "trials.csv")
    assert only in first and sorted(row["trial"] for row in first) == ["0", "1"]
    assert float(first[0]["val_loss"]) <= float(first[1]["val_loss"])
    chosen = recipes.read(best)
    assert chosen.config().hidden == int(first[0]["model.hidden"])
    assert chosen.optimiser.learning_rate == pytest.approx(float(first[0]["learning_rate"]))
    assert chosen.data == tiny.data and chosen.fit == tiny.fit
    with pytest.raises(InvalidValue, match="another --out"):
        searching.search(tiny.override({"steps": 6}), tmp_path, trials=3, cache=cache, verbose=0)


@pytest.mark.slow
def test_executions_have_their_own_rows_and_seeds(tmp_path, tiny, cache):
    searching.search(
        tiny, tmp_path, trials=2, tuner="bayesian", executions=2, cache=cache, processes=1, verbose=0
    )
    found = rows(tmp_path / "trials.csv")
    assert sorted((row["trial"], row["execution"]) for row in found) == [(t, e) for t in "01" for e in "01"]
    assert len({row["seed"] for row in found}) == 2


@pytest.mark.slow
def test_a_promoted_trial_goes_on_at_its_epoch(tmp_path, tiny, cache):
    """Hyperband promotes: weights and optimiser are loaded, and the epochs go on."""
    longer = tiny.override({"steps": 8})
    searching.search(longer, tmp_path, trials=9, tuner="hyperband", cache=cache, processes=1, verbose=0)
    found = rows(tmp_path / "trials.csv")
    assert {row["epochs"] for row in found} == {"2", "4"}
    assert any(int(row["initial_epoch"]) == 2 for row in found)


@pytest.mark.slow
def test_a_chief_and_two_workers(tmp_path, cache):
    from training.trainer import data

    words, chosen = tiny_runs.words(**SMALL), tiny_runs.tiny(**SMALL)
    data.prepare(chosen.data, "train", n=128, cache=cache, model="drn", quiet=True)
    common = ["drn", "--trials", "3", "--out", str(tmp_path), "--cache", str(cache), "--processes", "1"]
    assert main([*common, *words, "--workers", "2"]) == 0
    assert len({row["trial"] for row in rows(tmp_path / "trials.csv")}) == 3
    assert len(list((tmp_path / "logs").glob("*.log"))) == 3


def collected(folder, recipe, *executions):
    """What a search leaves in a folder whose log has these rows."""
    (folder / "executions").mkdir()
    with (folder / "executions" / "tuner0.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*COLUMNS, *list(executions[0])[3:]], restval="0")
        writer.writeheader()
        writer.writerows(executions)
    return searching.collect(recipe, folder)


def test_scores_are_means_and_the_last_row_of_an_execution_counts(tmp_path):
    best = collected(
        tmp_path,
        recipes.read("drn"),
        {"trial": "0", "execution": "0", "val_loss": "9"},  # interrupted, run again below
        {"trial": "0", "execution": "0", "val_loss": "1"},
        {"trial": "0", "execution": "1", "val_loss": "3"},
        {"trial": "1", "execution": "0", "val_loss": "nan"},
        {"trial": "2", "execution": "0", "val_loss": "2.5"},
    )
    assert "val_loss 2.00000 after 0 steps: trial 0" in best.read_text()
    assert [row["trial"] for row in rows(tmp_path / "trials.csv")] == ["0", "0", "0", "2", "1"]


def test_best_recipe_survives_toml(tmp_path):
    drawn = {"hidden": 16, "pool_farthest": True, "learning_rate": 1.5e-4}
    recipe = recipes.read("drn")
    path = collected(tmp_path, recipe, {"trial": "0", "execution": "0", "val_loss": "1", **drawn})
    assert recipes.read(path) == recipe.override(drawn)


@pytest.mark.parametrize("model", sorted(path.stem for path in SPACES.glob("[a-z]*.py")))
def test_every_space_names_fields_that_exist(model):
    class First:
        """Takes the first value of each choice."""

        values: typing.ClassVar = {}

        def Choice(self, name, values, **_):
            return values[0]

        def Int(self, name, low, high, **_):
            return low

        def Float(self, name, low, high, **_):
            return low

        def Boolean(self, name, **_):
            return False

    recipe = recipes.read(model)
    changed = recipe.override(searching.find_space(model)(First()))
    assert dataclasses.asdict(changed.config()) != dataclasses.asdict(recipe.config())


def test_mistakes(tmp_path, tiny, cache, capsys):
    with pytest.raises(UnknownName, match="hyperband"):
        searching.search(tiny, tmp_path, trials=1, tuner="hyperbant")
    with pytest.raises(InvalidValue, match="at least one with a finite"):
        searching.collect(tiny, tmp_path)
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert main(["drn", "--out", str(blocked / "x"), "--set", "samples=toy"]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_unknown_space():
    with pytest.raises(UnknownName, match="drn"):
        searching.find_space("drm")


def test_a_free_port_can_be_bound():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", free_port()))


def test_the_objective_is_checked_before_the_trials(tiny, cache, tmp_path):
    from training.trainer import data
    from tuning.hypermodel import RecipeHyperModel

    events = {
        split: data.prepare(tiny.data, split, n=n, cache=cache, model="drn", processes=1, quiet=True)
        for split, n in (("train", 128), ("validation", 32))
    }
    hypermodel = RecipeHyperModel(tiny, narrow, events, tmp_path / "log.csv", 0)
    hypermodel.check_objective("val_loss")
    with pytest.raises(InvalidValue, match="val_mode_error"):
        hypermodel.check_objective("val_los")
