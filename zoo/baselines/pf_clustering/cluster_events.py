"""PFClustering on records: events of rechits to events of clusters."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.arrays import owners, row_splits
from zoo.clustering.config import BARREL, PFClusteringConfig
from zoo.clustering.pf_clusters import pf_clusters
from zoo.data.kinds.clusters import CLUSTER_EVENTS
from zoo.data.records import assemble, has_field, leaf_values
from zoo.errors import InvalidValue

__all__ = ["SEED_SIGMA", "cluster_events"]

SEED_SIGMA = 4.0
"""A seed's least energy in units of its crystal's noise, beside the threshold of the configuration: that of
the noise `run2` of the simulation."""


def cluster_events(
    rechits: ak.Array, *, config: PFClusteringConfig = BARREL, seed_sigma: float = SEED_SIGMA
) -> ak.Array:
    """Clusters the rechits of each event.

    Args:
        rechits: Records of `RECHIT_EVENTS` [B]: hits above their thresholds, any part of the barrel.
        config: Constants.
        seed_sigma: A seed has at least so many `hits.noise_gev`.

    Returns:
        Records of `CLUSTER_EVENTS` [B] without truth. `clusters.leakage_gev` is 0: rechits of the calorimeter
        say nothing of what is behind it.

    Raises:
        InvalidValue: A crystal stands twice in an event.
    """
    if not seed_sigma >= 0:
        raise InvalidValue("seed_sigma", "0 or more", seed_sigma)
    splits = row_splits(ak.to_numpy(ak.num(rechits["hits"])))
    table = {name: leaf_values(rechits, f"hits.{name}") for name in ak.fields(rechits["hits"])}
    found = pf_clusters(
        splits,
        table["ieta"],
        table["iphi"],
        table["energy_gev"],
        config=config,
        seed_threshold_gev=np.maximum(config.seed_threshold_gev, seed_sigma * table["noise_gev"]),
    )
    event = owners(np.diff(found.row_splits))
    cluster, hit = found.fractions.cluster, found.fractions.hit
    columns: dict[str, npt.NDArray[Any]] = {
        "clusters.ieta": found.seed_ieta,
        "clusters.iphi": found.seed_iphi,
        "clusters.energy_gev": found.energy_gev,
        "clusters.eta": found.eta,
        "clusters.phi": found.phi,
        "clusters.leakage_gev": np.zeros(len(found)),
        "hits.cluster": cluster - found.row_splits[event[cluster]],
        "hits.fraction": found.fractions.fraction,
    }
    for name in ("ieta", "iphi", "energy_gev", "noise_gev", "dead_neighbours"):
        columns[f"hits.{name}"] = table[name][hit]
    for name in ("rho_gev", "n_pileup", "shower_row", "shower_pdg_id", "event_id"):
        if has_field(rechits, name):
            columns[name] = leaf_values(rechits, name)
    sizes = {
        "clusters": np.diff(found.row_splits),
        "hits": np.bincount(event[cluster], minlength=len(rechits)),
    }
    typed = {name: v.astype(CLUSTER_EVENTS.by_name[name].dtype) for name, v in columns.items()}
    return assemble({k: ak.unflatten(v, sizes[k.split(".")[0]]) if "." in k else v for k, v in typed.items()})
