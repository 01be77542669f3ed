"""Jets, missing transverse momentum and multiplicities of whole events, against those of the target.

Twice: of all particles, pile-up too, and of the hard scatter alone. There the target has its own particles
only, and both methods the same cures: charged particles on tracks away from the hard vertex are left out,
and the density of the rest, its median over a grid, times the area is taken from every jet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from zoo.arrays import Bools, Floats
from zoo.data.kinds.elements import CLASSES
from zoo.evaluation.bootstrap import ClusterBootstrap
from zoo.evaluation.jets import Jets, anti_kt, grid_density, nearest
from zoo.evaluation.measures import Figure
from zoo.evaluation.quantiles import quantiles, spread_measures
from zoo.models.mlpf.report.comparison import BASELINE, Sample
from zoo.models.mlpf.report.particles import Particles

__all__ = ["HardScatter", "calibrated", "jets_of", "missing_momentum", "multiplicities", "true_jets"]

Json = dict[str, Any]

RADIUS = 0.4
LEAST_TRUE_GEV, LEAST_FOUND_GEV = 15.0, 3.0  # the edge of what is found must not cut what is true
MOST_ABS_ETA = 4.7
REACH = 0.2  # between a jet and that of the target
JET_EDGES = (15.0, 20.0, 30.0, 50.0, 80.0, 150.0, 8000.0)  # GeV
JET_ABS_ETA_EDGES = (0.0, 1.5, 3.0, MOST_ABS_ETA)  # barrel, endcaps, HF
MET_LEVELS = {"median": 0.5, "q68": 0.68, "q97": 0.97}
MET_LEAST_GEV = 20.0  # of a response
VERTEX_CM = 0.1  # a charged particle farther from the hard vertex is pile-up


@dataclass(frozen=True, eq=False)
class HardScatter:
    """What the second set of figures takes.

    Attributes:
        pileup: [T] whether the leading particle of an element's target is pile-up.
        dz_cm: [T] z of a track from the hard vertex, 0 for clusters.
    """

    pileup: Bools
    dz_cm: Floats

    def target(self, particles: Particles) -> Particles:
        """The target's particles of the hard scatter."""
        return particles.without(self.pileup)

    def found(self, particles: Particles) -> Particles:
        """A method's particles but the charged ones away from the hard vertex."""
        return particles.without(np.abs(self.dz_cm) > VERTEX_CM)


def _jets(sample: Sample, particles: Particles, least_gev: float, *, subtract: bool = False) -> Jets:
    made = particles.label > 0
    one, event = particles[made], sample.event[made]
    jets = anti_kt(
        event, one.pt_gev, one.eta, one.phi, one.energy_gev, sample.n, radius=RADIUS, least_gev=least_gev
    )
    if not subtract:
        return jets
    rho = grid_density(event, one.pt_gev, one.eta, one.phi, sample.n)
    left = jets.pt_gev - rho[jets.event] * np.pi * RADIUS**2
    good = left > least_gev
    return Jets(jets.event[good], left[good], jets.eta[good], jets.phi[good])


def true_jets(sample: Sample, hard: HardScatter | None = None) -> Jets:
    """The target's jets above 15 GeV within |eta| < 4.7."""
    jets = _jets(sample, sample.target if hard is None else hard.target(sample.target), LEAST_TRUE_GEV)
    inside = np.abs(jets.eta) < MOST_ABS_ETA
    return Jets(jets.event[inside], *(column[inside] for column in (jets.pt_gev, jets.eta, jets.phi)))


def jets_of(sample: Sample, hard: HardScatter | None = None) -> Json:
    """Response and resolution of jets in bins of the pT, and apart of |eta|, of the target's.

    A true jet takes the nearest one found within 0.2; the share that has none stands beside. "overall" are
    all jets, "calibrated" the same with each response over its median in the jet's region of |eta|, the
    least that a calibration does: without, methods are compared by how far their regions are apart, too.
    "over_baseline" and "calibrated_over_baseline" have the distance of the quartiles over the median of all
    jets, each other method's over the baseline's.
    """
    true = true_jets(sample, hard)
    table: Json = {"edges": list(JET_EDGES), "abs_eta_edges": list(JET_ABS_ETA_EDGES), "methods": {}}
    widths: dict[str, dict[str, Floats]] = {"overall": {}, "calibrated": {}}
    for method, found in sample.found.items():
        chosen = found if hard is None else hard.found(found)
        jets = _jets(sample, chosen, LEAST_FOUND_GEV, subtract=hard is not None)
        partner = nearest(true, jets, REACH)
        response = np.full(len(partner), np.nan)
        response[partner >= 0] = jets.pt_gev[partner[partner >= 0]] / true.pt_gev[partner >= 0]
        row = partial(_jet_row, true, response, sample.bootstrap)
        rows = {
            "bins": [row(true.pt_gev, *edges) for edges in pairwise(JET_EDGES)],
            "abs_eta_bins": [row(np.abs(true.eta), *edges) for edges in pairwise(JET_ABS_ETA_EDGES)],
        }
        shown: Json = {name: [_as_json(one) for one in bins] for name, bins in rows.items()}
        for name, values in (("overall", response), ("calibrated", calibrated(response, true.eta))):
            one = _jet_row(true, values, sample.bootstrap, true.pt_gev, JET_EDGES[0], JET_EDGES[-1])
            widths[name][method] = one["iqr_over_median"].replicas
            shown[name] = _as_json(one)
        table["methods"][method] = shown
    return {
        **table,
        "over_baseline": _over_baseline(widths["overall"]),
        "calibrated_over_baseline": _over_baseline(widths["calibrated"]),
    }


def calibrated(response: Floats, eta: Floats) -> Floats:
    """[J] the response of jets, NaN where none was found, over its median in barrel, endcaps or HF."""
    region = np.digitize(np.abs(eta), JET_ABS_ETA_EDGES[1:-1])
    median = np.ones(len(JET_ABS_ETA_EDGES) - 1)
    for number in np.unique(region[np.isfinite(response)]):
        median[number] = np.nanmedian(response[region == number])
    return np.asarray(response / median[region], np.float64)


def _jet_row(
    true: Jets, response: Floats, bootstrap: ClusterBootstrap, of: Floats, low: float, high: float
) -> dict[str, Any]:
    """Figures of the jets of one bin; the response is NaN where none was found."""
    here, found = (of >= low) & (of < high), np.isfinite(response)
    matched = Figure.of(bootstrap.fraction(found[here], true.event[here]))
    spread = spread_measures(response[here & found], true.event[here & found], bootstrap)
    return {"low": low, "high": high, "jets": int(here.sum()), "matched": matched, **spread}


def _as_json(row: Mapping[str, Any]) -> Json:
    return {name: value.as_json() if isinstance(value, Figure) else value for name, value in row.items()}


def missing_momentum(sample: Sample, hard: HardScatter | None = None) -> Json:
    """Length of the error of the vector sum of pT, its quantiles, and the response above 20 GeV.

    The true one is that of the target's particles; in the hard scatter density is not subtracted.
    "over_baseline" has the 97 % quantile, each other method's over the baseline's.
    """
    events = np.arange(sample.n)
    wanted = _sum(sample, sample.target if hard is None else hard.target(sample.target))
    size = np.hypot(*wanted)
    large = size > MET_LEAST_GEV
    table: Json = {"events": sample.n, "events_in_response": int(large.sum()), "methods": {}}
    edges = np.linspace(0.0, 100.0, 51)
    tails = {}
    for method, found in sample.found.items():
        px, py = _sum(sample, found if hard is None else hard.found(found))
        error = np.hypot(px - wanted[0], py - wanted[1])
        levels = quantiles(error, events, sample.bootstrap, tuple(MET_LEVELS.values()))
        tails[method] = levels[list(MET_LEVELS).index("q97")]
        ratio = np.hypot(px, py)[large] / size[large]
        response = spread_measures(ratio, events[large], sample.bootstrap)
        table["methods"][method] = {
            **{name: Figure.of(row).as_json() for name, row in zip(MET_LEVELS, levels, strict=True)},
            "response": {name: figure.as_json() for name, figure in response.items()},
            "histogram": np.histogram(np.minimum(error, edges[-1] - 1e-9), edges)[0].tolist(),
        }
    return {**table, "over_baseline": _over_baseline(tails), "edges_gev": edges.tolist()}


def _over_baseline(replicas: Mapping[str, Floats]) -> Json:
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            method: Figure.of(values / replicas[BASELINE]).as_json()
            for method, values in replicas.items()
            if method != BASELINE
        }


def _sum(sample: Sample, particles: Particles) -> tuple[Floats, Floats]:
    pt = np.where(particles.label > 0, particles.pt_gev, 0.0)
    px, py = (np.bincount(sample.event, -pt * of(particles.phi), sample.n) for of in (np.cos, np.sin))
    return px.astype(np.float64), py.astype(np.float64)


def multiplicities(sample: Sample) -> Mapping[str, Json]:
    """Number of particles of each class in an event: mean, and how far each method's is off."""
    events = np.arange(sample.n)
    tables: dict[str, Json] = {}

    def counts(particles: Particles, number: int) -> Floats:
        return np.bincount(sample.event[particles.label == number], minlength=sample.n).astype(np.float64)

    weights = sample.bootstrap.event_weights(events)
    for number, name in enumerate(CLASSES[1:], start=1):
        true = counts(sample.target, number)
        tables[name] = {"target": float(true.mean()), "methods": {}}
        for method, found in sample.found.items():
            off = counts(found, number) - true
            mean = weights @ off / np.maximum(weights.sum(axis=1), 1.0)
            square = weights @ off**2 / np.maximum(weights.sum(axis=1), 1.0)
            spread = np.sqrt(np.maximum(square - mean**2, 0.0))
            tables[name]["methods"][method] = {
                "bias": Figure.of(mean).as_json(), "spread": Figure.of(spread).as_json()
            }  # fmt: skip
    return tables
