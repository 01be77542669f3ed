"""How much of a figure is luck: runs that differ in their seed alone, on the same test events.

    python -m training seeds runs/supercluster-2 runs/supercluster-3

Every metric that a card shows, of each run, and their spread: the standard deviation from run to run. The
error beside a metric in a report is that of the test events, which are the same for all runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from training.release.publish import REPORT, Candidate, measure, rebuild, unseen_events
from training.trainer import run_record
from training.trainer.recipe import from_dict
from zoo.cards import registry
from zoo.errors import InvalidValue
from zoo.files import write, write_json

__all__ = ["compare_seeds"]


def compare_seeds(runs: Sequence[Path], out: Path, *, processes: int = 2, cache: Path | None = None) -> Path:
    """Measures the runs.

    Args:
        runs: Folders of two finished runs or more of one network; their recipes may differ in the seed alone.
        out: Folder of the results; made if it is not there.
        processes: Processes that simulate the test events.
        cache: Folder of simulated events; runs/cache by default.

    Returns:
        `seeds.md`; beside it `seeds.json`, and in each run folder its report.

    Raises:
        InvalidFile: A run is not finished.
        InvalidValue: Fewer than two runs, or more than a seed differs.
    """
    if len(runs) < 2:
        raise InvalidValue("runs", "two or more", len(runs))
    facts = [run_record.read_finished(run) for run in runs]
    recipes = [from_dict(one["recipe"], str(run)) for run, one in zip(runs, facts, strict=True)]
    alike = [recipe.override({"fit.seed": 0}) for recipe in recipes]
    for run, recipe in zip(runs, alike, strict=True):
        if recipe != alike[0]:
            raise InvalidValue(f"recipe of {run}", f"that of {runs[0]} but for fit.seed", "another")
    seeds = [recipe.fit.seed for recipe in recipes]
    if len(set(seeds)) < len(seeds):
        raise InvalidValue("fit.seed", "another one in each run", seeds)
    run_record.prepare_folder(out)
    card = registry.info(recipes[0].model)
    test = unseen_events(facts[0], processes, cache or run_record.ROOT / "runs" / "cache")
    metrics: list[list[dict[str, Any]]] = []
    for run, one, recipe in zip(runs, facts, recipes, strict=True):
        candidate = Candidate(run, one, card, "", test, {})
        metrics.append(measure(candidate, rebuild(recipe, run), run / REPORT))
    rows = [_row(same) for same in zip(*metrics, strict=True)]
    content = {
        "model": card.name, "runs": [str(run) for run in runs], "seeds": seeds,
        "objects_seen": facts[0]["objects_seen"], "test_objects": test.facts["objects"], "metrics": rows,
    }  # fmt: skip
    write_json(out / "seeds.json", content)
    page = out / "seeds.md"
    write(page, _markdown(content))
    return page


def _row(same: Sequence[dict[str, Any]]) -> dict[str, Any]:
    values = [metric["value"] for metric in same]
    row = {"name": same[0]["name"], "unit": same[0].get("unit", ""), "values": values}
    return {**row, "spread": float(np.std(values, ddof=1)), "test_error": same[0].get("error")}


def _markdown(content: dict[str, Any]) -> str:
    lines = [
        f"`{content['model']}`, {content['objects_seen']:,} objects seen, "
        f"{content['test_objects']:,} test objects.",
        "",
        "| | " + " | ".join(f"seed {seed}" for seed in content["seeds"]) + " | spread | error of the test |",
        "| --- |" + " --- |" * (len(content["seeds"]) + 2),
    ]
    for row in content["metrics"]:
        error = "" if row["test_error"] is None else f"{row['test_error']:.2g}"
        cells = [*(f"{value:.4g}" for value in row["values"]), f"{row['spread']:.2g}", error]
        unit = f" ({row['unit']})" if row["unit"] else ""
        lines.append(f"| {row['name']}{unit} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
