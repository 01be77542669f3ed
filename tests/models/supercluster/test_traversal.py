"""Traversals: the corner cases of the reference, and plain loops over a matrix on random graphs."""

from itertools import pairwise

import numpy as np
import pytest

from zoo.data.clusters import Clusters
from zoo.errors import InvalidValue, UnknownName
from zoo.models.supercluster.traversal import STRATEGIES, Edges, traverse


def graph(n, scores):
    """One event of n clusters of falling ET at eta 0; scores maps (seed, cluster) to a probability."""
    pairs = np.array(list(scores), int).reshape(-1, 2)
    clusters = Clusters([0, n], 64.0 / 2 ** np.arange(n), np.zeros(n), np.zeros(n))
    return clusters, Edges(pairs[:, 0], pairs[:, 1], list(scores.values()))


def owners(n, scores, strategy, **options):
    """The seed of each cluster, -1 for none."""
    found = traverse(*graph(n, scores), strategy, min_et_gev=0, **options)
    return [int(found.seed[s]) if s >= 0 else -1 for s in found.supercluster_of]


def plain(order, scores, strategy, t):
    """The reference's words as loops over one event: {cluster: seed}."""
    place = {c: i for i, c in enumerate(order)}
    seeds = [s for s in order if any(a == s for a, _ in scores)]
    a = {(s, c): p for (s, c), p in scores.items() if place[c] >= place[s]}

    def score(s, c):
        return a.get((s, c), 0.0)

    def keep_best_edges():
        for c in order:
            if c not in seeds:
                incoming = [s for s in seeds if (s, c) in a]
                best = max(incoming, key=lambda s: (score(s, c), -place[s]), default=None)
                for s in incoming:
                    if s != best:
                        a[s, c] = 0.0

    def cascade():
        taken = {}
        for s in seeds:
            if score(s, s) < t:
                continue
            for c in [c for c in order if score(s, c) >= t]:
                taken[c] = s
                for other in seeds:
                    if (other, c) in a and (other != s or c == s):
                        a[other, c] = 0.0
                if c in seeds:
                    a[c, c] = 0.0
        return taken

    if strategy == "cascade":
        return cascade()
    if strategy == "cascade_highest":
        keep_best_edges()
        return cascade()
    if strategy == "seeds_first":
        for s in seeds:
            if score(s, s) < t:
                continue
            for r in seeds:
                if r != s and score(r, r) > 0 and score(s, r) > t:
                    for c in order:
                        if (r, c) in a:
                            a[r, c] = 0.0
        keep_best_edges()
        return cascade()
    keep_best_edges()
    lists = {}
    for s in seeds:
        if score(s, s) >= t:
            lists[s] = [s] + [c for c in order if c not in seeds and score(s, c) >= t]
    taken = {}
    for s in seeds:
        if score(s, s) < t:
            continue
        collected = list(lists[s])
        for r in seeds:
            if r != s and score(r, r) > t and score(s, r) > t:
                collected += lists[r]
                a[r, r] = 0.0
        taken.update({c: s for c in collected})
    return taken


def random_graphs(seed=0, n_events=60, most=14):
    """Events of up to `most` clusters, half of them seeds, with probabilities on a coarse grid that ties."""
    random = np.random.default_rng(seed)
    counts = random.integers(0, most + 1, n_events)
    splits = np.concatenate([[0], np.cumsum(counts)])
    total = splits[-1]
    clusters = Clusters(
        splits,
        np.round(random.exponential(4, total) + 0.1, 1).astype("float32"),  # of no energy, none is kept
        np.round(random.uniform(-1.4, 1.4, total), 1).astype("float32"),
        random.uniform(-np.pi, np.pi, total).astype("float32"),
    )
    seed_rows, cluster_rows = [], []
    for first, last in pairwise(splits):
        for s in range(first, last):
            if random.random() < 0.5:
                inside = [
                    c
                    for c in range(first, last)
                    if random.random() < 0.6 or (c == s and random.random() < 0.95)
                ]
                seed_rows += [s] * len(inside)
                cluster_rows += inside
    probability = np.clip(random.integers(0, 9, len(seed_rows)) / 8, 0, 1)
    own = np.array(seed_rows) == np.array(cluster_rows)
    probability[own] = np.maximum(probability[own], random.integers(0, 9, own.sum()) / 8)
    mixed = random.permutation(len(seed_rows))
    return clusters, Edges(np.array(seed_rows)[mixed], np.array(cluster_rows)[mixed], probability[mixed])


CASES = {
    "windows that do not overlap": (
        4,
        {(0, 0): 0.9, (0, 2): 0.8, (0, 3): 0.1, (1, 1): 0.9, (1, 3): 0.7},
        dict.fromkeys(STRATEGIES, (0, 1, 0, 1)),
    ),
    "a seed below the threshold makes none": (
        3,
        {(0, 0): 0.4, (0, 2): 0.9, (1, 1): 0.6, (1, 2): 0.7},
        # best edges give cluster 2 to the seed that does not start
        {"cascade": [-1, 1, 1], **dict.fromkeys(STRATEGIES[1:], (-1, 1, -1))},
    ),
    "a cluster of two seeds": (
        3,
        {(0, 0): 0.9, (0, 2): 0.6, (1, 1): 0.9, (1, 2): 0.8},
        {"cascade": [0, 1, 0], **dict.fromkeys(STRATEGIES[1:], (0, 1, 1))},
    ),
    "equal probabilities: the higher seed": (
        3,
        {(0, 0): 0.9, (0, 2): 0.8, (1, 1): 0.9, (1, 2): 0.8},
        dict.fromkeys(STRATEGIES, (0, 1, 0)),
    ),
    "an absorbed seed and its clusters": (
        4,
        {(0, 0): 0.9, (0, 1): 0.8, (0, 2): 0.6, (1, 1): 0.9, (1, 2): 0.7, (1, 3): 0.9},
        {
            "cascade": [0, 0, 0, -1],
            "collect_and_merge": [0, 0, 0, 0],
            "seeds_first": [0, 0, 0, -1],
            "cascade_highest": [0, 0, -1, -1],
        },
    ),
    "a chain of seeds is not followed": (
        3,
        {(0, 0): 0.9, (0, 1): 0.8, (1, 1): 0.9, (1, 2): 0.8, (2, 2): 0.9},
        dict.fromkeys(STRATEGIES, (0, 0, 2)),
    ),
    "at the threshold seeds cascade but do not merge": (
        2,
        {(0, 0): 0.5, (0, 1): 0.5, (1, 1): 0.5},
        {
            "cascade": [0, 0],
            "collect_and_merge": [0, 1],
            "seeds_first": [0, 0],
            "cascade_highest": [0, 0],
        },
    ),
    "a seed below the threshold is taken as a cluster": (
        3,
        {(0, 0): 0.9, (0, 1): 0.8, (0, 2): 0.6, (1, 1): 0.3, (1, 2): 0.7},
        {
            "cascade": [0, 0, 0],
            "collect_and_merge": [0, -1, -1],
            "seeds_first": [0, 0, 0],
            "cascade_highest": [0, 0, -1],
        },
    ),
    "edges to a cluster of higher ET are left out": (
        2,
        {(0, 0): 0.2, (1, 1): 0.9, (1, 0): 0.9},
        dict.fromkeys(STRATEGIES, (-1, 1)),
    ),
    "no edge to itself": (2, {(0, 1): 0.9}, dict.fromkeys(STRATEGIES, (-1, -1))),
    "no edge": (2, {}, dict.fromkeys(STRATEGIES, (-1, -1))),
    "one cluster": (1, {(0, 0): 1.0}, dict.fromkeys(STRATEGIES, (0,))),
}


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("case", CASES)
def test_corner_cases(case, strategy):
    n, scores, expected = CASES[case]
    assert owners(n, scores, strategy) == list(expected[strategy])
    taken = plain(range(n), scores, strategy, 0.5)
    assert [taken.get(c, -1) for c in range(n)] == list(expected[strategy])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_random_graphs_agree_with_plain_loops(strategy):
    clusters, edges = random_graphs(1)
    found = traverse(clusters, edges, strategy, min_et_gev=0)
    expected = np.full(len(clusters.eta), -1)
    for b in range(len(clusters.row_splits) - 1):
        order = [int(c) for c in clusters.order if clusters.event[c] == b]
        scores = {
            (int(s), int(c)): float(p)
            for s, c, p in zip(edges.seed, edges.cluster, edges.probability, strict=True)
            if clusters.event[s] == b
        }
        for cluster, seed in plain(order, scores, strategy, 0.5).items():
            expected[cluster] = seed
    in_one = found.supercluster_of >= 0
    np.testing.assert_array_equal(np.where(in_one, found.seed[found.supercluster_of], -1), expected)
    assert len(found.seed) > 60 and in_one.sum() > 1.5 * len(found.seed)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_order_and_other_events_change_nothing(strategy):
    clusters, edges = random_graphs(2)
    found = traverse(clusters, edges, strategy)
    random = np.random.default_rng(0)
    moved = np.lexsort((random.random(len(clusters.eta)), clusters.event))
    place = np.argsort(moved)
    mixed = random.permutation(len(edges.seed))
    other = traverse(
        Clusters(clusters.row_splits, clusters.energy_gev[moved], clusters.eta[moved], clusters.phi[moved]),
        Edges(place[edges.seed[mixed]], place[edges.cluster[mixed]], edges.probability[mixed]),
        strategy,
    )
    np.testing.assert_array_equal(other.supercluster_of, found.supercluster_of[moved])
    np.testing.assert_array_equal(moved[other.members], found.members)
    np.testing.assert_array_equal(other.energy_gev, found.energy_gev)
    np.testing.assert_array_equal(other.et_gev, found.et_gev)
    for b in (0, 7, len(clusters.row_splits) - 2):
        first, last = clusters.row_splits[b : b + 2]
        own = (edges.seed >= first) & (edges.seed < last)
        alone = traverse(
            Clusters(
                [0, last - first], *(x[first:last] for x in (clusters.energy_gev, clusters.eta, clusters.phi))
            ),
            Edges(edges.seed[own] - first, edges.cluster[own] - first, edges.probability[own]),
            strategy,
        )
        together = slice(*found.row_splits[b : b + 2])
        np.testing.assert_array_equal(alone.seed + first, found.seed[together])
        np.testing.assert_array_equal(alone.et_gev, found.et_gev[together])


def test_superclusters_need_four_gev_of_transverse_energy():
    """At eta 1 ET is E / 1.543: 6.1 GeV give 3.95 and 6.3 GeV 4.08, alone or in two clusters."""
    clusters = Clusters([0, 2, 4, 5], [6.0, 0.1, 6.0, 0.3, 6.3], np.ones(5), np.zeros(5))
    edges = Edges([0, 0, 2, 2, 4], [0, 1, 2, 3, 4], np.full(5, 0.9))
    found = traverse(clusters, edges)
    assert list(found.supercluster_of) == [-1, -1, 0, 0, 1]
    assert list(found.row_splits) == [0, 0, 1, 2]
    np.testing.assert_allclose(found.et_gev, 6.3 / np.cosh(1.0), rtol=1e-14)
    assert len(traverse(clusters, edges, min_et_gev=0).seed) == 3


def test_no_events_no_clusters():
    for splits in ([0], [0, 0]):
        for strategy in STRATEGIES:
            found = traverse(Clusters(splits, [], [], []), Edges([], [], []), strategy)
            assert list(found.row_splits) == splits and not len(found.members)


def test_threshold():
    scores = {(0, 0): 0.9, (0, 1): 0.6, (1, 1): 0.8}
    assert owners(2, scores, "cascade") == [0, 0]
    assert owners(2, scores, "cascade", threshold=0.7) == [0, 1]


@pytest.mark.parametrize(
    ("edges", "words"),
    [
        (([0], [0], [1.5]), r"in \[0, 1\].*1\.5"),
        (([0], [0], [np.nan]), r"in \[0, 1\].*nan"),
        (([0, 1], [0], [0.5]), r"Edges\.seed.*\(1,\)"),
        (([0.0], [0], [0.5]), r"Edges\.seed.*integers"),
        (([0], [3], [0.5]), r"Edges\.cluster.*of 3 clusters.*3"),
        (([-1], [0], [0.5]), r"Edges\.seed.*-1"),
        (([0], [2], [0.5]), r"same event.*0, 2"),
        (([0, 0], [1, 1], [0.5, 0.6]), r"once.*0.*1"),
    ],
)
def test_wrong_edges(edges, words):
    clusters = Clusters([0, 2, 3], [3.0, 2.0, 1.0], np.zeros(3), np.zeros(3))
    with pytest.raises(InvalidValue, match=words):
        traverse(clusters, Edges(*edges))


def test_wrong_options():
    event = graph(1, {(0, 0): 1.0})
    with pytest.raises(UnknownName, match="Did you mean 'cascade'"):
        traverse(*event, "cascad")
    with pytest.raises(InvalidValue, match="threshold"):
        traverse(*event, threshold=0.0)
    with pytest.raises(InvalidValue, match="min_et_gev"):
        traverse(*event, min_et_gev=np.nan)
