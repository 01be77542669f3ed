"""The methods on the same candidates: every figure of a mass report, without its page and plots."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import awkward as ak
import numpy as np

from zoo.arrays import Floats, Ints
from zoo.baselines import template_fit
from zoo.data.images import SEED_AT, draw
from zoo.data.kinds.candidates import A0, ETA_MESON, PHOTON, PI0
from zoo.data.records import leaf_values
from zoo.evaluation.binning import Variable
from zoo.evaluation.bootstrap import CrossedBootstrap, apart, paired_ratio
from zoo.evaluation.mass import Bootstrap, density_ratio, fraction, mass_measures, mean_absolute_error
from zoo.evaluation.measures import Figure
from zoo.evaluation.posterior_median import best_answers, positive_fraction, sigma_m2_gev2
from zoo.simulation.response import NOISE

__all__ = ["BEST", "LABELS", "MODEL", "RESOLVED", "TREES", "Comparison"]


MODEL, RESOLVED, TREES = "mass_regressor", "three_by_three", "mass_shapes"
BEST = "posterior_median"  # no method: what the best one would say of an ideal simple calorimeter
LABELS = {RESOLVED: "3 x 3", TREES: "trees on shapes", MODEL: "network"}
MASS_EDGES = (0.0, 0.05, 0.15, 0.3, 0.5, 0.7, 0.9, 1.2)  # GeV; above lies the buffer of the training
PT_EDGES = (20.0, 40.0, 60.0, 80.0, 100.0)  # GeV
OPENING_EDGES = (0.0, 1.0, 2.5, 10.0)  # crystals: merged, barely resolved, resolved
TEMPLATE_GEV = 0.4
POINTS_GEV, POINT_HALF_GEV = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0), 0.05
SPECTRUM_EDGES = tuple(np.round(np.linspace(-0.4, 1.6, 81), 3).tolist())
PLANE_EDGES = tuple(np.round(np.linspace(-0.3, 1.5, 46), 3).tolist())
PEAKS = {PI0: "pi0", ETA_MESON: "eta"}


class Comparison:
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

    def _row(self, low: float, high: float, index: Ints) -> dict[str, Any]:
        return {"low": low, "high": high, "objects": len(index), "methods": self._methods(index)}

    def _methods(self, index: Ints) -> dict[str, Any]:
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
            result[name]["mae_ratio"] = {**figure, "worse": bool(ratio - 1.0 > 2.0 * error > 1e-9)}
        return result

    def _points(self) -> list[dict[str, Any]]:
        """Decays within 50 MeV of six masses, in bins of pT and of all pT."""
        rows = []
        for mass in POINTS_GEV:
            near = self.flat & (np.abs(self.mass - mass) < POINT_HALF_GEV)
            for low, high in (*pairwise(PT_EDGES), (PT_EDGES[0], PT_EDGES[-1])):
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
        images, seed_ieta = draw(records[index]), np.asarray(records.seed_ieta)[index]
        lit = images[:, SEED_AT, SEED_AT] > 0
        index, noise = index[lit], NOISE["simple"].floor_gev
        fitted = np.full(len(self.mass), np.nan)
        fitted[index] = template_fit.mass_gev(images[lit], seed_ieta[lit], noise_gev=noise)
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
        best = best_answers(self.mass, self.pt)
        return {
            name: {"density": density_ratio(answer, index, self.bootstrap).as_json()}
            for name, answer in {**self.answers, BEST: best}.items()
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


def _partners(records: ak.Array) -> Ints:
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
    names[0][:, 0] = apart(names[0][:, 0])
    return CrossedBootstrap(*names, replicas=replicas)
