"""The HTML page of an MLPF report, from its content."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from zoo.evaluation.pages.parts import GOALS_HEAD, gallery, goal_row, grid, page, pair

__all__ = ["render"]

Content = Mapping[str, Any]

EACH = (
    "efficiency_pt",
    "fakes_pt",
    "efficiency_eta",
    "fakes_eta",
    "confusion",
    "jets",
    "hard_jets",
    "met",
    "multiplicity",
)


def render(content: Content, pictures: Mapping[str, bytes]) -> str:
    """Renders the page.

    Args:
        content: Of report.json.
        pictures: PNG bytes by name.

    Returns:
        The HTML text.
    """
    parts = [f"<p class='note'>{html.escape(note)}</p>" for note in content["notes"]]
    parts.append("<h2>Goals</h2><p>Undecided: beyond the limit by less than two errors.</p>")
    parts.append(grid(GOALS_HEAD, [goal_row(goal) for goal in content["goals"]]))
    display = content["display"]
    parts.append("<h2>One event</h2>")
    parts.append(f"<p>{display['elements']:,} elements, {display['n_pileup']} interactions of pile-up</p>")
    parts.append(gallery(pictures, ["display"]))
    for number, group in enumerate(content["groups"]):
        parts.append(f"<h2>{html.escape(group['label'][0].upper() + group['label'][1:])}</h2>")
        parts.append(
            f"<p>{group['events']:,} events, {group['collisions']:,} hard collisions, "
            f"{group['elements']:,} elements; threshold {group['threshold']:.4g}</p>"
        )
        parts += [_overview(content, group), _resolutions(content, group), _whole(content, group)]
        parts.append(_jets_by_eta(content, group))
        parts.append(_multiplicities(content, group))
        parts.append(gallery(pictures, [f"{name}_{number}" for name in EACH]))
        parts.append(_details("all bins of the classes", _bins(content, group)))
    if content["metadata"]:
        facts = [
            f"<tr><td>{html.escape(str(key))}</td><td>{html.escape(str(value))}</td></tr>"
            for key, value in content["metadata"].items()
        ]
        parts += ["<h2>Sample</h2>", _details("all facts", grid("<tr><th>fact</th><th></th></tr>", facts))]
    return page(content["title"], parts)


def _heads(content: Content, *measures: str) -> str:
    return "".join(
        f"<th>{measure}, {html.escape(method['label'])}</th>"
        for measure in measures
        for method in content["methods"]
    )


def _overview(content: Content, group: Content) -> str:
    """Efficiency and fake rate of each class."""
    names = [method["name"] for method in content["methods"]]
    rows = []
    for name, table in group["classes"].items():
        cells = "".join(
            f"<td>{pair(table['methods'][method][measure])}</td>"
            for measure in ("efficiency", "fake_rate")
            for method in names
        )
        rows.append(
            f"<tr><td>{name}</td><td>{table['targets']:,}</td>{cells}<td>{pair(table['at_fake_rate']['efficiency'])}</td></tr>"
        )
    cells = "".join(f"<td>{pair(group['fakes'][method])}</td>" for method in names)
    rows.append(
        f"<tr><td>any, where no particle is</td><td></td>{'<td></td>' * len(names)}{cells}<td></td></tr>"
    )
    head = f"<tr><th>class</th><th>targets</th>{_heads(content, 'efficiency', 'fake rate')}"
    return grid(f"{head}<th>efficiency at the class' fake rate of PF</th></tr>", rows)


def _resolutions(content: Content, group: Content) -> str:
    """Widths of momentum and direction, of the elements that each method calls right."""
    measures = (
        ("pt", "median", 1.0),
        ("pt", "iqr", 1.0),
        ("energy", "iqr", 1.0),
        ("eta", "iqr", 1e3),
        ("phi", "iqr", 1e3),
    )
    rows = []
    for name, table in group["resolution"].items():
        for method in content["methods"]:
            found = table[method["name"]]
            for which, words in (("each", ""), ("both", ", those that both call so")):
                cells = "".join(
                    f"<td>{pair(found[which][of][key], scale)}</td>" for of, key, scale in measures
                )
                rows.append(f"<tr><td>{name}{words}</td><td>{html.escape(method['label'])}</td>{cells}</tr>")
    head = (
        "<tr><th>class</th><th>method</th><th>pT / true, median</th><th>IQR</th><th>E / true, IQR</th>"
        "<th>eta, IQR [1e-3]</th><th>phi, IQR [mrad]</th></tr>"
    )
    return _details("momentum and direction", grid(head, rows))


def _whole(content: Content, group: Content) -> str:
    """Jets and missing momentum, of all particles and of the hard scatter."""
    rows = []
    for jets, met, words in (
        ("jets", "met", "all particles"),
        ("hard_jets", "hard_met", "hard scatter alone"),
    ):
        for method in content["event_methods"]:
            found, missing = (
                group[jets]["methods"][method["name"]]["overall"],
                group[met]["methods"][method["name"]],
            )
            cells = [
                found["jets"],
                pair(found["matched"]),
                pair(found["median"]),
                pair(found["iqr_over_median"]),
                pair(group[jets]["methods"][method["name"]]["calibrated"]["iqr_over_median"]),
            ]
            cells += [pair(missing[key]) for key in ("median", "q68", "q97")]
            cells += [pair(missing["response"][key]) for key in ("median", "iqr_over_median")]
            text = "".join(f"<td>{cell}</td>" for cell in cells)
            rows.append(f"<tr><td>{words}</td><td>{html.escape(method['label'])}</td>{text}</tr>")
    head = (
        "<tr><th></th><th>method</th><th>jets above 15 GeV</th><th>found</th><th>pT / true, median</th>"
        "<th>IQR / median</th><th>calibrated by |eta|</th>"
        "<th>MET error, median [GeV]</th><th>68 %</th><th>97 %</th>"
        "<th>MET / true above 20 GeV, median</th><th>IQR / median</th></tr>"
    )
    return grid(head, rows)


def _jets_by_eta(content: Content, group: Content) -> str:
    """Jets of the barrel, the endcaps and the HF, whose responses differ."""
    rows = []
    for part, words in (("jets", "all particles"), ("hard_jets", "hard scatter alone")):
        for method in content["event_methods"]:
            for row in group[part]["methods"][method["name"]]["abs_eta_bins"]:
                cells = [words, html.escape(method["label"]), f"{row['low']:g}-{row['high']:g}", row["jets"]]
                cells += [pair(row[key]) for key in ("matched", "median", "iqr_over_median")]
                rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    head = (
        "<tr><th></th><th>method</th><th>|eta|</th><th>jets above 15 GeV</th><th>found</th>"
        "<th>pT / true, median</th><th>IQR / median</th></tr>"
    )
    return _details("jets by |eta|", grid(head, rows))


def _multiplicities(content: Content, group: Content) -> str:
    """Number of particles in an event."""
    rows = []
    for name, table in group["multiplicity"].items():
        found = [table["methods"][method["name"]] for method in content["methods"]]
        cells = "".join(f"<td>{pair(one[key])}</td>" for key in ("bias", "spread") for one in found)
        rows.append(f"<tr><td>{name}</td><td>{table['target']:.4g}</td>{cells}</tr>")
    heads = _heads(content, "found - true, mean", "spread")
    return _details("numbers of particles", grid(f"<tr><th>class</th><th>true, mean</th>{heads}</tr>", rows))


def _bins(content: Content, group: Content) -> str:
    names = [method["name"] for method in content["methods"]]
    rows = []
    for name, table in group["classes"].items():
        for variable, shown in table["variables"].items():
            for row in shown["bins"]:
                cells = "".join(
                    f"<td>{pair(row['methods'][method][measure])}</td>"
                    for measure in ("efficiency", "fake_rate")
                    for method in names
                )
                where = f"{variable.replace('_', ' ')} {row['low']:g}-{row['high']:g} {shown['unit']}"
                rows.append(f"<tr><td>{name}, {where}</td><td>{row['targets']:,}</td>{cells}</tr>")
    return grid(f"<tr><th>bin</th><th>targets</th>{_heads(content, 'efficiency', 'fake rate')}</tr>", rows)


def _details(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>{text}</details>"
