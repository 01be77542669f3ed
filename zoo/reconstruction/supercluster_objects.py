"""Superclusters as calorimeter objects: what an energy regression sees of them.

    found = mustache(event_clusters(events))             # or traverse(...)
    objects = supercluster_objects(events, found)        # one record of OBJECTS for each supercluster

The hits of an object are those of all clusters of its supercluster, each crystal once, with the energy that
belongs to these clusters: energy times fraction, summed where clusters share a hit. Seed crystal and H are
those of the seed cluster.
"""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.arrays import Ints, first_rows, owners
from zoo.data.cluster_truth import group_of_clusters
from zoo.data.clusters import Superclusters
from zoo.data.kinds.objects import OBJECTS
from zoo.data.records import assemble, has_field, leaf_values
from zoo.errors import InvalidValue

__all__ = ["PDG_ID", "supercluster_objects"]


PDG_ID = (0, 11, 22)
"""Of the flavours, charges not told apart."""
_IPHI_END = 361
_CRYSTALS = 171 * _IPHI_END  # numbers for a crystal, (ieta + 85) 361 + iphi


def supercluster_objects(
    events: ak.Array, found: Superclusters, chosen: npt.ArrayLike | None = None, *, truth: bool = False
) -> ak.Array:
    """Turns superclusters into records of `OBJECTS`.

    Args:
        events: Records of `CLUSTER_EVENTS`.
        found: Their superclusters.
        chosen: [K] which of them, in which order; all if None.
        truth: Also true energy, eta, phi and PDG id of the group that the seed cluster belongs to.

    Returns:
        Records [K], hits by crystal. A supercluster of clusters without rechits is an object without hits.

    Raises:
        InvalidValue: The superclusters are not those of the events; with truth, a seed is of no group.
    """
    counts = np.asarray(ak.to_numpy(ak.num(events["clusters"])), np.int64)
    if len(found.row_splits) != len(counts) + 1 or len(found.supercluster_of) != counts.sum():
        expected = f"those of {len(counts)} events with {counts.sum()} clusters"
        received = f"{len(found.row_splits) - 1} events with {len(found.supercluster_of)} clusters"
        raise InvalidValue("superclusters", expected, received)
    index = np.arange(len(found.seed)) if chosen is None else np.asarray(chosen, np.int64).reshape(-1)
    seed = found.seed[index]
    event = owners(counts)[seed]

    columns: dict[str, npt.NDArray[Any]] = {}
    hits, sizes = _hits(events, first_rows(counts), found, index)
    columns |= hits
    for name, source in (("seed_ieta", "ieta"), ("seed_iphi", "iphi"), ("leakage_gev", "leakage_gev")):
        columns[name] = leaf_values(events, f"clusters.{source}")[seed]
    for name in ("rho_gev", "n_pileup", "shower_row", "shower_pdg_id", "event_id"):
        if has_field(events, name):
            columns[name] = leaf_values(events, name)[event]
    if truth:
        columns |= _truth(events, seed)
    typed = {name: values.astype(OBJECTS.by_name[name].dtype) for name, values in columns.items()}
    return assemble({k: ak.unflatten(v, sizes) if k.startswith("hits.") else v for k, v in typed.items()})


def _hits(
    events: ak.Array, first: Ints, found: Superclusters, index: Ints
) -> tuple[dict[str, npt.NDArray[Any]], Ints]:
    """Returns the hits of the chosen superclusters, by crystal, and how many each has."""
    event = owners(ak.to_numpy(ak.num(events["hits"])))
    number = np.full(len(found.seed) + 1, -1)  # the last one: of no supercluster
    number[index] = np.arange(len(index))
    of = number[found.supercluster_of[first[event] + leaf_values(events, "hits.cluster")]]
    kept = np.flatnonzero(of >= 0)
    ieta, iphi = (leaf_values(events, f"hits.{name}")[kept].astype(np.int64) for name in ("ieta", "iphi"))
    fraction = leaf_values(events, "hits.fraction")[kept].astype(np.float64)
    energy = leaf_values(events, "hits.energy_gev")[kept] * fraction

    key = of[kept] * _CRYSTALS + (ieta + 85) * _IPHI_END + iphi
    order = np.lexsort((energy, key))  # shared hits are summed in one order, whatever came first
    new = np.diff(key[order], prepend=-1) > 0
    place = kept[order[new]]
    columns: dict[str, npt.NDArray[Any]] = {
        f"hits.{name}": leaf_values(events, f"hits.{name}")[place]
        for name in ("ieta", "iphi", "noise_gev", "dead_neighbours")
    }
    columns["hits.energy_gev"] = np.bincount(np.cumsum(new) - 1, energy[order], len(place))
    return columns, np.bincount(of[place], minlength=len(index))


def _truth(events: ak.Array, seed: Ints) -> dict[str, npt.NDArray[Any]]:
    group = group_of_clusters(events)[seed]
    if (lost := np.flatnonzero(group < 0)).size:
        expected = "superclusters whose seed is of a group (`group_of_clusters`)"
        raise InvalidValue("truth", expected, f"{lost.size} others, first {lost[0]}")
    return {
        "true_energy_gev": leaf_values(events, "groups.energy_gev")[group],
        "true_eta": leaf_values(events, "groups.eta")[group],
        "true_phi": leaf_values(events, "groups.phi")[group],
        "pdg_id": np.asarray(PDG_ID)[leaf_values(events, "groups.flavour")[group]],
    }
