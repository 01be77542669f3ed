"""The frame of a baseline's training: folder, events, `run.json`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.baselines.recipe import BaselineRecipe
from training.trainer import data, run_record
from training.trainer.recipe import read
from zoo.errors import InvalidFile
from zoo.files import checksums
from zoo.version import __version__

RUNS = run_record.ROOT / "runs"


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
    number = 1
    while out is None:
        candidate = RUNS / f"{recipe.name}-{number:03d}"
        out, number = (None if candidate.exists() else candidate), number + 1
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
            cache=cache or RUNS / "cache",
            model=read(recipe.network).model,
            processes=processes,
            quiet=quiet,
        )
        for split, n in (("train", recipe.data.n), ("validation", recipe.data.validation_n))
    }
    unique = data.check_disjoint(*events.values())
    session.save(events={split: one.manifest for split, one in events.items()}, unique_showers=unique)
    return BaselineRun(out, events, session)
