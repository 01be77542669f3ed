"""Every figure of merit of one method in one bin, with its bootstrap error.

A `Figure` keeps the replicas, so that two methods in the same bin give a paired ratio.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.arrays import Bools, Floats, Ints
from zoo.evaluation.bootstrap import ClusterBootstrap, spread
from zoo.evaluation.coverage import LEVELS, inside_central
from zoo.evaluation.resolution import effective_width, median
from zoo.evaluation.response import TAILS, mode, outside

__all__ = ["Figure", "card_metric", "energy_measures", "response_measures"]


@dataclass(frozen=True)
class Figure:
    """A number with its error.

    Attributes:
        value: The number.
        error: Standard deviation over the replicas.
        replicas: [1 + R], the nominal value first.
    """

    value: float
    error: float
    replicas: Floats

    @classmethod
    def of(cls, replicas: Floats) -> Figure:
        """From the nominal value and its replicas."""
        return cls(float(replicas[0]), spread(replicas), replicas)

    def as_json(self) -> dict[str, float | None]:
        """Value and error, None for what is not finite."""
        return {key: (number if np.isfinite(number) else None)
                for key, number in (("value", self.value), ("error", self.error))}  # fmt: skip


def card_metric(
    name: str, found: Mapping[str, Any] | None, baseline: Mapping[str, Any] | None = None, **words: str
) -> dict[str, Any]:
    """Returns a metric as a card has it, to four digits, without what is not there.

    Args:
        name: What was measured.
        found: `value` and `error` of the model, as a report has them.
        baseline: The same of its baseline.
        **words: Further fields of `zoo.cards.card.Metric`: `unit`, `note`, `sample`, `baseline_name`.

    Returns:
        The table; empty where the report has no number for the model.
    """
    found, baseline = found or {}, baseline or {}
    if found.get("value") is None:
        return {}
    if baseline.get("value") is None:
        baseline = {}
        words.pop("baseline_name", None)
    numbers = {
        "value": found["value"],
        "error": found.get("error"),
        "baseline": baseline.get("value"),
        "baseline_error": baseline.get("error"),
    }
    rounded = {key: float(f"{number:.4g}") for key, number in numbers.items() if number is not None}
    return {"name": name, **rounded, **{key: text for key, text in words.items() if text}}


def response_measures(ratio: Floats, index: Ints, bootstrap: ClusterBootstrap) -> dict[str, Figure]:
    """Median, effective width over median, and the 95 % width, of the responses of some events.

    Args:
        ratio: [N] responses of all events.
        index: [M] the events of the bin.
        bootstrap: Replicas over showers.

    Returns:
        "median", "mode", "resolution", "width_95" (half of the shortest 95.4 % interval over the median).
    """
    order = index[np.argsort(ratio[index], kind="stable")]
    values, weights = ratio[order], bootstrap.event_weights(order)
    middle = median(values, weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        narrow = effective_width(values, weights=weights) / middle
        wide = effective_width(values, 0.9544997361036416, weights=weights) / middle
    peak = mode(values)
    # The mode's error is not worth a second sort per replica: the median's spread stands beside it.
    return {
        "median": Figure.of(middle),
        "mode": Figure(peak, float("nan"), np.full(1, peak)),
        "resolution": Figure.of(narrow),
        "width_95": Figure.of(wide),
    }


def energy_measures(
    ratio: Floats, pit: Floats | None, index: Ints, bootstrap: ClusterBootstrap
) -> dict[str, Figure]:
    """All measures of one method in one bin.

    Args:
        ratio: [N] responses E_pred / E_true of all events.
        pit: [N] probability-integral transform, or None.
        index: [M] the events of the bin.
        bootstrap: Replicas over showers.

    Returns:
        Those of `response_measures`, and "tails", "below", "above" (outside 0.5-1.5) and, with a PIT,
        "coverage_68" and "coverage_95".
    """
    found = response_measures(ratio, index, bootstrap)
    inside = ratio[index]
    fractions: Mapping[str, Bools] = {
        "tails": outside(inside),
        "below": ~(inside >= TAILS[0]),
        "above": inside > TAILS[1],
    }
    if pit is not None:
        fractions = {
            **fractions,
            **{f"coverage_{100 * p:.0f}": inside_central(pit[index], p) for p in LEVELS},
        }
    for name, hit in fractions.items():
        found[name] = Figure.of(bootstrap.fraction(hit, index))
    return found
