"""The contest: `python -m training contest`, the DRN against the BDT on the same test objects.

    contest(Path("runs/contest"), runs={"half the data": "runs/drn-half"})

For each kind of object: the full report, with classes and information limits; the same under domain
shifts; and further runs (ablations, seeds, other amounts of data) beside the two tags. `contest.json` holds
all of it, `contest.csv` the headline figures, `contest.md` the tables; `index.html` leads to the reports.
Simulated truth and predictions stay in hidden folders of `out`: a second contest computes what is new.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from training.contest.contestants import Contestant, contestant, predictions
from training.contest.events import check_unseen, shifted, with_truth
from training.contest.markdown import markdown
from training.contest.page import render
from training.trainer import data, run_record
from training.trainer.recipe import Data, block
from zoo.arrays import Arrays
from zoo.cards import registry
from zoo.errors import InvalidValue
from zoo.evaluation.energy.class_table import ClassTable
from zoo.evaluation.energy.classes import AVERAGE, HARD, ObjectClass, object_classes
from zoo.evaluation.energy.verdicts import verdict
from zoo.files import write, write_json
from zoo.models.drn.report import energy_report
from zoo.simulation.shifts import SHIFTS
from zoo.version import __version__

if TYPE_CHECKING:
    import awkward as ak

    from zoo.evaluation.energy.report import EnergyReport

__all__ = ["GOALS", "contest"]

NETWORK, TREES, LINEAR = "drn", "bdt_regression", "linear_calibration"
GOALS = {AVERAGE: 0.95, HARD: 0.92}
"""Ratio of resolutions to the BDT, mean over ET 5-70 GeV, that each class should reach."""
GOAL_VARIABLES = ("et", "abs_eta", "rho", "r9")
"""No bin of these may be worse than the BDT by more than two errors."""
NOMINAL = "nominal"
SHIFT_WORDS = {
    NOMINAL: "as in training",
    "grindhammer_peters": "Grindhammer-Peters showers",
    "noise": "noise x 1.5, not known",
    "thresholds": "thresholds x 1.5",
    "dead": "1 % dead crystals and a dead 5 x 5 tower",
}
SHIFT_SEED = 77


def contest(
    out: Path,
    *,
    samples: Sequence[str] = ("electrons", "photons"),
    network: str = "drn.barrel_{sample}_v1",
    trees: str = "bdt_regression.barrel_{sample}_v1",
    linear: str = "linear_calibration.barrel_{sample}_v1",
    runs: Mapping[str, str] | None = None,
    n: int = 100_000,
    shift_n: int = 20_000,
    processes: int = 2,
    cache: Path | None = None,
) -> Path:
    """Holds the contest.

    Args:
        out: Folder of the results; made if it is not there.
        samples: Kinds of objects.
        network: Tag or run folder of the DRN; "{sample}" stands for the kind.
        trees: The same of the BDT.
        linear: The same of the linear calibration; left out where there is no such tag.
        runs: Name -> tag or run folder that is compared with both. A run takes part in the kinds that it was
            trained on.
        n: Test objects of each kind.
        shift_n: Objects of each kind under each domain shift; 0 leaves the shifts out.
        processes: Simulating processes.
        cache: Folder of simulated events; runs/cache by default.

    Returns:
        The page, `out`/index.html.

    Raises:
        UnknownName: No such sample, model or tag.
        InvalidFile: A run is not finished, or `out` cannot be written.
        InvalidValue: A run has the name of a method, or saw showers of the test events.
    """
    run_record.prepare_folder(out)
    for name in {"raw", NETWORK, TREES} & set(runs or {}):
        raise InvalidValue("name of a run", "another name than those of the methods", repr(name))
    others = [contestant(name, origin) for name, origin in (runs or {}).items()]
    content: dict[str, Any] = {"format": 1, "code_version": __version__, "samples": {}}
    for sample in samples:
        two = {
            NETWORK: contestant("DRN", network.format(sample=sample)),
            TREES: contestant("BDT", trees.format(sample=sample)),
        }
        kind = _Kind(sample, two, out, processes, cache or run_record.ROOT / "runs" / "cache")
        chosen = [run for run in others if sample in run.samples]
        content["samples"][sample] = kind.hold(n, shift_n, chosen, linear.format(sample=sample))
    write_json(out / "contest.json", content)
    write(out / "contest.csv", _csv(content))
    write(out / "contest.md", markdown(content))
    write(out / "index.html", render(content))
    return out / "index.html"


@dataclasses.dataclass(frozen=True)
class _Kind:
    """The contest of one kind of objects."""

    sample: str
    two: Mapping[str, Contestant]  # the network and the trees
    out: Path
    processes: int
    cache: Path

    def hold(self, n: int, shift_n: int, runs: Sequence[Contestant], linear: str) -> dict[str, Any]:
        """Returns everything about this kind."""
        recipe = self.two[NETWORK].facts["recipe"]
        recipe_data = block(Data, recipe["data"], "the data block of the network's run")
        recipe_data = dataclasses.replace(recipe_data, samples=(self.sample,), test_n=n)
        common: dict[str, Any] = {"model": recipe["model"]["name"], "processes": self.processes}
        quiet = not sys.stdout.isatty()
        test = data.prepare(recipe_data, "test", n=n, cache=self.cache, quiet=quiet, **common)
        for who in (*self.two.values(), *runs):
            check_unseen(test, who.facts, self.cache)
        self._tell("truth and information limit")
        records, limits = with_truth(recipe_data, test, self.out / ".truth", **common)
        events = {"key": test.facts["key_sha256"], "n_shards": len(test)}

        found = self._predict(self.two, events, records)
        calibrated = {}
        if linear.partition(".")[2] in registry.info(LINEAR).tags or Path(linear).is_dir():
            calibrated = self._predict({LINEAR: contestant("linear calibration", linear)}, events, records)
        self._tell("report")
        metadata = {
            "sample": self.sample, "split": "test", "seed": recipe_data.seed, "objects": len(records),
            "pile-up-free fraction": recipe_data.pileup_free_fraction, "code_version": __version__,
            "weights": {name: who.origin for name, who in self.two.items()},
        }  # fmt: skip
        baselines = {**calibrated, TREES: found[TREES]}
        report = _report(records, found[NETWORK], baselines, metadata=metadata, limits=limits)
        shown = report.write(self.out / self.sample)
        return {
            "weights": metadata["weights"],
            "events": test.facts,
            "report": f"{self.sample}/index.html",
            **{key: shown[key] for key in ("methods", "model", "baseline", "overall", "inefficiency")},
            **{key: shown[key] for key in ("classes", "worse", "checks")},
            "goals": _goals(shown),
            "shifts": self._shifts(shift_n),
            "runs": self._runs(runs, events, records, found) if runs else [],
        }

    def _predict(
        self, who: Mapping[str, Contestant], events: Mapping[str, Any], records: ak.Array
    ) -> dict[str, Arrays]:
        found = {}
        for name, one in who.items():
            self._tell(f"predictions of {one.origin}")
            found[name] = predictions(one, events, records, self.out / ".predictions")
        return found

    def _shifts(self, n: int) -> list[dict[str, Any]]:
        """Both contestants where the detector or the showers are not those of the training."""
        rows = []
        for name in (NOMINAL, *SHIFTS) if n else ():
            self._tell(f"shift: {name}")
            shift = None if name == NOMINAL else SHIFTS[name]
            events, records = shifted(
                self.sample, shift, n, SHIFT_SEED, self.out / ".shifts", processes=self.processes
            )
            found = self._predict(self.two, events, records)
            report = _report(records, found[NETWORK], {TREES: found[TREES]})
            table = report.class_table(_everything(records))
            rows.append({**table.as_json(TREES), "name": name, "label": SHIFT_WORDS.get(name, name)})
        return rows

    def _runs(
        self,
        runs: Sequence[Contestant],
        events: Mapping[str, Any],
        records: ak.Array,
        found: Mapping[str, Arrays],
    ) -> list[dict[str, Any]]:
        """Tags and further runs on the same objects: ratios of resolutions to network and trees."""
        answers = self._predict({run.name: run for run in runs}, events, records)
        energies = {name: {"energy_gev": answer["energy_gev"]} for name, answer in answers.items()}
        report = _report(records, found[NETWORK], {TREES: found[TREES], **energies})
        classes = [c for c in object_classes(records) if c.name in GOALS]
        tables = [report.class_table(chosen) for chosen in (_everything(records), *classes)]
        return [
            {
                "name": run.name,
                "origin": run.origin,
                "model": run.model,
                "trained_on": run.facts["recipe"]["data"]["n"],
                "objects_seen": run.facts.get("objects_seen"),
                "parameters": run.facts.get("parameters"),
                "recipe": run.facts["recipe"],
                "ratios": [_ratios(table, method) for table in tables],
            }
            for method, run in {**self.two, **{run.name: run for run in runs}}.items()
        ]

    def _tell(self, what: str) -> None:
        print(f"{self.sample}: {what}", flush=True)


def _report(
    records: ak.Array, network: Arrays, baselines: Mapping[str, Arrays], **options: Any
) -> EnergyReport:
    return energy_report(records, network, baselines=baselines, **options)


def _everything(records: ak.Array) -> ObjectClass:
    return ObjectClass("all", "all objects", np.ones(len(records), bool))


def _ratios(table: ClassTable, name: str) -> dict[str, Any]:
    """Ratios of one run in one class: the whole of it, and the mean over ET."""
    return {
        "name": table.name,
        "label": table.label,
        "entries": table.whole.entries,
        "resolution": table.whole.measures[name]["resolution"].as_json(),
        **{
            f"to_{who}": {"whole": table.whole.ratio(name, who), "mean": table.mean(name, who)}
            for who in (NETWORK, TREES)
        },
    }


def _goals(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What was to be reached, what was, and whether that is settled within two errors."""
    goals = []
    for table in report["classes"]:
        for measure, ratio in table["mean_ratio"][report["model"]].items():
            if table["name"] in GOALS:
                limit = GOALS[table["name"]]
                words = {"resolution": "effective", "cruijff": "Cruijff"}[measure]
                goal = f"{table['label']}: mean ratio to the BDT, {words}"
                goals.append({
                    "goal": goal, "limit": limit, "value": ratio["value"], "error": ratio["error"],
                    "verdict": verdict(ratio["value"], limit, ratio["error"]),
                })  # fmt: skip
    worse = sum(row["variable"] in GOAL_VARIABLES for row in report["worse"])
    goal = f"bins of {', '.join(GOAL_VARIABLES)} worse by more than two errors"
    goals.append({
        "goal": goal, "limit": 0, "value": worse, "error": None, "verdict": verdict(worse, 0, None),
    })  # fmt: skip
    return goals


def _csv(content: Mapping[str, Any]) -> str:
    """The headline figures, one a line."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["sample", "table", "name", "figure", "measure", "value", "error"])

    def write(sample: str, table: str, name: str, figure: str, ratios: Mapping[str, Any]) -> None:
        for measure, ratio in ratios.items():
            numbers = ["" if ratio[key] is None else f"{ratio[key]:.5g}" for key in ("value", "error")]
            writer.writerow([sample, table, name, figure, measure, *numbers])

    for sample, found in content["samples"].items():
        for kind in ("classes", "shifts"):
            for row in found[kind]:
                entry = row["methods"][NETWORK]
                whole = {"resolution": entry["ratio"], "cruijff": entry["cruijff"]["ratio"]}
                write(sample, kind, row["name"], f"ratio to {TREES}", whole)
                figure = f"mean ratio, ET 5-70, to {TREES}"
                write(sample, kind, row["name"], figure, row["mean_ratio"][NETWORK])
        for run in found["runs"]:
            for row in run["ratios"]:
                table = f"runs, {row['name']}"
                for who in (NETWORK, TREES):
                    for key, figure in (("whole", "ratio"), ("mean", "mean ratio, ET 5-70,")):
                        write(sample, table, run["name"], f"{figure} to {who}", row[f"to_{who}"][key])
    return file.getvalue()
