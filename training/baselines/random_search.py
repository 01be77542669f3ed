"""Searches the parameters of a forest at random."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["draw_forest", "random_search", "trials_csv"]


def random_search(
    draw: Callable[[np.random.Generator], dict[str, Any]],
    score: Callable[[Mapping[str, Any]], tuple[float, Any]],
    n: int,
    rng: np.random.Generator,
    log: Callable[[int, Mapping[str, Any], Any, float], None],
) -> dict[str, Any]:
    """Tries n sets of parameters.

    Args:
        draw: Draws a set.
        score: Returns what a set reaches, less is better, and the forest that reached it.
        n: Number of trials.
        rng: Source of randomness.
        log: Called with number, parameters, forest and score of each trial.

    Returns:
        The best set; empty without a trial.
    """
    best: dict[str, Any] = {}
    least = math.inf
    for number in range(n):
        parameters = draw(rng)
        value, forest = score(parameters)
        log(number, parameters, forest, value)
        if value < least:
            least, best = value, parameters
    return best


def draw_forest(rng: np.random.Generator) -> dict[str, Any]:
    """Draws parameters of a forest, under LightGBM's names."""
    return {
        "num_leaves": int(np.exp(rng.uniform(np.log(16), np.log(256)))),
        "learning_rate": float(np.round(np.exp(rng.uniform(np.log(0.06), np.log(0.2))), 3)),
        "min_data_in_leaf": int(np.exp(rng.uniform(np.log(20), np.log(400)))),
        "feature_fraction": float(np.round(rng.uniform(0.3, 1.0), 2)),
        "bagging_fraction": float(np.round(rng.uniform(0.5, 1.0), 2)),
        "lambda_l2": float(np.round(np.exp(rng.uniform(np.log(0.01), np.log(30))), 3)),
        "path_smooth": float(np.round(rng.choice([0.0, 1.0, 10.0]), 1)),
    }


def trials_csv(trials: Sequence[Mapping[str, Any]]) -> str:
    """Returns trials as CSV, with a column for every name that any of them has."""
    names = list(dict.fromkeys(name for trial in trials for name in trial))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(trials)
    return text.getvalue()
