"""The ECAL chain: rechits -> PF clusters -> superclusters -> energies, learned or classical at each step.

    found = zoo.reconstruct("events.root")                               # both networks
    found = zoo.reconstruct(events, superclustering="mustache", energy="bdt")
    found.superclusters.energy_gev                                       # jagged, GeV

| step | alone | choices |
| --- | --- | --- |
| clustering | `find_clusters` | "pf"; events that hold clusters keep theirs |
| superclustering | `superclustering.find_superclusters` | a Mustache by name or constants, a network |
| objects | `supercluster_objects.supercluster_objects` | |
| energy | `energies.EnergyRegression` | "raw" (the sum), "bdt", a trained baseline, a network |

A network is a name ("drn"), a tag ("drn.barrel_electrons_v1"), the folder of a run ("./runs/drn-001") or a
loaded model; a baseline a name, a tag or the folder of its run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.errors import InvalidFile, InvalidValue, UnknownName

if TYPE_CHECKING:
    import awkward as ak
    import keras

    from zoo.baselines.mustache import MustacheConfig
    from zoo.data.kinds.schema import Schema

__all__ = [
    "Chain",
    "find_clusters",
    "input_kind",
    "reconstruct",
    "stretches",
]

STRETCH = 500
"""Events that go through the chain together: bounds the memory."""
CLUSTERINGS = ("pf",)


def reconstruct(
    events: ak.Array | str | os.PathLike[str],
    *,
    clustering: str = "pf",
    superclustering: str | MustacheConfig | keras.Model = "supercluster",
    energy: str | keras.Model = "drn",
    strategy: str = "cascade",
    batch_size: int = 64,
    branch_map: str | os.PathLike[str] | None = None,
    progress: Callable[[int], None] | None = None,
) -> ak.Array:
    """Reconstructs the superclusters of events.

    Args:
        events: Records of `RECHIT_EVENTS` or `CLUSTER_EVENTS`, or a ROOT file of them.
        clustering: "pf". Events that hold clusters already keep theirs.
        superclustering: "mustache", "mustache_tuned", constants of it, or a network.
        energy: "raw" for the sum of the clusters, "bdt" or another trained baseline, or a network.
        strategy: How a network's edges become superclusters: one of `zoo.models.supercluster.traversal`.
        batch_size: Windows, and superclusters, in a batch of a network.
        branch_map: For an own ntuple: the TOML file that says which branch is which field.
        progress: Called with the number of events done since the last call.

    Returns:
        Records of `SUPERCLUSTER_EVENTS`, one an event, in the order of the input. A supercluster of clusters
        without rechits has -1 for a regressed energy and its sigma; "raw" has a sigma of -1.

    Raises:
        UnknownName: No such choice, tag or field; the nearest ones are listed.
        InvalidValue: NaN, infinity, or a wrong dtype, shape or range in the input.
        InvalidFile: The file is missing, truncated, no ROOT file, or of another kind.
    """
    import awkward as ak

    chain = Chain(clustering, superclustering, energy, strategy=strategy, batch_size=batch_size)
    parts = []
    for part in stretches(events, branch_map):
        parts.append(chain(part))
        if progress is not None:
            progress(len(part))
    return ak.concatenate(parts)


class Chain:
    """The steps by name, for events that come in parts; networks are loaded at first use and kept.

    Args:
        clustering: As for `reconstruct`.
        superclustering: The same.
        energy: The same.
        strategy: The same.
        batch_size: The same.

    Raises:
        UnknownName: No such choice; the nearest ones are listed. Nothing is loaded before.
    """

    def __init__(
        self,
        clustering: str = "pf",
        superclustering: str | MustacheConfig | keras.Model = "supercluster",
        energy: str | keras.Model = "drn",
        *,
        strategy: str = "cascade",
        batch_size: int = 64,
    ) -> None:
        from zoo.reconstruction.energies import EnergyRegression
        from zoo.reconstruction.superclustering import Superclustering

        _check_clustering(clustering)
        self._clustering = clustering
        self._group = Superclustering(superclustering, strategy, batch_size=batch_size)
        raw = isinstance(energy, str) and energy == "raw"
        self._measure = None if raw else EnergyRegression(energy, batch_size=batch_size)

    @property
    def needs_tensorflow(self) -> bool:
        """Whether a step is a network."""
        methods = [step.method for step in (self._group, self._measure) if step is not None]
        return any(method is not None and method.is_network for method in methods)

    def origins(self) -> dict[str, str]:
        """Returns what does each step, with the tag or folder of its weights; loads the networks."""
        energy = "raw" if self._measure is None else self._measure.method.origin
        return {"clustering": self._clustering, "superclustering": self._group.origin, "energy": energy}

    def __call__(self, events: ak.Array) -> ak.Array:
        """Reconstructs events, all at once.

        Args:
            events: Records of `RECHIT_EVENTS` or `CLUSTER_EVENTS`.

        Returns:
            Records of `SUPERCLUSTER_EVENTS`.
        """
        from zoo.reconstruction.supercluster_objects import supercluster_objects
        from zoo.reconstruction.supercluster_records import supercluster_records

        clustered = find_clusters(events, self._clustering)
        found, flavours = self._group(clustered)
        if self._measure is None:
            energy, sigma = found.raw_energy_gev, np.full(len(found.seed), -1.0)
        else:
            energy, sigma = self._measure(supercluster_objects(clustered, found))
        return supercluster_records(clustered, found, energy, sigma, flavours)


def find_clusters(events: ak.Array, clustering: str = "pf") -> ak.Array:
    """First step: checks the records and clusters the rechits of each event.

    Args:
        events: Records of `RECHIT_EVENTS`, or of `CLUSTER_EVENTS`, which are returned.
        clustering: "pf".

    Returns:
        Records of `CLUSTER_EVENTS`.
    """
    from zoo.baselines.pf_clustering.cluster_events import cluster_events
    from zoo.data.kinds.clusters import CLUSTER_EVENTS, RECHIT_EVENTS
    from zoo.data.records import conform, validate

    _check_clustering(clustering)
    fields = getattr(events, "fields", None)
    if fields is None:
        raise InvalidValue("events", "records or a ROOT file", type(events).__name__)
    if not {"clusters", "hits"} & set(fields):
        raise UnknownName("field", "hits", fields, "the records, neither events of clusters nor of rechits")
    schema = CLUSTER_EVENTS if "clusters" in fields else RECHIT_EVENTS
    events = conform(events, schema)
    validate(events, schema)
    return events if schema is CLUSTER_EVENTS else cluster_events(events)


def input_kind(path: str | os.PathLike[str], branch_map: str | os.PathLike[str] | None = None) -> Schema:
    """Returns whether a file holds events of clusters or of rechits.

    Args:
        path: ROOT file.
        branch_map: Of an own ntuple; the fields that it names decide.

    Raises:
        InvalidFile: It holds neither.
        InvalidValue: The branch map fits neither.
    """
    from zoo.data.files.branch_maps import kind_of_map
    from zoo.data.files.readers import kind_of_file
    from zoo.data.kinds.clusters import CLUSTER_EVENTS, RECHIT_EVENTS

    kinds = (RECHIT_EVENTS, CLUSTER_EVENTS)
    if branch_map is not None:
        return kind_of_map(Path(branch_map), kinds)
    kind = kind_of_file(Path(path))
    if kind not in kinds:
        words = " or ".join(f"{one.title} (tree {one.name!r})" for one in kinds)
        raise InvalidFile(path, f"holds {kind.title} (tree {kind.name!r}), not {words}.")
    return kind


def stretches(
    events: ak.Array | str | os.PathLike[str], branch_map: str | os.PathLike[str] | None = None
) -> Iterator[ak.Array]:
    """Yields events in stretches, at least one, which may be empty; a file is never in memory as a whole.

    Args:
        events: Records, or a ROOT file.
        branch_map: Of an own ntuple.
    """
    if isinstance(events, (str, os.PathLike)):
        from zoo.data.files.readers import count_objects, iterate_root, read_root

        chosen = None if branch_map is None else Path(branch_map)
        schema = input_kind(events, branch_map)
        if count_objects(Path(events), chosen, schema):
            yield from iterate_root(Path(events), STRETCH, chosen, schema=schema)
        else:
            yield read_root(Path(events), chosen, schema=schema)
    else:
        for start in range(0, max(len(events), 1), STRETCH):
            yield events[start : start + STRETCH]


def _check_clustering(clustering: str) -> None:
    if clustering not in CLUSTERINGS:
        raise UnknownName("clustering", clustering, CLUSTERINGS)
