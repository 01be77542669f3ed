"""The HTML page of a mass report, from its content."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import Any

from zoo.evaluation.pages.parts import GOALS_HEAD, gallery, goal_row, grid, mark, page, pair
from zoo.models.mass_regressor.report.comparison import BEST

__all__ = ["render"]

Content = Mapping[str, Any]

COLUMNS = {
    "mae": ("mean |error|, MeV", 1000.0),
    "mre": ("mean |error| / m, %", 100.0),
    "bias": ("median error, MeV", 1000.0),
    "width": ("half of the central 68 %, MeV", 1000.0),
    "answered": ("answered, %", 100.0),
    "positive": ("answers above 0, %", 100.0),
}


def render(content: Content, pictures: Mapping[str, bytes]) -> str:
    """Renders the page.

    Args:
        content: Of report.json.
        pictures: PNG bytes by name.

    Returns:
        The HTML text.
    """
    parts = [f"<p class='note'>{html.escape(note)}</p>" for note in content["notes"]]
    parts += ["<h2>Decays below 1.2 GeV</h2>", _table(content, [("all", content["overall"])])]
    parts += _goals(content)
    parts.append(gallery(pictures, ["spectra"]))
    for name, table in content["variables"].items():
        rows = [(f"{row['low']:g}-{row['high']:g} {table['unit']}", row["methods"]) for row in table["bins"]]
        parts.append(f"<h2>In bins of {name}</h2>")
        parts.append(gallery(pictures, [picture for picture in pictures if picture.endswith(f"_{name}")]))
        parts.append(_table(content, rows))
    points = [
        (f"{row['mass_gev']:g} GeV, pT {row['low']:g}-{row['high']:g} GeV", row["methods"])
        for row in content["points"]
    ]
    parts += ["<h2>Around six masses</h2>", _details(_table(content, points))]
    if content["peaks"]:
        peaks = [(row["label"], row["methods"]) for row in content["peaks"]]
        parts += ["<h2>Peaks</h2>", gallery(pictures, ["peaks"]), _table(content, peaks)]
    parts += _template(content)
    parts += _photons(content, pictures)
    parts += _planes(content, pictures)
    if content["metadata"]:
        facts = [
            f"<tr><td>{html.escape(str(key))}</td><td>{html.escape(str(value))}</td></tr>"
            for key, value in content["metadata"].items()
        ]
        parts += ["<h2>Sample</h2>", _details(grid("<tr><th>fact</th><th></th></tr>", facts))]
    return page(content["title"], parts)


def _goals(content: Content) -> list[str]:
    """What is asked, and whether it is met."""
    if not content["goals"]:
        return []
    words = "Goals (undecided: beyond the limit by less than two errors):"
    return [f"<p>{words}</p>", grid(GOALS_HEAD, [goal_row(goal) for goal in content["goals"]])]


def _table(content: Content, bins: Iterable[tuple[str, Content]]) -> str:
    """One row a method of each bin, with every measure and the ratio of the model to it."""
    heads = "".join(f"<th>{text}</th>" for text, _ in COLUMNS.values())
    model = html.escape(_label(content, content["model"]))
    rows = []
    for where, methods in bins:
        for method in content["methods"]:
            found = methods[method["name"]]
            cells = "".join(f"<td>{pair(found[key], scale)}</td>" for key, (_, scale) in COLUMNS.items())
            ratio = found.get("mae_ratio")
            rows.append(
                f"<tr><td>{html.escape(where)}</td><td>{html.escape(method['label'])}</td>{cells}"
                f"<td{mark(ratio)}>{pair(ratio)}</td></tr>"
            )
    return grid(f"<tr><th>bin</th><th>method</th>{heads}<th>mean |error|, {model} / method</th></tr>", rows)


def _photons(content: Content, pictures: Mapping[str, bytes]) -> list[str]:
    """Single photons, and the density of the decays' answers near 0."""
    names = [method["name"] for method in content["methods"]]
    heads = "".join(f"<th>{html.escape(method['label'])}</th>" for method in content["methods"])
    parts = ["<h2>Near zero</h2>"]
    if content["photons"]:
        rows = []
        for row in content["photons"]:
            cells = "".join(f"<td>{pair(row['methods'][name]['positive'])}</td>" for name in names)
            expected = "-" if row["expected"] is None else f"{row['expected']:.3f}"
            where = f"P(m &gt; 0) of photons, pT {row['low']:g}-{row['high']:g} GeV"
            rows.append(f"<tr><td>{where}</td>{cells}<td>{expected}</td></tr>")
        parts += [
            gallery(pictures, ["photons"]),
            grid(f"<tr><th></th>{heads}<th>posterior median</th></tr>", rows),
        ]
    densities = content["near_zero"]
    cells = "".join(f"<td>{pair(densities[name]['density'])}</td>" for name in (*names, BEST))
    row = f"<tr><td>density of answers in 0-0.1 GeV over that in 0.2-0.4 GeV, flat decays</td>{cells}</tr>"
    return [*parts, grid(f"<tr><th></th>{heads}<th>posterior median</th></tr>", [row])]


def _template(content: Content) -> list[str]:
    """The template fit near 0.4 GeV, where there is one."""
    if not content["template"]:
        return []
    rows = [
        f"<tr><td>pT {row['low']:g}-{row['high']:g} GeV</td><td>{row['objects']:,}</td>"
        f"<td>{pair(row['template'], 1000)}</td><td>{pair(row['model'], 1000)}</td>"
        f"<td>{pair(row['ratio'])}</td></tr>"
        for row in content["template"]
    ]
    head = "<tr><th></th><th>decays</th><th>template fit, MeV</th><th>model, MeV</th><th>ratio</th></tr>"
    words = "Half of the central 68 % near 0.4 GeV, beside a fit of two mean showers to the same images:"
    return [f"<p>{words}</p>", grid(head, rows)]


def _planes(content: Content, pictures: Mapping[str, bytes]) -> list[str]:
    """Both masses of a boson's pair."""
    planes = content["planes"]["masses"]
    if not planes:
        return []
    rows = [
        f"<tr><td>{plane['mass_gev']:g} GeV</td><td>{plane['pairs']:,}</td>"
        f"<td>{pair(plane['both_in_region'], 100)}</td></tr>"
        for plane in planes
    ]
    decay = "H &rarr; aa &rarr; 4&gamma;, m<sub>a</sub>"
    head = f"<tr><th>{decay}</th><th>pairs</th><th>both in 0-1.2 GeV, %</th></tr>"
    return ["<h2>Two masses</h2>", gallery(pictures, ["planes"]), grid(head, rows)]


def _details(text: str) -> str:
    return f"<details><summary>all figures</summary>{text}</details>"


def _label(content: Content, name: str) -> str:
    return next(str(method["label"]) for method in content["methods"] if method["name"] == name)
