"""One search: events once, then trials, each logged; killed and started again, it goes on.

| in the folder | what it is |
| --- | --- |
| `trials.csv` | one row for each execution of each trial, best first |
| `best.toml` | the recipe with the best trial's settings: `python -m training FOLDER/best.toml` |
| `search.json` | recipe, tuner, versions, events |
| `tuner/` | Keras Tuner's own state, from which a search goes on |
| `executions/` | the log of each process |
"""

from __future__ import annotations

import csv
import importlib
import io
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.trainer import data, run, run_record
from training.trainer.callbacks import MONITOR
from training.trainer.recipe import Recipe
from zoo.errors import InvalidValue, UnknownName, require
from zoo.files import write, write_json
from zoo.version import __version__

TUNERS = ("random", "bayesian", "hyperband")
CHIEF = "chief"


def search(
    recipe: Recipe,
    out: Path,
    *,
    trials: int,
    tuner: str = "random",
    executions: int = 1,
    processes: int = 2,
    cache: Path = run_record.RUNS / "cache",
    verbose: int = 2,
) -> Path | None:
    """Runs trials until there are `trials` of them.

    Args:
        recipe: What every trial starts from.
        out: Folder of the search; an interrupted one goes on.
        trials: Number of trials, those done before included. Hyperband decides itself; it stops at its own
            end or here.
        tuner: "random", "bayesian" or "hyperband".
        executions: Trainings of each trial from different seeds; the trial's score is their mean.
        processes: Processes that simulate events.
        cache: Folder of simulated events.
        verbose: Keras' verbosity.

    Returns:
        `best.toml`; None in a chief or worker of a parallel search.

    Raises:
        UnknownName: No such tuner, space, or field that a space names.
        InvalidValue: The folder holds a search of something else.
        MissingExtra: Keras Tuner is not installed.
    """
    if tuner not in TUNERS:
        raise UnknownName("tuner", tuner, TUNERS)
    require("keras_tuner", extra="tune")
    space = find_space(recipe.model)
    run_record.prepare_folder(out)
    facts = {
        "recipe": run.as_json(recipe),
        "tuner": tuner,
        "executions": executions,
        "code_version": __version__,
    }
    _same_search(out, facts)
    events = {
        split: data.prepare(
            recipe.data, split, n=n, cache=cache, model=recipe.model, processes=processes, quiet=verbose != 1
        )
        for split, n in (("train", recipe.data.n), ("validation", recipe.data.validation_n))
    }
    write_json(
        out / "search.json",
        {**facts, "versions": run_record.versions(), "events": {s: e.facts for s, e in events.items()}},
    )
    from tuning.hypermodel import RecipeHyperModel

    process = os.environ.get("KERASTUNER_TUNER_ID", "tuner0")
    (out / "executions").mkdir(exist_ok=True)
    hypermodel = RecipeHyperModel(recipe, space, events, out / "executions" / f"{process}.csv", verbose)
    if process != CHIEF:
        hypermodel.check_objective(MONITOR)
    searching = _tuner(tuner, hypermodel, out, trials, executions, recipe)
    _announce_trials(searching, hypermodel)
    searching.search(verbose=0)
    if "KERASTUNER_ORACLE_IP" in os.environ:
        return None  # the process that started chief and workers collects
    return collect(recipe, out)


def find_space(model: str) -> Any:
    """Returns the space of a model.

    Raises:
        UnknownName: It has none.
    """
    try:
        return importlib.import_module(f"tuning.spaces.{model}").space
    except ModuleNotFoundError as error:
        if error.name != f"tuning.spaces.{model}":
            raise  # the space is there; something that it needs is not
        names = (path.stem for path in (Path(__file__).parent / "spaces").glob("[a-z]*.py"))
        raise UnknownName("space", model, names, "tuning/spaces") from error


def collect(recipe: Recipe, out: Path) -> Path:
    """Writes `trials.csv` and `best.toml` from the logs of all processes.

    Args:
        recipe: What every trial started from.
        out: Folder of the search.

    Returns:
        `best.toml`.

    Raises:
        InvalidValue: No trial has ended with a finite loss.
    """
    from tuning.hypermodel import COLUMNS

    rows = []
    for log in sorted((out / "executions").glob("*.csv")):
        rows += list(csv.DictReader(io.StringIO(log.read_text(encoding="utf-8"))))
    score = _scores(rows)
    if not score:
        raise InvalidValue(
            f"{out}: trials", "at least one with a finite validation loss", f"{len(rows)} executions"
        )
    rows.sort(key=lambda row: (score.get(row["trial"], math.inf), row["trial"], int(row["execution"])))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write(out / "trials.csv", text.getvalue())
    best = rows[0]
    settings = {name: _value(text) for name, text in best.items() if name not in COLUMNS}
    trial, steps = best["trial"], best["steps"]
    lines = f"# {MONITOR} {score[trial]:.5f} after {steps} steps: trial {trial} of this search.\n"
    write(out / "best.toml", (lines + _toml(recipe.override(settings).to_dict())))
    return out / "best.toml"


def _tuner(name: str, hypermodel: Any, out: Path, trials: int, executions: int, recipe: Recipe) -> Any:
    kt = require("keras_tuner", extra="tune")
    common = {
        "hypermodel": hypermodel,
        "objective": kt.Objective(MONITOR, "min"),
        "directory": str(out.resolve()),
        "project_name": "tuner",
        "executions_per_trial": executions,
        "seed": recipe.fit.seed,
        "max_consecutive_failed_trials": 3,
    }
    if name == "random":
        return kt.RandomSearch(max_trials=trials, **common)
    if name == "bayesian":
        return kt.BayesianOptimization(max_trials=trials, **common)
    searching = kt.Hyperband(max_epochs=max(2, recipe.fit.epochs), factor=3, **common)
    searching.oracle.max_trials = trials
    return searching


def _announce_trials(searching: Any, hypermodel: Any) -> None:
    """Lets the hypermodel know whose executions it logs, which Keras Tuner does not say."""
    original = searching.run_trial

    def run_trial(trial: Any, *arguments: Any, **settings: Any) -> Any:
        hypermodel.start_trial(trial.trial_id)
        return original(trial, *arguments, **settings)

    searching.run_trial = run_trial


def _same_search(out: Path, facts: Mapping[str, Any]) -> None:
    path = out / "search.json"
    if not path.is_file():
        return
    import json

    there = json.loads(path.read_text(encoding="utf-8"))
    for key, value in facts.items():
        if there.get(key) != json.loads(json.dumps(value)):
            raise InvalidValue(f"{out}: {key}", "that of the search in this folder (or another --out)", value)


def _scores(rows: Sequence[Mapping[str, str]]) -> dict[str, float]:
    """Returns the mean over the executions of each trial; a trial with a failed execution has none.

    A trial that was interrupted is run again from its start: the last row of an execution counts.
    """
    last: dict[tuple[str, str], float] = {}
    for row in rows:
        last[row["trial"], row["execution"]] = float(row[MONITOR])
    values: dict[str, list[float]] = {}
    for (trial, _), value in last.items():
        values.setdefault(trial, []).append(value)
    means = {trial: sum(found) / len(found) for trial, found in values.items()}
    return {trial: mean for trial, mean in means.items() if math.isfinite(mean)}


def _value(text: str) -> Any:
    if text in ("True", "False"):
        return text == "True"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _toml(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """Writes flat tables; the values of a recipe are numbers, words and lists of words."""
    blocks = []
    for name, table in tables.items():
        lines = [f"[{name}]", *(f"{key} = {_literal(value)}" for key, value in table.items())]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_literal(item) for item in value)}]"
    return f'"{value}"' if isinstance(value, str) else repr(value)
