"""From flat rechits of many events to flat clusters.

Neither the order of the hits nor the other events change anything: hits are sorted by crystal first, and
every sum runs within one event.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo.angles import wrap_phi
from zoo.arrays import Bools, Floats, Ints, owners
from zoo.clustering import topology
from zoo.clustering.config import BARREL, PFClusteringConfig
from zoo.clustering.lattice import Lattice, barrel
from zoo.clustering.sharing import TopoHits, share
from zoo.detectors import cms_barrel
from zoo.errors import InvalidValue

__all__ = ["Fractions", "PFClusters", "lattice_clusters", "pf_clusters"]


BLOCK = 20_000
"""Hits worked on at a time, in whole events: more would leave the processor's cache."""


@dataclass(frozen=True, eq=False)
class Fractions:
    """Which part of which hit is in which cluster: P pairs, by cluster and then by crystal.

    Attributes:
        cluster: [P] index of the cluster.
        hit: [P] index of the hit, as it came in.
        fraction: [P] part of the hit's energy, in (0, 1].
    """

    cluster: Ints
    hit: Ints
    fraction: Floats


@dataclass(frozen=True, eq=False)
class PFClusters:
    """K clusters of N events: event after event, by falling energy of the seed, then by crystal.

    Attributes:
        row_splits: [N + 1] first cluster of each event, and the end.
        energy_gev: [K] uncorrected energies.
        eta: [K] pseudorapidity, seen from the origin.
        phi: [K] azimuth in (-pi, pi].
        position_cm: [K, 3] x, y, z at the depth of the shower.
        seed: [K] index of the seed among the hits, as they came in.
        seed_row: [K] row of the seed's crystal.
        seed_column: [K] its column.
        seed_energy_gev: [K] its energy.
        n_hits: [K] hits with a fraction in the cluster.
        fractions: Those fractions; the ones of cluster k are n_hits[k] in a row.
    """

    row_splits: Ints
    energy_gev: Floats
    eta: Floats
    phi: Floats
    position_cm: Floats
    seed: Ints
    seed_row: Ints
    seed_column: Ints
    seed_energy_gev: Floats
    n_hits: Ints
    fractions: Fractions

    def __len__(self) -> int:
        return len(self.energy_gev)

    @property
    def seed_ieta(self) -> Ints:
        """[K] ieta of the seed, for clusters of the barrel."""
        return cms_barrel.ieta_from_row(self.seed_row)

    @property
    def seed_iphi(self) -> Ints:
        """[K] iphi of the seed, for clusters of the barrel."""
        return self.seed_column + 1


def pf_clusters(
    row_splits: npt.ArrayLike,
    ieta: npt.ArrayLike,
    iphi: npt.ArrayLike,
    energy_gev: npt.ArrayLike,
    *,
    config: PFClusteringConfig = BARREL,
    seed_threshold_gev: npt.ArrayLike | None = None,
    gather_threshold_gev: npt.ArrayLike | None = None,
) -> PFClusters:
    """Clusters the rechits of the ECAL barrel.

    Args:
        row_splits: [N + 1] first hit of each event, and the end.
        ieta: [H] -85..-1, 1..85.
        iphi: [H] 1..360.
        energy_gev: [H] energies above the rechit threshold; a dead crystal is no hit.
        config: Constants.
        seed_threshold_gev: [H] or one: thresholds that follow the noise of each crystal
            (`NoiseModel.seed_threshold_gev`), instead of the configuration's.
        gather_threshold_gev: The same for the hits of topological clusters.

    Returns:
        The clusters.

    Raises:
        InvalidValue: Arrays of unequal lengths, indices outside the barrel, a crystal twice in an event,
            energies that are not finite, thresholds that are not positive.
    """
    row = cms_barrel.row_from_ieta(_integers("ieta", ieta))
    column = _integers("iphi", iphi) - 1
    bad = (column < 0) | (column >= cms_barrel.N_PHI)
    if bad.any():
        raise InvalidValue("iphi", f"1..{cms_barrel.N_PHI}", (np.unique(column[bad])[:5] + 1).tolist())
    return lattice_clusters(
        barrel(),
        row_splits,
        row,
        column,
        energy_gev,
        config=config,
        seed_threshold_gev=seed_threshold_gev,
        gather_threshold_gev=gather_threshold_gev,
    )


def lattice_clusters(
    lattice: Lattice,
    row_splits: npt.ArrayLike,
    row: npt.ArrayLike,
    column: npt.ArrayLike,
    energy_gev: npt.ArrayLike,
    *,
    config: PFClusteringConfig = BARREL,
    seed_threshold_gev: npt.ArrayLike | None = None,
    gather_threshold_gev: npt.ArrayLike | None = None,
) -> PFClusters:
    """Clusters the hits of any lattice of crystals; as `pf_clusters` with rows and columns from 0.

    Args:
        lattice: The crystals.
        row_splits: [N + 1] first hit of each event, and the end.
        row: [H] 0 to rows - 1.
        column: [H] 0 to columns - 1.
        energy_gev: [H] energies.
        config: Constants.
        seed_threshold_gev: [H] or one, instead of the configuration's.
        gather_threshold_gev: The same for the hits of topological clusters.

    Returns:
        The clusters.

    Raises:
        InvalidValue: As for `pf_clusters`.
    """
    energy = np.asarray(energy_gev, dtype=np.float64)
    splits = _splits(row_splits, energy)
    rows, columns = _integers("row", row), _integers("column", column)
    for name, index, end in (("row", rows, lattice.n_rows), ("column", columns, lattice.n_columns)):
        if index.shape != energy.shape:
            raise InvalidValue(f"{name}s of the hits", f"one for each of {len(energy)} hits", index.shape)
        outside = (index < 0) | (index >= end)
        if outside.any():
            raise InvalidValue(name, f"0..{end - 1}", np.unique(index[outside])[:5].tolist())
    if not np.isfinite(energy).all():
        first = int(np.flatnonzero(~np.isfinite(energy))[0])
        raise InvalidValue("energy_gev", "finite energies", f"{energy[first]} at hit {first}")
    seed_cut = _threshold("seed_threshold_gev", seed_threshold_gev, config.seed_threshold_gev, energy)
    gather_cut = _threshold("gather_threshold_gev", gather_threshold_gev, config.gather_threshold_gev, energy)

    event = owners(np.diff(splits))
    key = event * (lattice.n_rows * lattice.n_columns) + lattice.cell(rows, columns)
    order = np.argsort(key)
    twice = np.flatnonzero(np.diff(key[order]) == 0)
    if len(twice):
        hit = order[twice[0]]
        where = f"row {rows[hit]}, column {columns[hit]} twice in event {event[hit]}"
        raise InvalidValue("hits", "each crystal at most once in an event", where)
    hits = _Hits(
        event[order],
        rows[order],
        columns[order],
        energy[order],
        energy[order] >= seed_cut[order],
        energy[order] >= gather_cut[order],
    )
    parts = [_block(lattice, hits.part(start, stop), start, config) for start, stop in _blocks(splits)]
    return _joined(parts, order, len(splits) - 1)


@dataclass(frozen=True, eq=False)
class _Hits:
    """Hits sorted by event and crystal, [H] each."""

    event: Ints
    row: Ints
    column: Ints
    energy: Floats
    may_seed: Bools
    gathered: Bools

    def part(self, start: int, stop: int) -> _Hits:
        return _Hits(*(getattr(self, field.name)[start:stop] for field in fields(self)))


def _block(lattice: Lattice, hits: _Hits, offset: int, config: PFClusteringConfig) -> dict[str, Any]:
    """Clusters some events; indices of hits count from `offset`."""
    neighbours = topology.neighbour_pairs(lattice, hits.event, hits.row, hits.column)
    seed = topology.find_seeds(hits.energy, hits.may_seed, neighbours)
    topo = topology.label_topo_clusters(hits.gathered, seed, neighbours)
    member = np.flatnonzero(topo >= 0)
    member = member[np.argsort(topo[member], kind="stable")]
    shared = share(
        lattice,
        TopoHits(topo[member], hits.row[member], hits.column[member], hits.energy[member], seed[member]),
        config,
    )
    seeds = member[shared.seed]
    order = np.lexsort((seeds, -hits.energy[seeds], hits.event[seeds]))
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order))
    pairs = np.argsort(number[shared.cluster], kind="stable")
    return {
        "event": hits.event[seeds][order],
        "energy_gev": shared.energy_gev[order],
        "position_cm": shared.position_cm[order],
        "seed": seeds[order] + offset,
        "seed_row": hits.row[seeds][order],
        "seed_column": hits.column[seeds][order],
        "seed_energy_gev": hits.energy[seeds][order],
        "n_hits": np.bincount(shared.cluster, minlength=len(order))[order],
        "hit": member[shared.hit[pairs]] + offset,
        "fraction": shared.fraction[pairs],
    }


def _joined(parts: list[dict[str, Any]], order: Ints, n_events: int) -> PFClusters:
    """Puts blocks one after the other, and names hits as they came in."""
    all_of = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    x, y, z = np.ascontiguousarray(all_of["position_cm"].T)
    n_hits = all_of["n_hits"]
    return PFClusters(
        row_splits=np.searchsorted(all_of["event"], np.arange(n_events + 1)),
        energy_gev=all_of["energy_gev"],
        eta=np.arcsinh(z / np.hypot(x, y)),
        phi=wrap_phi(np.arctan2(y, x)),
        position_cm=all_of["position_cm"],
        seed=order[all_of["seed"]],
        seed_row=all_of["seed_row"],
        seed_column=all_of["seed_column"],
        seed_energy_gev=all_of["seed_energy_gev"],
        n_hits=n_hits,
        fractions=Fractions(owners(n_hits), order[all_of["hit"]], all_of["fraction"]),
    )


def _blocks(splits: Ints) -> list[tuple[int, int]]:
    """Cuts the hits between events into pieces of about `BLOCK`; at least one piece."""
    ends, start = [], 0
    while start < splits[-1]:
        event = np.searchsorted(splits, start + BLOCK, side="right") - 1
        stop = int(splits[event])
        if stop <= start:  # one event alone is larger
            stop = int(splits[np.searchsorted(splits, start, side="right")])
        ends.append((start, stop))
        start = stop
    return ends or [(0, 0)]


def _splits(row_splits: npt.ArrayLike, energy: Floats) -> Ints:
    """Checks where events start."""
    if energy.ndim != 1:
        raise InvalidValue("energy_gev", "one energy for each hit, [H]", f"shape {energy.shape}")
    splits = _integers("row_splits", row_splits)
    if splits.ndim != 1 or not len(splits) or splits[0] != 0 or splits[-1] != len(energy):
        received = splits.tolist() if splits.size <= 5 else f"{splits.ravel()[:2]} ... {splits.ravel()[-2:]}"
        raise InvalidValue("row_splits", f"from 0 to the number of hits, {len(energy)}", received)
    if np.any(np.diff(splits) < 0):
        raise InvalidValue(
            "row_splits", "never falling", f"a fall at event {int(np.argmin(np.diff(splits)))}"
        )
    return splits


def _integers(name: str, values: npt.ArrayLike) -> Ints:
    """Reads integers, empty lists included."""
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "iu":
        raise InvalidValue(name, "integers", array.dtype)
    return array.astype(np.int64)


def _threshold(name: str, given: npt.ArrayLike | None, default: float, energy: Floats) -> Floats:
    """Brings a threshold to one value for each hit."""
    cut = np.asarray(default if given is None else given, dtype=np.float64)
    if cut.ndim and cut.shape != energy.shape:
        raise InvalidValue(name, f"one number, or one for each of {len(energy)} hits", f"shape {cut.shape}")
    if not np.all(cut > 0):
        raise InvalidValue(name, "positive energies", float(np.min(cut)))
    return np.broadcast_to(cut, energy.shape)
