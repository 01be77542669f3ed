"""Whole events for particle flow: tracks and clusters in, with the particles behind them and a target each.

crossings (`crossings`, from the pool `collisions`) -> electrons and photons through the material
(`upstream`), tracks (`tracker`), deposits and clusters (`calorimeters`) -> superclusters -> targets
(`zoo.data.targets`) -> records of `ELEMENT_EVENTS`.

Limits: one depth of the HCAL, no preshower, no HO, no dead channels; displaced particles start straight
above their interaction; hadrons and muons cross the tracker's material untouched (lost tracks stand in the
efficiency); photons radiated on the way do not convert again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from zoo.arrays import Arrays, Floats, Ints, first_rows
from zoo.data.kinds.elements import ELEMENT_EVENTS, MEASURED_GEV
from zoo.data.kinds.schema import Schema
from zoo.data.near_pairs import near_pairs
from zoo.data.targets import assign_targets
from zoo.simulation import collisions
from zoo.simulation.calorimeters import ECAL_FACE, CalorimeterConfig, find_clusters
from zoo.simulation.cell_clusters import Clusters
from zoo.simulation.columns import Columns, join
from zoo.simulation.crossings import Crossings, Gun, draw_crossings
from zoo.simulation.pileup import check_pileup
from zoo.simulation.sources import Files, Source
from zoo.simulation.tracker import TrackerConfig, find_tracks
from zoo.simulation.upstream import UpstreamConfig, go_upstream

__all__ = ["ELEMENT_SAMPLES", "ElementEventConfig", "SuperclusterConfig"]


BLOCK = 8
"""Events worked on at once: the cells of more would leave the processor's cache."""
SUPERCLUSTER = 10


@dataclass(frozen=True)
class SuperclusterConfig:
    """Superclusters around hard ECAL clusters: all clusters in a window narrow in eta and wide in phi."""

    least_et_gev: float = 4.0  # of the whole, as in CMS
    least_seed_gev: float = 1.0  # ET of the seed
    d_eta: float = 0.03
    d_phi: float = 0.2


@dataclass(frozen=True)
class ElementEventConfig:
    """One sample of whole events: what is generated, and the detector."""

    name: str
    source: str | Gun
    pileup: tuple[int, int] = (0, 0)  # interactions per crossing, uniform, both included
    pool: str = ""  # file of `pythia_collisions`; "" is the one that ships
    spread_z_cm: float = 3.5  # of the interactions along the beam; Run 2
    field_tesla: float = 3.8  # CMS solenoid
    upstream: UpstreamConfig = field(default_factory=UpstreamConfig)
    tracker: TrackerConfig = field(default_factory=TrackerConfig)
    calorimeters: CalorimeterConfig = field(default_factory=CalorimeterConfig)
    superclusters: SuperclusterConfig = field(default_factory=SuperclusterConfig)
    # layer -> (b, c): an ECAL cluster's corrected energy is E + b sqrt(E) + c; from unconverted photons
    ecal_correction: dict[int, tuple[float, float]] = field(
        default_factory=lambda: {-1: (0.21, -0.15), -2: (0.33, -0.3)}
    )
    least_link_gev: float = 0.01  # links of clusters below are dropped

    schema: ClassVar[Schema] = ELEMENT_EVENTS
    records_per_event: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_pileup(self)

    def open(self, files: Files) -> Source:
        """Opens the pool of collisions; no showers of the library are used."""
        del files
        pool = collisions.read(Path(self.pool)) if self.pool else collisions.Collisions.shipped()
        return ElementEvents(self, pool)


@dataclass(frozen=True)
class ElementEvents:
    """A sample of whole events with its pool of collisions."""

    sample: ElementEventConfig
    pool: collisions.Collisions

    def simulate(self, n: int, split: str, rng: np.random.Generator, *, truth: bool = True) -> Columns:
        """Simulates n events; none is left out, an event without elements has a record too.

        Args:
            n: Number of events.
            split: "train", "validation" or "test": which collisions of the pool are used.
            rng: Source of all randomness.
            truth: Whether to list particles and links; targets are there in any case.
        """
        starts = range(0, n, BLOCK)
        blocks = [
            _block(min(BLOCK, n - start), self.sample, self.pool, split, rng, truth) for start in starts
        ]
        columns = join(blocks)
        columns.origin = np.arange(n)
        return columns


GUNS = {
    "electron": 11, "muon": 13, "pi0": 111, "pion": 211, "photon": 22, "proton": 2212, "neutron": 2112,
}  # fmt: skip
ELEMENT_SAMPLES: dict[str, ElementEventConfig] = {
    config.name: config
    for config in (
        *(ElementEventConfig(name, name) for name in ("ttbar", "qcd", "qcd_high", "ztautau")),
        *(ElementEventConfig(f"single_{name}", Gun(code)) for name, code in GUNS.items()),
        ElementEventConfig("single_tau", "tau"),
    )
}
"""All without pile-up: `dataclasses.replace(config, pileup=(55, 75))`."""


def _block(
    n: int,
    config: ElementEventConfig,
    pool: collisions.Collisions,
    split: str,
    rng: np.random.Generator,
    truth: bool,
) -> Columns:
    made = draw_crossings(n, config.source, config.pileup, config.spread_z_cm, pool, split, rng)
    code = np.abs(made.pdg_id)
    light = np.flatnonzero((code == 11) | (code == 22))
    upstream = go_upstream(
        light,
        made.charge[light],
        made.energy_gev[light],
        made.eta[light],
        made.phi[light],
        made.z_cm[light],
        made.radius_cm[light],
        ECAL_FACE,
        config.field_tesla,
        config.upstream,
        rng,
    )
    tables = find_tracks(made, upstream.electrons, config.field_tesla, config.tracker, rng)
    links = [(np.arange(len(table["event"])), table["particle"], table["link_gev"]) for table in tables]
    found = find_clusters(made, upstream.showering, config.field_tesla, config.calorimeters, rng)
    for kind, clusters in found.items():
        tables.append(_cluster_table(kind, clusters, config))
        enough = clusters.link_gev > config.least_link_gev
        links.append(
            (clusters.link_cluster[enough], clusters.link_particle[enough], clusters.link_gev[enough])
        )
    ecal = list(found).index(4) + 3
    table, link = _superclusters(tables[ecal], links[ecal], config.superclusters)
    tables.append(table)
    links.append(link)

    elements = _join_tables(tables)
    ends = np.cumsum([len(table["event"]) for table in tables])
    starts = ends - [len(table["event"]) for table in tables]
    link_element = np.concatenate([link[0] + start for link, start in zip(links, starts, strict=True)])
    link_particle = np.concatenate([link[1] for link in links])
    link_gev = np.concatenate([link[2] for link in links])
    real = link_particle >= 0
    order = rng.permutation(len(elements["event"]))  # an element's place must say nothing
    order = order[np.argsort(elements["event"][order], kind="stable")]
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    elements = {name: values[order] for name, values in elements.items()}
    return _columns(n, made, elements, place[link_element[real]], link_particle[real], link_gev[real], truth)


def _cluster_table(kind: int, clusters: Clusters, config: ElementEventConfig) -> Arrays:
    energy = np.clip(clusters.energy_gev, 0.0, MEASURED_GEV)
    corrected = energy.copy()
    for layer, (b, c) in config.ecal_correction.items():
        here = clusters.layer == layer
        corrected[here] = np.maximum(energy[here] + b * np.sqrt(energy[here]) + c, 0.5 * energy[here])
    return {
        "event": clusters.event,
        "kind": np.full(len(energy), kind),
        "pt_gev": energy / np.cosh(clusters.eta),
        "eta": clusters.eta,
        "phi": clusters.phi,
        "energy_gev": energy,
        "layer": clusters.layer,
        "depth": np.full(len(energy), int(kind == 5)),
        "corrected_energy_gev": np.minimum(corrected, MEASURED_GEV),
    }


def _superclusters(
    ecal: Arrays, links: tuple[Ints, Ints, Floats], config: SuperclusterConfig
) -> tuple[Arrays, tuple[Ints, Ints, Floats]]:
    """Each cluster goes to the hardest seed near it; a seed is the hardest cluster of its window."""
    event, eta, phi, energy = (ecal[name] for name in ("event", "eta", "phi", "corrected_energy_gev"))
    et = energy / np.cosh(eta)
    hard = np.flatnonzero(et > config.least_seed_gev)
    a, b, d_eta, d_phi = near_pairs(event[hard], eta[hard], phi[hard], event, eta, phi, config.d_phi)
    inside = (np.abs(d_eta) < config.d_eta) & (np.abs(d_phi) < config.d_phi)
    a, b = hard[a[inside]], b[inside]
    beaten = np.unique(a[et[b] > et[a]])
    seed = np.setdiff1d(hard, beaten)
    of_seed = np.isin(a, seed)
    a, b = a[of_seed], b[of_seed]
    owner = np.full(len(et), -1)
    softest_first = np.argsort(et[a], kind="stable")
    owner[b[softest_first]] = a[softest_first]
    member = np.flatnonzero(owner >= 0)
    total = np.bincount(owner[member], energy[member], len(et))
    kept = seed[total[seed] / np.cosh(eta[seed]) > config.least_et_gev]
    number = np.full(len(et) + 1, -1)
    number[kept] = np.arange(len(kept))
    raw = np.bincount(owner[member], ecal["energy_gev"][member], len(et))[kept]
    table: Arrays = {
        "event": event[kept],
        "kind": np.full(len(kept), SUPERCLUSTER),
        "pt_gev": raw / np.cosh(eta[kept]),
        "eta": eta[kept],
        "phi": phi[kept],
        "energy_gev": raw,
        "corrected_energy_gev": total[kept],
        "layer": ecal["layer"][kept],
    }
    cluster, particle, gev = links
    mine = number[owner[cluster]]
    inside = mine >= 0
    return table, (mine[inside], particle[inside], gev[inside])


def _join_tables(tables: list[Arrays]) -> Arrays:
    """One row an element; a column that a table does not have is 0."""
    names = ["event"] + [
        f.leaf for f in ELEMENT_EVENTS.fields if f.collection == "elements" and f.role == "input"
    ]
    return {
        name: np.concatenate([table.get(name, np.zeros(len(table["event"]))) for table in tables])
        for name in names
    }


def _columns(
    n: int,
    made: Crossings,
    elements: Arrays,
    link_element: Ints,
    link_particle: Ints,
    link_gev: Floats,
    truth: bool,
) -> Columns:
    momentum = np.stack(
        [
            made.energy_gev,
            made.pt_gev * np.cos(made.phi),
            made.pt_gev * np.sin(made.phi),
            made.pt_gev * np.sinh(made.eta),
        ],
        axis=-1,
    )
    targets = assign_targets(
        elements["kind"], made.pdg_id, made.charge, momentum, link_element, link_particle, link_gev
    )
    event = elements.pop("event").astype(np.int64)
    counts = np.bincount(event, minlength=n)
    first = first_rows(counts)
    n_particles = np.bincount(made.event, minlength=n)
    first_particle = first_rows(n_particles)
    led = targets.label > 0
    values = {f"elements.{name}": column for name, column in elements.items()} | targets.columns()
    values["elements.target_pileup"] = np.zeros(len(led), bool)
    values["elements.target_pileup"][led] = made.interaction[targets.particle[led]] > 0
    columns = Columns(values, {"elements": counts}, np.arange(n))
    values.update({"n_pileup": made.n_pileup, "collision_row": made.collision, "event_id": np.arange(n)})
    if truth:
        values["elements.target_particle"] = np.where(led, targets.particle - first_particle[event], -1)
        element = targets.element
        values["particles.element"] = np.where(element >= 0, element - first[made.event], -1)
        for leaf, column in (
            ("pdg_id", made.pdg_id), ("charge", made.charge), ("energy_gev", made.energy_gev),
            ("pt_gev", made.pt_gev), ("eta", made.eta), ("phi", made.phi), ("vertex_z_cm", made.z_cm),
            ("interaction", made.interaction),
        ):  # fmt: skip
            values[f"particles.{leaf}"] = column
        order = np.argsort(made.event[link_particle], kind="stable")
        of = made.event[link_particle[order]]
        values["links.element"] = link_element[order] - first[of]
        values["links.particle"] = link_particle[order] - first_particle[of]
        values["links.energy_gev"] = np.minimum(link_gev[order], MEASURED_GEV)
        columns.counts.update({"particles": n_particles, "links": np.bincount(of, minlength=n)})
    for name in values:
        values[name] = values[name].astype(ELEMENT_EVENTS.by_name[name].dtype)
    return columns
