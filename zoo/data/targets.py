"""One target for each element: which particle, if any, an element should become.

Particles take elements in the order of falling energy, each the best one that is still free:

* a charged hadron or a muon its track; an electron its GSF track, else its track;
* anything else, and a charged particle whose track was not found, the cluster that has most of its deposit.

A particle that finds all its clusters taken is added to its best one: four-momenta add up, class and charge
are those of the larger deposit. What left nothing is lost. A class must be possible on its element: without
a track a charged hadron is a neutral one and an electron a photon, a muon is dropped; a photon on an HCAL
cluster is a neutral hadron; in the HF there are the two classes of the HF.

This is MLPF's rule with one addition: a cluster with less than a tenth of a particle's deposit cannot be
taken by it. Else a photon that merges with a harder one would take the whole of its energy to some
neighbour's cluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats, Ints
from zoo.data.kinds.elements import CLASSES, ELEMENT_TYPES

__all__ = ["LEAST_ENERGY_GEV", "LEAST_PART", "Targets", "assign_targets", "class_of"]


LEAST_ENERGY_GEV = 0.2
"""Softer particles have no target."""
LEAST_PART = 0.1
"""Part of a particle's deposit below which it cannot take a cluster."""

TRACK, ECAL, HCAL, GSF, HFEM, HFHAD = (
    ELEMENT_TYPES.index(name)
    for name in ("track", "ECAL cluster", "HCAL cluster", "GSF track", "HF electromagnetic", "HF hadronic")
)
CHARGED, NEUTRAL, HF_HADRON, HF_EM, PHOTON, ELECTRON, MUON = range(1, len(CLASSES))


@dataclass(frozen=True, eq=False)
class Targets:
    """Targets of T elements, and where P particles went.

    An element whose class would be 0, a muon's deposit say, has none, and its particles are lost.

    Attributes:
        particle: [T] leading particle, -1 for none.
        label: [T] index into `CLASSES`.
        charge: [T].
        momentum_gev: [T, 4] sum of (E, px, py, pz).
        element: [P] element whose target each particle is part of, -1 for none.
    """

    particle: Ints
    label: Ints
    charge: Ints
    momentum_gev: Floats
    element: Ints

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """The fields of `ELEMENT_EVENTS` that the targets alone fill, [T] each, as float64 or int64."""
        energy, x, y, z = self.momentum_gev.T
        pt = np.hypot(x, y)
        return {
            "elements.target_class": self.label,
            "elements.target_charge": self.charge,
            "elements.target_pt_gev": pt,
            "elements.target_eta": np.arcsinh(z / np.maximum(pt, 1e-6)),
            "elements.target_phi": np.arctan2(y, x),
            "elements.target_energy_gev": energy,
        }


def class_of(pdg_id: npt.NDArray[np.integer[Any]], element_type: npt.NDArray[np.integer[Any]]) -> Ints:
    """Class [N] of particles on elements of these types; 0 for a muon without a track."""
    code = np.abs(pdg_id)
    em, muon = (code == 11) | (code == 22), code == 13
    tracked = (element_type == TRACK) | (element_type == GSF)
    forward = (element_type == HFEM) | (element_type == HFHAD)
    on_track = np.select([code == 11, muon], [ELECTRON, MUON], CHARGED)
    on_cluster = np.where(em & (element_type == ECAL), PHOTON, NEUTRAL)
    on_cluster = np.where(forward, np.where(em, HF_EM, HF_HADRON), on_cluster)
    return np.asarray(np.where(tracked, on_track, np.where(muon, 0, on_cluster)), np.int64)


def assign_targets(
    element_type: npt.NDArray[np.integer[Any]],
    pdg_id: npt.NDArray[np.integer[Any]],
    charge: npt.NDArray[np.integer[Any]],
    momentum_gev: Floats,
    link_element: Ints,
    link_particle: Ints,
    link_gev: Floats,
) -> Targets:
    """Assigns particles to elements, of any number of events at once.

    Args:
        element_type: [T] types, as `elements.kind`.
        pdg_id: [P] PDG codes.
        charge: [P] charges.
        momentum_gev: [P, 4] (E, px, py, pz).
        link_element: [L] element of each link; a link never leaves its event.
        link_particle: [L] its particle.
        link_gev: [L] deposit in a cluster; of a track anything.
    """
    n_elements, n_particles = len(element_type), len(pdg_id)
    link_element, link_particle, link_gev = _useful(
        element_type, pdg_id, charge, momentum_gev[:, 0], link_element, link_particle, link_gev
    )
    order = np.lexsort((-link_gev, link_particle))
    link_element, link_particle, link_gev = link_element[order], link_particle[order], link_gev[order]
    first = np.searchsorted(link_particle, np.arange(n_particles))
    end = np.searchsorted(link_particle, np.arange(n_particles), side="right")
    takes = _matching(first, end, link_element, momentum_gev[:, 0], n_elements)

    has = end > first
    element = np.where(takes >= 0, takes, -1)
    merged = has & (takes < 0)
    element[merged] = link_element[first[merged]]
    placed = np.flatnonzero(element >= 0)
    total = np.zeros((n_elements, 4))
    for axis in range(4):
        total[:, axis] = np.bincount(element[placed], momentum_gev[placed, axis], n_elements)
    # the leading particle of a target is the one that left most in its element
    here = np.flatnonzero(element[link_particle] == link_element)
    by_deposit = here[np.argsort(link_gev[here], kind="stable")]
    particle = np.full(n_elements, -1)
    particle[link_element[by_deposit]] = link_particle[by_deposit]
    led = np.flatnonzero(particle >= 0)
    label, sign = np.zeros(n_elements, np.int64), np.zeros(n_elements, np.int64)
    label[led] = class_of(pdg_id[particle[led]], element_type[led])
    charged = led[np.isin(label[led], (CHARGED, ELECTRON, MUON))]
    sign[charged] = charge[particle[charged]]
    total[label == 0] = 0.0
    particle[label == 0] = -1
    element[placed[label[element[placed]] == 0]] = -1
    return Targets(particle, label, sign, total, element)


def _useful(
    element_type: npt.NDArray[np.integer[Any]],
    pdg_id: npt.NDArray[np.integer[Any]],
    charge: npt.NDArray[np.integer[Any]],
    energy_gev: Floats,
    element: Ints,
    particle: Ints,
    deposit_gev: Floats,
) -> tuple[Ints, Ints, Floats]:
    """Links by which a particle may take an element; those of its track first, above all deposits."""
    kind, code = element_type[element], np.abs(pdg_id[particle])
    own_track = (kind == TRACK) & (charge[particle] != 0)
    own_gsf = (kind == GSF) & (code == 11)
    is_cluster = np.isin(kind, (ECAL, HCAL, HFEM, HFHAD)) & (code != 13)
    deposit = np.where(is_cluster, deposit_gev, 0.0)
    total = np.bincount(particle, deposit, len(pdg_id))
    is_cluster &= deposit >= LEAST_PART * total[particle]
    worth = np.select([own_gsf, own_track], [np.float64(2e9), np.float64(1e9)], deposit)
    useful = (own_track | own_gsf | is_cluster) & (energy_gev[particle] > LEAST_ENERGY_GEV)
    return element[useful], particle[useful], worth[useful]


def _matching(first: Ints, end: Ints, link_element: Ints, energy_gev: Floats, n_elements: int) -> Ints:
    """Element [P] that each particle takes, -1 for none: the hardest chooses first, the next among the rest.

    Done in rounds for all at once: everybody asks for the best element that has not refused him, an element
    keeps the hardest who asks. As all elements agree on who is hardest, that is the same.
    """
    rank = np.empty(len(energy_gev), np.int64)
    rank[np.argsort(-energy_gev, kind="stable")] = np.arange(len(energy_gev))
    by_rank = np.argsort(rank)
    nobody = len(energy_gev)
    holder = np.full(n_elements, nobody)
    at = first.copy()
    takes = np.full(len(first), -1)
    asking = np.flatnonzero(at < end)
    while len(asking):
        wanted = link_element[at[asking]]
        before = holder[wanted]
        np.minimum.at(holder, wanted, rank[asking])
        held_before = before[before < nobody]
        won = holder[wanted] == rank[asking]
        takes[asking[won]] = wanted[won]
        displaced = np.unique(held_before[holder[wanted[before < nobody]] < held_before])
        displaced = by_rank[displaced] if len(displaced) else np.empty(0, np.int64)
        takes[displaced] = -1
        asking = np.concatenate([asking[~won], displaced])
        at[asking] += 1
        asking = asking[at[asking] < end[asking]]
    return takes
