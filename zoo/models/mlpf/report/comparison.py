"""Target, rule-based particle flow and network, element by element: efficiency, fakes, confusion, resolution.

No cone is needed: both methods answer on the elements that the rule of the target gives them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.angles import wrap_phi
from zoo.arrays import Bools, Floats, Ints
from zoo.data.kinds.elements import CLASSES
from zoo.evaluation.binning import Variable
from zoo.evaluation.bootstrap import ClusterBootstrap
from zoo.evaluation.measures import Figure
from zoo.evaluation.quantiles import spread_measures
from zoo.models.mlpf.report.particles import Network, Particles, threshold

__all__ = ["EVENT_METHODS", "METHODS", "Sample", "class_tables", "confusion", "resolutions", "working_point"]

Json = dict[str, Any]

BASELINE, MODEL = "particle_flow", "mlpf"
EXPECTED = "mlpf_expected"
METHODS = {BASELINE: "rule-based PF", MODEL: "MLPF"}
EVENT_METHODS = {**METHODS, EXPECTED: "MLPF, expected"}
"""Of jets and missing momentum; the last: the momentum of every element times its chance, no threshold."""
NOTHING: Json = {"value": None, "error": None}
PT_EDGES = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 8000.0)  # GeV
ETA_EDGES = (0.0, 0.8, 1.48, 2.5, 3.0, 4.0, 6.0)


@dataclass(frozen=True, eq=False)
class Sample:
    """E events of one kind with T elements.

    Attributes:
        event: [T] event of each element.
        n: E.
        bootstrap: Replicas over the collisions of the E events.
        target: What the elements should become.
        found: Method -> what they became.
    """

    event: Ints
    n: int
    bootstrap: ClusterBootstrap
    target: Particles
    found: Mapping[str, Particles]

    def share(self, hit: Bools, of: Bools) -> Json:
        """Share of some elements for which something holds."""
        return Figure.of(self.replicas(hit, of)).as_json()

    def replicas(self, hit: Bools, of: Bools) -> Floats:
        """The same, nominal and in each replica."""
        return self.bootstrap.fraction(hit[of], self.event[of])


def working_point(network: Network, baseline: Particles, target: Particles) -> float:
    """The threshold at which as large a share of the candidates as the baseline's stands where nothing is."""
    made = baseline.label > 0
    rate = float(np.mean(target.label[made] == 0)) if made.any() else 0.0
    return threshold(network.none, target.label == 0, rate)


def confusion(sample: Sample) -> dict[str, list[list[Json]]]:
    """Of the elements of each class, the share that a method calls each class; none first."""
    return {
        method: [
            [sample.share(found.label == j, sample.target.label == i) for j in range(len(CLASSES))]
            for i in range(len(CLASSES))
        ]
        for method, found in sample.found.items()
    }


def class_tables(sample: Sample, network: Network) -> dict[str, Json]:
    """Efficiency and fake rate of each class, over all and in bins of pT and |eta|.

    The efficiency is the share of the targets of a class that are called so, in bins of the target; the fake
    rate is the share of the candidates of a class that are something else, in bins of the candidate.
    "at_fake_rate" is the network's efficiency with a threshold for this class alone, at which its fake rate
    is the baseline's, and by how much it exceeds the baseline's; None where the rate is larger at any.
    """
    truth = sample.target.label
    tables: dict[str, Json] = {}
    for number, name in enumerate(CLASSES[1:], start=1):
        true = truth == number
        called = {method: found.label == number for method, found in sample.found.items()}
        table: Json = {
            "targets": int(true.sum()),
            "methods": {
                method: {
                    "candidates": int(there.sum()),
                    "efficiency": sample.share(there, true),
                    "fake_rate": sample.share(~true, there),
                }
                for method, there in called.items()
            },
        }
        made = called[BASELINE]
        rate = float(np.mean(~true[made])) if made.any() else float("nan")
        likely = network.particles.label == number
        cut = threshold(network.none[likely], ~true[likely], rate)
        passes = likely & (network.none <= cut)
        table["at_fake_rate"] = {
            "threshold": cut if cut >= 0 else None,
            "efficiency": sample.share(passes, true) if cut >= 0 else dict(NOTHING),
            "gain": Figure.of(sample.replicas(passes, true) - sample.replicas(made, true)).as_json()
            if cut >= 0
            else dict(NOTHING),
        }
        table["variables"] = {
            variable: {
                "label": label,
                "unit": unit,
                "edges": list(edges),
                "bins": _bins(sample, called, true, edges, of),
            }
            for variable, label, unit, edges, of in (
                ("pt", r"$p_\mathrm{T}$", "GeV", PT_EDGES, lambda particles: particles.pt_gev),
                ("abs_eta", r"$|\eta|$", "", ETA_EDGES, lambda particles: np.abs(particles.eta)),
            )
        }
        tables[name] = table
    return tables


def _bins(
    sample: Sample,
    called: Mapping[str, Bools],
    true: Bools,
    edges: Any,
    of: Any,
) -> list[Json]:
    def bins(particles: Particles) -> Ints:
        # what lies beyond the last edge is in the last bin: no candidate is left out
        return Variable("", "", "", np.minimum(of(particles), edges[-1]), edges).bins()

    at_target = bins(sample.target)
    at_candidate = {method: bins(found) for method, found in sample.found.items()}
    rows = []
    for number in range(len(edges) - 1):
        here = true & (at_target == number)
        row: Json = {
            "low": edges[number],
            "high": edges[number + 1],
            "targets": int(here.sum()),
            "methods": {},
        }
        for method, there in called.items():
            made = there & (at_candidate[method] == number)
            row["methods"][method] = {
                "candidates": int(made.sum()),
                "efficiency": sample.share(there, here),
                "fake_rate": sample.share(~true, made),
            }
        rows.append(row)
    return rows


def resolutions(sample: Sample) -> dict[str, Json]:
    """Median and distance of the quartiles of pT and energy over true, and of errors of eta and phi.

    Of the elements that are of a class and called so; the two methods may call different ones, so that the
    same figures stand beside for those that both call so ("both").
    """
    tables: dict[str, Json] = {}
    for number, name in enumerate(CLASSES[1:], start=1):
        right = {
            method: (sample.target.label == number) & (found.label == number)
            for method, found in sample.found.items()
        }
        both = np.logical_and.reduce(list(right.values()))
        tables[name] = {
            method: {"each": _errors(sample, found, right[method]), "both": _errors(sample, found, both)}
            for method, found in sample.found.items()
        }
    return tables


def _errors(sample: Sample, found: Particles, chosen: Bools) -> Json:
    one, true, event = found[chosen], sample.target[chosen], sample.event[chosen]
    across = wrap_phi(one.phi - true.phi)
    values = {
        "pt": one.pt_gev / np.maximum(true.pt_gev, 1e-6),
        "energy": one.energy_gev / np.maximum(true.energy_gev, 1e-6),
        "eta": one.eta - true.eta,
        "phi": across,
    }
    return {"elements": int(chosen.sum())} | {
        name: {k: v.as_json() for k, v in spread_measures(of, event, sample.bootstrap).items()
               if k != "iqr_over_median" or name in ("pt", "energy")}
        for name, of in values.items()
    }  # fmt: skip
