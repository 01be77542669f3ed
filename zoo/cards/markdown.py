"""Rows and numbers in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["header", "number", "row"]


def row(cells: Sequence[str]) -> str:
    """Returns a row of a table."""
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def header(cells: Sequence[str]) -> list[str]:
    """Returns the first two rows of a table."""
    return [row(cells), row(["---"] * len(cells))]


def number(value: float | None, error: float | None = None, name: str = "", unit: str = "") -> str:
    """Returns a value with its error, its unit, and in brackets whose it is; nothing for None."""
    if value is None:
        return ""
    text = f"{value:.4g}" if error is None else f"{value:.4g} ± {error:.1g}"
    return text + (f" {unit}" if unit else "") + (f" ({name})" if name else "")
