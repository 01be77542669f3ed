"""One HTML page of a report: pictures inside as base64, no script, no other file, opens without a server."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping
from typing import Any

from zoo.evaluation.binning import edges_text

__all__ = ["render"]

Content = Mapping[str, Any]

_STYLE = """
:root{color-scheme:light}
body{font:15px/1.5 system-ui,sans-serif;color:#1d1d1f;background:#fff;margin:2rem auto;max-width:1160px;
padding:0 1rem}
h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid #ddd}
table{border-collapse:collapse;font-size:13px;margin:.6rem 0;font-variant-numeric:tabular-nums}
th,td{padding:.22rem .6rem;border-bottom:1px solid #e6e6e6;text-align:right}
th:first-child,td:first-child{text-align:left}thead th{background:#f5f5f7}
.worse{background:#fde2e2}.better{background:#e3f4e3}.note{color:#555}
.scroll{overflow-x:auto}.pictures{display:flex;flex-wrap:wrap;gap:.6rem}
img{max-width:100%;height:auto;border:1px solid #eee}
details{margin:.4rem
0}summary{cursor:pointer}pre{background:#f5f5f7;padding:.6rem;overflow-x:auto;font-size:12px}
"""


def render(content: Content, pictures: Mapping[str, bytes]) -> str:
    """Renders the page.

    Args:
        content: Of report.json.
        pictures: PNG bytes by name.

    Returns:
        The HTML text.
    """
    title = html.escape(content["title"])
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        f"<meta name='viewport' content='width=device-width,initial-scale=1'><title>{title}</title>",
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>",
        _sample(content),
        "<h2>Summary</h2>",
        _summary(content),
        _worse(content),
        _checks(content),
        *(f"<p class='note'>{html.escape(note)}</p>" for note in content["notes"]),
        "<h2>Response against the energy</h2>",
        "<p class='note'>Where the resolution exceeds a few per cent, the prior of any regression shifts "
        "E_pred/E_true in bins of E_true; below 15 GeV the other view counts. Grey: the limit, where it "
        "counts.</p>",
        _gallery(pictures, [f"response_energy_{side}" for side in content["response"]]),
        "<h2>Predicted uncertainty</h2>",
        _gallery(pictures, ["pit", *(name for name in pictures if name.startswith("coverage_"))]),
    ]
    for name, table in content["variables"].items():
        parts.append(f"<h2>In bins of {_words(table['label'])}</h2>")
        shown = [f"{kind}_{name}" for kind in ("resolution", "cruijff", "response")]
        shown += [picture for picture in pictures if picture.startswith(f"fits_{name}_")]
        parts.append(_gallery(pictures, shown))
        parts.append(_bins(content, table))
    metadata = json.dumps(content["sample"]["metadata"], indent=1, sort_keys=True, default=str)
    parts.append(
        f"<h2>Sample</h2><details><summary>metadata</summary><pre>{html.escape(metadata)}</pre></details>"
    )
    parts.append("</body></html>\n")
    return "\n".join(parts)


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
        f"{sample['reported']:,} in the reported range, of which {_pair(lost, 100)} % have E_raw/E_true "
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
        role = {content["model"]: " (model)", content["baseline"]: " (baseline)"}.get(method["name"], "")
        cells = "".join(
            f"<td{_mark(found[key]) if key == 'ratio' else ''}>{_pair(found.get(key), scale)}</td>"
            for key, _, scale in columns
        )
        rows.append(f"<tr><td>{html.escape(method['label'])}{role}</td>{cells}</tr>")
    return _table(f"<tr><th>method</th>{head}</tr>", rows) + _energy_table(content)


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
        cells = "".join(f"<td>{_pair(f['resolution'], 100)}</td>" for f in found)
        rows.append(f"<tr><td>{label}, &sigma;<sub>eff</sub>/median, %</td>{cells}</tr>")
        if method["name"] != content["baseline"]:
            cells = "".join(f"<td{_mark(f['ratio'])}>{_pair(f['ratio'])}</td>" for f in found)
            rows.append(f"<tr><td>{label}, ratio to baseline</td>{cells}</tr>")
    return f"<p>In bins of {_words(table['label'])}:</p>" + _table(f"<tr><th></th>{heads}</tr>", rows)


def _worse(content: Content) -> str:
    model, baseline = (_label(content, content[role]) for role in ("model", "baseline"))
    if not content["worse"]:
        return f"<p class='better'>In no bin is {model} worse than {baseline} by more than two errors.</p>"
    rows = [
        f"<tr class='worse'><td>{html.escape(row['variable'])}</td><td>{html.escape(row['bin'])}</td>"
        f"<td>{row['measure']}</td><td>{_pair(row)}</td></tr>"
        for row in content["worse"]
    ]
    return (
        f"<p class='worse'>{model} is worse than {baseline} by more than two errors in {len(rows)} bins:</p>"
        + _table("<tr><th>variable</th><th>bin</th><th>measure</th><th>ratio</th></tr>", rows)
    )


def _checks(content: Content) -> str:
    rows = [
        f"<tr class='{_COLOURS[check['verdict']]}'><td>{html.escape(check['check'])}</td>"
        f"<td>{check['verdict']}</td>"
        f"<td>{_pair({'value': check['worst'], 'error': check['error']}, 100)} %</td>"
        f"<td>{html.escape(check['where'])}</td></tr>"
        for check in content["checks"]
    ]
    if not rows:
        return ""
    head = "<tr><th>limit</th><th></th><th>largest deviation</th><th>where</th></tr>"
    return (
        f"<p>Limits for {_label(content, content['model'])} (undecided: beyond the limit by less than two "
        f"errors):</p>{_table(head, rows)}"
    )


def _bins(content: Content, table: Content) -> str:
    rows = []
    for number, row in enumerate(table["bins"]):
        where = html.escape(edges_text(table["edges"], number, table["unit"]))
        for method in content["methods"]:
            found = row["methods"][method["name"]]
            fit = found.get("cruijff")
            cells = [
                _pair(found["resolution"], 100), _pair(found["width_95"], 100), _pair(found["median"]),
                _pair(found["tails"], 100), _pair(found.get("coverage_68"), 100),
                _pair(found.get("coverage_95"), 100), _pair(fit["resolution"], 100) if fit else "",
            ]  # fmt: skip
            rows.append(
                f"<tr><td>{where}</td><td>{row['entries']:,}</td><td>{html.escape(method['label'])}</td>"
                f"<td>{cells[0]}</td><td{_mark(found['ratio'])}>{_pair(found['ratio'])}</td>"
                + "".join(f"<td>{cell}</td>" for cell in cells[1:]) + "</tr>"
            )  # fmt: skip
    head = (
        "<tr><th>bin</th><th>entries</th><th>method</th><th>&sigma;<sub>eff</sub>/median, %</th>"
        "<th>ratio</th><th>95 % half-width, %</th><th>median</th><th>tails, %</th>"
        "<th>cov. 68, %</th><th>cov. 95, %</th><th>Cruijff &sigma;/&mu;, %</th></tr>"
    )
    outside = (
        f"<p class='note'>{table['outside']:,} objects lie outside these bins.</p>"
        if table["outside"]
        else ""
    )
    return f"<details><summary>all figures</summary>{_table(head, rows)}{outside}</details>"


def _gallery(pictures: Mapping[str, bytes], names: list[str]) -> str:
    images = [
        f"<img alt='{name}' src='data:image/png;base64,{base64.b64encode(pictures[name]).decode()}'>"
        for name in names if name in pictures
    ]  # fmt: skip
    return f"<div class='pictures'>{''.join(images)}</div>"


def _table(head: str, rows: list[str]) -> str:
    return f"<div class='scroll'><table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table></div>"


def _pair(figure: Mapping[str, Any] | None, scale: float = 1.0) -> str:
    """Value and error with as many digits as the error deserves."""
    if not figure or figure["value"] is None:
        return "-"
    value, error = figure["value"] * scale, figure.get("error")
    if error is None or error == 0:
        return f"{value:.4g}"
    error *= scale
    digits = next((d for d in range(7) if error >= 2 * 10.0**-d), 6)
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def _mark(ratio: Mapping[str, Any]) -> str:
    if ratio["worse"]:
        return " class='worse'"
    known = ratio["value"] is not None and ratio["error"] is not None
    return " class='better'" if known and 1.0 - ratio["value"] > 2.0 * ratio["error"] else ""


def _label(content: Content, name: str) -> str:
    return html.escape(next(m["label"] for m in content["methods"] if m["name"] == name))


_COLOURS = {"met": "better", "undecided": "", "not met": "worse"}
_WORDS = {
    r"$E_\mathrm{T}^\mathrm{true}$": "E<sub>T</sub><sup>true</sup>", r"$|\eta|$": "|&eta;|",
    r"$\rho$": "&rho; (pile-up)",
    r"$R_9$": "R<sub>9</sub>",
}  # fmt: skip


def _words(label: str) -> str:
    """A label of a plot as HTML."""
    return _WORDS.get(label) or html.escape(label.replace(r"$\eta$", "&eta;").replace(r"$\phi$", "&phi;"))
