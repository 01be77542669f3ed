"""Superclusters as training objects: what the energy regression of a chain sees.

    python -m training drn --set samples=electrons@mustache
    python -m training drn --set samples=photons@supercluster.barrel_v1
    python -m training bdt_regression --set samples=photons@./runs/supercluster-001

Before the @ stands the particle, behind it what groups the clusters: any choice of `zoo.reconstruct`. Events
of PF clusters are simulated around one electron or photon, and of its superclusters the hardest is kept. The
samples without an @ hold the 5 x 29 crystals around the seed instead, whatever is in them.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from zoo.data.cluster_truth import match_superclusters
from zoo.errors import InvalidValue, UnknownName
from zoo.reconstruction.supercluster_objects import supercluster_objects
from zoo.simulation.generated import Spectrum
from zoo.simulation.samples import SUPERCLUSTERS
from zoo.simulation.samples import simulate as simulate_events

if TYPE_CHECKING:
    from zoo.reconstruction.superclustering import Superclustering

__all__ = ["SPECTRA", "events_of", "open_superclustering", "simulate"]

SPECTRA = {
    # ET beyond what is reported (4-100 GeV) at both ends, within the library's showers
    "electrons": Spectrum(min_et_gev=2.0, max_et_gev=110.0, jet_part=0.0, electron_part=1.0),
    "photons": Spectrum(min_et_gev=2.0, max_et_gev=110.0, jet_part=0.0, electron_part=0.0),
}
BATCH = 1000
"""Events that are superclustered together."""
TRIES = 20
"""Events simulated for each object that was asked for, at most."""


def simulate(sample: str, n: int, seed: int, *, split: str, pileup: bool, truth: bool = False) -> ak.Array:
    """Simulates superclusters of one kind of particle.

    Args:
        sample: "electrons@mustache", "photons@supercluster.barrel_v1", ...
        n: Number of objects.
        seed: Same seed, same objects.
        split: "train", "validation" or "test".
        pileup: Whether there is any.
        truth: Not available: PF clusters do not keep the truth of single hits.

    Returns:
        n records of `OBJECTS` with the truth of the object. `event_id` counts events; those without a
        supercluster of the particle are missing.

    Raises:
        UnknownName: No such particle or superclustering.
        InvalidValue: Truth of single hits is asked for, or hardly any event has a supercluster.
    """
    kind, _, chosen = sample.partition("@")
    if kind not in SPECTRA:
        raise UnknownName("sample", sample, [f"{name}@{chosen}" for name in SPECTRA])
    if truth:
        raise InvalidValue(f"truth of {sample}", "False: there is none of single hits", truth)
    group = open_superclustering(chosen)
    parts: list[ak.Array] = []
    have = events = number = 0
    while have < n:
        if events > TRIES * (n + 100):
            raise InvalidValue("superclustering", f"superclusters of {kind}", f"{have} in {events} events")
        size = min(BATCH, int(1.25 * (n - have)) + 16)
        entropy = int(np.random.SeedSequence((seed, number)).generate_state(1)[0])
        made = events_of(kind, size, entropy, split=split, pileup=pileup)
        found = group(made).superclusters
        hardest = match_superclusters(made, found)[1]
        objects = supercluster_objects(made, found, hardest[hardest >= 0], truth=True)[: n - have]
        parts.append(ak.with_field(objects, objects.event_id + events, "event_id"))
        have, events, number = have + len(objects), events + size, number + 1
    return ak.concatenate(parts)


def events_of(
    kind: str, n: int, seed: int, *, split: str, pileup: bool = True, processes: int = 1
) -> ak.Array:
    """Simulates events of PF clusters around one particle each.

    Args:
        kind: "electrons" or "photons".
        n: Number of events.
        seed: Same seed, same events.
        split: "train", "validation" or "test".
        pileup: Whether there is any.
        processes: Simulating processes.

    Returns:
        n records of `CLUSTER_EVENTS`, with groups and shares.

    Raises:
        UnknownName: No such particle.
    """
    if kind not in SPECTRA:
        raise UnknownName("sample", kind, SPECTRA)
    changes: dict[str, Any] = {"generated": SPECTRA[kind]} | ({} if pileup else {"pileup": (0, 0)})
    config = dataclasses.replace(SUPERCLUSTERS, **changes)
    return simulate_events(
        "superclusters", n, seed, split=split, config=config, truth=False, processes=processes
    )


@cache
def open_superclustering(chosen: str) -> Superclustering:
    """Opens a superclustering once in each process.

    Args:
        chosen: What stands behind the @ of a sample.
    """
    from zoo.reconstruction.superclustering import Superclustering

    return Superclustering(chosen)
