"""Trains the boosted trees of the mass: `python -m training mass_shapes`.

A random search on a part of the training events, each trial compared on the rest of that part, then a forest
on all of them that stops by the validation events. The loss is the network's: the mean absolute error of the
same labels with the same weights. Every trial is a row of `trials.csv`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.baselines import recipe as baseline_recipe
from training.baselines import run as baseline_run
from training.baselines.forest_text import compressed
from training.baselines.random_search import draw_forest, random_search, trials_csv
from training.baselines.run import add_arguments, run_with
from training.trainer import data
from training.trainer.recipe import read
from zoo.arrays import Floats32
from zoo.baselines import mass_shapes as shapes
from zoo.baselines.image_shapes import NAMES, image_shapes
from zoo.data.feeding.flat import from_flat
from zoo.errors import require
from zoo.files import write, write_json
from zoo.models.network import Network

__all__ = ["add_arguments", "run", "train"]

TRIALS = "trials.csv"  # in the run folder


@dataclass(frozen=True)
class Search:
    """The search for the forest's parameters, on a part of the training events."""

    trials: int = 50
    objects: int = 60_000  # two thirds to train, one to compare
    rounds: int = 250  # trees at most
    seed: int = 1


@dataclass(frozen=True)
class Forest:
    """The final forest."""

    learning_rate: float = 0.08  # at most: that of the best trial where it is smaller
    rounds: int = 4_000  # trees at most
    patience: int = 40  # rounds without a better validation loss before stopping
    seed: int = 1


@dataclass(frozen=True)
class Sample:
    """Shapes, labels and weights of some candidates."""

    shapes: Floats32  # [B, F]
    label_gev: Floats32  # [B]
    weight: Floats32  # [B]

    def __getitem__(self, index: Any) -> Sample:
        return Sample(self.shapes[index], self.label_gev[index], self.weight[index])

    def __len__(self) -> int:
        return len(self.label_gev)


def run(options: argparse.Namespace) -> None:
    """Trains it by its recipe; options as `add_arguments` makes them."""
    run_with(train, options)


def train(
    overrides: Mapping[str, Any], *, out: Path | None = None, processes: int = 2, cache: Path | None = None
) -> Path:
    """Trains the forest on the recipe's events.

    Args:
        overrides: Field -> value.
        out: Run folder; runs/mass_shapes-<n> by default.
        processes: Processes that simulate, and threads that grow trees.
        cache: Folder of simulated events.

    Returns:
        The run folder, with the weights, `trials.csv` and `run.json`.

    Raises:
        MissingExtra: LightGBM is not installed.
    """
    require("lightgbm", extra="physics")
    recipe = baseline_recipe.read("mass_shapes", {"search": Search, "forest": Forest}, overrides)
    run = baseline_run.open_run(recipe, out, processes=processes, cache=cache, quiet=not sys.stdout.isatty())
    network = read(recipe.network).network()
    samples = {split: read_sample(events, network) for split, events in run.events.items()}
    search, forest = recipe.blocks["search"], recipe.blocks["forest"]
    best, trials = _search(samples["train"], search, processes)
    parameters = {**best, "learning_rate": min(best["learning_rate"], forest.learning_rate)}
    booster = _grow(
        parameters,
        samples["train"],
        samples["validation"],
        forest.rounds,
        forest.patience,
        forest.seed,
        processes,
    )
    _tell(f"all candidates: {booster.num_trees()} trees")
    write(run.folder / shapes.TREES, compressed(booster))
    write_json(run.folder / shapes.INPUTS, {"inputs": list(NAMES)}, indent=None)
    write(run.folder / TRIALS, trials_csv(trials))
    facts = {
        **parameters,
        "trees": booster.num_trees(),
        "validation_loss": _error(booster, samples["validation"]),
    }
    run.finish((*shapes.FILES, TRIALS), objects_seen=len(samples["train"]), forest=facts)
    return run.folder


def read_sample(events: data.Events, network: Network) -> Sample:
    """Computes shapes, labels and weights of all events, shard by shard, but of those that weigh 0."""
    parts = []
    for index in range(len(events)):
        records = from_flat(events.read(index))
        weight = np.asarray(network.weights(records), np.float32)
        label = np.asarray(network.targets(records)["mass_gev"], np.float32)
        parts.append(Sample(image_shapes(records), label, weight)[weight > 0])
    columns = zip(*((part.shapes, part.label_gev, part.weight) for part in parts), strict=True)
    return Sample(*(np.concatenate(column) for column in columns))


def _search(training: Sample, search: Search, threads: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Returns the parameters of the best trial, and all trials."""
    rng = np.random.default_rng(search.seed)
    part = training[rng.permutation(len(training))[: search.objects]]
    cut = 2 * len(part) // 3
    inside, outside = part[:cut], part[cut:]
    trials: list[dict[str, Any]] = []

    def score(parameters: Mapping[str, Any]) -> tuple[float, Any]:
        booster = _grow(parameters, inside, outside, search.rounds, 20, search.seed, threads)
        return _error(booster, outside), booster

    def log(number: int, parameters: Mapping[str, Any], booster: Any, score: float) -> None:
        trials.append({"trial": number, **parameters, "trees": booster.num_trees(), "score": round(score, 6)})
        _tell(f"trial {number}: {booster.num_trees()} trees, mean absolute error {score:.5f} GeV")

    return random_search(draw_forest, score, search.trials, rng, log), trials


def _grow(
    parameters: Mapping[str, Any],
    inside: Sample,
    outside: Sample,
    rounds: int,
    patience: int,
    seed: int,
    threads: int,
) -> Any:
    """Grows a forest until the loss of `outside` no longer falls."""
    lgb = require("lightgbm", extra="physics")
    fixed = {
        "objective": "regression_l1",
        "metric": "l1",
        "num_threads": threads,
        "verbosity": -1,
        "deterministic": True,
        "force_row_wise": True,
        "seed": seed,
        "bagging_freq": 1,
    }
    training = lgb.Dataset(
        inside.shapes,
        inside.label_gev,
        weight=inside.weight,
        feature_name=list(NAMES),
        params={"verbosity": -1},
    )
    booster = lgb.train(
        {**fixed, **parameters},
        training,
        rounds,
        valid_sets=[training.create_valid(outside.shapes, outside.label_gev, weight=outside.weight)],
        callbacks=[lgb.early_stopping(patience, verbose=False)],
    )
    # Keep what prediction needs: the trees up to the best round, no training data.
    return lgb.Booster(model_str=booster.model_to_string(num_iteration=booster.best_iteration or -1))


def _error(booster: Any, sample: Sample) -> float:
    """Weighted mean absolute error in GeV."""
    error = np.abs(booster.predict(sample.shapes) - sample.label_gev)
    return float(np.average(error, weights=sample.weight))


def _tell(text: str) -> None:
    """Says how far the training is; it takes minutes."""
    print(f"mass_shapes: {text}", flush=True)
