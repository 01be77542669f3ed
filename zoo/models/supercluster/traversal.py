"""From edge probabilities to superclusters: the four traversals of CMS, on all events at once.

    edges = Edges(seed, cluster, probability)   # A(s, c): does cluster c belong to seed s? A(s, s) included
    found = traverse(clusters, edges)           # or strategy="seeds_first", ...

| strategy | what a seed s takes, seeds by falling ET; t is the threshold |
| --- | --- |
| `cascade` | s with A(s, s) >= t takes each c not yet taken with A(s, c) >= t; a seed taken starts no more |
| `collect_and_merge` | each live seed takes its own clusters; then s absorbs live seeds r with A(s, r) > t |
| `seeds_first` | s disables seeds r with A(s, r) > t and all their edges; then best edges; then `cascade` |
| `cascade_highest` | best edges, then `cascade`: what an absorbed seed would have taken is lost |

Best edges: a cluster that is no seed keeps its most probable seed, of equal ones that of higher ET. All but
`cascade` use them. Seeds keep all of their incoming edges.

`cpp/include/zoo/traversal.hpp` is the same for one event in C++. Source: CMSSW, RecoEcal/EgammaCoreTools,
`GraphMap.cc`. Where that leaves a case to the order of memory or to its caller, it is decided here:

* Seeds are the clusters with an outgoing edge. One without an edge to itself has A(s, s) = 0 and starts
  nothing; it is no ordinary cluster in `collect_and_merge` all the same, so that nobody takes it there.
* Edges from a seed to a cluster before it in the order of `Clusters` are left out, as CMSSW draws none: a
  window may hold all clusters around its seed.
* `collect_and_merge` is not recursive: the links of an absorbed seed are not followed. A seed below the
  threshold is not absorbed either, and the clusters whose best edge is to it are lost.
* `seeds_first` disables seeds below the threshold too, unless A(r, r) = 0: their clusters are then free.
* Nothing is taken twice, and no supercluster lacks its seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from zoo.arrays import Bools, Floats, Ints
from zoo.data.clusters import Clusters, Superclusters, collect
from zoo.errors import InvalidValue, UnknownName

__all__ = ["STRATEGIES", "Edges", "traverse"]

STRATEGIES = ("cascade", "collect_and_merge", "seeds_first", "cascade_highest")
MIN_ET_GEV = 4.0
"""thresh_SCEt of PFECALSuperClusterAlgo."""


@dataclass(frozen=True, eq=False)
class Edges:
    """Edges of all events in a row, in any order.

    Attributes:
        seed: [E] index of the seed among all clusters.
        cluster: [E] index of the cluster, of the same event; the seed itself for A(s, s).
        probability: [E] in [0, 1].
    """

    seed: Ints
    cluster: Ints
    probability: Floats

    def __post_init__(self) -> None:
        probability = np.asarray(self.probability, np.float64)
        if probability.ndim != 1:
            raise InvalidValue("Edges.probability", "one axis", f"shape {probability.shape}")
        if not np.all((probability >= 0) & (probability <= 1)):
            bad = probability[~((probability >= 0) & (probability <= 1))]
            raise InvalidValue("Edges.probability", "numbers in [0, 1]", bad[:5])
        object.__setattr__(self, "probability", probability)
        for name in ("seed", "cluster"):
            index = np.asarray(getattr(self, name))
            if index.shape != probability.shape:
                raise InvalidValue(f"Edges.{name}", f"shape {probability.shape}", index.shape)
            if index.size and index.dtype.kind not in "iu":
                raise InvalidValue(f"Edges.{name}", "integers", index.dtype)
            object.__setattr__(self, name, index.astype(np.int64))


def traverse(
    clusters: Clusters,
    edges: Edges,
    strategy: str = "cascade",
    *,
    threshold: float = 0.5,
    min_et_gev: float = MIN_ET_GEV,
) -> Superclusters:
    """Groups the clusters of each event by the probabilities of its edges.

    Args:
        clusters: Clusters of B events.
        edges: Probability of each edge from a seed to a cluster.
        strategy: One of `STRATEGIES`.
        threshold: Least probability, in (0, 1].
        min_et_gev: A supercluster's ET is above it.

    Returns:
        Superclusters.

    Raises:
        UnknownName: There is no such strategy.
        InvalidValue: A threshold is out of range; an edge has no such cluster, joins two events, comes twice.
    """
    if strategy not in STRATEGIES:
        raise UnknownName("strategy", strategy, STRATEGIES)
    if not 0 < threshold <= 1:
        raise InvalidValue("threshold", "a probability in (0, 1]", threshold)
    if not min_et_gev >= 0:
        raise InvalidValue("min_et_gev", "0 GeV or more", min_et_gev)
    graph = _Graph(clusters, edges, threshold)
    kept = np.ones(len(graph.seed), bool)
    if strategy == "seeds_first":
        kept = ~graph.resolve_seeds()[graph.seed]
    if strategy != "cascade":
        kept &= graph.best(kept)
    taken_by = graph.merge(kept) if strategy == "collect_and_merge" else graph.cascade(kept)
    seed_of = np.full(len(clusters.order), -1)
    seed_of[clusters.order] = np.where(taken_by >= 0, clusters.order[taken_by], -1)
    return collect(clusters, seed_of, min_et_gev)


class _Graph:
    """Edges between places in the order of the clusters, by the rank of their seed among those of its event.

    A step works on the seeds of one rank, one of each event, so that the events do not wait for each other.
    """

    def __init__(self, clusters: Clusters, edges: Edges, threshold: float) -> None:
        place = np.empty(len(clusters.order), np.int64)
        place[clusters.order] = np.arange(len(place))
        _check(clusters, edges)
        seed, cluster = place[edges.seed], place[edges.cluster]
        self.n_clusters = len(place)
        self.threshold = threshold
        self.is_seed = np.zeros(len(place), bool)
        self.is_seed[seed] = True
        self.own: Floats = np.zeros(len(place))
        self.own[seed[seed == cluster]] = edges.probability[seed == cluster]

        before = np.cumsum(self.is_seed) - self.is_seed  # seeds before each cluster, in all events
        first = clusters.row_splits[clusters.event[clusters.order]]
        rank = (before - before[first])[seed] if len(place) else seed
        order = np.lexsort((cluster, seed, rank))
        order = order[cluster[order] >= seed[order]]
        self.seed, self.cluster, self.probability = seed[order], cluster[order], edges.probability[order]
        bounds = np.searchsorted(rank[order], np.arange(rank.max(initial=-1) + 2))
        self.steps = [slice(a, b) for a, b in pairwise(bounds)]

    def resolve_seeds(self) -> Bools:
        """[T] which seeds a live seed of higher ET disables, by a link above the threshold."""
        disabled = np.zeros(self.n_clusters, bool)
        link = self.is_seed[self.cluster] & (self.cluster != self.seed) & (self.probability > self.threshold)
        link &= (self.own[self.seed] >= self.threshold) & (self.own[self.cluster] > 0)
        for step in self.steps:
            seed, cluster = self.seed[step][link[step]], self.cluster[step][link[step]]
            disabled[cluster[~disabled[seed]]] = True
        return disabled

    def best(self, kept: Bools) -> Bools:
        """[E] edges to seeds, and of each other cluster the kept edge of highest probability."""
        best = self.is_seed[self.cluster]
        others = np.flatnonzero(kept & ~best)
        others = others[np.lexsort((self.seed[others], -self.probability[others], self.cluster[others]))]
        _, first = np.unique(self.cluster[others], return_index=True)
        best[others[first]] = True
        return best

    def cascade(self, kept: Bools) -> Ints:
        """[T] the seed that takes each cluster by kept edges, -1 for none."""
        taken_by = np.full(self.n_clusters, -1)
        link = kept & (self.probability >= self.threshold) & (self.own[self.seed] >= self.threshold)
        for step in self.steps:
            seed, cluster = self.seed[step][link[step]], self.cluster[step][link[step]]
            free = (taken_by[seed] < 0) & (taken_by[cluster] < 0)
            taken_by[cluster[free]] = seed[free]
        return taken_by

    def merge(self, kept: Bools) -> Ints:
        """[T] the seed that takes each cluster by kept edges, or that absorbs the seed which does."""
        head = np.where(self.own >= self.threshold, np.arange(self.n_clusters), -1)
        link = self.is_seed[self.cluster] & (self.cluster != self.seed) & (self.probability > self.threshold)
        link &= self.own[self.cluster] > self.threshold
        for step in self.steps:
            seed, cluster = self.seed[step][link[step]], self.cluster[step][link[step]]
            free = (head[seed] == seed) & (head[cluster] == cluster)
            head[cluster[free]] = seed[free]
        taken_by = head.copy()
        link = kept & ~self.is_seed[self.cluster] & (self.probability >= self.threshold)
        taken_by[self.cluster[link]] = head[self.seed[link]]
        return taken_by


def _check(clusters: Clusters, edges: Edges) -> None:
    n = len(clusters.order)
    for name in ("seed", "cluster"):
        index = getattr(edges, name)
        bad = index[(index < 0) | (index >= n)]
        if bad.size:
            raise InvalidValue(f"Edges.{name}", f"an index of {n} clusters", bad[:5])
    apart = clusters.event[edges.seed] != clusters.event[edges.cluster]
    if apart.any():
        pairs = np.stack([edges.seed, edges.cluster], axis=1)[apart][:5].tolist()
        raise InvalidValue("edges", "seed and cluster of the same event", pairs)
    keys = np.sort(edges.seed * n + edges.cluster)
    twice = keys[1:][keys[1:] == keys[:-1]]
    if twice.size:
        raise InvalidValue("edges", "each pair of seed and cluster once", np.divmod(twice[:5], n))
