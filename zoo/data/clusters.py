"""Clusters of many events and the superclusters made of them, for every algorithm that groups clusters.

    clusters = Clusters(row_splits, energy_gev, eta, phi)     # B events, one after the other
    clusters = event_clusters(events)                         # the same from records
    found = collect(clusters, seed_of, min_et_gev=4.0)        # from the seed of each cluster

The order of clusters is total (ET, then eta, phi, raw energy), and sums run in it, so that neither the order
in which they came nor other events change anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats, Ints, owners, row_splits
from zoo.data.records import leaf_values
from zoo.errors import InvalidValue

__all__ = ["Clusters", "Superclusters", "collect", "event_clusters"]


@dataclass(frozen=True, eq=False)
class Clusters:
    """Clusters of B events in a row, T in all.

    Attributes:
        row_splits: [B + 1] event b owns the clusters row_splits[b] to row_splits[b + 1] - 1.
        energy_gev: [T] calibrated energy, 0 or more: orders the clusters and is summed.
        eta: [T].
        phi: [T] in radians, in any turn.
        raw_energy_gev: [T] uncalibrated energy, for the cuts and the weights of the position; that of
            `energy_gev` if not given.
        event: [T] which event a cluster is of.
        et_gev: [T] calibrated ET with respect to the origin.
        order: [T] indices of the clusters by event and falling ET; ties by eta, phi, raw energy.

    Raises:
        InvalidValue: Lengths differ, a number is not finite, an energy is negative, or the splits do not fit.
    """

    row_splits: Ints
    energy_gev: Floats
    eta: Floats
    phi: Floats
    raw_energy_gev: Floats = None  # type: ignore[assignment]
    event: Ints = field(init=False)
    et_gev: Floats = field(init=False)
    order: Ints = field(init=False)

    def __post_init__(self) -> None:
        energy = np.asarray(self.energy_gev, np.float64)
        raw = energy if self.raw_energy_gev is None else np.asarray(self.raw_energy_gev, np.float64)
        eta, phi = np.asarray(self.eta, np.float64), np.asarray(self.phi, np.float64)
        splits = np.asarray(self.row_splits)
        if energy.ndim != 1:
            raise InvalidValue("Clusters.energy_gev", "one axis", f"shape {energy.shape}")
        for name, values in {"energy_gev": energy, "eta": eta, "phi": phi, "raw_energy_gev": raw}.items():
            if values.shape != energy.shape:
                raise InvalidValue(f"Clusters.{name}", f"shape {energy.shape} as energy_gev", values.shape)
            if not np.all(np.isfinite(values)):
                raise InvalidValue(f"Clusters.{name}", "finite numbers", values[~np.isfinite(values)][:5])
            if name.endswith("energy_gev") and np.any(values < 0):
                raise InvalidValue(f"Clusters.{name}", "0 or more", values[values < 0][:5])
        if splits.ndim != 1 or not splits.size or splits.dtype.kind not in "iu":
            raise InvalidValue("Clusters.row_splits", "integers [B + 1]", f"{splits.dtype} {splits.shape}")
        splits = splits.astype(np.int64)
        counts = np.diff(splits)
        if splits[0] != 0 or splits[-1] != len(energy) or np.any(counts < 0):
            raise InvalidValue("Clusters.row_splits", f"0 first, never falling, {len(energy)} last", splits)
        event = owners(counts)
        et = energy / np.cosh(eta)
        found = {
            "row_splits": splits,
            "energy_gev": energy,
            "eta": eta,
            "phi": phi,
            "raw_energy_gev": raw,
            "event": event,
            "et_gev": et,
            "order": np.lexsort((raw, phi, eta, -et, event)),
        }
        for name, array in found.items():
            object.__setattr__(self, name, array)


@dataclass(frozen=True, eq=False)
class Superclusters:
    """Superclusters of B events in a row, S in all, of M of T clusters; within an event by their seeds' ET.

    Attributes:
        row_splits: [B + 1] event b owns the superclusters row_splits[b] to row_splits[b + 1] - 1.
        seed: [S] the cluster that started it.
        energy_gev: [S] sum of the calibrated energies.
        raw_energy_gev: [S] sum of the raw energies.
        eta: [S] of the mean position on the barrel's face, weighted with the raw energy.
        phi: [S] of the same, in [-pi, pi].
        et_gev: [S] calibrated ET at that eta.
        member_splits: [S + 1] supercluster s owns members[member_splits[s]:member_splits[s + 1]].
        members: [M] clusters by falling ET, the seed first.
        supercluster_of: [T] the supercluster of each cluster, -1 for none.
    """

    row_splits: Ints
    seed: Ints
    energy_gev: Floats
    raw_energy_gev: Floats
    eta: Floats
    phi: Floats
    et_gev: Floats
    member_splits: Ints
    members: Ints
    supercluster_of: Ints


def event_clusters(events: ak.Array) -> Clusters:
    """Takes the clusters of records of `CLUSTER_EVENTS`, with their raw energies."""
    counts = np.asarray(ak.to_numpy(ak.num(events["clusters"])), np.int64)
    splits = row_splits(counts)
    return Clusters(
        splits, *(leaf_values(events, f"clusters.{name}") for name in ("energy_gev", "eta", "phi"))
    )


def collect(clusters: Clusters, seed_of: npt.NDArray[np.integer], min_et_gev: float) -> Superclusters:
    """Sums up superclusters from the seed of each cluster.

    Args:
        clusters: T clusters.
        seed_of: [T] the cluster that took each cluster, -1 for none. A seed has taken itself.
        min_et_gev: Superclusters need an ET above it, and release their clusters otherwise.
    """
    members = clusters.order[seed_of[clusters.order] >= 0]
    seed = members[seed_of[members] == members]
    number = np.full(len(seed_of), -1)
    number[seed] = np.arange(len(seed))
    of = number[seed_of[members]]

    def total(values: Floats) -> Floats:
        # in the order of ET, whatever came first
        return np.asarray(np.bincount(of, values[members], len(seed)), np.float64)

    energy, raw = total(clusters.energy_gev), total(clusters.raw_energy_gev)
    weight = clusters.raw_energy_gev
    x, y = total(weight * np.cos(clusters.phi)), total(weight * np.sin(clusters.phi))
    z, rho = total(weight * np.sinh(clusters.eta)), np.hypot(x, y)
    et = energy * np.divide(rho, np.hypot(rho, z), out=np.zeros_like(rho), where=raw > 0)
    good = et > min_et_gev
    with np.errstate(invalid="ignore", divide="ignore"):
        eta = np.arcsinh(z / rho)[good]

    seed, renumbered = seed[good], np.where(good, np.cumsum(good) - 1, -1)
    of = renumbered[of]
    members, of = members[of >= 0], of[of >= 0]
    by_supercluster = np.argsort(of, kind="stable")
    supercluster_of = np.full(len(seed_of), -1)
    supercluster_of[members] = of
    return Superclusters(
        row_splits=np.searchsorted(clusters.event[seed], np.arange(len(clusters.row_splits))),
        seed=seed,
        energy_gev=energy[good],
        raw_energy_gev=raw[good],
        eta=eta,
        phi=np.arctan2(y, x)[good],
        et_gev=et[good],
        member_splits=row_splits(np.bincount(of, minlength=len(seed))),
        members=members[by_supercluster],
        supercluster_of=supercluster_of,
    )
