"""The tables of a contest as Markdown, for a repository's pages; the whole of it is `contest_page`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["markdown"]

Content = Mapping[str, Any]


def markdown(content: Content) -> str:
    """Renders goals, classes, domain shifts and further runs from the content of contest.json."""
    lines = [
        "Ratios of resolutions, model over baseline, on the same objects, whose showers no training has",
        "seen. Errors: cluster bootstrap over showers, paired. Mean: geometric mean over the bins of ET from",
        "5 to 70 GeV, effective and Cruijff.",
    ]
    for sample, found in content["samples"].items():
        model, baseline = found["model"], found["baseline"]
        weights = " against ".join(f"`{origin}`" for origin in found["weights"].values())
        lines += [
            "",
            f"## {sample.capitalize()}",
            "",
            f"{found['events']['objects']:,} objects; {weights}.",
            "",
        ]
        lines += _table(
            ("goal", "at most", "reached", ""), [*map(_goal, found["goals"]), *map(_check, found["checks"])]
        )
        limits = [method for method in found["methods"] if method["limit"]]
        head = (
            "class",
            "objects",
            baseline,
            model,
            "mean ratio",
            "Cruijff",
            *(one["label"] for one in limits),
        )
        lines += ["", *_table(head, (_row(found, row, limits) for row in found["classes"]))]
        if found["worse"]:
            worse = "; ".join(
                f"{row['variable']} {row['bin']} ({row['measure']}) {_pair(row)}" for row in found["worse"]
            )
            lines += ["", f"Worse by more than two errors: {worse}."]
        if found["shifts"]:
            head = ("domain shift", "objects", baseline, model, "mean ratio", "Cruijff")
            lines += ["", *_table(head, (_row(found, row, ()) for row in found["shifts"]))]
        if found["runs"]:
            classes = [table["label"] for table in found["runs"][0]["ratios"]]
            head = ("run", "trained on", *(f"{label}: mean ratio to {baseline}" for label in classes))
            lines += ["", *_table(head, (_run(found, run) for run in found["runs"]))]
    return "\n".join(lines) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    cells = [tuple(head), ("---",) * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]


def _pair(figure: Content | None, digits: int = 3, scale: float = 1.0) -> str:
    """Returns "value ± error", as far as they are known."""
    if figure is None or figure["value"] is None:
        return ""
    error = "" if figure["error"] is None else f" ± {scale * figure['error']:.{digits}f}"
    return f"{scale * figure['value']:.{digits}f}{error}"


def _goal(goal: Content) -> tuple[str, ...]:
    reached = f"{goal['value']}" if goal["error"] is None else _pair(goal)
    return goal["goal"], f"{goal['limit']:g}", reached, goal["verdict"]


def _check(check: Content) -> tuple[str, ...]:
    reached = _pair({"value": check["worst"], "error": check["error"]}, 2, 100.0)
    return check["check"], f"{100 * check['limit']:g} %", f"{reached} %, {check['where']}", check["verdict"]


def _row(found: Content, row: Content, limits: Iterable[Content]) -> tuple[str, ...]:
    methods = row["methods"]
    resolutions = (
        f"{_pair(methods[found[role]]['resolution'], 2, 100.0)} %" for role in ("baseline", "model")
    )
    mean = row["mean_ratio"]
    ratios = (_pair(mean[found["model"]].get(measure)) for measure in ("resolution", "cruijff"))
    bounds = (_pair(mean[one["name"]].get("resolution")) for one in limits)
    return row["label"], f"{row['entries']:,}", *resolutions, *ratios, *bounds


def _run(found: Content, run: Content) -> tuple[str, ...]:
    ratios = (_pair(table[f"to_{found['baseline']}"]["mean"].get("resolution")) for table in run["ratios"])
    return run["name"], f"{run['trained_on']:,}", *ratios
