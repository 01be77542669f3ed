"""Fits the linear calibration: `python -m training linear_calibration`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.baselines import recipe as baseline_recipe
from training.baselines import run as baseline_run
from training.baselines.run import add_arguments, run_with
from zoo.baselines import linear_calibration
from zoo.files import write_json

__all__ = ["add_arguments", "run", "train"]


@dataclass(frozen=True)
class Grid:
    """The bins of the factors."""

    energy_bins: int = 24  # of log raw energy
    eta_bins: int = 17  # of |ieta|


def run(options: argparse.Namespace) -> None:
    """Trains it by its recipe; options as `add_arguments` makes them."""
    run_with(train, options)


def train(
    overrides: Mapping[str, Any], *, out: Path | None = None, processes: int = 2, cache: Path | None = None
) -> Path:
    """Fits the calibration on the recipe's events.

    Args:
        overrides: Field -> value.
        out: Run folder; runs/linear_calibration-<n> by default.
        processes: Simulating processes.
        cache: Folder of simulated events.

    Returns:
        The run folder, with `calibration.json` and `run.json`.
    """
    recipe = baseline_recipe.read("linear_calibration", {"grid": Grid}, overrides)
    run = baseline_run.open_run(recipe, out, processes=processes, cache=cache, quiet=not sys.stdout.isatty())
    records = {
        split: events.records(reachable_only=recipe.data.reachable_only)
        for split, events in run.events.items()
    }
    grid: Grid = recipe.blocks["grid"]
    calibration = linear_calibration.fit(
        records["train"], records["validation"], energy_bins=grid.energy_bins, eta_bins=grid.eta_bins
    )
    write_json(run.folder / linear_calibration.CALIBRATION, calibration.to_dict(), indent=None)
    run.finish(linear_calibration.FILES, objects_seen=len(records["train"]))
    return run.folder
