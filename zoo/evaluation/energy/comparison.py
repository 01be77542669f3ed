"""All methods on the same objects: their measures, their Cruijff fits, and ratios paired in both.

    found = compare(responses, pits, index, bootstrap, fit=True)
    found.ratio("drn", "bdt_regression")             # {"resolution": {...}, "cruijff": {...}}
    mean_ratio(bins, "drn", "bdt_regression")        # geometric mean over bins, e.g. of ET

The replicas of showers are the same in every bin and for every method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.arrays import Floats, Ints
from zoo.evaluation.bootstrap import ClusterBootstrap, is_worse, spread
from zoo.evaluation.cruijff import CruijffFit, fit_cruijff
from zoo.evaluation.measures import Figure, energy_measures

__all__ = ["Comparison", "compare", "mean_ratio"]


@dataclass(frozen=True)
class Comparison:
    """What the methods reach on the objects of one bin.

    Attributes:
        entries: Number of objects.
        measures: Method -> measures with their bootstrap replicas.
        fits: Method -> Cruijff fit; empty where none was asked for.
    """

    entries: int
    measures: Mapping[str, Mapping[str, Figure]]
    fits: Mapping[str, CruijffFit]

    def ratio(self, name: str, to: str) -> dict[str, dict[str, Any]]:
        """Ratios of resolutions of one method to another, as `mean_ratio` gives them for several bins."""
        return mean_ratio([self], name, to)

    def as_json(self, baseline: str) -> dict[str, Any]:
        """Every figure of every method, with its ratios to the baseline."""
        content: dict[str, Any] = {}
        for name, measures in self.measures.items():
            ratios = self.ratio(name, baseline)
            content[name] = {key: figure.as_json() for key, figure in measures.items()}
            content[name]["ratio"] = ratios["resolution"]
            if name in self.fits:
                content[name]["cruijff"] = {**_fit_json(self.fits[name]), "ratio": ratios["cruijff"]}
        return {"entries": self.entries, "methods": content}


def compare(
    responses: Mapping[str, Floats],
    pits: Mapping[str, Floats],
    index: Ints,
    bootstrap: ClusterBootstrap,
    *,
    fit: bool,
) -> Comparison:
    """Measures all methods on some objects.

    Args:
        responses: Method -> E_pred / E_true [N] of all objects.
        pits: Method -> probability-integral transform [N]; methods without an uncertainty are missing.
        index: [M] the objects.
        bootstrap: Replicas over showers.
        fit: Also fit Cruijff functions.

    Returns:
        The comparison.
    """
    fits = {}
    if fit:
        clusters, n_clusters = bootstrap.cluster[index], bootstrap.n_clusters
        fits = {
            name: fit_cruijff(ratio[index], clusters=clusters, n_clusters=n_clusters)
            for name, ratio in responses.items()
        }
    measures = {
        name: energy_measures(ratio, pits.get(name), index, bootstrap) for name, ratio in responses.items()
    }
    return Comparison(len(index), measures, fits)


def mean_ratio(bins: Sequence[Comparison], name: str, to: str) -> dict[str, dict[str, Any]]:
    """Geometric mean over bins of the ratio of two methods' resolutions.

    The errors are paired: the same replicas of showers stand in both methods and in all bins, and for the
    fits the logarithms of all of them move linearly with the same showers.

    Args:
        bins: One comparison a bin; each bin weighs the same.
        name: The method above the line.
        to: The method below it.

    Returns:
        "resolution" (effective) and, if every bin is fitted, "cruijff": value, error, and whether it is
        worse than 1 by more than two errors; None where a bin has no figure.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = [
            np.log(row.measures[name]["resolution"].replicas / row.measures[to]["resolution"].replicas)
            for row in bins
        ]
    means = np.exp(np.mean(logs, axis=0)) if logs else np.full(1, np.nan)
    found = {"resolution": _ratio(float(means[0]), spread(means))}
    if bins and all(name in row.fits for row in bins):
        pairs = [(row.fits[name], row.fits[to]) for row in bins]
        shifts = [above.influence - below.influence for above, below in pairs]
        value = np.exp(np.mean([np.log(above.resolution / below.resolution) for above, below in pairs]))
        error = value * np.sqrt(np.sum(np.mean(shifts, axis=0) ** 2))
        found["cruijff"] = _ratio(float(value), float(error))
    return found


def _ratio(ratio: float, error: float) -> dict[str, Any]:
    finite = bool(np.isfinite(ratio) and np.isfinite(error))
    return {
        "value": ratio if np.isfinite(ratio) else None,
        "error": error if np.isfinite(error) else None,
        "worse": finite and is_worse(ratio, error),
    }


def _fit_json(fit: CruijffFit) -> dict[str, Any]:
    def number(value: float) -> float | None:
        return float(value) if np.isfinite(value) else None

    return {
        "valid": fit.valid, "mean": number(fit.mean), "mean_error": number(np.sqrt(fit.covariance[1, 1])),
        "sigma_left": number(fit.sigma_left), "sigma_right": number(fit.sigma_right),
        "alpha_left": number(fit.alpha_left), "alpha_right": number(fit.alpha_right),
        "resolution": {"value": number(fit.resolution), "error": number(fit.resolution_error)},
        "chi2": number(fit.chi2), "n_dof": fit.n_dof, "interval": [number(end) for end in fit.interval],
        "entries": fit.n_entries, "convention": fit.convention,
    }  # fmt: skip
