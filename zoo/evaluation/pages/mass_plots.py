"""Figures of a mass report: spectra, errors in bins, photons, the plane of two masses; from its content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.evaluation.pages.plots import COLOURS, DPI, MARKERS, single, values_and_errors

__all__ = ["draw_bins", "draw_peaks", "draw_photons", "draw_plane", "draw_spectra"]

Content = Mapping[str, Any]

AXES = {
    "mae": "mean absolute error [GeV]",
    "width": "half of the central 68 % [GeV]",
    "bias": "median error [GeV]",
}


def draw_bins(content: Content, variable: str, measure: str) -> Any:
    """One measure of each method in bins of a variable.

    Args:
        content: Of report.json.
        variable: Key of `variables`.
        measure: Key of the methods' figures.
    """
    table = content["variables"][variable]
    figure, axes = single()
    centres = np.arange(len(table["edges"]) - 1) + 0.5
    _methods(axes, content, centres, [row["methods"] for row in table["bins"]], measure)
    axes.set_xlim(0, len(centres))
    axes.set_xticks(range(len(centres) + 1), [f"{edge:.3g}" for edge in table["edges"]])
    axes.set_xlabel(table["label"] + (f" [{table['unit']}]" if table["unit"] else ""))
    axes.set_ylabel(AXES[measure])
    if measure == "bias":
        axes.axhline(0.0, color="black", linewidth=0.8)
    else:
        axes.set_ylim(bottom=0.0)
    axes.legend()
    return figure


def draw_spectra(content: Content) -> Any:
    """Answers for decays that are flat in mass, and for single photons."""
    spectra = content["spectra"]
    figure, axes = single()
    edges = np.asarray(spectra["edges_gev"])
    for number, method in enumerate(content["methods"]):
        colour = COLOURS[number % len(COLOURS)]
        for kind, line in (("decays", "-"), ("photons", "--")):
            counts = np.asarray(spectra[kind].get(method["name"], []), np.float64)
            if counts.sum() > 0:
                density = counts / counts.sum() / np.diff(edges)
                axes.stairs(density, edges, color=colour, linestyle=line, label=f"{method['label']}, {kind}")
    axes.set_xlabel(r"predicted $m$ [GeV]")
    axes.set_ylabel("share per GeV")
    axes.legend()
    return figure


def draw_peaks(content: Content) -> Any:
    """Answers of the model for decays of one mass each."""
    figure, axes = single()
    edges = np.asarray(content["spectra"]["edges_gev"])
    for number, peak in enumerate(content["peaks"]):
        counts = np.asarray(peak["histogram"], np.float64)
        colour = COLOURS[number % len(COLOURS)]
        axes.stairs(
            counts / max(counts.sum(), 1.0) / np.diff(edges), edges, color=colour, label=peak["label"]
        )
        axes.axvline(peak["mass_gev"], color=colour, linewidth=0.8, linestyle=":")
    axes.set_xlabel(r"predicted $m$ [GeV]")
    axes.set_ylabel("share per GeV")
    axes.legend(ncols=2)
    return figure


def draw_photons(content: Content) -> Any:
    """Share of single photons with an answer above 0, beside the posterior median's."""
    rows = content["photons"]
    figure, axes = single()
    centres = np.arange(len(rows)) + 0.5
    _methods(axes, content, centres, [row["methods"] for row in rows], "positive")
    axes.stairs([row["expected"] for row in rows], np.arange(len(rows) + 1.0), baseline=None, color="black",
                linestyle="--", label="posterior median")  # fmt: skip
    names = [f"{row['low']:g}" for row in rows] + [f"{rows[-1]['high']:g}"]
    axes.set_xticks(range(len(rows) + 1), names)
    axes.set_xlabel(r"$p_\mathrm{T}$ [GeV]")
    axes.set_ylabel(r"$P(m > 0)$ of single photons")
    axes.set_ylim(bottom=0.0)
    axes.legend()
    return figure


def draw_plane(content: Content) -> Any:
    """Both masses of H -> aa -> 4 gamma in one plane for each true mass, as CMS-HIG-21-016 has it."""
    from matplotlib.figure import Figure

    planes, edges = content["planes"]["masses"], np.asarray(content["planes"]["edges_gev"])
    columns = min(len(planes), 3)
    rows = -(-len(planes) // columns)
    figure = Figure(figsize=(2.7 * columns + 0.4, 2.7 * rows + 0.3), dpi=DPI)
    figure.subplots_adjust(left=0.1, right=0.98, top=0.96, bottom=0.13, wspace=0.28, hspace=0.32)
    for number, plane in enumerate(planes):
        axes = figure.add_subplot(rows, columns, number + 1)
        axes.pcolormesh(edges, edges, np.asarray(plane["counts"], np.float64).T, cmap="Blues")
        axes.plot([plane["mass_gev"]], [plane["mass_gev"]], "+", color=COLOURS[3], markersize=9)
        axes.set_title(f"{plane['mass_gev']:g} GeV", fontsize=10)
        axes.set_xlabel(r"$m_1$ [GeV]", fontsize=9)
        axes.set_ylabel(r"$m_2$ [GeV]", fontsize=9)
    return figure


def _methods(axes: Any, content: Content, centres: Any, rows: list[Content], measure: str) -> None:
    """Points with errors of every method that has the measure."""
    shifts = np.linspace(-0.12, 0.12, len(content["methods"]))
    for number, method in enumerate(content["methods"]):
        found = [row.get(method["name"], {}).get(measure) or {"value": None, "error": None} for row in rows]
        value, error = values_and_errors(found)
        if np.isfinite(value).any():
            axes.errorbar(
                centres + shifts[number], value, error,
                fmt=MARKERS[number % len(MARKERS)], color=COLOURS[number % len(COLOURS)], elinewidth=1.1,
                label=method["label"],
            )  # fmt: skip
    axes.grid(axis="x", color="0.9", linewidth=0.8)
