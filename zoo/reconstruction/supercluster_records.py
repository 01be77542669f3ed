"""Superclusters and what is known of them as records of `SUPERCLUSTER_EVENTS`, one an event."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.arrays import Ints, first_rows, owners
from zoo.data.cluster_truth import has_groups, match_superclusters
from zoo.data.clusters import Superclusters
from zoo.data.kinds.clusters import FLAVOURS, SUPERCLUSTER_EVENTS
from zoo.data.records import assemble, has_field, leaf_values

__all__ = ["supercluster_records"]


def supercluster_records(
    events: ak.Array,
    found: Superclusters,
    energy_gev: npt.ArrayLike,
    sigma_gev: npt.ArrayLike,
    flavour_probability: npt.NDArray[Any] | None = None,
) -> ak.Array:
    """Puts superclusters, their energies and their truth together.

    Args:
        events: Records of `CLUSTER_EVENTS` [B].
        found: Their superclusters, S in all.
        energy_gev: [S] energies, -1 where there is none.
        sigma_gev: [S] their uncertainties, -1 where there is none.
        flavour_probability: [S, 3] of each of `FLAVOURS`; None where nobody asked.

    Returns:
        Records [B], superclusters by falling ET of their seeds. Where the events hold truth: which group the
        seed of each supercluster is of, the groups, and the hardest supercluster of each.
    """
    n = len(found.seed)
    energy, sigma = np.asarray(energy_gev, np.float64), np.asarray(sigma_gev, np.float64)
    flavours = np.full((n, len(FLAVOURS)), -1.0) if flavour_probability is None else flavour_probability
    first = _starts(events["clusters"])
    event = owners(np.diff(found.row_splits))
    owner = owners(np.diff(found.member_splits))
    columns: dict[str, npt.NDArray[Any]] = {
        "superclusters.energy_gev": energy,
        "superclusters.sigma_gev": sigma,
        "superclusters.raw_energy_gev": found.raw_energy_gev,
        "superclusters.eta": found.eta,
        "superclusters.phi": found.phi,
        "superclusters.et_gev": np.where(energy > 0, energy / np.cosh(found.eta), energy),
        "superclusters.flavour": flavours.argmax(axis=1)
        if flavour_probability is not None
        else np.full(n, -1),
        **{f"superclusters.{name}_probability": flavours[:, i] for i, name in enumerate(FLAVOURS)},
        "superclusters.seed": found.seed - first[event],
        "members.supercluster": owner - found.row_splits[event[owner]],
        "members.cluster": found.members - first[event[owner]],
    }
    for name in ("rho_gev", "n_pileup", "shower_row", "shower_pdg_id", "event_id"):
        if has_field(events, name):
            columns[name] = leaf_values(events, name)
    sizes = {
        "superclusters": np.diff(found.row_splits),
        "members": np.bincount(event[owner], minlength=len(events)),
    }
    if has_groups(events):
        columns |= _truth(events, found, event)
        sizes["groups"] = ak.to_numpy(ak.num(events["groups"]))
    typed = {name: v.astype(SUPERCLUSTER_EVENTS.by_name[name].dtype) for name, v in columns.items()}
    return assemble({k: ak.unflatten(v, sizes[k.split(".")[0]]) if "." in k else v for k, v in typed.items()})


def _truth(events: ak.Array, found: Superclusters, event: Ints) -> dict[str, npt.NDArray[Any]]:
    """Returns the group of each supercluster, the groups, and the hardest supercluster of each."""
    names = [
        f.name for f in SUPERCLUSTER_EVENTS.fields if f.collection == "groups" and has_field(events, f.name)
    ]
    columns = {name: leaf_values(events, name) for name in names}
    first = _starts(events["groups"])
    group, hardest = match_superclusters(events, found)
    place = np.append(np.arange(len(group)) - found.row_splits[event], -1)
    columns["groups.supercluster"] = place[hardest]
    columns["superclusters.group"] = np.where(group >= 0, group - first[event], -1)
    return columns


def _starts(collection: ak.Array) -> Ints:
    """[B] index of each event's first entry among those of all events."""
    return first_rows(ak.to_numpy(ak.num(collection)))
