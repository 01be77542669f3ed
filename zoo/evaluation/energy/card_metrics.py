"""Picks from a report the numbers that a card shows, each with its error and with the baseline beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.evaluation.measures import card_metric

_OVERALL = (
    ("resolution", "effective resolution, all objects", "half of the 68.3 % interval over the median"),
    ("median", "median response, all objects", "median of E_pred/E_true"),
    ("coverage_68", "coverage of the 68 % interval", "from the predicted distribution"),
    ("coverage_95", "coverage of the 95 % interval", "from the predicted distribution"),
)  # fmt: skip


def card_metrics(report: Mapping[str, Any], sample: str) -> list[dict[str, Any]]:
    """Returns the metrics of a card from the content of report.json.

    Args:
        report: What `EnergyReport.write` returned.
        sample: The events in words.

    Returns:
        One table for each metric, with the fields of `zoo.cards.card.Metric`: overall figures, the paired
        ratio to the baseline, and the effective resolution in every bin of ET; no bin is left out.
    """
    model, baseline = report["model"], report["baseline"]
    label = next(method["label"] for method in report["methods"] if method["name"] == baseline)
    common = {"sample": sample, "baseline_name": label}
    overall = report["overall"]["methods"]
    metrics = []
    for key, name, note in _OVERALL:
        metrics.append(
            card_metric(name, overall[model].get(key), overall[baseline].get(key), note=note, **common)
        )
    metrics.append(
        card_metric(
            "ratio of effective resolutions, all objects",
            overall[model].get("ratio"),
            {"value": 1.0, "error": None},
            note="paired: same objects, error over showers",
            **common,
        )
    )
    table = report["variables"].get("et", {"bins": [], "unit": "GeV"})
    for row in table["bins"]:
        found = row["methods"]
        name = f"effective resolution, ET {row['low']:g}-{row['high']:g} {table['unit']}"
        metrics.append(
            card_metric(name, found[model].get("resolution"), found[baseline].get("resolution"), **common)
        )
    lost = report["inefficiency"]
    metrics.append(
        card_metric(
            "inefficiency",
            lost,
            None,
            sample=sample,
            note="raw/E outside (0.5, 2), the same for every method",
        )
    )
    return [metric for metric in metrics if metric]
