"""What is asked of the network, beside what was measured.

| where | asked |
| --- | --- |
| 0.2 to 1.0 GeV | mean absolute error at most 0.7 of the 3 x 3 method's where it answers, 0.9 of the trees' |
| 0.1 GeV | not above that of the trees |
| single photons | P(m > 0) within 0.03 of the posterior median's, in each bin of pT |
| near 0 | density of the answers at 0-0.1 GeV at most 1.2 of that at 0.2-0.4 GeV: no peak |
| 0.4 GeV, simple sample | central 68 % at most 1.15 of the template fit's, in each bin of pT |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from zoo.evaluation.energy.verdicts import verdict
from zoo.models.mass_regressor.report.comparison import PT_EDGES

__all__ = ["check_goals"]

Content = Mapping[str, Any]

LEAST_GEV = 0.15  # of the points: below, the trees are to be reached, above to be beaten
OVER_RESOLVED, OVER_TREES = 0.7, 0.9
PHOTONS, DENSITY, TEMPLATE = 0.03, 1.2, 1.15
# There is no limit from below: the best answer, the posterior's median, has a density of 0.4 near 0.


def check_goals(content: Content) -> list[dict[str, Any]]:
    """Compares a report with the goals.

    Args:
        content: Of report.json, with `points`, `photons`, `near_zero` and `template`.

    Returns:
        One entry a goal: what it is, `limit`, `value` (at most `limit` is "met") with its error, and the
        verdict: "met", "undecided" (beyond the limit by less than two errors) or "not met".
    """
    return [
        {
            "goal": goal,
            "limit": limit,
            "value": value,
            "error": error,
            "verdict": verdict(value, limit, error),
        }
        for goal, limit, value, error in _figures(content)
    ]


def _figures(content: Content) -> Iterator[tuple[str, float, float | None, float | None]]:
    model = content["model"]
    label = {method["name"]: method["label"] for method in content["methods"]}
    for row in content["points"]:
        if (row["low"], row["high"]) != (PT_EDGES[0], PT_EDGES[-1]):
            continue
        for name, over in (("three_by_three", OVER_RESOLVED), ("mass_shapes", OVER_TREES)):
            ratio = row["methods"].get(name, {}).get("mae_ratio")
            if row["mass_gev"] < LEAST_GEV:
                over = 1.0
                if name == "three_by_three":
                    continue
            if ratio:
                what = f"{row['mass_gev']:g} GeV: mean |error| over that of {label[name]}"
                yield what, over, ratio["value"], ratio["error"]
    for row in content["photons"]:
        positive = row["methods"][model]["positive"]
        if positive["value"] is not None and row["expected"] is not None:
            what = f"photons, pT {row['low']:g}-{row['high']:g} GeV: P(m > 0) off the posterior median"
            yield what, PHOTONS, abs(positive["value"] - row["expected"]), positive["error"]
    density = content["near_zero"][model]["density"]
    if density["value"] is not None:
        what = "density of the answers at 0-0.1 GeV over that at 0.2-0.4 GeV"
        yield what, DENSITY, density["value"], density["error"]
    for row in content["template"]:
        what = f"0.4 GeV, pT {row['low']:g}-{row['high']:g} GeV: central 68 % over the template fit's"
        yield what, TEMPLATE, row["ratio"]["value"], row["ratio"]["error"]
