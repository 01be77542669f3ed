"""The mass report: network, trees on shower shapes and the 3 x 3 method on the same candidates.

| part | of which candidates |
| --- | --- |
| bins of mass, pT and opening | decays of all masses up to 1.2 GeV |
| points | decays within 50 MeV of six masses, in bins of pT |
| peaks, planes | one mass each: bosons' pairs, pi0, eta |
| photons | P(m > 0) of single photons, beside the median of the posterior |
| template fit | the same near 0.4 GeV, of a simple sample: what two showers of known shape tell |
| density near 0 | decays of all masses: no spurious peak of unresolved ones |

The 3 x 3 method answers where it finds two maxima. It is computed here, and the network is compared with it
on the candidates that it answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.baselines import template_fit, three_by_three
from zoo.data.candidate_fields import A0, ETA_MESON, PHOTON, PI0
from zoo.data.images import draw
from zoo.data.schema import leaf_values, validate
from zoo.errors import InvalidValue
from zoo.evaluation.binning import Variable
from zoo.evaluation.bootstrap import CrossedBootstrap, paired_ratio
from zoo.evaluation.mass import Bootstrap, density_ratio, fraction, mass_measures, mean_absolute_error
from zoo.evaluation.mass_plots import draw_bins, draw_peaks, draw_photons, draw_plane, draw_spectra
from zoo.evaluation.measures import Figure
from zoo.evaluation.posterior_median import positive_fraction, sigma_m2_gev2
from zoo.evaluation.report_folder import check_target, publish
from zoo.models.mass_regressor.events import SCHEMA
from zoo.models.mass_regressor.page import render
from zoo.simulation.response import NOISE

__all__ = ["BASELINES", "LABELS", "card_metrics", "evaluate", "report_content"]

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
Progress = Callable[[str, float], None]

MODEL, RESOLVED, TREES = "mass_regressor", "three_by_three", "mass_shapes"
BASELINES = (TREES,)
"""Trained ones; the 3 x 3 method is computed here."""

LABELS = {RESOLVED: "3 x 3", TREES: "trees on shapes", MODEL: "network"}
MASS_EDGES = (0.0, 0.05, 0.15, 0.3, 0.5, 0.7, 0.9, 1.2)  # GeV; above lies the buffer of the training
PT_EDGES = (20.0, 40.0, 60.0, 80.0, 100.0)  # GeV
OPENING_EDGES = (0.0, 1.0, 2.5, 10.0)  # crystals: merged, barely resolved, resolved
TEMPLATE_GEV = 0.4
POINTS_GEV, POINT_HALF_GEV = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0), 0.05
SPECTRUM_EDGES = tuple(np.round(np.linspace(-0.4, 1.6, 81), 3).tolist())
PLANE_EDGES = tuple(np.round(np.linspace(-0.3, 1.5, 46), 3).tolist())
PEAKS = {PI0: "pi0", ETA_MESON: "eta"}


def evaluate(
    records: ak.Array,
    outputs: ak.Array | Mapping[str, npt.ArrayLike] | None,
    *,
    out: str | Path,
    baselines: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    replicas: int = 100,
    template_n: int = 1_000,
) -> dict[str, Any]:
    """Writes the report of predictions on candidates.

    Args:
        records: Candidates [N] with truth, in the order of the predictions.
        outputs: Predictions of the network, with `mass_gev`; None compares the baselines alone.
        out: Folder of the report; an older report there is replaced.
        baselines: Name -> predictions with `mass_gev`, NaN or -1 where there is no answer.
        metadata: Facts about the sample for the page.
        progress: Called with a text and the fraction done.
        replicas: Bootstrap replicas.
        template_n: Most decays near 0.4 GeV that two templates are fitted to: some seconds a hundred, and a
            minute to begin. Only where there is no pile-up and nothing has converted.

    Returns:
        The content of report.json.

    Raises:
        InvalidValue: No truth, or another number of predictions than of candidates.
        InvalidFile: The folder cannot be written.
    """
    check_target(out)
    content = report_content(
        records,
        outputs,
        baselines=baselines,
        metadata=metadata,
        replicas=replicas,
        template_n=template_n,
    )
    plan: list[tuple[str, Any]] = [
        (f"{measure}_{variable}", partial(draw_bins, content, variable, measure))
        for variable in content["variables"]
        for measure in ("mae", "width", "bias")
    ]
    plan.append(("spectra", partial(draw_spectra, content)))
    for part, drawn in (("photons", draw_photons), ("peaks", draw_peaks)):
        if content[part]:
            plan.append((part, partial(drawn, content)))
    if content["planes"]["masses"]:
        plan.append(("planes", partial(draw_plane, content)))
    publish(content, plan, render, out, progress or (lambda text, done: None))
    return content


def report_content(
    records: ak.Array,
    outputs: ak.Array | Mapping[str, npt.ArrayLike] | None,
    *,
    baselines: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    replicas: int = 100,
    template_n: int = 0,
) -> dict[str, Any]:
    """Computes the report without writing it; arguments as `evaluate`."""
    validate(records, SCHEMA, truth=True, ranges=False)
    answers = {RESOLVED: _answers(RESOLVED, three_by_three.predict(records), len(records))}
    answers |= {name: _answers(name, found, len(records)) for name, found in (baselines or {}).items()}
    if outputs is not None:
        answers[MODEL] = _answers(MODEL, outputs, len(records))
    comparison = _Comparison(records, answers, replicas)
    return comparison.content(dict(metadata or {})) | {"template": comparison.template(records, template_n)}


def card_metrics(content: Mapping[str, Any], sample: str) -> list[dict[str, Any]]:
    """Returns the metrics of a card: every bin of mass, the photons, the density near 0.

    Args:
        content: Of report.json.
        sample: The events in words.

    Returns:
        One table for each metric, with the fields of `zoo.cards.Metric`.
    """
    model, baseline = content["model"], content["baseline"]
    label = {method["name"]: method["label"] for method in content["methods"]}
    found: list[dict[str, Any]] = []

    def add(name: str, methods: Mapping[str, Any], measure: str, unit: str, note: str = "") -> None:
        metric = {"name": name, "unit": unit, **_figure(methods[model].get(measure))}
        beside = _figure(methods.get(baseline, {}).get(measure))
        if beside and baseline != model:
            metric |= {"baseline": beside["value"], "baseline_name": label[baseline]}
            metric |= {"baseline_error": beside["error"]} if "error" in beside else {}
        if "value" in metric:
            found.append(
                {key: value for key, value in metric.items() if value != ""}
                | ({"note": note} if note else {})
            )

    tables = [("all decays below 1.2 GeV", content["overall"])]
    tables += [
        (f"{row['low']:g}-{row['high']:g} GeV", row["methods"])
        for row in content["variables"]["mass"]["bins"]
    ]
    for where, methods in tables:
        add(f"mean absolute error, {where}", methods, "mae", "GeV")
    for row in content["points"]:
        if row["mass_gev"] == 0.4:
            where = f"0.4 GeV, pT {row['low']:g}-{row['high']:g} GeV"
            add(f"half of the central 68 %, {where}", row["methods"], "width", "GeV")
    for row in content["photons"]:
        note = f"posterior median of an ideal simple calorimeter: {row['expected']:.3f}"
        add(
            f"P(m > 0) of photons, pT {row['low']:g}-{row['high']:g} GeV",
            row["methods"],
            "positive",
            "",
            note,
        )
    add(
        "density at 0-0.1 GeV over that at 0.2-0.4 GeV",
        content["near_zero"],
        "density",
        "",
        "flat decays: 1 without a peak",
    )
    return [{**metric, "sample": sample} for metric in found]


class _Comparison:
    """All methods on the same candidates."""

    def __init__(self, records: ak.Array, answers: Mapping[str, Floats], replicas: int) -> None:
        self.answers = answers
        self.model = list(answers)[-1]
        self.baseline = TREES if TREES in answers and self.model != TREES else RESOLVED
        self.parent = leaf_values(records, "parent_pdg_id").astype(np.int64)
        self.mass, self.pt, self.opening = (
            leaf_values(records, name).astype(np.float64)
            for name in ("mass_gev", "pt_gev", "opening_crystals")
        )
        self.bootstrap = _showers(records, replicas)
        self.partner = _partners(records)
        self.flat = (self.parent == A0) & (self.partner < 0)
        self.n_showers = self.bootstrap.n_clusters

    def content(self, metadata: dict[str, Any]) -> dict[str, Any]:
        """Computes everything."""
        decays = np.flatnonzero(self.flat & (self.mass < MASS_EDGES[-1]))
        variables = [
            Variable("mass", r"$m$", "GeV", self.mass, MASS_EDGES),
            Variable("pt", r"$p_\mathrm{T}$", "GeV", self.pt, PT_EDGES),
            Variable("opening", "distance of the photons", "crystals", self.opening, OPENING_EDGES),
        ]
        return {
            "title": "Mass of merged photons",
            "model": self.model,
            "baseline": self.baseline,
            "methods": [{"name": name, "label": LABELS.get(name, name)} for name in self.answers],
            "metadata": metadata,
            "notes": [
                f"{len(self.mass):,} candidates, {int(self.flat.sum()):,} of them decays of all masses; "
                f"{self.n_showers:,} different showers.",
                "Errors count showers, not candidates; ratios are paired.",
                "The 3 x 3 method answers some candidates alone; ratios are on those that both answer.",
            ],
            "overall": self._methods(decays),
            "variables": {
                variable.name: {
                    "label": variable.label,
                    "unit": variable.unit,
                    "edges": list(variable.edges),
                    "bins": [
                        self._row(low, high, decays[variable.bins()[decays] == number])
                        for number, (low, high) in enumerate(pairwise(variable.edges))
                    ],
                }
                for variable in variables
            },
            "points": self._points(),
            "peaks": self._peaks(),
            "photons": self._photons(),
            "near_zero": self._near_zero(),
            "spectra": self._spectra(),
            "planes": self._planes(),
        }

    def _row(self, low: float, high: float, index: Index) -> dict[str, Any]:
        return {"low": low, "high": high, "objects": len(index), "methods": self._methods(index)}

    def _methods(self, index: Index) -> dict[str, Any]:
        """Every measure of every method, and the ratio of mean absolute errors, model to method."""
        result: dict[str, Any] = {}
        for name, answer in self.answers.items():
            found = mass_measures(answer, self.mass, index, self.bootstrap)
            result[name] = {measure: figure.as_json() for measure, figure in found.items()}
            if name == self.model:
                continue
            both = index[np.isfinite(answer[index]) & np.isfinite(self.answers[self.model][index])]
            of_model, of_other = (
                mean_absolute_error(self.answers[which], self.mass, both, self.bootstrap).replicas
                for which in (self.model, name)
            )
            ratio, error = paired_ratio(of_model, of_other)
            figure = Figure(ratio, error, np.empty(0)).as_json()
            result[name]["mae_ratio"] = {**figure, "worse": bool(ratio - 1.0 > 2.0 * error)}
        return result

    def _points(self) -> list[dict[str, Any]]:
        """Decays within 50 MeV of six masses, in bins of pT."""
        rows = []
        for mass in POINTS_GEV:
            near = self.flat & (np.abs(self.mass - mass) < POINT_HALF_GEV)
            for low, high in pairwise(PT_EDGES):
                index = np.flatnonzero(near & (self.pt >= low) & (self.pt < high))
                rows.append({"mass_gev": mass, **self._row(low, high, index)})
        return rows

    def template(self, records: ak.Array, most: int) -> list[dict[str, Any]]:
        """Widths of the template fit and of the model, and their ratio, near 0.4 GeV in bins of pT."""
        simple = not np.any(leaf_values(records, "n_pileup")) and not np.any(
            leaf_values(records, "n_converted")
        )
        near = (self.parent == A0) & (np.abs(self.mass - TEMPLATE_GEV) < POINT_HALF_GEV)
        near &= leaf_values(records, "shower_row") >= 0  # no toys
        index = np.flatnonzero(near)
        if not simple or not most or not len(index):
            return []
        index = index[np.linspace(0, len(index) - 1, min(most, len(index))).astype(np.int64)]
        chosen, noise = records[index], NOISE["simple"].floor_gev
        fitted = np.full(len(self.mass), np.nan)
        fitted[index] = template_fit.mass_gev(draw(chosen), np.asarray(chosen.seed_ieta), noise_gev=noise)
        rows = []
        for low, high in pairwise(PT_EDGES):
            inside = index[(self.pt[index] >= low) & (self.pt[index] < high)]
            widths = {
                name: mass_measures(answer, self.mass, inside, self.bootstrap)["width"]
                for name, answer in (("template", fitted), ("model", self.answers[self.model]))
            }
            ratio, error = paired_ratio(widths["model"].replicas, widths["template"].replicas)
            row: dict[str, Any] = {"low": low, "high": high, "objects": len(inside)}
            row |= {name: figure.as_json() for name, figure in widths.items()}
            rows.append({**row, "ratio": Figure(ratio, error, np.empty(0)).as_json()})
        return rows

    def _peaks(self) -> list[dict[str, Any]]:
        """Decays of one mass each: the bosons' pairs by mass, pi0, eta."""
        groups = [
            (f"a, {mass:g} GeV", mass, (self.partner >= 0) & np.isclose(self.mass, mass, atol=1e-4))
            for mass in np.unique(np.round(self.mass[self.partner >= 0], 4)).tolist()
        ]
        for code, label in PEAKS.items():
            of_kind = self.parent == code
            if of_kind.any():
                groups.append((label, float(np.round(self.mass[of_kind][0], 4)), of_kind))
        rows = []
        for label, mass, mask in groups:
            index = np.flatnonzero(mask)
            counts = np.histogram(self.answers[self.model][index], SPECTRUM_EDGES)[0]
            rows.append(
                {
                    "label": label,
                    "mass_gev": mass,
                    "objects": len(index),
                    "methods": self._methods(index),
                    "histogram": counts.tolist(),
                }
            )
        return rows

    def _photons(self) -> list[dict[str, Any]]:
        """P(m > 0) of single photons by pT; a method without an answer says nothing of a mass."""
        photon = self.parent == PHOTON
        if not photon.any():
            return []
        grid = np.linspace(PT_EDGES[0], PT_EDGES[-1], 17)
        expected = positive_fraction(sigma_m2_gev2(grid))
        rows = []
        for low, high in pairwise(PT_EDGES):
            index = np.flatnonzero(photon & (self.pt >= low) & (self.pt < high))
            methods = {
                name: {"positive": fraction(answer[index] > 0, index, self.bootstrap).as_json()}
                for name, answer in self.answers.items()
            }
            mean = float(np.mean(np.interp(self.pt[index], grid, expected))) if len(index) else float("nan")
            row = {"low": low, "high": high, "objects": len(index), "methods": methods}
            rows.append({**row, "expected": mean if np.isfinite(mean) else None})
        return rows

    def _near_zero(self) -> dict[str, Any]:
        index = np.flatnonzero(self.flat)
        return {
            name: {"density": density_ratio(answer, index, self.bootstrap).as_json()}
            for name, answer in self.answers.items()
        }

    def _spectra(self) -> dict[str, Any]:
        """Histograms of the answers, of decays of all masses and of photons."""
        kinds = {"decays": self.flat, "photons": self.parent == PHOTON}
        return {"edges_gev": list(SPECTRUM_EDGES)} | {
            kind: {
                name: np.histogram(answer[mask & np.isfinite(answer)], SPECTRUM_EDGES)[0].tolist()
                for name, answer in self.answers.items()
            }
            for kind, mask in kinds.items()
        }

    def _planes(self) -> dict[str, Any]:
        """Counts of both masses of a boson's pair, for each true mass, by the model."""
        first = np.flatnonzero(self.partner == 1)
        answer = self.answers[self.model]
        planes = []
        for mass in np.unique(np.round(self.mass[first], 4)).tolist():
            index = first[np.isclose(self.mass[first], mass, atol=1e-4)]
            counts = np.histogram2d(answer[index], answer[index + 1], [PLANE_EDGES, PLANE_EDGES])[0]
            both = (answer[index] > 0) & (answer[index + 1] > 0)
            both &= (answer[index] < MASS_EDGES[-1]) & (answer[index + 1] < MASS_EDGES[-1])
            planes.append(
                {
                    "mass_gev": mass,
                    "pairs": len(index),
                    "both_in_region": fraction(both, index, self.bootstrap).as_json(),
                    "counts": counts.astype(int).tolist(),
                }
            )
        return {"edges_gev": list(PLANE_EDGES), "masses": planes}


def _answers(name: str, found: Any, size: int) -> Floats:
    """Returns the masses [N] of a method; NaN where it has no answer."""
    fields = list(found) if isinstance(found, Mapping) else ak.fields(found)
    if "mass_gev" not in fields:
        raise InvalidValue(f"predictions of {name}", "the field mass_gev", fields)
    mass = np.asarray(found["mass_gev"], np.float64)
    if len(mass) != size:
        raise InvalidValue(f"mass_gev of {name}", f"{size} values, one a candidate", len(mass))
    return np.where(mass == -1.0, np.nan, mass)


def _partners(records: ak.Array) -> Index:
    """[N] 1 for the first and 0 for the second candidate of a boson's pair, -1 for any other.

    A pair stands together, with one `event_id` and one mass; numbers of events recur in joined files.
    """
    event, mass, pt = (leaf_values(records, name) for name in ("event_id", "mass_gev", "pt_gev"))
    partner = np.full(len(event), -1)
    parent = leaf_values(records, "parent_pdg_id")
    same = (event[1:] == event[:-1]) & (mass[1:] == mass[:-1]) & (pt[1:] == pt[:-1])
    first = np.flatnonzero(same & (parent[1:] == A0) & (parent[:-1] == A0))
    partner[first], partner[first + 1] = 1, 0
    return partner


def _showers(records: ak.Array, replicas: int) -> Bootstrap:
    """Replicas over the two showers of each candidate; one without any is independent of all others."""
    names = []
    for prefix in ("", "second_"):
        rows = leaf_values(records, f"{prefix}shower_row").astype(np.int64)
        libraries = np.abs(leaf_values(records, f"{prefix}shower_pdg_id").astype(np.int64))
        names.append(np.stack([rows, libraries], axis=1))
    alone = names[0][:, 0] < 0
    names[0][alone] = np.stack([np.arange(alone.sum()), np.zeros(alone.sum(), np.int64)], axis=1)
    return CrossedBootstrap(*names, replicas=replicas)


def _figure(figure: Mapping[str, Any] | None) -> dict[str, Any]:
    """Value and error as a card has them, without what is not there."""
    found = {key: (figure or {}).get(key) for key in ("value", "error")}
    return {key: float(f"{number:.4g}") for key, number in found.items() if number is not None}
