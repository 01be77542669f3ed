"""Which generated object a cluster is of, and which supercluster is its.

A cluster belongs to the group, an electron, a photon or a jet, of which it holds the largest fraction of the
deposit in the crystals.
"""

from __future__ import annotations

import awkward as ak
import numpy as np

from zoo.arrays import Floats, Ints, owners, row_splits
from zoo.data.clusters import Superclusters
from zoo.data.records import has_field, leaf_values

__all__ = [
    "LEAST_MATCH",
    "LEAST_SEED_MATCH",
    "group_of_clusters",
    "has_groups",
    "largest_group",
    "match_superclusters",
]


LEAST_MATCH = 1e-4
"""Fraction of a group that a cluster must hold to belong to it."""
LEAST_SEED_MATCH = 1e-2
"""The same for the seed of a window or a supercluster of that group."""


def largest_group(
    cluster: Ints, group: Ints, fraction: Floats, n_clusters: int, least: float = LEAST_MATCH
) -> tuple[Ints, Floats]:
    """Finds the group of each cluster; of equal fractions that of the first group.

    Args:
        cluster: [M] cluster of each share.
        group: [M] its group.
        fraction: [M] part of the group's deposit that is in the cluster.
        n_clusters: T.
        least: Smaller fractions do not count.

    Returns:
        [T] group, -1 for none, and [T] the fraction of it, 0 where there is no share.
    """
    order = np.lexsort((group, -fraction, cluster))
    owned, first = np.unique(cluster[order], return_index=True)
    best, held = np.full(n_clusters, -1), np.zeros(n_clusters)
    best[owned], held[owned] = group[order[first]], fraction[order[first]]
    best[held < least] = -1
    return best, held


def has_groups(events: ak.Array) -> bool:
    """Says whether events of clusters hold the truth that a match needs."""
    return all(has_field(events, name) for name in ("groups.deposit_gev", "shares.energy_gev"))


def group_of_clusters(events: ak.Array, least: float = LEAST_SEED_MATCH) -> Ints:
    """Finds the group of each cluster.

    Args:
        events: Records of `CLUSTER_EVENTS` with truth.
        least: Fraction of the group that the cluster must hold.

    Returns:
        [T] index among the groups of all events in a row, -1 for none.
    """
    splits = {
        name: row_splits(ak.to_numpy(ak.num(events[name]))) for name in ("clusters", "groups", "shares")
    }
    event = owners(np.diff(splits["shares"]))
    cluster = splits["clusters"][event] + leaf_values(events, "shares.cluster")
    group = splits["groups"][event] + leaf_values(events, "shares.group")
    share = leaf_values(events, "shares.energy_gev").astype(np.float64)
    deposit = leaf_values(events, "groups.deposit_gev").astype(np.float64)[group]
    fraction = np.divide(share, deposit, out=np.zeros_like(share), where=deposit > 0)
    return largest_group(cluster, group, fraction, int(splits["clusters"][-1]), least)[0]


def match_superclusters(events: ak.Array, found: Superclusters) -> tuple[Ints, Ints]:
    """Matches superclusters with groups: a supercluster is of its seed's group.

    Args:
        events: Records of `CLUSTER_EVENTS` with truth.
        found: Their superclusters, S in all.

    Returns:
        [S] index among the groups of all events in a row, -1 for none; [G] of each group the supercluster of
        highest ET, of equal ones the first, -1 for none.
    """
    group = group_of_clusters(events)[found.seed]
    softest_first = np.lexsort((-np.arange(len(group)), found.et_gev))
    softest_first = softest_first[group[softest_first] >= 0]
    hardest = np.full(int(ak.sum(ak.num(events["groups"]))), -1)
    hardest[group[softest_first]] = softest_first
    return group, hardest
