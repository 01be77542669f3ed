"""Sharing the hits of topological clusters among their seeds, as in a fit of Gaussian mixtures.

Every seed k starts a cluster at its own crystal with its own energy. Then, again and again (CMSSW
Basic2DGenericPFlowClusterizer):

    w_jk = 1 for the own seed, 0 for other seeds, else (E_k / 0.08) exp(-|r_j - r_k|^2 / (2 sigma^2))
    f_jk = w_jk / sum_k w_jk,     E_k = sum_j f_jk E_j

with two positions that alternate. The next r_k is the mean with weights max(0, ln(f E_j / 0.08)) of the nine
crystals around the seed (of all, where the topological cluster has one seed). Whether it has converged, and
what is given out, is the mean with weights max(0, 4.2 + ln(f E_j / E_k)) of points at the shower's depth.

Everything runs over one flat table of pairs (cluster, hit of its topological cluster), for all of them at
once; a topological cluster leaves the table when it has converged. The table grows with seeds times hits of
each topological cluster: thresholds below the noise, which connect whole events, take memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from zoo.angles import wrap_phi
from zoo.arrays import Bools, Floats, Ints, owners, row_splits
from zoo.clustering.config import PFClusteringConfig
from zoo.clustering.lattice import Lattice

__all__ = ["Shared", "TopoHits", "share"]


@dataclass(frozen=True, eq=False)
class TopoHits:
    """The hits of topological clusters, sorted by topological cluster and then by crystal, [H] each."""

    topo: Ints  # 0, 1, ... without a gap, each with a seed
    row: Ints
    column: Ints
    energy_gev: Floats
    seed: Bools


@dataclass(frozen=True, eq=False)
class Shared:
    """The clusters, in the order of their seeds among the hits.

    Attributes:
        seed: [K] index of each cluster's seed.
        energy_gev: [K] energies.
        position_cm: [K, 3] positions at the depth of the shower.
        cluster: [P] cluster of each pair that is kept, ascending.
        hit: [P] its hit.
        fraction: [P] part of the hit's energy that belongs to the cluster.
    """

    seed: Ints
    energy_gev: Floats
    position_cm: Floats
    cluster: Ints
    hit: Ints
    fraction: Floats


@dataclass(eq=False)
class _Pairs:
    """Pairs of K clusters with the hits of their topological clusters, cluster after cluster, [P] each."""

    start: Ints  # [K + 1] first pair of each cluster
    cluster: Ints
    hit: Ints
    energy: Floats
    x: Floats
    y: Floats
    z: Floats
    own: Bools  # the hit is the cluster's seed
    other: Bools  # the hit is another cluster's seed
    core: Bools  # counts for the position without depth

    def of(self, chosen: Bools) -> _Pairs:
        """Keeps some clusters, renumbered."""
        kept = np.flatnonzero(chosen[self.cluster])
        start = row_splits(np.diff(self.start)[chosen])
        columns = (
            getattr(self, name)[kept] for name in ("hit", "energy", "x", "y", "z", "own", "other", "core")
        )
        return _Pairs(start, owners(np.diff(start)), *columns)


def share(lattice: Lattice, hits: TopoHits, config: PFClusteringConfig) -> Shared:
    """Shares hits among seeds.

    Args:
        lattice: The crystals.
        hits: The hits of topological clusters.
        config: Constants.

    Returns:
        The clusters and the fractions above `min_fraction_to_keep`.
    """
    cell = lattice.cell(hits.row, hits.column)
    place = lattice.position_cm[cell]
    table = np.concatenate([place, lattice.axis[cell], np.ones((len(cell), 1))], axis=1)
    seed = np.flatnonzero(hits.seed)
    if not len(seed):
        nothing = np.empty(0, dtype=np.int64)
        return Shared(nothing, np.empty(0), np.empty((0, 3)), nothing, nothing, np.empty(0))
    every = _pairs(lattice, hits, place, seed)
    topo = hits.topo[seed]
    n_seeds = np.bincount(topo)
    tolerance = config.stopping_tolerance * np.maximum(1, n_seeds - 1) ** 2
    fraction = np.zeros(len(every.hit))

    pairs, ids = every, np.arange(len(seed))
    pair_ids = np.arange(len(every.hit))
    energy, position = hits.energy_gev[seed], place[seed]
    eta, phi = _angles(position)
    for _ in range(config.max_iterations):
        share_now = _fractions(pairs, energy, position, len(cell), config)
        fraction[pair_ids] = share_now
        part = share_now * pairs.energy
        energy = np.add.reduceat(part, pairs.start[:-1])
        old_eta, old_phi = eta, phi
        eta, phi = _angles(_deep_position(pairs, part, energy, table, config))
        moved = np.hypot(eta - old_eta, wrap_phi(phi - old_phi))
        first = np.flatnonzero(np.diff(topo[ids], prepend=-1))
        open_topo = np.maximum.reduceat(moved, first) > tolerance[topo[ids[first]]]
        going = np.repeat(open_topo, np.diff(first, append=len(ids)))
        if not going.any():
            break
        if not going.all():
            kept = going[pairs.cluster]
            pairs, pair_ids, part = pairs.of(going), pair_ids[kept], part[kept]
            ids, energy, eta, phi = ids[going], energy[going], eta[going], phi[going]
        position = _flat_position(pairs, part, table, place[seed[ids]], config)

    fraction[fraction <= config.min_fraction_to_keep] = 0.0
    part = fraction * every.energy
    energy = np.add.reduceat(part, every.start[:-1])
    kept_pairs = np.flatnonzero(fraction)
    return Shared(
        seed,
        energy,
        _deep_position(every, part, energy, table, config),
        every.cluster[kept_pairs],
        every.hit[kept_pairs],
        fraction[kept_pairs],
    )


def _pairs(lattice: Lattice, hits: TopoHits, place: Floats, seed: Ints) -> _Pairs:
    """Pairs every seed with all hits of its topological cluster."""
    n_hits, n_seeds = np.bincount(hits.topo), np.bincount(hits.topo[seed])
    topo = hits.topo[seed]
    start = row_splits(n_hits[topo])
    cluster = owners(n_hits[topo])
    hit = np.arange(start[-1]) + (row_splits(n_hits)[topo] - start[:-1])[cluster]
    own = hit == seed[cluster]
    row, column = hits.row[seed], hits.column[seed]
    near = lattice.touch(hits.row[hit], hits.column[hit], row[cluster], column[cluster])
    x, y, z = (np.ascontiguousarray(place[:, axis])[hit] for axis in range(3))
    core = near | (n_seeds[topo] == 1)[cluster]
    return _Pairs(start, cluster, hit, hits.energy_gev[hit], x, y, z, own, hits.seed[hit] & ~own, core)


def _fractions(
    pairs: _Pairs, energy: Floats, position: Floats, n_hits: int, config: PFClusteringConfig
) -> Floats:
    """[P] the part of each hit that falls to each cluster at these energies and positions."""
    centre = np.ascontiguousarray(position.T)
    distance2 = np.square(pairs.x - centre[0][pairs.cluster])
    distance2 += np.square(pairs.y - centre[1][pairs.cluster])
    distance2 += np.square(pairs.z - centre[2][pairs.cluster])
    distance2 /= config.shower_sigma_cm**2
    weight: Floats = np.exp(-0.5 * distance2)
    weight *= (energy / config.rechit_energy_norm_gev)[pairs.cluster]
    weight[pairs.other] = 0.0
    weight[pairs.own] = 1.0
    total = np.bincount(pairs.hit, weight, n_hits)
    total[total <= config.min_total_weight] = np.inf
    weight /= total[pairs.hit]
    weight[(distance2 >= config.max_distance2) & (weight <= config.attach_fraction)] = 0.0
    return weight


def _flat_position(
    pairs: _Pairs, part: Floats, table: Floats, otherwise: Floats, config: PFClusteringConfig
) -> Floats:
    """[K, 3] mean of crystals with weights max(0, ln(f E / 0.08)) over the core."""
    core = np.flatnonzero(pairs.core)
    weight = np.log(np.maximum(part[core] / config.log_weight_denominator_gev, 1.0))
    start = np.searchsorted(core, pairs.start)
    summed = _sums(weight, pairs.hit[core], start, table)
    norm = summed[:, 6:]
    good = norm > config.min_normalization
    return np.where(good, summed[:, :3] / np.where(good, norm, 1.0), otherwise)


def _deep_position(
    pairs: _Pairs, part: Floats, energy: Floats, table: Floats, config: PFClusteringConfig
) -> Floats:
    """[K, 3] mean of points at the shower's depth with weights max(0, 4.2 + ln(f E / E_k))."""
    least = np.exp(-config.log_weight_w0) * energy
    weight = np.log(np.maximum(part / least[pairs.cluster], 1.0))
    summed = _sums(weight, pairs.hit, pairs.start, table)
    empty = summed[:, 6] == 0.0
    if empty.any():  # so many hits that none has 1.5 % of the energy: weights linear in energy
        summed[empty] = _sums(part, pairs.hit, pairs.start, table)[empty]
    depth = config.radiation_length_cm * (config.depth_t0 + np.log(energy))
    position: Floats = (summed[:, :3] + depth[:, None] * summed[:, 3:6]) / summed[:, 6:]
    return position


def _sums(weight: Floats, hit: Ints, start: Ints, table: Floats) -> Floats:
    """[K, 7] sums over each cluster's pairs of weight times (position, axis, 1) of the hit."""
    summed: Floats = csr_array((weight, hit, start), shape=(len(start) - 1, len(table))) @ table
    return summed


def _angles(position: Floats) -> tuple[Floats, Floats]:
    """Eta and phi of points [K, 3]."""
    x, y, z = np.ascontiguousarray(position.T)
    return np.arcsinh(z / np.hypot(x, y)), np.arctan2(y, x)
