"""Figures of merit of a mass regression, each with its error over showers.

| measure | what it is |
| --- | --- |
| `mae`, `mre` | mean of abs(m_pred - m), and of that over m |
| `bias` | median of m_pred - m |
| `width` | half of the central 68 % of m_pred - m |
| `answered` | share of the candidates for which there is an answer at all |
| `positive` | share of the answers above 0 |

A method may have no answer (NaN): all but `answered` are of those that it answers.
"""

from __future__ import annotations

import numpy as np

from zoo.arrays import Bools, Floats, Ints
from zoo.evaluation.bootstrap import ClusterBootstrap, CrossedBootstrap
from zoo.evaluation.measures import Figure

__all__ = ["Bootstrap", "density_ratio", "fraction", "mass_measures", "mean_absolute_error"]

Bootstrap = ClusterBootstrap | CrossedBootstrap


def mass_measures(
    predicted_gev: Floats, mass_gev: Floats, index: Ints, bootstrap: Bootstrap
) -> dict[str, Figure]:
    """All measures of one method on some candidates.

    Args:
        predicted_gev: [N] answers of all candidates, NaN where there is none.
        mass_gev: [N] true masses, above 0.
        index: [M] the candidates of the bin.
        bootstrap: Replicas over showers.

    Returns:
        "mae", "mre", "bias", "width" in GeV (mre: 1), "answered", "positive".
    """
    there = np.isfinite(predicted_gev[index])
    chosen = index[there]
    error = (predicted_gev - mass_gev)[chosen]
    low, middle, high = _quantiles(error, chosen, bootstrap)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.abs(error) / mass_gev[chosen]
    return {
        "mae": Figure.of(_mean(np.abs(error), chosen, bootstrap)),
        "mre": Figure.of(_mean(relative, chosen, bootstrap)),
        "bias": Figure.of(middle),
        "width": Figure.of(0.5 * (high - low)),
        "answered": Figure.of(_mean(there.astype(np.float64), index, bootstrap)),
        "positive": fraction(predicted_gev[chosen] > 0, chosen, bootstrap),
    }


def mean_absolute_error(predicted_gev: Floats, mass_gev: Floats, index: Ints, bootstrap: Bootstrap) -> Figure:
    """Mean of abs(m_pred - m) alone; arguments as `mass_measures`, all answered."""
    return Figure.of(_mean(np.abs(predicted_gev - mass_gev)[index], index, bootstrap))


def fraction(hit: Bools, index: Ints, bootstrap: Bootstrap) -> Figure:
    """Share of the candidates `index` [M] for which `hit` [M] holds."""
    return Figure.of(_mean(hit.astype(np.float64), index, bootstrap))


def density_ratio(
    predicted_gev: Floats,
    index: Ints,
    bootstrap: Bootstrap,
    near: tuple[float, float] = (0.0, 0.1),
    far: tuple[float, float] = (0.2, 0.4),
) -> Figure:
    """Density of the answers in one interval over that in another, of a sample that is flat in mass.

    Above 1 where unresolved decays pile up in a spurious peak.

    Args:
        predicted_gev: [N] answers of all candidates.
        index: [M] those of the flat sample.
        bootstrap: Replicas over showers.
        near: Where a peak would be, GeV.
        far: What it is compared with, GeV.
    """
    answer = predicted_gev[index]
    densities = [
        _mean(((answer >= low) & (answer < high)).astype(np.float64), index, bootstrap) / (high - low)
        for low, high in (near, far)
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        return Figure.of(densities[0] / densities[1])


def _mean(values: Floats, index: Ints, bootstrap: Bootstrap) -> Floats:
    """[1 + R] weighted means of `values` [M] of the candidates `index` [M]; NaN without any."""
    weights = bootstrap.event_weights(index)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((weights @ values) / weights.sum(axis=1))


def _quantiles(values: Floats, index: Ints, bootstrap: Bootstrap) -> Floats:
    """[3, 1 + R] weighted 16, 50 and 84 % quantiles of `values` [M]; NaN without any."""
    order = np.argsort(values, kind="stable")
    ordered, sums = values[order], np.cumsum(bootstrap.event_weights(index[order]), axis=1)
    found = np.full((3, len(sums)), np.nan)
    for row, upto in enumerate(sums):
        if len(upto) and upto[-1] > 0:
            places = np.searchsorted(upto, np.array([0.16, 0.5, 0.84]) * upto[-1] * (1 - 1e-12))
            found[:, row] = ordered[np.minimum(places, len(ordered) - 1)]
    return found
