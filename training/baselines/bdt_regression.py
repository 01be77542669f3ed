"""Trains the boosted-tree regression: `python -m training bdt_regression`.

1. A pilot: plain forests for the value and the width, only to know how wide y = log(E_true / E_raw) is where.
2. A random search for the forest of the value, Huber loss in units of the pilot's width, then for that of the
   width.
3. The value by cross-fitting: each object's residual comes from a forest that has not seen it. On these
   residuals the width is trained. The shipped forest of the value has seen all training objects.
4. On validation events: a common factor on the widths (68 % interval), and the distribution of the residuals.

Every trial is a row of `trials.csv`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from training.baselines import recipe as baseline_recipe
from training.baselines import run as baseline_run
from training.baselines.forest_text import compressed
from training.baselines.random_search import draw_forest, random_search, trials_csv
from training.baselines.run import add_arguments, run_with
from training.trainer import data, run_record
from zoo.arrays import Floats, Floats32
from zoo.baselines import bdt_regression as bdt
from zoo.baselines.residuals import ONE_SIGMA, ResidualTable
from zoo.baselines.shower_shapes import NAMES, shower_shapes
from zoo.data.feeding.flat import from_flat, take
from zoo.data.records import raw_energy_gev
from zoo.errors import require
from zoo.files import write, write_json

__all__ = ["add_arguments", "run", "train"]

TRIALS = "trials.csv"  # in the run folder
_TINY = 1e-5  # least |y - mu|: where the logarithm of a residual is cut


@dataclass(frozen=True)
class Search:
    """The search for the forests' parameters, on a part of the training events."""

    trials: int = 60  # for the forest of the value
    width_trials: int = 12  # for the forest of the width
    objects: int = 50_000  # two thirds to train, one to compare
    rounds: int = 300  # trees at most
    seed: int = 1
    reuse: str = (
        ""  # a finished run whose parameters to take instead: the same trees on more or fewer objects
    )


@dataclass(frozen=True)
class Forest:
    """The final forests."""

    learning_rate: float = 0.05
    rounds: int = 2_000  # trees at most
    patience: int = 50  # rounds without a better validation loss before stopping
    folds: int = 2  # of the cross-fitting
    fold_rounds: int = 500  # trees at most of the cross-fitting, whose residuals only teach the width
    seed: int = 1


@dataclass(frozen=True)
class Sample:
    """Shower shapes and target of some objects."""

    shapes: Floats32  # [B, F]
    y: Floats  # [B] log(E_true / E_raw)

    def __getitem__(self, index: Any) -> Sample:
        return Sample(self.shapes[index], self.y[index])

    def __len__(self) -> int:
        return len(self.y)


def run(options: argparse.Namespace) -> None:
    """Trains it by its recipe; options as `add_arguments` makes them."""
    run_with(train, options)


def train(
    overrides: Mapping[str, Any], *, out: Path | None = None, processes: int = 2, cache: Path | None = None
) -> Path:
    """Trains both forests on the recipe's events.

    Args:
        overrides: Field -> value.
        out: Run folder; runs/bdt_regression-<n> by default.
        processes: Processes that simulate, and threads that grow trees.
        cache: Folder of simulated events.

    Returns:
        The run folder, with the weights, `trials.csv` and `run.json`.

    Raises:
        MissingExtra: LightGBM is not installed.
    """
    require("lightgbm", extra="physics")
    recipe = baseline_recipe.read("bdt_regression", {"search": Search, "forest": Forest}, overrides)
    run = baseline_run.open_run(recipe, out, processes=processes, cache=cache, quiet=not sys.stdout.isatty())
    search, forest = recipe.blocks["search"], recipe.blocks["forest"]
    samples = {
        split: read_sample(events, reachable_only=recipe.data.reachable_only)
        for split, events in run.events.items()
    }
    grow = Grower(search, forest, threads=processes)
    model = grow(samples["train"], samples["validation"])
    for name, booster in ((bdt.MEAN, model.mean), (bdt.WIDTH, model.width)):
        write(run.folder / name, compressed(booster))
    write_json(
        run.folder / bdt.CALIBRATION,
        {
            "inputs": list(NAMES),
            "mean_offset": model.mean_offset,
            "width_scale": model.width_scale,
            "residuals": model.residuals.to_dict(),
        },
        indent=None,
    )
    write(run.folder / TRIALS, grow.trials_csv())
    run.finish((*bdt.FILES, TRIALS), objects_seen=len(samples["train"]), forests=grow.facts)
    return run.folder


def read_sample(events: data.Events, *, reachable_only: bool) -> Sample:
    """Computes the shower shapes and targets of all events, shard by shard."""
    shapes, targets = [], []
    for index in range(len(events)):
        flat = events.read(index)
        records = from_flat(flat)
        raw = raw_energy_gev(records)
        keep = (raw > 0) & (data.reachable(records) | (not reachable_only))
        records = from_flat(take(flat, np.flatnonzero(keep)))
        shapes.append(shower_shapes(records))
        targets.append(np.log(np.asarray(records.true_energy_gev, np.float64) / raw[keep]))
    return Sample(np.concatenate(shapes), np.concatenate(targets))


class Grower:
    """Pilot, search, cross-fitting, calibration.

    Args:
        search: The search.
        forest: The final forests.
        threads: Threads of LightGBM.
    """

    def __init__(self, search: Search, forest: Forest, threads: int) -> None:
        self.search, self.forest = search, forest
        self.trials: list[dict[str, Any]] = []
        self.facts: dict[str, Any] = {}
        self._lightgbm = require("lightgbm", extra="physics")
        self._fixed = {
            "num_threads": threads,
            "max_bin": 255,
            "verbosity": -1,
            "deterministic": True,
            "force_row_wise": True,
            "seed": forest.seed,
            "bagging_freq": 1,
        }

    def __call__(self, training: Sample, validation: Sample) -> bdt.BDT:
        """Returns the trained regression."""
        rng = np.random.default_rng(self.search.seed)
        part = training[rng.permutation(len(training))[: self.search.objects]]
        offset = float(np.median(training.y))
        _tell(f"{len(training):,} training and {len(validation):,} validation objects; pilot")
        width = self._pilot(part, offset)
        value = self._reused("value") or self._search_value(part, width(part.shapes), offset, rng)
        scale = width(training.shapes)

        residuals = np.empty(len(training))
        fold = rng.permutation(len(training)) % self.forest.folds
        rounds = []
        for number in range(self.forest.folds):
            inside, outside = fold != number, fold == number
            booster = self._value(
                training[inside], scale[inside], validation, width(validation.shapes), offset, value,
                min(self.forest.fold_rounds, self.forest.rounds),
            )  # fmt: skip
            rounds.append(booster.num_trees())
            _tell(f"value, fold {number + 1} of {self.forest.folds}: {rounds[-1]} trees")
            residuals[outside] = training.y[outside] - offset - booster.predict(training.shapes[outside])
        mean = self._value(training, scale, validation, width(validation.shapes), offset, value)

        _tell(f"value, all objects: {mean.num_trees()} trees")
        target = np.log(np.maximum(np.abs(residuals), _TINY))
        spread = self._reused("width") or self._search_width(Sample(training.shapes, target), rng)
        rest = validation.y - offset - mean.predict(validation.shapes)
        checked = Sample(validation.shapes, np.log(np.maximum(np.abs(rest), _TINY)))
        forest = self._quantile(
            Sample(training.shapes, target),
            checked,
            {**spread, "learning_rate": self.forest.learning_rate},
            self.forest.rounds,
        )
        _tell(f"width: {forest.num_trees()} trees")
        z = rest / np.exp(forest.predict(validation.shapes))
        factor = float(np.quantile(np.abs(z), ONE_SIGMA))
        self.facts = {
            "value": {**value, "trees": mean.num_trees(), "trees_of_folds": rounds},
            "width": {**spread, "trees": forest.num_trees()},
            "validation_mean_abs_residual": float(np.mean(np.abs(rest))),
            "width_scale": factor,
        }
        return bdt.BDT(mean, forest, offset, factor, ResidualTable.measure(z / factor))

    def trials_csv(self) -> str:
        """Returns the log of the search, one row a trial; of another run's, if its parameters were taken."""
        if self.search.reuse:
            return (Path(self.search.reuse) / TRIALS).read_text()
        return trials_csv(self.trials)

    def _pilot(self, part: Sample, offset: float) -> Callable[[Floats32], Floats]:
        """Returns a first estimate of the width as a function of the shapes."""
        half = len(part) // 2
        plain = {"num_leaves": 31, "learning_rate": 0.1, "min_data_in_leaf": 100}
        first = self._grow({**plain, "objective": "l1"}, part.shapes[:half], part.y[:half] - offset, 150)
        rest = np.abs(part.y[half:] - offset - first.predict(part.shapes[half:]))
        parameters = {**plain, "objective": "quantile", "alpha": ONE_SIGMA}
        second = self._grow(parameters, part.shapes[half:], np.log(np.maximum(rest, _TINY)), 100)
        least = 0.3 * float(np.exp(np.quantile(second.predict(part.shapes), 0.01)))  # bounds the weights
        return lambda shapes: np.maximum(np.exp(np.asarray(second.predict(shapes))), least)

    def _reused(self, forest: str) -> dict[str, Any]:
        """Returns the parameters of another run's forest; empty without such a run."""
        if not self.search.reuse:
            return {}
        facts = run_record.read_run(Path(self.search.reuse))["forests"][forest]
        return {name: value for name, value in facts.items() if not name.startswith("trees")}

    def _search_value(
        self, part: Sample, scale: Floats, offset: float, rng: np.random.Generator
    ) -> dict[str, Any]:
        cut = 2 * len(part) // 3
        inside, outside = part[:cut], part[cut:]

        def draw(rng: np.random.Generator) -> dict[str, Any]:
            return {**draw_forest(rng), "delta": float(np.round(rng.uniform(0.5, 2.5), 2))}

        def score(parameters: Mapping[str, Any]) -> tuple[float, Any]:
            booster = self._value(
                inside, scale[:cut], outside, scale[cut:], offset, parameters, self.search.rounds, patience=20
            )
            z = (outside.y - offset - booster.predict(outside.shapes)) / scale[cut:]
            return float(np.mean(np.abs(z))), booster

        best = random_search(draw, score, self.search.trials, rng, partial(self._log, "value"))
        return {**best, "learning_rate": min(best["learning_rate"], self.forest.learning_rate)}

    def _search_width(self, part: Sample, rng: np.random.Generator) -> dict[str, Any]:
        index = rng.permutation(len(part))[: self.search.objects]
        cut = 2 * len(index) // 3
        inside, outside = part[index[:cut]], part[index[cut:]]

        def score(parameters: Mapping[str, Any]) -> tuple[float, Any]:
            booster = self._quantile(inside, outside, parameters, self.search.rounds, patience=20)
            return _pinball(outside.y - booster.predict(outside.shapes)), booster

        return random_search(draw_forest, score, self.search.width_trials, rng, partial(self._log, "width"))

    def _value(
        self,
        inside: Sample,
        scale: Floats,
        outside: Sample,
        outside_scale: Floats,
        offset: float,
        parameters: Mapping[str, Any],
        rounds: int = 0,
        patience: int = 0,
    ) -> Any:
        """Grows a forest of y - offset under a Huber loss in units of the width."""
        delta, unit = parameters["delta"], float(np.median(scale))
        weight = (unit / scale) ** 2

        def objective(prediction: Floats, dataset: Any) -> tuple[Floats, Floats]:
            z = (prediction - dataset.get_label()) / scale
            return weight * scale * np.clip(z, -delta, delta), weight

        def metric(prediction: Floats, dataset: Any) -> tuple[str, float, bool]:
            return "abs_z", float(np.mean(np.abs((prediction - dataset.get_label()) / outside_scale))), False

        rest = {name: number for name, number in parameters.items() if name != "delta"}
        return self._grow(
            {**rest, "objective": objective, "metric": "None"},
            inside.shapes,
            inside.y - offset,
            rounds or self.forest.rounds,
            check=Sample(outside.shapes, outside.y - offset),
            metric=metric,
            patience=patience or self.forest.patience,
        )

    def _quantile(
        self, inside: Sample, outside: Sample, parameters: Mapping[str, Any], rounds: int, patience: int = 0
    ) -> Any:
        """Grows a forest of the 68 % quantile of log|residual|."""
        return self._grow(
            {**parameters, "objective": "quantile", "alpha": ONE_SIGMA},
            inside.shapes,
            inside.y,
            rounds,
            check=outside,
            patience=patience or self.forest.patience,
        )

    def _grow(
        self,
        parameters: Mapping[str, Any],
        shapes: Floats32,
        y: Floats,
        rounds: int,
        *,
        check: Sample | None = None,
        metric: Any = None,
        patience: int = 0,
    ) -> Any:
        lgb = self._lightgbm
        named = dict(feature_name=list(NAMES), free_raw_data=True, params={"max_bin": 255, "verbosity": -1})
        training = lgb.Dataset(shapes, y, **named)
        valid, callbacks = [], []
        if check is not None:
            valid = [training.create_valid(check.shapes, check.y)]
            callbacks = [lgb.early_stopping(patience, verbose=False)]
        booster = lgb.train(
            {**self._fixed, **parameters},
            training,
            rounds,
            valid_sets=valid,
            feval=metric,
            callbacks=callbacks,
        )
        # Keep what prediction needs: the trees up to the best round, no training data.
        return lgb.Booster(model_str=booster.model_to_string(num_iteration=booster.best_iteration or -1))

    def _log(
        self, forest: str, number: int, parameters: Mapping[str, Any], booster: Any, score: float
    ) -> None:
        self.trials.append(
            {
                "forest": forest,
                "trial": number,
                **parameters,
                "trees": booster.num_trees(),
                "score": round(score, 6),
            }
        )
        _tell(f"{forest}, trial {number}: {booster.num_trees()} trees, score {score:.5f}")


def _tell(text: str) -> None:
    """Says how far the training is; it takes minutes."""
    print(f"bdt_regression: {text}", flush=True)


def _pinball(difference: Floats) -> float:
    """Mean pinball loss at the 68 % quantile."""
    return float(np.mean(np.maximum(ONE_SIGMA * difference, (ONE_SIGMA - 1.0) * difference)))
