"""One class of objects in a report: all of it, its bins of ET, and the mean of the ratios over those bins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from zoo.evaluation.energy.classes import AVERAGED_ET_GEV
from zoo.evaluation.energy.comparison import Comparison, mean_ratio

__all__ = ["ClassTable"]


@dataclass(frozen=True)
class ClassTable:
    """What the methods reach on one class.

    Attributes:
        name: Name of the class.
        label: In words.
        whole: On all of its objects.
        edges: Edges of the bins of ET in GeV; empty if the report has no variable "et".
        bins: In these bins.
    """

    name: str
    label: str
    whole: Comparison
    edges: tuple[float, ...]
    bins: Sequence[Comparison]

    def mean(self, name: str, to: str) -> dict[str, dict[str, Any]]:
        """Geometric mean of the ratio over the bins of ET within `AVERAGED_ET_GEV`: see `mean_ratio`."""
        low, high = AVERAGED_ET_GEV
        pairs = zip(pairwise(self.edges), self.bins, strict=True)
        return mean_ratio([row for (below, above), row in pairs if low <= below and above <= high], name, to)

    def as_json(self, baseline: str) -> dict[str, Any]:
        """The whole class, its bins, and the means against the baseline, by method."""
        bins = [
            {"low": low, "high": high, **row.as_json(baseline)}
            for (low, high), row in zip(pairwise(self.edges), self.bins, strict=True)
        ]
        return {
            "name": self.name,
            "label": self.label,
            **self.whole.as_json(baseline),
            "bins": bins,
            "averaged_et_gev": list(AVERAGED_ET_GEV),
            "mean_ratio": {name: self.mean(name, baseline) for name in self.whole.measures},
        }
