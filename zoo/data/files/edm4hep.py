"""Reads EDM4hep files of Delphes (FCC-ee and the like) as events of particle-flow elements.

    records = read_edm4hep("delphes.root")                       # ELEMENT_EVENTS
    element_features(records, EDM4HEP_FEATURES)                  # [T, 10]

Tracks are the track states of `EFlowTrack`, ECAL clusters those of `EFlowPhoton`, HCAL clusters those of
`EFlowNeutralHadron`. Delphes leaves the clusters' positions empty; their directions are those of the
`ReconstructedParticles` made of them. Everything else that an element could have is 0. Truth comes through
`MCRecoAssociations`; a cluster's energy is shared among its particles by their energies.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.angles import wrap_phi
from zoo.arrays import Arrays, Floats, Ints, first_rows, owners
from zoo.data.files.readers import open_root
from zoo.data.kinds.elements import ELEMENT_EVENTS, MEASURED_GEV
from zoo.data.records import assemble, validate
from zoo.data.targets import ECAL, HCAL, TRACK, assign_targets
from zoo.errors import InvalidFile, UnknownName

__all__ = ["EDM4HEP_FEATURES", "IDEA", "EDM4hepDetector", "read_edm4hep"]


EDM4HEP_FEATURES = (
    "kind", "pt_gev", "eta", "phi", "energy_gev", "charge", "eta_ecal", "phi_ecal", "dz_cm",
    "corrected_energy_gev",
)  # fmt: skip
"""Features that such a file can fill."""
NEUTRINOS = (12, 14, 16)
STABLE = 1
PHOTON = 22


@dataclass(frozen=True)
class EDM4hepDetector:
    """What the file does not say of its detector."""

    field_tesla: float = 2.0
    radius_cm: float = 225.0  # of the calorimeter's face
    half_length_cm: float = 250.0


IDEA = EDM4hepDetector()
"""The IDEA card of Delphes."""


def read_edm4hep(path: str | Path, detector: EDM4hepDetector = IDEA, *, tree: str = "events") -> ak.Array:
    """Reads a file.

    Args:
        path: The file.
        detector: Field and calorimeter of its detector.
        tree: Name of the tree.

    Returns:
        Records of `ELEMENT_EVENTS` with truth.

    Raises:
        InvalidFile: The file is missing, truncated or not ROOT, or its relations point nowhere.
        UnknownName: No such tree, or a collection is not there.
    """
    with open_root(path) as file:
        trees = [name for name, kind in file.classnames(cycle=False).items() if kind == "TTree"]
        if tree not in trees:
            raise UnknownName("tree", tree, trees, str(path))
        source = _Source(path, file[tree])
        n = len(source.counts("EFlowTrack"))
        elements = _join(_tracks(source, detector), _clusters(source))
        particles, momentum = _particles(source)
        links = _links(source, elements, particles)
    return _records(n, elements, particles, momentum, *links)


@dataclass(frozen=True)
class _Source:
    """An open tree, collection by collection, flat."""

    path: str | Path
    tree: Any

    def _array(self, branch: str) -> ak.Array:
        names = self.tree.keys(recursive=True)
        if branch not in names:
            raise UnknownName("branch", branch, names, str(self.path))
        return self.tree[branch].array(library="ak")

    def flat(self, collection: str, leaf: str) -> npt.NDArray[Any]:
        return np.asarray(ak.to_numpy(ak.flatten(self._array(f"{collection}/{collection}.{leaf}"))))

    def counts(self, collection: str, leaf: str = "type") -> Ints:
        return np.asarray(ak.to_numpy(ak.num(self._array(f"{collection}/{collection}.{leaf}"))), np.int64)

    def first(self, collection: str, leaf: str = "type") -> Ints:
        return first_rows(self.counts(collection, leaf))

    def event(self, collection: str, leaf: str = "type") -> Ints:
        return owners(self.counts(collection, leaf))

    def relation(self, collection: str, number: int, target: str, leaf: str) -> Ints:
        """Indices of a relation, counted through all events."""
        name = f"{collection}#{number}"
        index, event = self.flat(name, "index").astype(np.int64), self.event(name, "index")
        if len(index) and ((index < 0) | (index >= self.counts(target, leaf)[event])).any():
            raise InvalidFile(self.path, f"relation {name} points outside {target}.")
        return self.first(target, leaf)[event] + index


def _tracks(source: _Source, detector: EDM4hepDetector) -> Arrays:
    states = "EFlowTrack_1"
    place = source.first(states, "omega")[source.event("EFlowTrack")] + source.flat(
        "EFlowTrack", "trackStates_begin"
    ).astype(np.int64)
    omega, phi, slope, z_mm = (
        source.flat(states, leaf)[place].astype(np.float64) for leaf in ("omega", "phi", "tanLambda", "Z0")
    )
    event = source.event("EFlowTrack")
    curvature = -10.0 * omega  # 1/cm, as a positive particle turns
    pt = 0.00299792458 * detector.field_tesla / np.maximum(np.abs(curvature), 1e-9)
    eta, z = np.arcsinh(slope), 0.1 * z_mm
    half = 0.5 * curvature * detector.radius_cm
    barrel = 2.0 * np.arcsin(np.clip(half, -1.0, 1.0)) / np.where(half == 0, 1.0, curvature)
    barrel = np.where(half == 0, detector.radius_cm, barrel)
    steep = np.where(np.abs(slope) < 1e-6, 1e-6, slope)
    lid = (np.sign(steep) * detector.half_length_cm - z) / steep
    arc = np.where(np.abs(half) < 1.0, np.minimum(barrel, lid), lid)
    bend = 0.5 * curvature * arc
    radius = np.maximum(np.abs(arc * np.sinc(bend / np.pi)), 0.1)
    order = np.lexsort((z, event))
    count = np.bincount(event, minlength=len(source.counts("EFlowTrack")))
    middle = np.zeros(len(count))
    middle[count > 0] = z[order][(first_rows(count) + count // 2)[count > 0]]
    return {
        "event": event,
        "place": np.arange(len(event)),
        "kind": np.full(len(event), TRACK),
        "pt_gev": np.minimum(pt, MEASURED_GEV / np.cosh(eta)),
        "eta": eta,
        "phi": phi,
        "energy_gev": np.minimum(pt * np.cosh(eta), MEASURED_GEV),
        "charge": np.sign(omega),
        "eta_ecal": np.arcsinh((z + arc * slope) / radius),
        "phi_ecal": wrap_phi(phi + bend),
        "dz_cm": np.clip(z - middle[event], -99.0, 99.0),
    }


def _clusters(source: _Source) -> Arrays:
    reco = "ReconstructedParticles"
    begin, end = (source.flat(reco, f"clusters_{edge}").astype(np.int64) for edge in ("begin", "end"))
    has = np.flatnonzero(end > begin)
    relation = source.first(f"{reco}#0", "index")[source.event(reco)[has]] + begin[has]
    event, index = source.event(reco)[has], source.flat(f"{reco}#0", "index")[relation].astype(np.int64)
    photon = source.flat(reco, "type")[has] == PHOTON
    energy = np.zeros(len(has))
    for name, chosen in (("EFlowPhoton", photon), ("EFlowNeutralHadron", ~photon)):
        if len(index[chosen]) and (index[chosen] >= source.counts(name)[event[chosen]]).any():
            raise InvalidFile(source.path, f"relation {reco}#0 points outside {name}.")
        energy[chosen] = source.flat(name, "energy")[source.first(name)[event[chosen]] + index[chosen]]
    x, y, z = (source.flat(reco, f"momentum.{axis}")[has].astype(np.float64) for axis in "xyz")
    eta = np.arcsinh(z / np.maximum(np.hypot(x, y), 1e-9))
    return {
        "event": event,
        "place": has,
        "kind": np.where(photon, ECAL, HCAL),
        "pt_gev": energy / np.cosh(eta),
        "eta": np.clip(eta, -10.0, 10.0),
        "phi": np.arctan2(y, x),
        "energy_gev": energy,
        "corrected_energy_gev": energy,
    }


def _particles(source: _Source) -> tuple[Arrays, Floats]:
    """The visible final particles, their row in the file, and (E, px, py, pz)."""
    pdg = source.flat("Particle", "PDG")
    seen = (source.flat("Particle", "generatorStatus") == STABLE) & ~np.isin(np.abs(pdg), NEUTRINOS)
    row = np.flatnonzero(seen)
    x, y, z = (source.flat("Particle", f"momentum.{axis}")[row].astype(np.float64) for axis in "xyz")
    mass = source.flat("Particle", "mass")[row]
    pt = np.hypot(x, y)
    energy = np.sqrt(pt**2 + z**2 + mass**2)
    table: Arrays = {
        "event": source.event("Particle", "PDG")[row],
        "place": row,
        "pdg_id": pdg[row],
        "charge": np.rint(source.flat("Particle", "charge")[row]),
        "energy_gev": energy,
        "pt_gev": pt,
        "eta": np.clip(np.arcsinh(z / np.maximum(pt, 1e-9)), -10.0, 10.0),
        "phi": np.arctan2(y, x),
        "vertex_z_cm": np.clip(0.1 * source.flat("Particle", "vertex.z")[row], -99.0, 99.0),
        "interaction": np.zeros(len(row)),
    }
    return table, np.stack([energy, x, y, z], axis=-1)


def _links(source: _Source, elements: Arrays, particles: Arrays) -> tuple[Ints, Ints, Floats]:
    """Element, particle, energy of each link."""
    reco = "ReconstructedParticles"
    of = source.relation("MCRecoAssociations", 0, reco, "type")
    to = source.relation("MCRecoAssociations", 1, "Particle", "PDG")
    number = np.full(source.counts(reco).sum(), -1)
    tracks = np.flatnonzero(elements["kind"] == TRACK)
    clusters = np.flatnonzero(elements["kind"] != TRACK)
    number[elements["place"][clusters]] = clusters
    begin, end = (source.flat(reco, f"tracks_{edge}").astype(np.int64) for edge in ("begin", "end"))
    has = np.flatnonzero(end > begin)
    relation = source.first(f"{reco}#1", "index")[source.event(reco)[has]] + begin[has]
    number[has] = tracks[source.relation(reco, 1, "EFlowTrack", "type")[relation]]
    visible = np.full(source.counts("Particle", "PDG").sum(), -1)
    visible[particles["place"]] = np.arange(len(particles["place"]))
    element, particle = number[of], visible[to]
    known = (element >= 0) & (particle >= 0)
    element, particle = element[known], particle[known]
    energy = particles["energy_gev"][particle]
    total = np.bincount(element, energy, len(elements["kind"]))
    part = energy / np.maximum(total[element], 1e-9)
    return element, particle, part * elements["energy_gev"][element]


def _join(*tables: Arrays) -> Arrays:
    """Elements of all tables, event after event; a column that a table does not have is 0."""
    inputs = [f.leaf for f in ELEMENT_EVENTS.fields if f.collection == "elements" and f.role == "input"]
    joined = {
        name: np.concatenate([table.get(name, np.zeros(len(table["event"]))) for table in tables])
        for name in ("event", "place", *inputs)
    }
    order = np.argsort(joined["event"], kind="stable")
    return {
        name: values[order].astype(np.int64) if name in ("event", "place") else values[order]
        for name, values in joined.items()
    }


def _records(
    n: int, elements: Arrays, particles: Arrays, momentum: Floats, element: Ints, particle: Ints, gev: Floats
) -> ak.Array:
    targets = assign_targets(
        elements["kind"], particles["pdg_id"], particles["charge"], momentum, element, particle, gev
    )
    counts = {
        "elements": np.bincount(elements["event"], minlength=n),
        "particles": np.bincount(particles["event"], minlength=n),
        "links": np.bincount(elements["event"][element], minlength=n),
    }
    first = {name: first_rows(count) for name, count in counts.items()}
    order = np.argsort(elements["event"][element], kind="stable")
    element, particle, gev = element[order], particle[order], gev[order]
    of = elements["event"][element]
    columns: Arrays = {f"elements.{name}": values for name, values in elements.items()}
    columns.update(targets.columns())
    columns["elements.target_pileup"] = np.zeros(len(elements["event"]))
    shift = first["particles"][elements["event"]]
    columns["elements.target_particle"] = np.where(targets.particle >= 0, targets.particle - shift, -1)
    columns.update({f"particles.{name}": values for name, values in particles.items()})
    shift = first["elements"][particles["event"]]
    columns["particles.element"] = np.where(targets.element >= 0, targets.element - shift, -1)
    columns["links.element"] = element - first["elements"][of]
    columns["links.particle"] = particle - first["particles"][of]
    columns["links.energy_gev"] = gev
    columns.update({"n_pileup": np.zeros(n), "collision_row": np.full(n, -1), "event_id": np.arange(n)})
    typed = {
        name: values.astype(ELEMENT_EVENTS.by_name[name].dtype)
        for name, values in columns.items()
        if name in ELEMENT_EVENTS.by_name
    }
    jagged = {name: ak.unflatten(v, counts[name.split(".")[0]]) for name, v in typed.items() if "." in name}
    records = assemble({**jagged, **{name: values for name, values in typed.items() if "." not in name}})
    validate(records, ELEMENT_EVENTS, truth=True)
    return records
