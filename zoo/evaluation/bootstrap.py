"""Errors over library showers, not over events.

One Geant4 shower stands in about a hundred simulated events, so events are not independent: an error that
counts them is too small. The cluster bootstrap draws showers with replacement. A replica is a row of
integer weights, one a shower (multinomial), and the same replicas serve all methods and all bins: ratios of
two methods are paired.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from zoo.arrays import Bools, Bytes, Floats, Ints
from zoo.data.records import has_field, leaf_values
from zoo.errors import InvalidValue

if TYPE_CHECKING:
    import awkward as ak

__all__ = ["ClusterBootstrap", "CrossedBootstrap", "apart", "is_worse", "paired_ratio"]


class ClusterBootstrap:
    """Bootstrap replicas over clusters of events.

    Args:
        *keys: Arrays [N] of integers that name an event's cluster together, e.g. `shower_row` and
        `shower_pdg_id`.
        replicas: Number of replicas.
        seed: Seed of the draw.

    Attributes:
        cluster: [N] int64, number of each event's cluster.
        n_clusters: Number of different clusters.
        weights: [R, C] uint8, times that each replica drew each cluster.

    Raises:
        InvalidValue: No key, keys of different lengths, or fewer than two replicas.
    """

    def __init__(self, *keys: npt.ArrayLike, replicas: int = 100, seed: int = 0) -> None:
        columns = [np.asarray(key) for key in keys]
        if not columns or len({column.shape for column in columns}) != 1 or columns[0].ndim != 1:
            raise InvalidValue("keys", "arrays of one length", [column.shape for column in columns])
        if replicas < 2:
            raise InvalidValue("replicas", "at least 2", replicas)
        stacked = np.stack(columns)
        names, inverse = np.unique(stacked, axis=1, return_inverse=True)
        self.cluster: Ints = np.asarray(inverse, np.int64).reshape(-1)
        self.n_clusters = int(names.shape[1])
        self.replicas = replicas
        rng = np.random.default_rng(seed)
        self.weights: Bytes = np.zeros((replicas, self.n_clusters), np.uint8)
        if self.n_clusters:
            share = np.full(self.n_clusters, 1.0 / self.n_clusters)
            drawn = rng.multinomial(self.n_clusters, share, size=replicas)
            self.weights = np.minimum(drawn, 255).astype(np.uint8)

    @classmethod
    def of_showers(
        cls,
        records: ak.Array,
        *,
        alone: Literal["record", "event"] = "record",
        replicas: int = 100,
        seed: int = 0,
    ) -> ClusterBootstrap:
        """Replicas over the library showers that records are made of.

        Args:
            records: Records of any kind that names its showers, `shower_row` and `shower_pdg_id`; of others,
                and of those whose row is -1, each counts for itself.
            alone: Whether a record without a shower is independent of every other record, or of those of
                other events (`event_id`): windows of one event are not.
            replicas: Number of replicas.
            seed: Seed of the draw.
        """
        if not (has_field(records, "shower_row") and has_field(records, "shower_pdg_id")):
            return cls(np.arange(len(records)), replicas=replicas, seed=seed)
        events = leaf_values(records, "event_id") if alone == "event" else None
        rows = apart(leaf_values(records, "shower_row"), events)
        library = np.abs(leaf_values(records, "shower_pdg_id").astype(np.int64))  # one for e- and e+
        return cls(rows, library, replicas=replicas, seed=seed)

    def event_weights(self, index: Ints) -> Floats:
        """Weights of some events: the nominal ones in row 0, then one row a replica.

        Args:
            index: [M] events.

        Returns:
            [1 + R, M].
        """
        weights = np.ones((1 + self.replicas, len(index)))
        weights[1:] = self.weights[:, self.cluster[index]]
        return weights

    def fraction(self, hit: Bools, index: Ints) -> Floats:
        """Fraction of events for which something holds, nominal and in each replica.

        Args:
            hit: [M], for each of the events.
            index: [M] events.

        Returns:
            [1 + R]; NaN where a replica has none of them.
        """
        members = self.cluster[index]
        total = np.bincount(members, minlength=self.n_clusters).astype(np.float64)
        found = np.bincount(members, weights=hit.astype(np.float64), minlength=self.n_clusters)
        weights = np.concatenate([np.ones((1, self.n_clusters)), self.weights.astype(np.float64)])
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((weights @ found) / (weights @ total))


class CrossedBootstrap:
    """Bootstrap replicas of events that are made of two showers each: an event counts w(first) w(second).

    Two events may share either shower, so neither alone is a cluster. The product of both weights (the
    "pigeonhole" bootstrap, A. B. Owen, Ann. Appl. Stat. 1 (2007) 386) gives errors that are slightly too
    large, never too small.

    Args:
        first: [N, K] integers that name the first shower of each event together.
        second: [N, K] the same of the second; -1 in column 0 where there is none.
        replicas: Number of replicas.
        seed: Seed of the draw.

    Attributes:
        n_clusters: Number of different showers.
        replicas: Number of replicas.

    Raises:
        InvalidValue: The two differ in shape, or there are fewer than two replicas.
    """

    def __init__(
        self, first: npt.ArrayLike, second: npt.ArrayLike, *, replicas: int = 100, seed: int = 0
    ) -> None:
        names = np.asarray(first), np.asarray(second)
        if names[0].ndim != 2 or names[0].shape != names[1].shape:
            raise InvalidValue("first, second", "two tables of one shape", [name.shape for name in names])
        both = np.concatenate(names)
        showers = ClusterBootstrap(*both.T, replicas=replicas, seed=seed)
        self._first, self._second = np.split(showers.cluster, 2)
        self._two = names[1][:, 0] >= 0
        self._weights = showers.weights
        self.n_clusters, self.replicas = showers.n_clusters, replicas

    def event_weights(self, index: Ints) -> Floats:
        """Weights of some events [1 + R, M], the nominal ones first; as `ClusterBootstrap`."""
        weights = np.ones((1 + self.replicas, len(index)))
        second = np.where(self._two[index], self._weights[:, self._second[index]], 1)
        weights[1:] = self._weights[:, self._first[index]] * second.astype(np.float64)
        return weights


def apart(rows: npt.ArrayLike, groups: npt.ArrayLike | None = None) -> Ints:
    """Gives entries that are in no library, row -1, names of their own: they are independent of each other.

    Args:
        rows: [N] rows of a library.
        groups: [N] integers from 0, what such entries share: events, or nothing if not given.

    Returns:
        [N] the rows, and below 0 the groups.
    """
    known = np.asarray(rows, np.int64)
    own = np.arange(len(known)) if groups is None else np.asarray(groups, np.int64)
    return np.where(known >= 0, known, -1 - own)


def paired_ratio(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> tuple[float, float]:
    """Ratio of two quantities from the same replicas.

    Args:
        numerator: [1 + R], the nominal value first.
        denominator: [1 + R].

    Returns:
        Ratio, and its error: the standard deviation over the replicas.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.asarray(numerator, np.float64) / np.asarray(denominator, np.float64)
    return float(ratio[0]), spread(ratio)


def spread(values: npt.ArrayLike) -> float:
    """Standard deviation over the replicas that are finite; NaN if fewer than two are."""
    replicas = np.asarray(values, np.float64)[1:]
    replicas = replicas[np.isfinite(replicas)]
    return float(np.std(replicas, ddof=1)) if len(replicas) > 1 else float("nan")


def is_worse(ratio: float, error: float) -> bool:
    """The rule of this project: worse (wider) than the baseline if ratio - 1 exceeds two errors."""
    return bool(ratio - 1.0 > 2.0 * error)
