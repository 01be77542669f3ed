"""One HTML page of a report: pictures inside as base64, no script, no other file, opens without a server."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from zoo.evaluation.binning import edges_text
from zoo.evaluation.pages import plots
from zoo.evaluation.pages.parts import COLOURS, gallery, grid, mark, page, pair

__all__ = ["plot_plan", "render"]

Content = Mapping[str, Any]


def render(content: Content, pictures: Mapping[str, bytes]) -> str:
    """Renders the page.

    Args:
        content: Of report.json.
        pictures: PNG bytes by name.

    Returns:
        The HTML text.
    """
    parts = [
        _sample(content),
        "<h2>Summary</h2>",
        _summary(content),
        _worse(content),
        _checks(content),
        *(f"<p class='note'>{html.escape(note)}</p>" for note in content["notes"]),
        *_classes(content, pictures),
        "<h2>Response against the energy</h2>",
        "<p class='note'>Where the resolution exceeds a few per cent, the prior of any regression shifts "
        "E_pred/E_true in bins of E_true; below 15 GeV the other view counts. Grey: the limit, where it "
        "counts.</p>",
        gallery(pictures, [f"response_energy_{side}" for side in content["response"]]),
        "<h2>Predicted uncertainty</h2>",
        gallery(pictures, ["pit", *(name for name in pictures if name.startswith("coverage_"))]),
    ]
    for name, table in content["variables"].items():
        parts.append(f"<h2>In bins of {_words(table['label'])}</h2>")
        shown = [f"{kind}_{name}" for kind in ("resolution", "cruijff", "response")]
        shown += [picture for picture in pictures if picture.startswith(f"fits_{name}_")]
        parts.append(gallery(pictures, shown))
        parts.append(_bins(content, table))
    metadata = json.dumps(content["sample"]["metadata"], indent=1, sort_keys=True, default=str)
    parts.append(
        f"<h2>Sample</h2><details><summary>metadata</summary><pre>{html.escape(metadata)}</pre></details>"
    )
    return page(content["title"], parts)


def _sample(content: Content) -> str:
    sample, lost = content["sample"], content["inefficiency"]
    facts = sample["metadata"]
    if isinstance(facts.get("sample"), Mapping):  # the metadata of the file as a whole
        facts = facts["sample"]
    extra = "".join(
        f", {key} {html.escape(str(facts[key]))}" for key in ("sample", "split", "seed") if key in facts
    )
    low, high = lost["raw_over_true_outside"]
    return (
        f"<p>{sample['objects']:,} objects from {sample['unique_showers']:,} different showers{extra}; "
        f"{sample['reported']:,} in the reported range, of which {pair(lost, 100)} % have E_raw/E_true "
        f"outside ({low:g}, {high:g}): inefficiency for every method alike. "
        f"Errors: cluster bootstrap over showers, {sample['bootstrap_replicas']} replicas; ratios paired.</p>"
    )


def _summary(content: Content) -> str:
    columns = (
        ("resolution", "&sigma;<sub>eff</sub>/median, %", 100), ("ratio", "ratio to baseline", 1),
        ("width_95", "95 % half-width, %", 100), ("median", "median response", 1),
        ("tails", "outside 0.5-1.5, %", 100), ("coverage_68", "coverage 68, %", 100),
        ("coverage_95", "coverage 95, %", 100),
    )  # fmt: skip
    head = "".join(f"<th>{text}</th>" for _, text, _ in columns)
    rows = []
    for method in content["methods"]:
        found = content["overall"]["methods"][method["name"]]
        shown = _OF_LIMIT if method["limit"] else [key for key, _, _ in columns]
        role = {content["model"]: " (model)", content["baseline"]: " (baseline)"}.get(method["name"], "")
        cells = "".join(
            f"<td{_mark(method, found[key]) if key == 'ratio' else ''}>"
            f"{pair(found.get(key), scale) if key in shown else ''}</td>"
            for key, _, scale in columns
        )
        rows.append(f"<tr><td>{html.escape(method['label'])}{role}</td>{cells}</tr>")
    return grid(f"<tr><th>method</th>{head}</tr>", rows) + _energy_table(content)


def _energy_table(content: Content) -> str:
    """Effective width in bins of the first variable, all methods: the table most readers want."""
    table = next(iter(content["variables"].values()))
    heads = "".join(
        f"<th>{html.escape(edges_text(table['edges'], n, table['unit']))}</th>"
        for n in range(len(table["bins"]))
    )
    rows = []
    for method in content["methods"]:
        found = [row["methods"][method["name"]] for row in table["bins"]]
        label = html.escape(method["label"])
        cells = "".join(f"<td>{pair(f['resolution'], 100)}</td>" for f in found)
        rows.append(f"<tr><td>{label}, &sigma;<sub>eff</sub>/median, %</td>{cells}</tr>")
        if method["name"] != content["baseline"]:
            cells = "".join(f"<td{_mark(method, f['ratio'])}>{pair(f['ratio'])}</td>" for f in found)
            rows.append(f"<tr><td>{label}, ratio to baseline</td>{cells}</tr>")
    return f"<p>In bins of {_words(table['label'])}:</p>" + grid(f"<tr><th></th>{heads}</tr>", rows)


def _worse(content: Content) -> str:
    model, baseline = (_label(content, content[role]) for role in ("model", "baseline"))
    if not content["worse"]:
        return f"<p class='better'>In no bin is {model} worse than {baseline} by more than two errors.</p>"
    rows = [
        f"<tr class='worse'><td>{html.escape(row['variable'])}</td><td>{html.escape(row['bin'])}</td>"
        f"<td>{row['measure']}</td><td>{pair(row)}</td></tr>"
        for row in content["worse"]
    ]
    return (
        f"<p class='worse'>{model} is worse than {baseline} by more than two errors in {len(rows)} bins:</p>"
        + grid("<tr><th>variable</th><th>bin</th><th>measure</th><th>ratio</th></tr>", rows)
    )


def _checks(content: Content) -> str:
    rows = [
        f"<tr class='{COLOURS[check['verdict']]}'><td>{html.escape(check['check'])}</td>"
        f"<td>{check['verdict']}</td>"
        f"<td>{pair({'value': check['worst'], 'error': check['error']}, 100)} %</td>"
        f"<td>{html.escape(check['where'])}</td></tr>"
        for check in content["checks"]
    ]
    if not rows:
        return ""
    head = "<tr><th>limit</th><th></th><th>largest deviation</th><th>where</th></tr>"
    return (
        f"<p>Limits for {_label(content, content['model'])} (undecided: beyond the limit by less than two "
        f"errors):</p>{grid(head, rows)}"
    )


def _bins(content: Content, table: Content) -> str:
    rows = []
    for number, row in enumerate(table["bins"]):
        rows += _method_rows(content, edges_text(table["edges"], number, table["unit"]), row)
    outside = (
        f"<p class='note'>{table['outside']:,} objects lie outside these bins.</p>"
        if table["outside"]
        else ""
    )
    return f"<details><summary>all figures</summary>{grid(_METHOD_HEAD, rows)}{outside}</details>"


def _method_rows(content: Content, where: str, row: Content) -> list[str]:
    """One row a method of a bin or class, with every figure."""
    rows = []
    for method in content["methods"]:
        found = row["methods"][method["name"]]
        fit = found.get("cruijff", {})
        cells = [
            pair(found["width_95"], 100), pair(found["median"]), pair(found["tails"], 100),
            pair(found.get("coverage_68"), 100), pair(found.get("coverage_95"), 100),
            pair(fit.get("resolution"), 100),
        ]  # fmt: skip
        rows.append(
            f"<tr><td>{html.escape(where)}</td><td>{row['entries']:,}</td>"
            f"<td>{html.escape(method['label'])}</td><td>{pair(found['resolution'], 100)}</td>"
            f"<td{_mark(method, found['ratio'])}>{pair(found['ratio'])}</td>"
            + "".join(f"<td>{cell}</td>" for cell in cells)
            + f"<td{_mark(method, fit.get('ratio'))}>{pair(fit.get('ratio'))}</td></tr>"
        )
    return rows


def _classes(content: Content, pictures: Mapping[str, bytes]) -> list[str]:
    """Ratios in classes of objects: the whole class, its bins of ET, and the mean over them."""
    tables = content["classes"]
    if not tables:
        return []
    low, high = tables[0]["averaged_et_gev"]
    baseline = _label(content, content["baseline"])
    parts = [
        "<h2>Classes of objects</h2>",
        f"<p class='note'>Ratios of resolutions to {baseline}. Mean: the geometric mean over the bins of "
        f"E<sub>T</sub> from {low:g} to {high:g} GeV, each with the same weight.</p>",
        gallery(pictures, ["classes"]),
        _class_grid(content, "resolution", "Effective width"),
        _class_grid(content, "cruijff", "Cruijff &sigma;/&mu;"),
    ]
    rows = []
    for table in tables:
        rows += _method_rows(content, table["label"], table)
        for row in table["bins"]:
            rows += _method_rows(content, f"{table['label']}; {row['low']:g} to {row['high']:g} GeV", row)
    head = _METHOD_HEAD.replace("bin", "class", 1)
    parts.append(f"<details><summary>all figures</summary>{grid(head, rows)}</details>")
    return parts


def _class_grid(content: Content, measure: str, words: str) -> str:
    """The model's ratios in all classes, and the limit's mean beside them."""
    tables = content["classes"]
    model = content["model"]
    limits = [method for method in content["methods"] if method["limit"]]
    low, high = tables[0]["averaged_et_gev"]
    bins = "".join(f"<th>{row['low']:g}-{row['high']:g} GeV</th>" for row in tables[0]["bins"])
    means = "".join(f"<th>{html.escape(m['label'])}, mean</th>" for m in limits)
    head = (
        f"<tr><th>{words}: {_label(content, model)} / {_label(content, content['baseline'])}</th>"
        f"<th>objects</th><th>all</th>{bins}<th>mean {low:g}-{high:g} GeV</th>{means}</tr>"
    )
    rows = []
    for table in tables:
        found = [row["methods"][model] for row in (table, *table["bins"])]
        ratios = [f["ratio"] if measure == "resolution" else f["cruijff"]["ratio"] for f in found]
        ratios.append(table["mean_ratio"][model].get(measure))
        cells = "".join(f"<td{mark(ratio)}>{pair(ratio)}</td>" for ratio in ratios)
        cells += "".join(f"<td>{pair(table['mean_ratio'][m['name']].get(measure))}</td>" for m in limits)
        rows.append(f"<tr><td>{html.escape(table['label'])}</td><td>{table['entries']:,}</td>{cells}</tr>")
    return grid(head, rows)


def _mark(method: Content, ratio: Mapping[str, Any] | None) -> str:
    """A limit gets no verdict."""
    return "" if method["limit"] else mark(ratio)


def _label(content: Content, name: str) -> str:
    return html.escape(next(m["label"] for m in content["methods"] if m["name"] == name))


_METHOD_HEAD = (
    "<tr><th>bin</th><th>entries</th><th>method</th><th>&sigma;<sub>eff</sub>/median, %</th>"
    "<th>ratio</th><th>95 % half-width, %</th><th>median</th><th>tails, %</th>"
    "<th>cov. 68, %</th><th>cov. 95, %</th><th>Cruijff &sigma;/&mu;, %</th><th>ratio</th></tr>"
)
_OF_LIMIT = ("resolution", "ratio", "width_95")  # its response is 1 by construction
_WORDS = {
    r"$E_\mathrm{T}^\mathrm{true}$": "E<sub>T</sub><sup>true</sup>", r"$|\eta|$": "|&eta;|",
    r"$\rho$": "&rho; (pile-up)",
    r"$R_9$": "R<sub>9</sub>",
}  # fmt: skip


def _words(label: str) -> str:
    """A label of a plot as HTML."""
    return _WORDS.get(label) or html.escape(label.replace(r"$\eta$", "&eta;").replace(r"$\phi$", "&phi;"))


def plot_plan(content: Mapping[str, Any]) -> list[tuple[str, Callable[[], Any]]]:
    """Returns the name of each plot of a report's content and what draws it."""
    plan: list[tuple[str, Callable[[], Any]]] = []
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
