"""How good a selection of clusters is: precision and recall, by number or by energy, and the ROC curve."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats, Ints
from zoo.evaluation.bootstrap import ClusterBootstrap
from zoo.evaluation.measures import Figure

__all__ = ["Roc", "confusion", "half_widths", "roc_curve", "share"]


class Roc(NamedTuple):
    """A receiver operating characteristic; the threshold falls along it.

    Attributes:
        false_rate: [P] share of the unlabelled that is selected.
        true_rate: [P] share of the labelled that is selected.
        threshold: [P] selected are probabilities at or above it.
        area: Under the curve; 0.5 is a coin.
    """

    false_rate: Floats
    true_rate: Floats
    threshold: Floats
    area: float


def roc_curve(
    probability: npt.ArrayLike, label: npt.ArrayLike, weight: npt.ArrayLike | None = None, points: int = 200
) -> Roc:
    """Computes the ROC curve; equal probabilities are one point.

    Args:
        probability: [T].
        label: [T], 0 or 1.
        weight: [T] what each counts, e.g. its energy; one if None.
        points: Most points that are kept of the curve; the area is of all.

    Returns:
        The curve from (0, 0) to (1, 1); NaN where nothing is labelled, or everything.
    """
    value, truth = np.asarray(probability, np.float64), np.asarray(label) > 0
    counts = np.ones(len(value)) if weight is None else np.asarray(weight, np.float64)
    order = np.argsort(-value, kind="stable")
    value = value[order]
    last = np.flatnonzero(np.append(np.diff(value) != 0, np.ones(min(len(value), 1), bool)))
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = []
        for chosen in (~truth, truth):
            sums = np.cumsum(np.where(chosen, counts, 0.0)[order])
            rates.append(np.concatenate([[0.0], sums[last] / (sums[-1] if len(sums) else 0.0)]))
    threshold = np.concatenate([[1.0 if not len(value) else max(1.0, value[0])], value[last]])
    area = float(np.trapezoid(rates[1], rates[0])) if len(last) else float("nan")
    kept = np.unique(np.linspace(0, len(threshold) - 1, points).round().astype(np.int64))
    return Roc(rates[0][kept], rates[1][kept], threshold[kept], area)


def share(
    numerator: npt.ArrayLike, denominator: npt.ArrayLike, index: Ints, bootstrap: ClusterBootstrap
) -> Figure:
    """Ratio of two sums over events, with its error.

    Args:
        numerator: [N] of all events.
        denominator: [N].
        index: [M] the events of the bin.
        bootstrap: Replicas over showers.

    Returns:
        The ratio; NaN where there is nothing.
    """
    members = bootstrap.cluster[index]
    weights = np.concatenate([np.ones((1, bootstrap.n_clusters)), bootstrap.weights.astype(np.float64)])
    sums = [
        weights @ np.bincount(members, np.asarray(values, np.float64)[index], bootstrap.n_clusters)
        for values in (numerator, denominator)
    ]
    with np.errstate(invalid="ignore", divide="ignore"):
        return Figure.of(sums[0] / sums[1])


def half_widths(values: Floats, index: Ints, bootstrap: ClusterBootstrap) -> tuple[Figure, Figure]:
    """Distances from the median to the ends of the central 68 %, over the median.

    Args:
        values: [N] responses of all events.
        index: [M] the events of the bin.
        bootstrap: Replicas over showers.

    Returns:
        Towards smaller and towards larger values.
    """
    order = index[np.argsort(values[index], kind="stable")]
    ordered, sums = values[order], np.cumsum(bootstrap.event_weights(order), axis=1)
    found = np.full((3, len(sums)), np.nan)
    for row, upto in enumerate(sums):
        if len(upto) and upto[-1] > 0:
            places = np.searchsorted(upto, np.array([0.16, 0.5, 0.84]) * upto[-1] * (1 - 1e-12))
            found[:, row] = ordered[np.minimum(places, len(ordered) - 1)]
    low, middle, high = found
    with np.errstate(invalid="ignore", divide="ignore"):
        return Figure.of((middle - low) / middle), Figure.of((high - middle) / middle)


def confusion(
    true: npt.ArrayLike, predicted: npt.ArrayLike, n_classes: int, index: Ints, bootstrap: ClusterBootstrap
) -> list[list[Figure]]:
    """Says what becomes of each class.

    Args:
        true: [N] classes of all events.
        predicted: [N].
        n_classes: C.
        index: [M] the events that count.
        bootstrap: Replicas over showers.

    Returns:
        [C][C]: of those that are the first class, the share that is called the second.
    """
    truth, called = np.asarray(true), np.asarray(predicted)
    return [
        [share((truth == i) & (called == j), truth == i, index, bootstrap) for j in range(n_classes)]
        for i in range(n_classes)
    ]
