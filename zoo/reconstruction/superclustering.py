"""Superclusters of events of PF clusters, by Mustache or by the edges of a network.

    found = find_superclusters(events, "mustache")
    found = find_superclusters(events, "supercluster.barrel_v1", "collect_and_merge")
    found.superclusters.seed, found.flavour_probability

A network sees the window of every seed; the traversal decides which seed takes a cluster that several want.
Raw PF energies order the clusters and are cut on, as in the training of the network: seeds above an ET of
1 GeV, superclusters above 4 GeV.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import awkward as ak
import numpy as np

from zoo.arrays import Floats, owners
from zoo.baselines.mustache import CMS, TUNED, MustacheConfig, mustache
from zoo.data.clusters import Superclusters, event_clusters
from zoo.data.kinds.clusters import FLAVOURS
from zoo.data.node_rows import node_rows
from zoo.errors import UnknownName
from zoo.inference.choice import Method, choose
from zoo.models.supercluster.traversal import STRATEGIES, Edges, traverse
from zoo.models.supercluster.windows import find_windows, make_windows

if TYPE_CHECKING:
    import keras

__all__ = ["MUSTACHES", "Found", "Superclustering", "find_superclusters"]

MUSTACHES = {"mustache": CMS, "mustache_tuned": TUNED}
"""Classical choices by name."""


class Found(NamedTuple):
    """Superclusters of some events, S in all.

    Attributes:
        superclusters: The superclusters.
        flavour_probability: [S, 3] of jet, electron, photon, from each seed's window; None without a network.
    """

    superclusters: Superclusters
    flavour_probability: Floats | None


def find_superclusters(
    events: ak.Array,
    superclustering: str | MustacheConfig | keras.Model = "supercluster",
    strategy: str = "cascade",
    *,
    batch_size: int = 64,
) -> Found:
    """Groups the clusters of each event.

    Args:
        events: Records of `CLUSTER_EVENTS`.
        superclustering: "mustache", "mustache_tuned", constants of it, or a network.
        strategy: How a network's edges become superclusters.
        batch_size: Windows in a batch.

    Returns:
        Superclusters.

    Raises:
        UnknownName: No such choice; the nearest ones are listed.
    """
    return Superclustering(superclustering, strategy, batch_size=batch_size)(events)


class Superclustering:
    """The step by name, for events that come in parts; arguments as for `find_superclusters`.

    Attributes:
        method: The chosen network, None for Mustache.
    """

    def __init__(
        self,
        chosen: str | MustacheConfig | keras.Model = "supercluster",
        strategy: str = "cascade",
        *,
        batch_size: int = 64,
    ) -> None:
        if strategy not in STRATEGIES:
            raise UnknownName("strategy", strategy, STRATEGIES)
        self._strategy, self._batch_size = strategy, batch_size
        self._mustache = CMS
        self.method: Method | None = None
        if isinstance(chosen, MustacheConfig):
            self._mustache = chosen
        elif isinstance(chosen, str) and chosen in MUSTACHES:
            self._mustache = MUSTACHES[chosen]
        else:
            self.method = choose(chosen, "superclustering", others=MUSTACHES)

    @property
    def origin(self) -> str:
        """What groups the clusters; loads a network."""
        if self.method is not None:
            return f"{self.method.origin}, {self._strategy}"
        known = (name for name, constants in MUSTACHES.items() if constants == self._mustache)
        return next(known, f"mustache, {self._mustache}")

    def __call__(self, events: ak.Array) -> Found:
        """Groups the clusters of records of `CLUSTER_EVENTS`."""
        clusters = event_clusters(events)
        if self.method is None:
            return Found(mustache(clusters, self._mustache), None)
        where = find_windows(clusters.row_splits, clusters.raw_energy_gev, clusters.eta, clusters.phi)
        windows = make_windows(events, found=where)  # as the network sees them
        window = owners(np.diff(where.splits))
        probability, flavour = np.zeros(len(window)), np.zeros((len(where.seed), len(FLAVOURS)))
        if len(window):
            outputs = self.method.predict(windows, self._batch_size)
            counts = np.diff(where.splits)
            probability = node_rows(outputs.edge_probability, counts, "edge_probability").astype(np.float64)
            flavour = np.asarray(ak.to_numpy(outputs.flavour_probability), np.float64)
        edges = Edges(where.seed[window], where.cluster, probability)
        found = traverse(clusters, edges, self._strategy)
        return Found(found, flavour[np.searchsorted(where.seed, found.seed)])
