"""The page of a contest between a model and its baseline: goals, classes, domain shifts, further runs."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from zoo.evaluation.pages.parts import COLOURS, GOALS_HEAD, goal_row, grid, mark, page, pair

__all__ = ["render"]

Content = Mapping[str, Any]

_MEASURES = (("resolution", "effective"), ("cruijff", "Cruijff"))


def render(content: Content) -> str:
    """Renders the page from the content of contest.json; it links the reports, which lie beside it."""
    parts = [
        "<p class='note'>Ratios of resolutions, model over baseline, on the same objects; no training has "
        "seen their showers. Errors: cluster bootstrap over showers, paired. Mean: geometric mean over the "
        "bins of E<sub>T</sub> from 5 to 70 GeV. Coloured: better or worse by more than two errors.</p>"
    ]
    for sample, found in content["samples"].items():
        model, baseline = (_label(found, found[role]) for role in ("model", "baseline"))
        weights = ", ".join(html.escape(origin) for origin in found["weights"].values())
        parts += [
            f"<h2>{html.escape(sample.capitalize())}: {model} against {baseline}</h2>",
            f"<p>{found['events']['objects']:,} test objects; {weights}. "
            f"<a href='{html.escape(found['report'])}'>The full report</a></p>",
            _goals(found),
            _classes(found),
            _worse(found),
        ]
        if found["shifts"]:
            parts += ["<h3>Domain shifts: nothing is trained anew</h3>", _shifts(found)]
        if found["runs"]:
            parts += ["<h3>Further runs on the same objects</h3>", _runs(found)]
    return page("The contest", parts)


def _goals(found: Content) -> str:
    rows = [goal_row(goal) for goal in found["goals"]]
    rows += [
        f"<tr class='{COLOURS[check['verdict']]}'><td>{html.escape(check['check'])}</td>"
        f"<td>&le; {100 * check['limit']:g} %</td>"
        f"<td>{pair({'value': check['worst'], 'error': check['error']}, 100)} %, "
        f"{html.escape(check['where'])}</td><td>{check['verdict']}</td></tr>"
        for check in found["checks"]
    ]
    return grid(GOALS_HEAD, rows)


def _classes(found: Content) -> str:
    limits = [method["name"] for method in found["methods"] if method["limit"]]
    head = _ratio_head(
        "class", "".join(f"<th>{html.escape(_label(found, name))}, mean</th>" for name in limits)
    )
    rows = []
    for table in found["classes"]:
        beside = "".join(f"<td>{pair(table['mean_ratio'][name].get('resolution'))}</td>" for name in limits)
        rows.append(_ratio_row(found, table, beside))
    return grid(head, rows)


def _worse(found: Content) -> str:
    if not found["worse"]:
        return "<p class='better'>In no bin and no class worse by more than two errors.</p>"
    rows = [
        f"<tr><td>{html.escape(row['variable'])}</td><td>{html.escape(row['bin'])}</td>"
        f"<td>{row['measure']}</td><td>{pair(row)}</td></tr>"
        for row in found["worse"]
    ]
    head = "<tr><th>variable</th><th>bin</th><th>measure</th><th>ratio</th></tr>"
    text = f"Worse by more than two errors in {len(rows)} bins or classes:"
    return f"<p class='worse'>{text}</p>{grid(head, rows)}"


def _shifts(found: Content) -> str:
    """Model and baseline side by side under each shift, as a whole and in the bins of ET."""
    names = (found["model"], found["baseline"])
    both = "".join(
        f"<th>{_label(found, name)} {figure}</th>"
        for figure in ("&sigma;<sub>eff</sub>, %", "median")
        for name in names
    )
    rows, binned = [], []
    for table in found["shifts"]:
        entries = table["methods"]
        beside = "".join(f"<td>{pair(entries[name]['resolution'], 100)}</td>" for name in names)
        beside += "".join(f"<td>{pair(entries[name]['median'])}</td>" for name in names)
        rows.append(_ratio_row(found, table, beside))
        label = html.escape(table["label"])
        for name in names:
            widths = (pair(row["methods"][name]["resolution"], 100) for row in table["bins"])
            cells = "".join(f"<td>{width}</td>" for width in widths)
            binned.append(f"<tr><td>{label}</td><td>{_label(found, name)}, %</td>{cells}</tr>")
        ratios = [row["methods"][found["model"]]["ratio"] for row in table["bins"]]
        cells = "".join(f"<td{mark(ratio)}>{pair(ratio)}</td>" for ratio in ratios)
        binned.append(f"<tr><td>{label}</td><td>ratio</td>{cells}</tr>")
    bins = "".join(f"<th>{row['low']:g}-{row['high']:g} GeV</th>" for row in found["shifts"][0]["bins"])
    head = f"<tr><th>shift</th><th>effective width</th>{bins}</tr>"
    return grid(_ratio_head("shift", both), rows) + grid(head, binned)


def _runs(found: Content) -> str:
    """Effective width of each run over those of model and baseline: means over ET, class by class."""
    others = (found["model"], found["baseline"])
    first = found["runs"][0]["ratios"]
    classes = "".join(f"<th colspan='{len(others)}'>{html.escape(row['label'])}</th>" for row in first)
    heads = "".join(f"<th>/ {_label(found, who)}, mean</th>" for who in others) * len(first)
    rows = []
    for run in found["runs"]:
        ratios = [row[f"to_{who}"]["mean"]["resolution"] for row in run["ratios"] for who in others]
        seen = f"{run['objects_seen']:,}" if run["objects_seen"] else ""
        width = pair(run["ratios"][0]["resolution"], 100)
        rows.append(
            f"<tr><td>{html.escape(run['name'])}</td><td>{html.escape(run['origin'])}</td>"
            f"<td>{run['trained_on']:,}</td><td>{seen}</td><td>{width}</td>"
            + "".join(f"<td{mark(ratio)}>{pair(ratio)}</td>" for ratio in ratios)
            + "</tr>"
        )
    return grid(
        f"<tr><th></th><th></th><th></th><th></th><th></th>{classes}</tr>"
        f"<tr><th>run</th><th>weights</th><th>trained on</th><th>objects seen</th>"
        f"<th>&sigma;<sub>eff</sub>, %</th>{heads}</tr>",
        rows,
    )


def _ratio_head(what: str, beside: str) -> str:
    ratios = "".join(f"<th>{words}{kind}</th>" for _, words in _MEASURES for kind in ("", ", mean"))
    return f"<tr><th>{what}</th><th>objects</th>{ratios}{beside}</tr>"


def _ratio_row(found: Content, table: Content, beside: str) -> str:
    """The model's four ratios in one class: effective and Cruijff, of the whole and as the mean over ET."""
    entry, mean = table["methods"][found["model"]], table["mean_ratio"][found["model"]]
    ratios: Sequence[Any] = (
        entry["ratio"], mean.get("resolution"), entry["cruijff"]["ratio"], mean.get("cruijff")
    )  # fmt: skip
    cells = "".join(f"<td{mark(ratio)}>{pair(ratio)}</td>" for ratio in ratios)
    return f"<tr><td>{html.escape(table['label'])}</td><td>{table['entries']:,}</td>{cells}{beside}</tr>"


def _label(found: Content, name: str) -> str:
    return html.escape(next(method["label"] for method in found["methods"] if method["name"] == name))
