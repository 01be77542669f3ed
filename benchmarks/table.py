"""Renders a result as Markdown, for the README: `python -m benchmarks.table [CSV]`."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from benchmarks.__main__ import RESULTS


def markdown(path: Path) -> str:
    """Returns the table of a result file."""
    lines = ["| what | measured | unit | goal |", "| --- | --- | --- | --- |"]
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            value = float(row["value"])
            shown = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
            lines.append(f"| {row['what']} | {shown} | {row['unit']} | {row['goal']} |")
    return "\n".join(lines)


if __name__ == "__main__":
    newest = max(RESULTS.glob("*.csv"), key=lambda path: path.stat().st_mtime, default=None)
    chosen = Path(sys.argv[1]) if len(sys.argv) > 1 else newest
    if chosen is None:
        sys.exit("no result yet: run python -m benchmarks first")
    print(markdown(chosen))
