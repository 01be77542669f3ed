"""`python -m training train RECIPE`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from training.trainer.recipe import RECIPES, parse_assignments, read
from zoo.cards.registry import baselines
from zoo.errors import ZooError

__all__ = ["add_commands", "add_events", "add_set", "recipes"]


def recipes() -> list[str]:
    """Returns the names of the networks' recipes."""
    return sorted({path.stem for path in RECIPES.glob("*.toml")} - set(baselines()))


def add_set(parser: argparse.ArgumentParser) -> None:
    """Adds the option that replaces fields of a recipe."""
    parser.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE",
        help="replace one field of the recipe or of the network's configuration",
    )  # fmt: skip


def add_events(parser: argparse.ArgumentParser, *, cache: bool = True) -> None:
    """Adds the options of the simulation."""
    parser.add_argument("--processes", type=int, default=2, help="simulating processes (default 2)")
    if cache:
        parser.add_argument("--cache", type=Path, help="folder of simulated events (default runs/cache)")


def add_commands(commands: Any) -> None:
    """Adds `train`."""
    parser = commands.add_parser(
        "train",
        help="train a network by its recipe",
        description=f"Trains a network by its recipe: {', '.join(recipes())}. "
        "Then: python -m training release RUN --tag TAG.",
        epilog="example: python -m training drn --set hidden=32 --set learning_rate=5e-4 --out runs/small",
    )
    add = parser.add_argument
    add("recipe", help="name in training/recipes, or a .toml file")
    add_set(parser)
    add("--steps", type=int, help="optimiser steps (the same as --set fit.steps=N)")
    add("--out", type=Path, help="run folder (default runs/<recipe>-<n>)")
    add("--resume", action="store_true", help="go on with the interrupted run in --out")
    add("--strategy", help="none, mirrored or multiworker")
    add("--accept-other-code", action="store_true", help="resume although the network's sources have changed")
    add_events(parser)
    parser.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> None:
    overrides = parse_assignments(options.set)
    if options.steps is not None:
        overrides["fit.steps"] = options.steps
    if options.strategy is not None:
        overrides["fit.strategy"] = options.strategy
    from training.trainer import run
    from training.trainer.run_record import RUNS, free_folder

    if options.resume:
        if options.out is None:
            raise ZooError("--resume needs --out, the folder of the run to go on with")
        if set(overrides) - {"fit.strategy"}:
            raise ZooError("a resumed run keeps its recipe: give no --set and no --steps with --resume")
        recipe = run.recipe_of(options.out).override(overrides)
    else:
        recipe = read(options.recipe).override(overrides)
    result = run.run(
        recipe,
        options.out or free_folder(Path(options.recipe).stem),
        resume=options.resume,
        processes=options.processes,
        cache=options.cache or RUNS / "cache",
        accept_other_code=options.accept_other_code,
    )
    print(
        f"{result.folder}: {result.steps} steps, {result.objects_seen:,} objects seen, "
        f"validation loss {result.best_val_loss:.4f}"
    )
