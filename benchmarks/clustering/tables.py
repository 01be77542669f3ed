"""The lines of a table, and the width that the tables quote."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

Lines = Iterator[str]


def half_width(values: npt.ArrayLike) -> float:
    """Half of the central 68 % of the values, the talk's sigma."""
    low, high = np.quantile(np.asarray(values), (0.158655, 0.841345)) if np.size(values) else (np.nan, np.nan)
    return float(0.5 * (high - low))


def table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> Lines:
    """Yields a Markdown table."""
    titles = list(header)
    yield "| " + " | ".join(titles) + " |"
    yield "| " + " | ".join(["---"] * len(titles)) + " |"
    for row in rows:
        yield "| " + " | ".join(str(cell) for cell in row) + " |"
