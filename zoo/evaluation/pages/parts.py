"""Pieces of an HTML page: frame, tables, figures with errors, pictures inside as base64; no script."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["COLOURS", "GOALS_HEAD", "gallery", "goal_row", "grid", "mark", "page", "pair"]

GOALS_HEAD = "<tr><th>goal</th><th>asked</th><th>reached</th><th></th></tr>"
COLOURS = {"met": "better", "undecided": "", "not met": "worse"}
"""Class of a row with a verdict."""

_STYLE = """
:root{color-scheme:light}
body{font:15px/1.5 system-ui,sans-serif;color:#1d1d1f;background:#fff;margin:2rem auto;max-width:1160px;
padding:0 1rem}
h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid #ddd}
table{border-collapse:collapse;font-size:13px;margin:.6rem 0;font-variant-numeric:tabular-nums}
th,td{padding:.22rem .6rem;border-bottom:1px solid #e6e6e6;text-align:right}
th:first-child,td:first-child{text-align:left}td+td{white-space:nowrap}thead th{background:#f5f5f7}
.worse{background:#fde2e2}.better{background:#e3f4e3}.note{color:#555}
.scroll{overflow-x:auto}.pictures{display:flex;flex-wrap:wrap;gap:.6rem}
img{max-width:100%;height:auto;border:1px solid #eee}
details{margin:.4rem 0}summary{cursor:pointer}
pre{background:#f5f5f7;padding:.6rem;overflow-x:auto;font-size:12px}
"""


def page(title: str, parts: Iterable[str]) -> str:
    """A whole page: the title as heading, then the parts."""
    text = html.escape(title)
    return "\n".join([
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        f"<meta name='viewport' content='width=device-width,initial-scale=1'><title>{text}</title>",
        f"<style>{_STYLE}</style></head><body><h1>{text}</h1>",
        *parts,
        "</body></html>\n",
    ])  # fmt: skip


def gallery(pictures: Mapping[str, bytes], names: Sequence[str]) -> str:
    """Pictures side by side, those of the names that are there."""
    images = [
        f"<img alt='{name}' src='data:image/png;base64,{base64.b64encode(pictures[name]).decode()}'>"
        for name in names if name in pictures
    ]  # fmt: skip
    return f"<div class='pictures'>{''.join(images)}</div>"


def grid(head: str, rows: Sequence[str]) -> str:
    """A table that scrolls if it is too wide."""
    return f"<div class='scroll'><table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table></div>"


def pair(figure: Mapping[str, Any] | None, scale: float = 1.0) -> str:
    """Value and error with as many digits as the error deserves."""
    if not figure or figure["value"] is None:
        return "-"
    value, error = figure["value"] * scale, figure.get("error")
    if error is None or error <= 1e-9 * abs(figure["value"]):  # of one object, but for rounding
        return f"{value:.4g}"
    error *= scale
    digits = next((d for d in range(7) if error >= 2 * 10.0**-d), 6)
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def goal_row(goal: Mapping[str, Any]) -> str:
    """A row under `GOALS_HEAD`: goal, limit (the most, or the least if "at_least"), value, verdict."""
    sign = "&ge;" if goal.get("at_least") else "&le;"
    return (
        f"<tr class='{COLOURS[goal['verdict']]}'><td>{html.escape(goal['goal'])}</td>"
        f"<td>{sign} {goal['limit']:g}</td><td>{pair(goal)}</td><td>{goal['verdict']}</td></tr>"
    )


def mark(ratio: Mapping[str, Any] | None) -> str:
    """Class of a cell with a ratio: worse or better than 1 by more than two errors."""
    if not ratio:
        return ""
    if ratio["worse"]:
        return " class='worse'"
    known = ratio["value"] is not None and ratio["error"] is not None
    return " class='better'" if known and 1.0 - ratio["value"] > 2.0 * ratio["error"] else ""
