"""The ECAL chain: events of rechits, of PF clusters and of superclusters, and windows of clusters.

One record of `RECHIT_EVENTS` is what PFClustering starts from, one of `CLUSTER_EVENTS` an event after it. Its
clusters come in no special order; a hit that several clusters share stands once for each of them, with its
fraction. One record of `WINDOWS` is the neighbourhood of one seed cluster, cut out of such an event. One of
`SUPERCLUSTER_EVENTS` is what `zoo.reconstruct` makes of an event.
"""

from __future__ import annotations

from zoo.data.kinds.objects import OBJECTS
from zoo.data.kinds.schema import BEAM_GEV, PI, Field, Schema

__all__ = ["CLUSTER_EVENTS", "FLAVOURS", "RECHIT_EVENTS", "SUPERCLUSTER_EVENTS", "WINDOWS"]

FLAVOURS = ("jet", "electron", "photon")
"""Meaning of `groups.flavour` and `flavour`."""


def _as_of_objects(*names: str) -> tuple[Field, ...]:
    return tuple(OBJECTS.by_name[name] for name in names)


_FLAVOUR = "what it is: 0 jet, 1 electron, 2 photon"
_CLUSTERS = (
    Field("clusters.ieta", "int16", "", "input", "ieta of the seed crystal, no 0", -85, 85, not_zero=True),
    Field("clusters.iphi", "int16", "", "input", "iphi of the seed crystal", 1, 360),
    Field("clusters.energy_gev", "float32", "GeV", "input", "raw PF energy", 0.0, BEAM_GEV, open_low=True),
    Field("clusters.eta", "float32", "", "input", "eta of the PF position", -5.0, 5.0),
    Field("clusters.phi", "float32", "rad", "input", "phi of the PF position", -PI, PI),
)
_CLUSTER_PILEUP = Field(
    "clusters.pileup_gev",
    "float32",
    "GeV",
    "truth",
    "deposit of pile-up in it, by the hits' fractions",
    0.0,
    BEAM_GEV,
)
_HITS = (
    Field("hits.cluster", "int16", "", "input", "index into clusters", 0, into="clusters"),
    *_as_of_objects("hits.ieta", "hits.iphi"),
    Field("hits.energy_gev", "float32", "GeV", "input", "energy, undivided", 0.0, BEAM_GEV, open_low=True),
    Field("hits.fraction", "float32", "", "input", "share of the cluster in it", 0.0, 1.0, open_low=True),
    *_as_of_objects("hits.noise_gev", "hits.dead_neighbours"),
)
_EVENT = _as_of_objects("rho_gev", "n_pileup", "shower_row", "shower_pdg_id", "event_id")


def _gev(name: str, meaning: str) -> Field:
    return Field(name, "float32", "GeV", "truth", meaning, 0.0, BEAM_GEV)


_GROUPS = (
    Field("groups.flavour", "int8", "", "truth", _FLAVOUR, 0, 2),
    _gev("groups.energy_gev", "generated energy"),
    Field("groups.eta", "float32", "", "truth", "generated eta, at the vertex", -10.0, 10.0),
    Field("groups.phi", "float32", "rad", "truth", "generated phi, at the vertex", -PI, PI),
    _gev("groups.deposit_gev", "deposit of all its particles in the crystals"),
)

RECHIT_EVENTS = Schema(
    "rechit_events",
    "events of rechits",
    4,
    "hits",
    (
        *_as_of_objects(
            "hits.ieta", "hits.iphi", "hits.energy_gev", "hits.noise_gev", "hits.dead_neighbours"
        ),
        *_EVENT,
    ),
)

CLUSTER_EVENTS = Schema(
    "cluster_events",
    "events of PF clusters",
    2,
    "clusters",
    (
        *_CLUSTERS,
        Field(
            "clusters.leakage_gev", "float32", "GeV", "input", "smeared energy behind it (H)", 0.0, BEAM_GEV
        ),
        _CLUSTER_PILEUP,
        Field("clusters.whole_window", "uint8", "", "provenance", "1: its window was simulated", 0, 1),
        *_HITS,
        *_GROUPS,
        Field("particles.pdg_id", "int32", "", "truth", "PDG code"),
        Field("particles.group", "int16", "", "truth", "index into groups: made by it", 0, into="groups"),
        _gev("particles.energy_gev", "energy at the vertex"),
        Field("particles.eta", "float32", "", "truth", "eta at the vertex"),
        Field("particles.phi", "float32", "rad", "truth", "phi at the vertex"),
        _gev("particles.deposit_gev", "deposit in the crystals, before thresholds"),
        Field("particles.library_row", "int32", "", "truth", "row of its shower, -1: none", -1),
        Field("shares.cluster", "int16", "", "truth", "index into clusters", 0, into="clusters"),
        Field("shares.group", "int16", "", "truth", "index into groups", 0, into="groups"),
        _gev("shares.energy_gev", "deposit of the group in the cluster, by the hits' fractions"),
        *_EVENT,
    ),
    labelled=("clusters", "groups", "shares"),
)

WINDOWS = Schema(
    "windows",
    "clusters around a seed cluster",
    3,
    "clusters",
    (
        *_CLUSTERS,
        Field("clusters.is_seed", "uint8", "", "input", "1 for the seed of the window, else 0", 0, 1),
        Field("clusters.in_supercluster", "uint8", "", "truth", "1: of the seed's supercluster", 0, 1),
        _gev("clusters.true_energy_gev", "deposit of the window's group in it, by the hits' fractions"),
        _CLUSTER_PILEUP,
        Field("clusters.index", "int32", "", "provenance", "its place in the event", 0),
        *_HITS,
        Field("leakage_gev", "float32", "GeV", "input", "smeared energy behind the seed (H)", 0.0, BEAM_GEV),
        Field("flavour", "int8", "", "truth", _FLAVOUR, 0, 2),
        _gev("true_energy_gev", "generated energy of the window's group, 0: none"),
        Field("true_eta", "float32", "", "truth", "generated eta of that group", -10.0, 10.0),
        Field("true_phi", "float32", "rad", "truth", "generated phi of that group", -PI, PI),
        _gev("sim_energy_gev", "deposit of that group in the crystals"),
        *_EVENT,
    ),
    labelled=("clusters",),
)


def _output(name: str, unit: str, meaning: str, low: float, high: float) -> Field:
    return Field(f"superclusters.{name}", "float32", unit, "input", meaning, low, high)


SUPERCLUSTER_EVENTS = Schema(
    "supercluster_events",
    "events of superclusters",
    5,
    "superclusters",
    (
        _output("energy_gev", "GeV", "energy, -1: no rechits", -1.0, BEAM_GEV),
        _output("sigma_gev", "GeV", "its uncertainty, -1: none", -1.0, BEAM_GEV),
        _output("raw_energy_gev", "GeV", "sum of the raw PF energies", 0.0, BEAM_GEV),
        _output("eta", "", "eta of the mean position, seen from the origin", -5.0, 5.0),
        _output("phi", "rad", "phi of the mean position", -PI, PI),
        _output("et_gev", "GeV", "energy / cosh(eta), -1: no rechits", -1.0, BEAM_GEV),
        Field(
            "superclusters.flavour", "int8", "", "input", "0 jet, 1 electron, 2 photon, -1: unknown", -1, 2
        ),
        *(
            _output(f"{name}_probability", "", f"probability of flavour {name}, -1: unknown", -1.0, 1.0)
            for name in FLAVOURS
        ),
        Field("superclusters.seed", "int16", "", "input", "index of its seed among the event's clusters", 0),
        Field(
            "superclusters.group",
            "int16",
            "",
            "truth",
            "index into groups: that of its seed, -1: none",
            -1,
            into="groups",
        ),
        Field(
            "members.supercluster", "int16", "", "input", "index into superclusters", 0, into="superclusters"
        ),
        Field("members.cluster", "int16", "", "input", "index among the event's clusters", 0),
        *_GROUPS,
        Field(
            "groups.supercluster",
            "int16",
            "",
            "truth",
            "index into superclusters: the hardest with a seed of it, -1: none",
            -1,
            into="superclusters",
        ),
        *_EVENT,
    ),
)
