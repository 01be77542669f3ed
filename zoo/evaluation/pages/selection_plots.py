"""Figures of a report on selections: ROC curves, and any measure of its methods in bins of a variable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.evaluation.pages.plots import COLOURS, MARKERS, single

__all__ = ["draw_measure", "draw_roc"]

Content = Mapping[str, Any]


def draw_roc(content: Content) -> Any:
    """ROC curves of report.json's `roc`: share of the labelled against that of the others, in logarithm."""
    figure, axes = single()
    for number, (name, curve) in enumerate(content["roc"].items()):
        false = np.maximum(np.asarray(curve["false_rate"], np.float64), 1e-4)
        area = "" if curve["area"] is None else f", area {curve['area']:.4f}"
        axes.plot(false, curve["true_rate"], color=COLOURS[number + 1], label=f"{name}{area}")
    axes.set_xscale("log")
    axes.set_xlim(1e-4, 1.0)
    axes.set_ylim(0.0, 1.02)
    axes.set_xlabel("unlabelled that are selected")
    axes.set_ylabel("labelled that are selected")
    axes.grid(color="0.9", linewidth=0.8)
    axes.legend(loc="lower right")
    return figure


def draw_measure(content: Content, variable: str, measure: str) -> Any:
    """One measure of each method in bins of a variable; a method that is a limit is a dashed line.

    Args:
        content: Of report.json.
        variable: Name of the variable.
        measure: Key of the methods' figures.
    """
    table = content["variables"][variable]
    figure, axes = single()
    centres = np.arange(len(table["edges"]) - 1) + 0.5
    shifts = np.linspace(-0.12, 0.12, len(content["methods"]))
    for number, method in enumerate(content["methods"]):
        found = [row["methods"][method["name"]][measure] for row in table["bins"]]
        value, error = (
            np.array([np.nan if f[key] is None else f[key] for f in found], np.float64)
            for key in ("value", "error")
        )
        if method["limit"]:
            edges = np.arange(len(value) + 1.0)
            axes.stairs(value, edges, label=method["label"], baseline=None, color="black", linestyle="--")
            continue
        axes.errorbar(
            centres + shifts[number], value, np.where(np.isfinite(error), error, 0.0), fmt=MARKERS[number],
            color=COLOURS[number % len(COLOURS)], elinewidth=1.1, label=method["label"],
        )  # fmt: skip
    axes.set_xlim(0, len(centres))
    axes.set_xticks(range(len(centres) + 1), [f"{edge:.3g}" for edge in table["edges"]])
    axes.set_xlabel(table["label"] + (f" [{table['unit']}]" if table["unit"] else ""))
    axes.set_ylabel(measure.replace("_", " "))
    axes.grid(axis="x", color="0.9", linewidth=0.8)
    axes.legend()
    return figure
