"""What a report says openly: in which bins the model loses, and which of the project's limits it meets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.evaluation.binning import edges_text

__all__ = ["COVERAGE_LIMIT", "RESPONSE_LIMITS", "check_limits", "verdict", "worse_bins"]

Content = Mapping[str, Any]

RESPONSE_LIMITS = {"true": 0.004, "predicted": 0.01}
"""Largest deviation of the median response from 1, in bins of E_true and of E_pred."""
COVERAGE_LIMIT = 0.01
"""Largest deviation of the coverage of an interval."""


def worse_bins(content: Content) -> list[dict[str, Any]]:
    """Lists the bins and classes in which the model is worse than the baseline by more than two errors.

    Args:
        content: Of report.json.

    Returns:
        One entry a bin and measure: variable, bin in words, measure, ratio and its error.
    """
    found = []
    for name, table in content["variables"].items():
        for number, row in enumerate(table["bins"]):
            entry = row["methods"][content["model"]]
            ratios = {"effective width": entry["ratio"]}
            if "cruijff" in entry:
                ratios["Cruijff"] = entry["cruijff"]["ratio"]
            for measure, ratio in ratios.items():
                if ratio["worse"]:
                    text = edges_text(table["edges"], number, table["unit"])
                    found.append({"variable": name, "bin": text, "measure": measure, **ratio})
    for table in content["classes"]:
        entry = table["methods"][content["model"]]
        for measure, ratio in (("effective width", entry["ratio"]), ("Cruijff", entry["cruijff"]["ratio"])):
            if ratio["worse"]:
                found.append({"variable": "class", "bin": table["label"], "measure": measure, **ratio})
    return found


def check_limits(content: Content) -> list[dict[str, Any]]:
    """Compares the model's response and coverage with the project's limits.

    Args:
        content: Of report.json.

    Returns:
        One entry a limit: the largest deviation with its error and place, and a verdict: "met", "undecided"
        (beyond the limit by less than two errors) or "not met".
    """
    checks: list[dict[str, Any]] = []
    for table in content["response"].values():
        rows = table["methods"][content["model"]]
        off = [(abs(r["median"]["value"] - 1.0), r) for r in rows if r["counts"] and r["median"]["value"]]
        if off:
            largest, row = max(off, key=lambda pair: pair[0])
            what = f"response within {100 * table['limit']:.1f} % ({table['text']})"
            where = f"{row['low']:g} to {row['high']:g} GeV"
            checks.append(_check(what, table["limit"], largest, row["median"]["error"], where))
    for level in (68, 95):
        figure = content["overall"]["methods"][content["model"]].get(f"coverage_{level}")
        if figure and figure["value"] is not None:
            away = abs(figure["value"] - level / 100)
            what = f"coverage of the {level} % interval within 1 %"
            checks.append(_check(what, COVERAGE_LIMIT, away, figure["error"], "all objects"))
    return checks


def verdict(value: float | None, limit: float, error: float | None) -> str:
    """Says whether a figure that should be at most `limit` is: "met", "undecided" or "not met"."""
    if value is None:
        return "undecided"
    return "met" if value <= limit else "undecided" if value - limit <= 2.0 * (error or 0.0) else "not met"


def _check(what: str, limit: float, worst: float, error: float | None, where: str) -> dict[str, Any]:
    found = verdict(worst, limit, error)
    return {"check": what, "limit": limit, "worst": worst, "error": error, "where": where, "verdict": found}
