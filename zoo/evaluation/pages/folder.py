"""Writes the folder of a report: report.json, plots/*.png, index.html; the whole folder or nothing.

It is made beside its destination and renamed. A folder that is no report is never replaced.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.errors import InvalidFile
from zoo.evaluation.energy.page import render
from zoo.evaluation.pages import plots
from zoo.files import replacing

if TYPE_CHECKING:
    from zoo.evaluation.energy.report import EnergyReport, Progress

__all__ = ["check_target", "publish", "write_folder"]


def check_target(out: str | Path) -> None:
    """Says at once, before any work, whether a report can be written to a folder.

    Raises:
        InvalidFile: The parent is missing or not writable, or the folder holds something that is no report.
    """
    target = Path(out).absolute()
    if target.exists():
        if not target.is_dir():
            raise InvalidFile(out, "is not a folder.", "Choose another one.")
        if any(target.iterdir()) and not (target / "report.json").is_file():
            raise InvalidFile(out, "the folder is not empty and holds no report.", "Choose another one.")
    if not target.parent.is_dir():
        raise InvalidFile(target.parent, "the folder does not exist.", "Create it first.")
    if not os.access(target.parent, os.W_OK):
        raise InvalidFile(target.parent, "the folder cannot be written.", "Choose another one.")


def write_folder(report: EnergyReport, content: Mapping[str, Any], out: str | Path, tell: Progress) -> Path:
    """Draws and writes everything.

    Args:
        report: The report, for the example fits.
        content: What it computed.
        out: Folder.
        tell: Called with a text and the fraction done.

    Returns:
        The folder.

    Raises:
        InvalidFile: It cannot be written; nothing is left.
    """
    return publish(content, [*_plan(content), *_fits_plan(report)], render, out, tell)


def publish(
    content: Mapping[str, Any],
    plan: Sequence[tuple[str, Callable[[], Any]]],
    page: Callable[[Mapping[str, Any], Mapping[str, bytes]], str],
    out: str | Path,
    tell: Progress,
) -> Path:
    """Writes the folder of any report.

    Args:
        content: Of report.json.
        plan: Name of each picture and what draws it.
        page: From the content and the pictures (PNG) to the HTML page.
        out: Folder.
        tell: Called with a text and the fraction done.

    Returns:
        The folder.

    Raises:
        InvalidFile: It cannot be written; nothing is left.
    """
    check_target(out)
    target = Path(out).absolute()
    try:
        with replacing(target) as work:
            (work / "plots").mkdir(parents=True)
            text = json.dumps(content, indent=1, allow_nan=False)
            (work / "report.json").write_text(text + "\n", encoding="utf-8")
            names = []
            with plots.style():
                for name, draw in plan:
                    plots.save(draw(), work / "plots" / f"{name}.png")
                    names.append(name)
                    tell(f"plot {name}", len(names) / len(plan))
            pictures = {name: (work / "plots" / f"{name}.png").read_bytes() for name in names}
            (work / "index.html").write_text(page(content, pictures), encoding="utf-8")
    except OSError as error:
        raise InvalidFile(out, f"the report could not be written ({error.strerror or error}).") from error
    return target


def _plan(content: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Name of each picture and what draws it."""
    plan: list[tuple[str, Any]] = []
    for variable, table in content["variables"].items():
        fitted = any("cruijff" in m for row in table["bins"] for m in row["methods"].values())
        plan.append((f"resolution_{variable}", partial(plots.draw_resolution, content, variable)))
        if fitted:
            plan.append((f"cruijff_{variable}", partial(plots.draw_resolution, content, variable, "cruijff")))
        plan.append((f"response_{variable}", partial(plots.draw_response, content, variable)))
        if fitted and any(method["pit"] for method in content["methods"]):
            plan.append((f"coverage_{variable}", partial(plots.draw_coverage, content, variable)))
    for side in content["response"]:
        plan.append((f"response_energy_{side}", partial(plots.draw_response_spectrum, content, side)))
    if content["classes"]:
        plan.append(("classes", partial(plots.draw_classes, content)))
    if content["pit_histograms"]:
        plan.append(("pit", partial(plots.draw_pit, content)))
    return plan


def _fits_plan(report: EnergyReport) -> list[tuple[str, Any]]:
    """The fits behind the numbers, of the model and its baseline in bins of the first variable."""
    plan: list[tuple[str, Any]] = []
    variable = next((v for v in report.variables if report.fits.get(v.name)), None)
    if variable is None:
        return plan
    where = variable.bins()
    for method in report.methods:
        if method.name in (report.model, report.baseline):
            ratio = report.responses[method.name]
            parts = [ratio[report.used & (where == number)] for number in range(variable.n_bins)]
            fits = report.fits[variable.name][method.name]
            name = f"fits_{variable.name}_{method.name}"
            plan.append(
                (name, partial(plots.draw_fits, parts, fits, variable.edges, variable.unit, method.label))
            )
    return plan
