"""Seeds and topological clusters: what of the hits belongs together before it is shared.

A seed is a local maximum above the seed threshold: none of its eight neighbours has strictly more energy, and
none of them is a seed already. A topological cluster holds the hits above the gather threshold that are
connected to a seed by steps between neighbours (CMSSW LocalMaximumSeedFinder, Basic2DGenericTopoClusterizer).
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from zoo.arrays import Bools, Floats, Ints
from zoo.clustering.lattice import Lattice

__all__ = ["find_seeds", "label_topo_clusters", "neighbour_pairs"]

Pairs = tuple[Ints, Ints]

HALF_OF_THE_NEIGHBOURS = ((0, 1), (1, -1), (1, 0), (1, 1))


def neighbour_pairs(lattice: Lattice, event: Ints, row: Ints, column: Ints) -> Pairs:
    """Finds the hits of an event in neighbouring crystals.

    Args:
        lattice: The crystals.
        event: [H] event of each hit.
        row: [H] row.
        column: [H] column; hits come sorted by (event, row, column), each crystal once in an event.

    Returns:
        Two arrays [E] of indices of hits: every pair of neighbours once.
    """
    size = lattice.n_rows * lattice.n_columns
    key = event * size + lattice.cell(row, column)
    firsts, seconds = [], []
    for d_row, d_column in HALF_OF_THE_NEIGHBOURS:
        cell, exists = lattice.step(row, column, d_row, d_column)
        wanted = event * size + cell
        place = np.minimum(np.searchsorted(key, wanted), max(len(key) - 1, 0))
        found = np.flatnonzero(exists & (key[place] == wanted))
        firsts.append(found)
        seconds.append(place[found])
    return np.concatenate(firsts), np.concatenate(seconds)


def find_seeds(energy: Floats, may_seed: Bools, pairs: Pairs) -> Bools:
    """Finds the local maxima.

    Args:
        energy: [H] energies, of all hits: one that may not seed still stops its neighbours.
        may_seed: [H] whether the hit reaches the seed threshold.
        pairs: Neighbours, from `neighbour_pairs`.

    Returns:
        [H] whether the hit is a seed.
    """
    first, second = pairs
    difference = energy[first] - energy[second]
    seed = may_seed.copy()
    seed[first[difference < 0]] = False
    seed[second[difference > 0]] = False
    # Neighbours with the same energy: the first in the order of hits wins, and so on along a plateau.
    tied = seed[first] & seed[second]
    winner, loser = np.minimum(first, second)[tied], np.maximum(first, second)[tied]
    while len(winner):
        accepted = np.setdiff1d(winner, loser)
        rejected = loser[np.isin(winner, accepted)]
        seed[rejected] = False
        still_open = ~(np.isin(winner, accepted) | np.isin(winner, rejected) | np.isin(loser, rejected))
        winner, loser = winner[still_open], loser[still_open]
    return seed


def label_topo_clusters(gathered: Bools, seed: Bools, pairs: Pairs) -> Ints:
    """Numbers the topological clusters.

    Args:
        gathered: [H] whether the hit reaches the gather threshold.
        seed: [H] whether the hit is a seed.
        pairs: Neighbours.

    Returns:
        [H] number of the hit's topological cluster, from 0 without a gap; -1 for a hit in none.
    """
    first, second = (index[gathered[pairs[0]] & gathered[pairs[1]]] for index in pairs)
    size = len(gathered)
    if not size:
        return np.empty(0, dtype=np.int64)
    graph = csr_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=(size, size))
    n_labels, label = connected_components(graph, directed=False)
    seeded = np.zeros(n_labels, dtype=bool)
    seeded[label[seed & gathered]] = True
    member = gathered & seeded[label]
    return np.where(member, (np.cumsum(seeded) - 1)[label], -1)
