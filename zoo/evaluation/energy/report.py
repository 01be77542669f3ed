"""The energy report: every method on the same events, in the same bins, with errors over showers.

    report = EnergyReport(
        title="DRN on electrons", true_energy_gev=..., raw_energy_gev=...,
        methods=[Method("raw", "raw sum", raw), Method("bdt", "BDT", bdt), Method("drn", "DRN", drn, sigma,
        pit)], variables=energy_variables(records), bootstrap=ClusterBootstrap(records.shower_row,
        records.shower_pdg_id), model="drn", baseline="bdt")
    report.write("report/")        # report.json, plots/*.png, index.html

Objects with E_raw / E_true outside (0.5, 2) are inefficiency for every method alike. A method that gives no
finite, positive energy for another object has the response 0 there: it is counted, never dropped. No bin is
ever left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo.arrays import Bools, Floats, Ints
from zoo.errors import InvalidValue, UnknownName
from zoo.evaluation.binning import Variable
from zoo.evaluation.bootstrap import ClusterBootstrap
from zoo.evaluation.coverage import normal_pit
from zoo.evaluation.cruijff import CruijffFit
from zoo.evaluation.energy.class_table import ClassTable
from zoo.evaluation.energy.classes import ObjectClass
from zoo.evaluation.energy.comparison import Comparison, compare
from zoo.evaluation.energy.page import plot_plan, render
from zoo.evaluation.energy.verdicts import RESPONSE_LIMITS, check_limits, worse_bins
from zoo.evaluation.measures import Figure, response_measures
from zoo.evaluation.pages import plots
from zoo.evaluation.pages.folder import Plan, Progress, check_target, publish
from zoo.evaluation.response import REACH, reachable

__all__ = ["EnergyReport", "Method"]

RESPONSE_SPLIT_GEV = 15.0
"""Above, response is E_pred/E_true in bins of E_true; below, E_true/E_pred in bins of E_pred."""
RESPONSE_EDGES_GEV = (6.0, 7.5, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0, 80.0, 100.0, 120.0)
PREDICTED_MIN_ET_GEV = 6.0
"""Below, the lower edge of a sample (ET > 4 GeV) would bias E_true at a given E_pred."""


@dataclass(frozen=True)
class Method:
    """One way to get an energy.

    Attributes:
        name: Key in report.json.
        label: Name in plots and tables.
        energy_gev: [N] GeV; -1 or NaN where it has no answer.
        sigma_gev: [N] GeV predicted uncertainty, or None.
        pit: [N] probability-integral transform of the truth, or None: a normal one if there is a sigma.
        limit: It is no method but what the information in the hits allows: see `information_limit`.
    """

    name: str
    label: str
    energy_gev: npt.ArrayLike
    sigma_gev: npt.ArrayLike | None = None
    pit: npt.ArrayLike | None = None
    limit: bool = False


def information_limit(
    true_energy_gev: npt.ArrayLike,
    sigma_over_e: npt.ArrayLike,
    name: str = "information_limit",
    label: str = "information limit",
    seed: int = 0,
) -> Method:
    """An information limit as one more line of a report: E_true (1 + sigma z) with normal z.

    It goes through the same fits, bins and bootstrap as every method, and through no verdict.

    Args:
        true_energy_gev: [N] GeV.
        sigma_over_e: [N] smallest relative width that an unbiased estimate can have.
        name: Key in report.json.
        label: Name in plots and tables.
        seed: Seed of z.
    """
    z = np.random.default_rng(seed).normal(size=len(np.asarray(true_energy_gev)))
    energy = np.asarray(true_energy_gev, np.float64) * (1.0 + np.asarray(sigma_over_e, np.float64) * z)
    return Method(name, label, energy, limit=True)


@dataclass(frozen=True)
class EnergyReport:
    """A comparison of methods.

    Attributes:
        title: Heading.
        true_energy_gev: [N] GeV.
        raw_energy_gev: [N] GeV, the sum of the hits: decides what is inefficiency.
        methods: The methods, in the order of the tables.
        variables: Variables with bins; those in `fit_variables` get Cruijff fits too.
        bootstrap: Replicas over the showers of these events.
        model: Name of the method under test.
        baseline: Name of the method that it is compared with.
        metadata: Facts about the sample: seed, split, unique showers, versions.
        selection: [N] bool, the objects that are reported; all by default.
        cosh_eta: [N], to turn E into ET; 1 by default.
        fit_variables: Names of the variables with Cruijff fits.
        classes: Classes of objects, each shown as a whole and in the bins of the variable "et".
        notes: Sentences for the page.
    """

    title: str
    true_energy_gev: npt.ArrayLike
    raw_energy_gev: npt.ArrayLike
    methods: Sequence[Method]
    variables: Sequence[Variable]
    bootstrap: ClusterBootstrap
    model: str
    baseline: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    selection: npt.ArrayLike | None = None
    cosh_eta: npt.ArrayLike | None = None
    fit_variables: tuple[str, ...] = ("et", "abs_eta")
    classes: Sequence[ObjectClass] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        size = len(self.truth)
        names = [method.name for method in self.methods]
        if size == 0:
            raise InvalidValue("report", "at least one object", "none")
        if len(set(names)) != len(names):
            raise InvalidValue("methods", "different names", names)
        for role in (self.model, self.baseline):
            if role not in names:
                raise UnknownName("method", role, names, "the report")
        sizes = {f"method {m.name}": len(np.asarray(m.energy_gev)) for m in self.methods}
        sizes |= {f"variable {v.name}": len(v.values) for v in self.variables}
        sizes |= {f"class {c.name}": len(c.mask) for c in self.classes}
        sizes |= {
            "raw_energy_gev": len(np.asarray(self.raw_energy_gev)),
            "bootstrap": len(self.bootstrap.cluster),
        }
        for what, length in sizes.items():
            if length != size:
                raise InvalidValue(what, f"one entry for each of the {size} objects", length)

    @cached_property
    def truth(self) -> Floats:
        """True energies, [N] GeV."""
        return np.asarray(self.true_energy_gev, np.float64)

    @cached_property
    def selected(self) -> Bools:
        """Objects that are reported, reachable or not."""
        everything = np.ones(len(self.truth), bool)
        return everything if self.selection is None else np.asarray(self.selection, bool)

    @cached_property
    def used(self) -> Bools:
        """Objects that the measures are made of: reported and reachable."""
        return self.selected & reachable(self.raw_energy_gev, self.true_energy_gev)

    @cached_property
    def energies(self) -> dict[str, Floats]:
        """Energy of each method, 0 where it has no answer."""
        found = {}
        for method in self.methods:
            energy = np.asarray(method.energy_gev, np.float64)
            found[method.name] = np.where(np.isfinite(energy) & (energy > 0), energy, 0.0)
        return found

    @cached_property
    def responses(self) -> dict[str, Floats]:
        """E_pred / E_true of each method."""
        return {name: energy / self.truth for name, energy in self.energies.items()}

    @cached_property
    def pits(self) -> dict[str, Floats]:
        """PIT of the methods that predict an uncertainty."""
        found = {}
        for method in self.methods:
            if method.pit is not None:
                found[method.name] = np.asarray(method.pit, np.float64)
            elif method.sigma_gev is not None:
                found[method.name] = normal_pit(self.truth, method.energy_gev, method.sigma_gev)
        return found

    @cached_property
    def fits(self) -> dict[str, dict[str, list[CruijffFit]]]:
        """Cruijff fits by variable and method, one a bin; filled by `compute`."""
        return {}

    def compute(self, progress: Progress | None = None) -> dict[str, Any]:
        """Computes every figure of the report.

        Args:
            progress: Called with a text and the fraction done.

        Returns:
            The content of report.json.
        """
        tell = progress or (lambda text, done: None)
        everything = np.flatnonzero(self.used)
        steps = len(self.variables) + len(self.classes) + 2
        tell("all objects", 0.0)
        content: dict[str, Any] = {
            "title": self.title,
            "model": self.model,
            "baseline": self.baseline,
            "methods": [
                {"name": m.name, "label": m.label, "pit": "given" if m.pit is not None
                 else ("normal" if m.sigma_gev is not None else None), "limit": m.limit}
                for m in self.methods
            ],
            "sample": self._sample(),
            "overall": self.compare(everything, fit=False).as_json(self.baseline),
            "inefficiency": self._inefficiency(),
            "classes": [],
            "variables": {},
            "notes": list(self.notes),
        }  # fmt: skip
        for step, variable in enumerate(self.variables):
            tell(variable.name, (step + 1) / steps)
            content["variables"][variable.name] = self._variable(variable)
        for step, chosen in enumerate(self.classes, start=len(self.variables)):
            tell(chosen.label, (step + 1) / steps)
            content["classes"].append(self.class_table(chosen).as_json(self.baseline))
        tell("response", (steps - 1) / steps)
        content["response"] = {side: self._response(side) for side in ("true", "predicted")}
        content["pit_histograms"] = self._pit_histograms()
        content["worse"] = worse_bins(content)
        content["checks"] = check_limits(content)
        tell("figures done", 1.0)
        return content

    def compare(self, index: Ints, *, fit: bool) -> Comparison:
        """Measures all methods on some of the objects; `fit`: with Cruijff fits."""
        return compare(self.responses, self.pits, index, self.bootstrap, fit=fit)

    def class_table(self, chosen: ObjectClass) -> ClassTable:
        """Measures all methods on one class of the objects, Cruijff fits included."""
        inside = self.used & chosen.mask
        variable = next((v for v in self.variables if v.name == "et"), None)
        edges = variable.edges if variable is not None else ()
        bins = self._bins(variable, inside, fit=True) if variable is not None else []
        whole = self.compare(np.flatnonzero(inside), fit=True)
        return ClassTable(chosen.name, chosen.label, whole, edges, bins)

    def write(self, out: str | Path, progress: Progress | None = None) -> dict[str, Any]:
        """Computes the report and writes report.json, plots/*.png and index.html, all or nothing.

        Args:
            out: Folder; an older report there is replaced.
            progress: Called with a text and the fraction done.

        Returns:
            The content of report.json.

        Raises:
            InvalidFile: The folder cannot be written, or holds something that is no report.
        """
        check_target(out)  # before the work, not after it
        tell = progress or (lambda text, done: None)
        content = self.compute(lambda text, done: tell(text, 0.6 * done))
        publish(content, self._plots(content), render, out, lambda text, done: tell(text, 0.6 + 0.4 * done))
        return content

    def _sample(self) -> dict[str, Any]:
        metadata = dict(self.metadata)
        return {
            "objects": len(self.truth),
            "reported": int(self.selected.sum()),
            "used": int(self.used.sum()),
            "unique_showers": self.bootstrap.n_clusters,
            "bootstrap_replicas": self.bootstrap.replicas,
            "metadata": metadata,
        }

    def _inefficiency(self) -> dict[str, Any]:
        index = np.flatnonzero(self.selected)
        lost = Figure.of(self.bootstrap.fraction(~self.used[index], index))
        return {"raw_over_true_outside": list(REACH), **lost.as_json()}

    def _variable(self, variable: Variable) -> dict[str, Any]:
        fit = variable.name in self.fit_variables
        found = self._bins(variable, self.used, fit=fit)
        if fit:
            self.fits[variable.name] = {name: [row.fits[name] for row in found] for name in self.responses}
        bins = [
            {"low": low, "high": high, **row.as_json(self.baseline)}
            for (low, high), row in zip(pairwise(variable.edges), found, strict=True)
        ]
        return {
            "label": variable.label,
            "unit": variable.unit,
            "edges": list(variable.edges),
            "outside": int(np.sum(self.used & (variable.bins() < 0))),
            "bins": bins,
        }

    def _bins(self, variable: Variable, inside: npt.NDArray[np.bool_], *, fit: bool) -> list[Comparison]:
        where = variable.bins()
        return [
            self.compare(np.flatnonzero(inside & (where == number)), fit=fit)
            for number in range(variable.n_bins)
        ]

    def _response(self, side: str) -> dict[str, Any]:
        """E_pred/E_true in bins of E_true, or E_true/E_pred in bins of E_pred."""
        methods: dict[str, list[dict[str, Any]]] = {}
        for name in (method.name for method in self.methods if not method.limit):
            energy = self.energies[name]
            axis, use = (self.truth, self.used) if side == "true" else (energy, self._safe(energy))
            with np.errstate(divide="ignore"):
                ratio = energy / self.truth if side == "true" else self.truth / energy
            rows = []
            for low, high in pairwise(RESPONSE_EDGES_GEV):
                index = np.flatnonzero(use & (axis >= low) & (axis < high))
                found = response_measures(ratio, index, self.bootstrap)
                counts = low >= RESPONSE_SPLIT_GEV if side == "true" else high <= RESPONSE_SPLIT_GEV
                rows.append({
                    "low": low, "high": high, "entries": len(index), "counts": counts,
                    "median": found["median"].as_json(), "mode": found["mode"].as_json()["value"],
                })  # fmt: skip
            methods[name] = rows
        text = "E_pred/E_true in bins of E_true" if side == "true" else "E_true/E_pred in bins of E_pred"
        return {"text": text, "limit": RESPONSE_LIMITS[side], "methods": methods}

    def _safe(self, energy: Floats) -> Bools:
        """Reachable objects chosen by the prediction alone, away from the sample's lower edge."""
        cosh = 1.0 if self.cosh_eta is None else np.asarray(self.cosh_eta, np.float64)
        chosen = reachable(self.raw_energy_gev, self.true_energy_gev)
        return chosen & (energy / cosh >= PREDICTED_MIN_ET_GEV)

    def _pit_histograms(self) -> dict[str, list[int]]:
        edges = np.linspace(0.0, 1.0, 21)
        return {
            name: [int(n) for n in np.histogram(pit[self.used & np.isfinite(pit)], edges)[0]]
            for name, pit in self.pits.items()
        }

    def _plots(self, content: Mapping[str, Any]) -> Plan:
        """The plots of the page, and the fits of model and baseline in bins of the first fitted variable."""
        plan = plot_plan(content)
        variable = next((v for v in self.variables if self.fits.get(v.name)), None)
        for method in self.methods:
            if variable is not None and method.name in (self.model, self.baseline):
                ratio, where = self.responses[method.name], variable.bins()
                parts = [ratio[self.used & (where == number)] for number in range(variable.n_bins)]
                fits = self.fits[variable.name][method.name]
                draw = partial(plots.draw_fits, parts, fits, variable.edges, variable.unit, method.label)
                plan.append((f"fits_{variable.name}_{method.name}", draw))
        return plan
