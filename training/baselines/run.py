"""The frame of a baseline's training: options, folder, events, `run.json`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.baselines.recipe import BaselineRecipe
from training.trainer import data, run_record
from training.trainer.command import add_events, add_set
from training.trainer.recipe import parse_assignments, read
from zoo.errors import InvalidFile
from zoo.files import checksums
from zoo.version import __version__


@dataclass
class BaselineRun:
    """An open run folder of a baseline."""

    folder: Path
    events: Mapping[str, data.Events]  # "train" and "validation"
    session: run_record.Session

    def finish(self, files: Iterable[str], **facts: Any) -> None:
        """Closes `run.json` with the checksums of the weights."""
        self.session.save(
            status="finished",
            finished=run_record.now(),
            files=checksums(self.folder, files),
            **facts,
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of a baseline with a recipe."""
    add_set(parser)
    parser.add_argument("--out", type=Path, help="run folder (default runs/<name>-<n>)")
    add_events(parser)


def run_with(train: Callable[..., Path], options: argparse.Namespace) -> None:
    """Trains a baseline with these options and prints its folder."""
    overrides = parse_assignments(options.set)
    print(train(overrides, out=options.out, processes=options.processes, cache=options.cache))


def open_run(
    recipe: BaselineRecipe, out: Path | None, *, processes: int, cache: Path | None, quiet: bool
) -> BaselineRun:
    """Makes the run folder and the events.

    Args:
        recipe: The recipe.
        out: The folder; runs/<name>-<n> by default.
        processes: Simulating processes.
        cache: Folder of simulated events.
        quiet: No progress bar.

    Raises:
        InvalidFile: The folder cannot be written or holds a run already.
    """
    out = out or run_record.free_folder(recipe.name)
    run_record.prepare_folder(out)
    if (out / run_record.RUN_JSON).exists():
        raise InvalidFile(out, "holds a run already.", "Choose another --out.")
    facts = {
        "format": run_record.FORMAT,
        "model": recipe.name,
        "status": "running",
        "code_version": __version__,
        "recipe": recipe.to_dict(),
    }
    session = run_record.Session(facts, out)
    session.save()
    events = {
        split: data.prepare(
            recipe.data,
            split,
            n=n,
            cache=cache or run_record.RUNS / "cache",
            model=read(recipe.network).model,
            processes=processes,
            quiet=quiet,
        )
        for split, n in (("train", recipe.data.n), ("validation", recipe.data.validation_n))
    }
    unique = data.check_disjoint(*events.values())
    session.save(events={split: one.facts for split, one in events.items()}, unique_showers=unique)
    return BaselineRun(out, events, session)
