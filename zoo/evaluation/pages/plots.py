"""Figures of an energy report, in mplhep style: one function a figure, each returns a Matplotlib figure.

They take what `EnergyReport.compute` returns, so that any plot can be drawn again from report.json; the
fits alone need the responses. No pyplot state: figures are made and drawn by the Agg canvas.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from zoo.arrays import Floats
from zoo.errors import require
from zoo.evaluation.binning import edges_text
from zoo.evaluation.coverage import LEVELS
from zoo.evaluation.cruijff import CruijffFit

__all__ = [
    "COLOURS",
    "draw_classes",
    "draw_coverage",
    "draw_fits",
    "draw_pit",
    "draw_resolution",
    "draw_response",
    "draw_response_spectrum",
    "save",
    "single",
    "style",
    "values_and_errors",
]

Content = Mapping[str, Any]

COLOURS = ("#7a7a7a", "#5790fc", "#f89c20", "#e42536", "#964a8b", "#9c9ca1", "#7a21dd")
MARKERS = ("s", "v", "D", "o", "^", "P", "X")
LIMIT_LINE = {"baseline": None, "color": "black", "linewidth": 1.2}
LIMIT_DASHES, LIMIT_SHADES = ("--", ":", "-."), ("black", "0.6", "0.8")
DPI = 110
LONGEST_LABEL = 22  # letters that fit beside the lower panel


@contextmanager
def style() -> Iterator[None]:
    """The CMS style of mplhep at a size that fits a web page; no experiment label is drawn."""
    mplhep = require("mplhep", extra="physics")
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcParams.update(mplhep.style.CMS)
        matplotlib.rcParams.update({
            "font.size": 11, "axes.labelsize": 12, "legend.fontsize": 9.5, "xtick.labelsize": 10,
            "ytick.labelsize": 10, "lines.markersize": 4.5, "lines.linewidth": 1.3, "axes.linewidth": 1.0,
            "xtick.major.size": 6, "ytick.major.size": 6, "xtick.minor.size": 3, "ytick.minor.size": 3,
            "figure.dpi": DPI, "savefig.dpi": DPI, "savefig.bbox": "standard",
            # Minor ticks and a fitted layout cost four times the drawing itself; margins are set by hand.
            "xtick.minor.visible": False, "ytick.minor.visible": False,
        })  # fmt: skip
        yield


def save(figure: Any, path: str | Path) -> None:
    """Writes a figure as PNG, drawing it once (`savefig` would draw it twice)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure).print_png(str(path))  # type: ignore[no-untyped-call]


def single() -> tuple[Any, Any]:
    """Returns a figure with one picture, and its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 3.9), dpi=DPI)
    figure.subplots_adjust(left=0.145, right=0.96, top=0.965, bottom=0.155)
    return figure, figure.add_subplot()


def values_and_errors(figures: Any) -> tuple[Floats, Floats]:
    """Returns the numbers of a report, NaN where there is none, and their errors, then 0."""
    pairs = [(_number(f["value"]), _number(f["error"])) for f in figures]
    values, errors = np.array(pairs, np.float64).reshape(-1, 2).T
    return values, np.where(np.isfinite(errors), errors, 0.0)


def draw_resolution(content: Content, variable: str, measure: str = "resolution") -> Any:
    """Resolution against a variable, with the ratio to the baseline below.

    Args:
        content: Of report.json.
        variable: Name of the variable.
        measure: "resolution" (effective width over median) or "cruijff" (sigma/mu of the fits).

    Returns:
        The figure.
    """
    table = content["variables"][variable]
    fitted = measure == "cruijff"
    figure, (top, bottom) = _panels()
    centres, half = _centres(table["edges"])
    shifts = _shifts(len(content["methods"]), half)
    places, ratios, shown = [], [], [np.ones(1)]
    limit_dashes = itertools.cycle(LIMIT_DASHES)
    for number, method in enumerate(content["methods"]):
        rows = [row["methods"][method["name"]] for row in table["bins"]]
        rows = [row["cruijff"] for row in rows] if fitted else rows
        x = centres + shifts[number]
        value, error = values_and_errors(row["resolution"] for row in rows)
        ratio, ratio_error = values_and_errors(row["ratio"] for row in rows)
        if method["limit"]:  # no method: a dashed line
            dashes = next(limit_dashes)
            for axes, line in ((top, value), (bottom, ratio)):
                label = method["label"] if axes is top else None
                axes.stairs(line, np.arange(len(line) + 1.0), label=label, linestyle=dashes, **LIMIT_LINE)
            shown.append(ratio)
            continue
        look = _look(number)
        top.errorbar(x, value, error, label=method["label"], **look)
        if method["name"] == content["baseline"]:
            ratio = np.full_like(ratio, np.nan)  # 1 by definition
        bottom.errorbar(x, ratio, ratio_error, **look)
        places.append(x)
        ratios.append(ratio)
        if method["name"] == content["model"]:
            shown.append(ratio)
    bottom.axhline(1.0, color="black", linewidth=0.8)
    top.set_ylabel(r"Cruijff $\sigma/\mu$" if fitted else r"$\sigma_\mathrm{eff}$ / median")
    top.set_ylim(bottom=0.0)
    top.legend()
    _axis(bottom, table)
    _limit_ratio(bottom, places, ratios, np.concatenate(shown))
    beside = _label(content, content["baseline"])
    bottom.set_ylabel("/ " + (beside if len(beside) <= LONGEST_LABEL else "baseline"))
    return figure


def draw_response(content: Content, variable: str) -> Any:
    """Median response against a variable; the model's limits as a band."""
    table = content["variables"][variable]
    figure, axes = single()
    centres, half = _centres(table["edges"])
    shifts = _shifts(len(content["methods"]), half)
    for number, method in _methods(content):
        rows = [row["methods"][method["name"]]["median"] for row in table["bins"]]
        axes.errorbar(
            centres + shifts[number], *values_and_errors(rows), label=method["label"], **_look(number)
        )
    axes.axhspan(0.996, 1.004, color="0.9", zorder=0)
    axes.axhline(1.0, color="black", linewidth=0.8)
    axes.set_ylabel(r"median $E_\mathrm{pred}/E_\mathrm{true}$")
    _axis(axes, table)
    axes.legend()
    return figure


def draw_response_spectrum(content: Content, side: str) -> Any:
    """Response against the energy: `side` "true" (E_pred/E_true) or "predicted" (E_true/E_pred)."""
    table = content["response"][side]
    figure, axes = single()
    for number, method in _methods(content):
        rows = table["methods"][method["name"]]
        edges = [rows[0]["low"], *(row["high"] for row in rows)]
        x = np.sqrt(np.array(edges[:-1]) * np.array(edges[1:])) * (1.0 + 0.012 * (number - 1))
        axes.errorbar(
            x, *values_and_errors(row["median"] for row in rows), label=method["label"], **_look(number)
        )
    counted = [row for row in table["methods"][content["model"]] if row["counts"]]
    if counted:
        axes.fill_between(
            [counted[0]["low"], counted[-1]["high"]],
            1 - table["limit"],
            1 + table["limit"],
            color="0.9",
            zorder=0,
        )
    axes.axhline(1.0, color="black", linewidth=0.8)
    axes.set_xscale("log")
    names = (r"E_\mathrm{true}", r"E_\mathrm{pred}")
    below, above = names if side == "true" else names[::-1]
    axes.set_xlabel(f"${below}$ [GeV]")
    axes.set_ylabel(f"median ${above}/{below}$")
    _plain_log(axes, edges)
    axes.legend()
    return figure


def draw_coverage(content: Content, variable: str) -> Any:
    """Coverage of the central 68 % and 95 % intervals against a variable."""
    table = content["variables"][variable]
    figure, axes = single()
    centres, half = _centres(table["edges"])
    methods = [m for m in content["methods"] if m["pit"]]
    shifts = _shifts(2 * len(methods), half)
    for number, method in enumerate(content["methods"]):
        if not method["pit"]:
            continue
        for order, level in enumerate(("68", "95")):
            rows = [row["methods"][method["name"]][f"coverage_{level}"] for row in table["bins"]]
            look = _look(number) | {"mfc": "white" if order else None}
            shift = shifts[2 * methods.index(method) + order]
            axes.errorbar(
                centres + shift, *values_and_errors(rows), label=f"{method['label']}, {level} %", **look
            )
    for nominal in LEVELS:
        axes.axhspan(nominal - 0.01, nominal + 0.01, color="0.9", zorder=0)
        axes.axhline(nominal, color="black", linewidth=0.8)
    axes.set_ylim(0.5, 1.02)
    axes.set_ylabel("coverage of the interval")
    _axis(axes, table)
    axes.legend(ncols=2, loc="lower center")
    return figure


def draw_pit(content: Content) -> Any:
    """Histogram of the probability-integral transform; flat if the predicted distribution is right."""
    figure, axes = single()
    for number, method in enumerate(content["methods"]):
        counts = np.array(content["pit_histograms"].get(method["name"], []), np.float64)
        if counts.size and counts.sum() > 0:
            edges = np.linspace(0.0, 1.0, len(counts) + 1)
            colour = COLOURS[number % len(COLOURS)]
            axes.stairs(counts / counts.mean(), edges, label=method["label"], color=colour, linewidth=1.4)
    axes.axhline(1.0, color="black", linewidth=0.8)
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(0.0, None)
    axes.set_xlabel(r"$F(E_\mathrm{true})$")
    axes.set_ylabel("objects / flat")
    axes.legend(loc="lower center")
    return figure


def draw_fits(
    responses: Sequence[Floats], fits: Sequence[CruijffFit], edges: Sequence[float], unit: str, label: str
) -> Any:
    """The responses of one method with their Cruijff fits, one panel a bin.

    Args:
        responses: Responses of each bin.
        fits: Their fits.
        edges: Edges of the bins.
        unit: Unit of the edges.
        label: Name of the method.

    Returns:
        The figure.
    """
    from matplotlib.figure import Figure

    columns = 3
    rows = -(-len(fits) // columns)
    figure = Figure(figsize=(8.4, 2.6 * rows), dpi=DPI)
    figure.subplots_adjust(
        left=0.06,
        right=0.985,
        top=1 - 0.28 / (2.6 * rows),
        bottom=0.65 / (2.6 * rows),
        hspace=0.34,
        wspace=0.22,
    )
    for number, (values, fit) in enumerate(zip(responses, fits, strict=True)):
        axes = figure.add_subplot(rows, columns, number + 1)
        axes.set_title(edges_text(edges, number, unit), fontsize=9.5)
        axes.tick_params(labelsize=8)
        if not fit.valid:
            axes.text(0.5, 0.5, "no fit" if len(values) else "empty", ha="center", transform=axes.transAxes)
            continue
        low, high = fit.interval
        bins = np.linspace(low, high, 41)
        counts, _ = np.histogram(values, bins)
        centres = 0.5 * (bins[1:] + bins[:-1])
        axes.errorbar(centres, counts, np.sqrt(counts), fmt="o", color="black", markersize=2, elinewidth=0.7)
        grid = np.linspace(low, high, 300)
        axes.plot(grid, fit.density(grid) * (bins[1] - bins[0]), color=COLOURS[3])
        axes.set_ylim(0.0, 1.28 * counts.max())
        text = rf"$\sigma/\mu$ = {fit.resolution:.4f}$\pm${fit.resolution_error:.4f}"
        axes.text(0.03, 0.95, text, transform=axes.transAxes, va="top", fontsize=7.5)
    figure.text(0.5, 0.01, rf"{label}: $E_\mathrm{{pred}}/E_\mathrm{{true}}$", fontsize=10, ha="center")
    return figure


def draw_classes(content: Content) -> Any:
    """Ratio to the baseline in each class, as the mean over the bins of ET: model, and limit if it is there.

    Full markers: effective resolution; open ones: Cruijff fit.
    """
    from matplotlib.figure import Figure

    tables = content["classes"]
    height = 1.55 + 0.36 * len(tables)
    figure = Figure(figsize=(8.4, height), dpi=DPI)
    figure.subplots_adjust(left=0.45, right=0.97, top=1 - 0.6 / height, bottom=0.62 / height)
    axes = figure.add_subplot()
    y = np.arange(len(tables), 0, -1, dtype=np.float64)
    seen = [np.ones(1)]
    limit_shades = itertools.cycle(LIMIT_SHADES)
    for number, method in enumerate(content["methods"]):
        if method["name"] != content["model"] and not method["limit"]:
            continue
        rows = [table["mean_ratio"][method["name"]] for table in tables]
        if method["limit"]:
            value, _ = values_and_errors(row["resolution"] for row in rows)
            axes.plot(value, y, "|", color=next(limit_shades), markersize=13, label=method["label"])
            seen.append(value)
            continue
        for measure, shift, name in (("resolution", 0.12, "effective"), ("cruijff", -0.12, "Cruijff")):
            found = [row.get(measure, {"value": None, "error": None}) for row in rows]
            value, error = values_and_errors(found)
            look = _look(number) | {"mfc": "white" if shift < 0 else None}
            axes.errorbar(value, y + shift, xerr=error, label=f"{method['label']}, {name}", **look)
            seen.append(value)
    inside = np.concatenate(seen)
    axes.set_xlim(np.nanmin(inside) - 0.08, np.nanmax(inside) + 0.08)  # a long error bar may leave
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_yticks(y, [table["label"] for table in tables], fontsize=9.5)
    axes.set_ylim(0.4, len(tables) + 0.6)
    axes.grid(axis="x", color="0.9", linewidth=0.8)
    low, high = tables[0]["averaged_et_gev"]
    axes.set_xlabel(
        rf"$\sigma$ / {_label(content, content['baseline'])}, mean over $E_\mathrm{{T}}$ {low:g}-{high:g} GeV"
    )
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, borderaxespad=0.1)
    return figure


def _panels() -> tuple[Any, tuple[Any, Any]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 4.6), dpi=DPI)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2.2, 1.0))
    figure.subplots_adjust(left=0.145, right=0.96, top=0.97, bottom=0.13, hspace=0.07)
    return figure, (top, bottom)


def _look(number: int) -> dict[str, Any]:
    colour = COLOURS[number % len(COLOURS)]
    return {"fmt": MARKERS[number % len(MARKERS)], "color": colour, "elinewidth": 1.1}


def _centres(edges: Sequence[float]) -> tuple[Floats, Floats]:
    """Bins are drawn with equal widths: equal-population bins with long tails would hide all but one."""
    size = len(edges) - 1
    return np.arange(size, dtype=np.float64) + 0.5, np.full(size, 0.5)


def _shifts(size: int, half: Floats) -> Floats:
    """Sets methods side by side, near enough to be read as one bin."""
    return np.asarray(
        np.linspace(-0.25, 0.25, size) * float(half[0]) if size > 1 else np.zeros(1), np.float64
    )


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _axis(axes: Any, table: Content) -> None:
    edges = table["edges"]
    axes.set_xlim(0, len(edges) - 1)
    axes.set_xticks(range(len(edges)), [f"{edge:.3g}" for edge in edges])
    axes.grid(axis="x", color="0.9", linewidth=0.8)
    axes.set_xlabel(table["label"] + (f" [{table['unit']}]" if table["unit"] else ""))


def _limit_ratio(axes: Any, x: Sequence[Floats], ratios: Sequence[Floats], shown: Floats) -> None:
    """Shows the region around 1 and all of model and limit; what lies beyond is an arrow at the edge."""
    seen = shown[np.isfinite(shown)]
    low, high = min(0.8, 0.97 * seen.min(initial=1.0)), max(1.2, 1.03 * seen.max(initial=1.0))
    axes.set_ylim(low, high)
    inset = 0.06 * (high - low)
    for number, (places, values) in enumerate(zip(x, ratios, strict=True)):
        for beyond, edge, marker in ((values > high, high - inset, "^"), (values < low, low + inset, "v")):
            axes.plot(
                places[beyond], np.full(beyond.sum(), edge), marker, mfc="white", color=_look(number)["color"]
            )


def _plain_log(axes: Any, edges: Sequence[float]) -> None:
    ticks = [edge for edge in edges if edge in (5.0, 10.0, 20.0, 40.0, 80.0, 120.0)] or list(edges)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlim(edges[0], edges[-1])


def _methods(content: Content) -> list[tuple[int, Mapping[str, Any]]]:
    """Methods with their numbers, which say how they look; a limit has no response of its own."""
    return [(number, method) for number, method in enumerate(content["methods"]) if not method["limit"]]


def _label(content: Content, name: str) -> str:
    return str(next(method["label"] for method in content["methods"] if method["name"] == name))
