"""The network's report on windows: edges, flavour and energy, beside Mustache on the same windows.

Each window is judged alone, before any traversal. Mustache takes a cluster of a window if it lies in the
moustache of the window's seed, with the public constants or the refitted ones; ratios are to the narrower
of the two in each bin. Beside them stands what the labels themselves would collect. Of all windows
of one object the one with the hardest seed counts, for superclusters are made around that one.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.angles import wrap_phi
from zoo.arrays import Floats, Ints, owners
from zoo.baselines.mustache import CMS, TUNED, eta_window, max_dphi
from zoo.data.kinds.clusters import WINDOWS
from zoo.data.node_rows import node_rows
from zoo.data.records import leaf_values, validate
from zoo.errors import InvalidValue
from zoo.evaluation.binning import Variable
from zoo.evaluation.bootstrap import ClusterBootstrap, paired_ratio
from zoo.evaluation.measures import Figure, card_metric, response_measures
from zoo.evaluation.pages.folder import check_target, publish
from zoo.evaluation.pages.parts import gallery, grid, mark, page, pair
from zoo.evaluation.pages.selection_plots import draw_measure, draw_roc
from zoo.evaluation.selection import confusion, half_widths, roc_curve, share
from zoo.models.supercluster.config import FLAVOURS
from zoo.models.supercluster.windows import leading_windows

__all__ = ["LABELS", "MEASURES", "card_metrics", "evaluate", "report_content"]

Progress = Callable[[str, float], None]

MUSTACHES = {"mustache": CMS, "mustache_tuned": TUNED}
LABELS = {
    "mustache": "Mustache",
    "mustache_tuned": "Mustache, refitted",
    "supercluster": "network",
    "labels": "the labels",
}
MEASURES = {
    "precision": "labelled among the selected clusters",
    "recall": "selected among the labelled clusters",
    "energy_precision": "the same by energy",
    "energy_recall": "the same by energy",
    "collected": "share of the object's deposit that is selected",
    "pileup": "pile-up in the selected energy",
    "raw_resolution": "raw sum: half of the shortest 68.3 % interval over the median",
    "raw_left": "raw sum: median to the lower end of the central 68 %",
    "raw_right": "raw sum: median to the upper end",
    "resolution": "energy: half of the shortest 68.3 % interval over the median",
}
ET_EDGES = (1.0, 4.0, 10.0, 15.0, 25.0, 50.0, 100.0)  # GeV, generated
ETA_EDGES = (0.0, 0.4, 0.8, 1.2, 1.48)
PILEUP_EDGES = (0.0, 20.0, 40.0, 60.0, 80.0)


def evaluate(
    records: ak.Array,
    outputs: ak.Array | Mapping[str, npt.ArrayLike],
    *,
    out: str | Path,
    baselines: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    replicas: int = 100,
) -> dict[str, Any]:
    """Writes the report of predictions on windows.

    Args:
        records: Windows [W] with truth, in the order of the predictions.
        outputs: Predictions of the network; records or a dict of arrays.
        out: Folder of the report; an older report there is replaced.
        baselines: None are taken.
        metadata: Facts about the sample for the page.
        progress: Called with a text and the fraction done.
        replicas: Bootstrap replicas.

    Returns:
        The content of report.json.

    Raises:
        InvalidValue: No truth, or another number of predictions than of windows.
        InvalidFile: The folder cannot be written.
    """
    del baselines
    check_target(out)
    content = report_content(records, outputs, metadata=metadata, replicas=replicas)
    plan: list[tuple[str, Any]] = [("roc", partial(draw_roc, content))]
    plan += [
        (f"{measure}_{variable}", partial(draw_measure, content, variable, measure))
        for variable in content["variables"]
        for measure in ("raw_resolution", "collected", "energy_precision", "energy_recall")
    ]
    publish(content, plan, _page, out, progress or (lambda text, done: None))
    return content


def report_content(
    records: ak.Array,
    outputs: ak.Array | Mapping[str, npt.ArrayLike],
    *,
    metadata: Mapping[str, Any] | None = None,
    replicas: int = 100,
) -> dict[str, Any]:
    """Computes the report without writing it; arguments as `evaluate`."""
    validate(records, WINDOWS, truth=True, ranges=False)
    windows = _Windows(records, outputs)
    bootstrap = ClusterBootstrap.of_showers(records, alone="event", replicas=replicas)
    flavour, true = windows.flavour, windows.true_energy
    best = leading_windows(records)
    counted = np.repeat(~((flavour == 0) & (true > 0)), windows.counts)  # the edges of a jet have no truth
    probability, label, energy = (v[counted] for v in (windows.probability, windows.label, windows.energy))
    curves = {
        name: roc_curve(probability, label, weight)
        for name, weight in (("clusters", None), ("energy", energy))
    }
    variables = [
        Variable("et", r"generated $E_\mathrm{T}$", "GeV", true / np.cosh(windows.true_eta), ET_EDGES),
        Variable("abs_eta", r"$|\eta|$", "", np.abs(windows.true_eta), ETA_EDGES),
        Variable(
            "n_pileup", "interactions", "", leaf_values(records, "n_pileup").astype(float), PILEUP_EDGES
        ),
    ]
    everything = np.arange(len(records))
    called = windows.flavour_probability.argmax(axis=1)
    matrix = confusion(flavour, called, len(FLAVOURS), everything, bootstrap)
    return {
        "title": "Superclustering network: windows",
        "model": "supercluster",
        "baseline": "mustache",
        "methods": [{"name": k, "label": text, "limit": k == "labels"} for k, text in LABELS.items()],
        "metadata": dict(metadata or {}),
        "notes": [
            f"{len(records):,} windows; {len(best):,} electrons and photons, of each the window with the "
            "hardest seed. Errors count showers of the library, not windows."
        ],
        "roc": {
            name: {"false_rate": c.false_rate.tolist(), "true_rate": c.true_rate.tolist(),
                   "threshold": c.threshold.tolist(), "area": _finite(c.area)}
            for name, c in curves.items()
        },
        "flavour": {
            "names": list(FLAVOURS),
            "windows": np.bincount(flavour, minlength=len(FLAVOURS)).tolist(),
            "confusion": [[figure.as_json() for figure in row] for row in matrix],
        },
        "overall": windows.measured(best, bootstrap),
        "variables": {
            variable.name: {
                "label": variable.label,
                "unit": variable.unit,
                "edges": list(variable.edges),
                "bins": [
                    {"low": low, "high": high, "objects": int((variable.bins()[best] == number).sum()),
                     "methods": windows.measured(best[variable.bins()[best] == number], bootstrap)}
                    for number, (low, high) in enumerate(
                        zip(variable.edges[:-1], variable.edges[1:], strict=True))
                ],
            }
            for variable in variables
        },
    }  # fmt: skip


def card_metrics(content: Mapping[str, Any], sample: str) -> list[dict[str, Any]]:
    """Returns the metrics of a card: overall, and the raw resolution in every bin of ET.

    Args:
        content: Of report.json.
        sample: The events in words.

    Returns:
        One table for each metric, with the fields of `zoo.cards.card.Metric`.
    """
    area = {"value": content["roc"]["clusters"]["area"]}
    found = [
        card_metric("area under the ROC curve of the edges", area, note="Mustache gives no probabilities"),
        *(
            card_metric(
                f"{name}s called {name}",
                content["flavour"]["confusion"][i][i],
                note="Mustache does not tell them apart",
            )
            for i, name in enumerate(content["flavour"]["names"])
        ),
    ]
    names = [("energy_precision", "precision of the edges, by energy"),
             ("energy_recall", "recall of the edges, by energy"),
             ("collected", "share of the deposit collected"),
             ("raw_resolution", "effective resolution of the raw sum")]  # fmt: skip
    tables = [("", content["overall"], names)]
    for row in content["variables"]["et"]["bins"]:
        tables.append((f", ET {row['low']:g}-{row['high']:g} GeV", row["methods"], names[-1:]))
    for where, methods, wanted in tables:
        for measure, name in wanted:
            better = _better_mustache(methods, measure)
            ours, beside = methods["supercluster"][measure], methods[better][measure]
            found.append(card_metric(name + where, ours, beside, baseline_name=LABELS[better]))
    return [{**metric, "sample": sample} for metric in found if metric]


class _Windows:
    """The windows as flat arrays: T clusters, W windows."""

    def __init__(self, records: ak.Array, outputs: Any) -> None:
        self.counts = np.asarray(ak.to_numpy(ak.num(records["clusters"])), np.int64)
        self.window = owners(self.counts)
        self.probability = _of_clusters(outputs, self.counts)
        self.label = leaf_values(records, "clusters.in_supercluster") > 0
        self.energy = leaf_values(records, "clusters.energy_gev").astype(np.float64)
        self.signal = leaf_values(records, "clusters.true_energy_gev").astype(np.float64)
        self.pileup = leaf_values(records, "clusters.pileup_gev").astype(np.float64)
        self.flavour = leaf_values(records, "flavour").astype(np.int64)
        self.true_energy = leaf_values(records, "true_energy_gev").astype(np.float64)
        self.true_eta = leaf_values(records, "true_eta").astype(np.float64)
        self.deposit = leaf_values(records, "sim_energy_gev").astype(np.float64)
        self.flavour_probability = np.asarray(outputs["flavour_probability"], np.float64)
        self.calibrated = np.asarray(outputs["energy_gev"], np.float64)
        is_seed = leaf_values(records, "clusters.is_seed") > 0
        eta = leaf_values(records, "clusters.eta").astype(np.float64)
        phi = leaf_values(records, "clusters.phi").astype(np.float64)
        seed = np.zeros(len(self.counts), np.int64)
        seed[self.window[is_seed]] = np.flatnonzero(is_seed)
        at = seed[self.window]
        dphi = wrap_phi(phi - phi[at])
        deta = np.where(eta[at] < 0, -1.0, 1.0) * (eta - eta[at])
        self.selected = {}
        for name, config in MUSTACHES.items():
            low, high = eta_window(eta[at], self.energy, dphi, config)
            inside = (low < deta) & (deta < high)
            inside &= np.abs(dphi) < max_dphi(self.energy / np.cosh(eta), config)
            self.selected[name] = inside | is_seed
        self.selected |= {
            "supercluster": self.probability > 0.5,
            "labels": self.label,
        }

    def measured(self, index: Ints, bootstrap: ClusterBootstrap) -> dict[str, dict[str, Any]]:
        """Every measure of every method on some windows, and ratios of widths to the better Mustache's."""
        figures = {name: self._figures(name, index, bootstrap) for name in self.selected}
        result: dict[str, dict[str, Any]] = {}
        for name, found in figures.items():
            result[name] = {measure: figure.as_json() for measure, figure in found.items()}
            for measure in ("raw_resolution", "raw_left", "raw_right"):
                beside = min((figures[m][measure].replicas for m in MUSTACHES), key=lambda width: width[0])
                ratio, error = paired_ratio(found[measure].replicas, beside)
                result[name][f"{measure}_ratio"] = {
                    "value": _finite(ratio), "error": _finite(error), "worse": bool(ratio - 1 > 2 * error),
                }  # fmt: skip
        return result

    def _figures(self, name: str, index: Ints, bootstrap: ClusterBootstrap) -> dict[str, Figure]:
        chosen, label = self.selected[name], self.label
        right = self._sum(chosen & label)
        energy = self._sum(self.energy * chosen)
        right_energy = self._sum(self.energy * (chosen & label))
        raw = np.divide(energy, self.true_energy, out=np.zeros_like(energy), where=self.true_energy > 0)
        found = {
            "precision": share(right, self._sum(chosen), index, bootstrap),
            "recall": share(right, self._sum(label), index, bootstrap),
            "energy_precision": share(right_energy, energy, index, bootstrap),
            "energy_recall": share(right_energy, self._sum(self.energy * label), index, bootstrap),
            "collected": share(self._sum(self.signal * chosen), self.deposit, index, bootstrap),
            "pileup": share(self._sum(self.pileup * chosen), energy, index, bootstrap),
            **{f"raw_{k}": v for k, v in response_measures(raw, index, bootstrap).items()
               if k in ("resolution", "median")},
        }  # fmt: skip
        found["raw_left"], found["raw_right"] = half_widths(raw, index, bootstrap)
        if name == "supercluster":
            some = self.true_energy > 0
            ratio = np.divide(self.calibrated, self.true_energy, out=np.zeros_like(raw), where=some)
            calibrated = response_measures(ratio, index, bootstrap)
            found |= {k: v for k, v in calibrated.items() if k in ("resolution", "median")}
        return found

    def _sum(self, values: npt.ArrayLike) -> Floats:
        weights = np.asarray(values, np.float64)
        return np.asarray(np.bincount(self.window, weights, len(self.counts)), np.float64)


def _better_mustache(methods: Mapping[str, Any], measure: str) -> str:
    """Returns the one with the smaller width, or of another measure the refitted one."""
    widths = {name: methods[name]["raw_resolution"]["value"] for name in MUSTACHES}
    if measure != "raw_resolution" or None in widths.values():
        return "mustache_tuned"
    return min(widths, key=lambda name: widths[name])


def _of_clusters(outputs: Any, counts: Ints) -> Floats:
    """Returns the edge probability of each cluster [T]."""
    names = list(outputs) if isinstance(outputs, Mapping) else ak.fields(outputs)
    for name in ("edge_probability", "flavour_probability", "energy_gev"):
        if name not in names:
            raise InvalidValue("predictions of supercluster", f"the field {name}", names)
        if len(outputs[name]) != len(counts):
            expected = f"{len(counts)} rows, one a window"
            raise InvalidValue(f"{name} of supercluster", expected, len(outputs[name]))
    rows = node_rows(outputs["edge_probability"], counts, "edge_probability of supercluster")
    return rows.astype(np.float64)


def _page(content: Mapping[str, Any], pictures: Mapping[str, bytes]) -> str:
    parts = [f"<p class='note'>{html.escape(note)}</p>" for note in content["notes"]]
    areas = ", ".join(
        f"by {name} {curve['area']:.4g}" for name, curve in content["roc"].items() if curve["area"]
    )
    parts += ["<h2>Edges</h2>", f"<p>Area under the ROC curve: {areas}</p>", gallery(pictures, ["roc"])]
    parts += ["<h2>All objects</h2>", _table([("all", content["overall"])])]
    names = [html.escape(name) for name in content["flavour"]["names"]]
    head = (
        "<tr><th>true</th><th>windows</th>" + "".join(f"<th>called {name}</th>" for name in names) + "</tr>"
    )
    rows = [
        f"<tr><td>{name}</td><td>{count:,}</td>" + "".join(f"<td>{pair(cell)}</td>" for cell in row) + "</tr>"
        for name, count, row in zip(
            names, content["flavour"]["windows"], content["flavour"]["confusion"], strict=True
        )
    ]
    parts += ["<h2>Flavour</h2>", grid(head, rows)]
    for name, table in content["variables"].items():
        found = [(f"{row['low']:g}-{row['high']:g} {table['unit']}", row["methods"]) for row in table["bins"]]
        parts += [f"<h2>In bins of {name}</h2>", _table(found)]
        parts.append(gallery(pictures, [picture for picture in pictures if picture.endswith(f"_{name}")]))
    if content["metadata"]:
        facts = [
            f"<tr><td>{html.escape(str(key))}</td><td>{html.escape(str(value))}</td></tr>"
            for key, value in content["metadata"].items()
        ]
        parts += ["<h2>Sample</h2>", grid("<tr><th>fact</th><th></th></tr>", facts)]
    return page(content["title"], parts)


def _table(bins: list[tuple[str, Mapping[str, Any]]]) -> str:
    measures = [*MEASURES, "raw_resolution_ratio"]
    meaning = {**MEASURES, "raw_resolution_ratio": "paired ratio to the better Mustache"}
    head = "<tr><th>bin</th><th>method</th>" + "".join(
        f"<th title='{html.escape(meaning[k])}'>{k.replace('_', ' ')}</th>" for k in measures
    )
    rows = []
    for where, methods in bins:
        for name, found in methods.items():
            cells = "".join(
                f"<td{mark(found[key]) if key.endswith('_ratio') else ''}>{pair(found.get(key))}</td>"
                for key in measures
            )
            rows.append(f"<tr><td>{html.escape(where)}</td><td>{html.escape(LABELS[name])}</td>{cells}</tr>")
    return grid(head + "</tr>", rows)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
