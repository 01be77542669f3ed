"""Pictures of the MLPF report, from the content of report.json; each returns a Matplotlib figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.evaluation.pages.plots import COLOURS, DPI, MARKERS, values_and_errors

__all__ = [
    "draw_classes",
    "draw_confusion",
    "draw_display",
    "draw_jets",
    "draw_missing_momentum",
    "draw_multiplicities",
]

Content = Mapping[str, Any]

LOOKS = {
    "particle_flow": (COLOURS[0], MARKERS[0]),
    "mlpf": (COLOURS[3], MARKERS[3]),
    "mlpf_expected": (COLOURS[2], MARKERS[2]),
}
MEASURES = {"efficiency": "efficiency", "fake_rate": "fake rate"}
CLASS_COLOURS = ("white", "#5790fc", "#964a8b", "#9c9ca1", "#b9ac70", "#f89c20", "#e42536", "black")
SHORT = ("none", "ch. had.", "n. had.", "HF had.", "HF em.", "photon", "electron", "muon")
PANELS = {"target": "truth", "particle_flow": "rule-based PF", "mlpf": "MLPF"}


def draw_classes(content: Content, group: int, *, variable: str, measure: str) -> Any:
    """Efficiency or fake rate of every class in bins of a variable, a panel a class."""
    tables = content["groups"][group]["classes"]
    figure = _figure(9.6, 5.4)
    figure.subplots_adjust(left=0.065, right=0.99, top=0.93, bottom=0.105, hspace=0.42, wspace=0.28)
    for place, (name, table) in enumerate(tables.items(), start=1):
        axes = figure.add_subplot(2, 4, place)
        shown = table["variables"][variable]
        x = np.arange(len(shown["bins"])) + 0.5
        for number, method in enumerate(content["methods"]):
            rows = [row["methods"][method["name"]][measure] for row in shown["bins"]]
            colour, marker = LOOKS[method["name"]]
            axes.errorbar(
                x + 0.16 * number - 0.08, *values_and_errors(rows), fmt=marker, color=colour, elinewidth=1.0
            )
        axes.set_title(name, fontsize=10)
        axes.set_ylim(-0.04, 1.04)
        _bins(axes, shown["edges"])
        if place in (1, 5):
            axes.set_ylabel(MEASURES[measure])
        if place > 3:
            axes.set_xlabel(shown["label"] + (f" [{shown['unit']}]" if shown["unit"] else ""))
    _legend(figure.add_subplot(2, 4, 8), content, content["groups"][group]["label"])
    return figure


def draw_confusion(content: Content, group: int) -> Any:
    """What becomes of the elements of each class, in per cent, one matrix a method."""
    names, tables = SHORT, content["groups"][group]["confusion"]
    figure = _figure(10.2, 5.0)
    figure.subplots_adjust(left=0.085, right=0.99, top=0.92, bottom=0.19, wspace=0.24)
    for place, method in enumerate(content["methods"], start=1):
        axes = figure.add_subplot(1, 2, place)
        share = np.array(
            [[np.nan if c["value"] is None else c["value"] for c in row] for row in tables[method["name"]]]
        )
        axes.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
        for (row, column), value in np.ndenumerate(share):
            text = "-" if np.isnan(value) else f"{100 * value:.1f}"
            axes.text(
                column,
                row,
                text,
                ha="center",
                va="center",
                fontsize=8,
                color="white" if value > 0.6 else "black",
            )
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right", fontsize=8.5)
        axes.set_yticks(range(len(names)), names, fontsize=8.5)
        axes.tick_params(length=0, top=False, right=False)
        axes.set_title(f"{method['label']}, {content['groups'][group]['label']} [%]", fontsize=10)
        axes.set_xlabel("called")
        if place == 1:
            axes.set_ylabel("true")
    return figure


def draw_jets(content: Content, group: int, *, part: str) -> Any:
    """Median, relative width, and share of jets that are found, against the pT of the target's."""
    table = content["groups"][group][part]
    figure = _figure(10.2, 3.5)
    figure.subplots_adjust(left=0.06, right=0.99, top=0.9, bottom=0.165, wspace=0.24)
    x = np.arange(len(table["edges"]) - 1) + 0.5
    shown = (
        ("median", r"median $p_\mathrm{T}$ / true"),
        ("iqr_over_median", "IQR / median"),
        ("matched", "found"),
    )
    for place, (measure, label) in enumerate(shown, start=1):
        axes = figure.add_subplot(1, 3, place)
        for number, method in enumerate(content["event_methods"]):
            rows = [row[measure] for row in table["methods"][method["name"]]["bins"]]
            colour, marker = LOOKS[method["name"]]
            axes.errorbar(
                x + 0.16 * number - 0.16,
                *values_and_errors(rows),
                fmt=marker,
                color=colour,
                elinewidth=1.0,
                label=method["label"],
            )
        if measure == "median":
            axes.axhline(1.0, color="black", linewidth=0.8)
        else:
            axes.set_ylim(0.0, None if measure == "iqr_over_median" else 1.04)
        _bins(axes, table["edges"])
        axes.set_ylabel(label)
        axes.set_xlabel(r"$p_\mathrm{T}$ of the target's jet [GeV]")
        if place == 1:
            axes.legend()
    words = "hard scatter alone, " if part == "hard_jets" else ""
    figure.suptitle(f"anti-kt 0.4, {words}{content['groups'][group]['label']}", fontsize=11, y=0.985)
    return figure


def draw_missing_momentum(content: Content, group: int) -> Any:
    """Distribution of the error of the missing momentum, with its 97 % quantiles."""
    figure = _figure(9.6, 3.8)
    figure.subplots_adjust(left=0.085, right=0.98, top=0.9, bottom=0.16, wspace=0.27)
    for place, (part, words) in enumerate(
        (("met", "all particles"), ("hard_met", "hard scatter alone")), start=1
    ):
        table = content["groups"][group][part]
        axes = figure.add_subplot(1, 2, place)
        for method in content["event_methods"]:
            found = table["methods"][method["name"]]
            colour, _ = LOOKS[method["name"]]
            share = np.asarray(found["histogram"], np.float64) / max(table["events"], 1)
            axes.stairs(share, table["edges_gev"], color=colour, label=method["label"], linewidth=1.3)
            if found["q97"]["value"] is not None:
                axes.axvline(
                    min(found["q97"]["value"], table["edges_gev"][-1]),
                    color=colour,
                    linestyle="--",
                    linewidth=1,
                )
        axes.set_yscale("log")
        axes.set_ylim(0.5 / max(table["events"], 2), 1.0)
        axes.set_xlim(0.0, table["edges_gev"][-1])
        axes.set_title(f"{words}, {content['groups'][group]['label']}", fontsize=10)
        axes.set_xlabel(r"$|\vec{p}_\mathrm{T}^{\,miss} - $true$|$ [GeV]")
        axes.set_ylabel("share of events / 2 GeV")
        axes.legend(
            title="dashed: 97 % quantile", title_fontsize=8.5, frameon=True, framealpha=1.0, edgecolor="none"
        )
    return figure


def draw_multiplicities(content: Content, group: int) -> Any:
    """Mean number of particles of each class in an event, over that of the target."""
    tables = content["groups"][group]["multiplicity"]
    figure = _figure(8.4, 3.6)
    figure.subplots_adjust(left=0.1, right=0.985, top=0.9, bottom=0.2)
    axes = figure.add_subplot()
    x = np.arange(len(tables), dtype=np.float64)
    true = np.array([table["target"] or np.nan for table in tables.values()])
    for number, method in enumerate(content["methods"]):
        colour, marker = LOOKS[method["name"]]
        off, error = values_and_errors(
            [table["methods"][method["name"]]["bias"] for table in tables.values()]
        )
        place = x + 0.2 * number - 0.1
        axes.errorbar(
            place,
            1.0 + off / true,
            error / true,
            fmt=marker,
            color=colour,
            elinewidth=1.2,
            label=method["label"],
        )
    axes.axhline(1.0, color="black", linewidth=0.8)
    labels = [
        f"{name}\n{table['target']:.3g}" for name, table in zip(SHORT[1:], tables.values(), strict=True)
    ]
    axes.set_xticks(x, labels, fontsize=9.5)
    axes.set_xlim(-0.6, len(x) - 0.4)
    axes.set_ylim(bottom=0.0)
    axes.set_ylabel("number found / true")
    axes.set_xlabel("class, and its true number an event")
    axes.set_title(content["groups"][group]["label"], fontsize=10)
    axes.legend()
    return figure


def draw_display(content: Content) -> Any:
    """One event: particles in eta and phi, area by the logarithm of pT, of truth, baseline and network."""
    from matplotlib.lines import Line2D

    display = content["display"]
    figure = _figure(11.0, 5.0)
    figure.subplots_adjust(left=0.055, right=0.99, top=0.93, bottom=0.2, wspace=0.06)
    for place, (name, label) in enumerate(PANELS.items(), start=1):
        axes = figure.add_subplot(1, 3, place)
        panel = display["panels"][name]
        pt = np.asarray(panel["pt_gev"], np.float64)
        colours = [CLASS_COLOURS[number] for number in panel["class"]]
        size = 14.0 * np.log2(1.0 + pt)
        axes.scatter(
            panel["eta"], panel["phi"], size, c=colours, alpha=0.75, edgecolors="black", linewidths=0.3
        )
        axes.set_xlim(-5.2, 5.2)
        axes.set_ylim(-np.pi, np.pi)
        axes.set_title(f"{label}: {len(pt)} particles above 0.5 GeV", fontsize=10)
        axes.set_xlabel(r"$\eta$")
        if place == 1:
            axes.set_ylabel(r"$\phi$")
        else:
            axes.set_yticklabels([])
    handles = [
        Line2D([], [], marker="o", linestyle="", color=colour, label=name)
        for colour, name in zip(CLASS_COLOURS[1:], content["classes"][1:], strict=True)
    ]
    figure.legend(handles=handles, loc="lower center", ncols=len(handles), fontsize=9.5, columnspacing=1.2)
    return figure


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI)


def _bins(axes: Any, edges: list[float]) -> None:
    """Bins of equal widths, the last one open where it ends beyond any energy."""
    labels = [f"{edge:.3g}" for edge in edges]
    if edges[-1] > 5000:
        labels[-1] = r"$\infty$"
    axes.set_xlim(0, len(edges) - 1)
    axes.set_xticks(range(len(edges)), labels, fontsize=8)
    axes.tick_params(axis="y", labelsize=8.5)
    axes.grid(axis="x", color="0.9", linewidth=0.8)


def _legend(axes: Any, content: Content, title: str) -> None:
    for method in content["methods"]:
        colour, marker = LOOKS[method["name"]]
        axes.plot([], [], marker, color=colour, label=method["label"])
    axes.axis("off")
    axes.legend(loc="center", title=title, fontsize=11, title_fontsize=11)
