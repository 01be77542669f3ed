"""Electrons and photons from the vertex through material and field to the calorimeter's face.

A flat stack holds every particle of every event; it is moved from one thin layer of material to the next, all
particles at once. At a layer

* electrons and positrons radiate (complete screening, `dN/(dk dt) = 4/(3k) (1 - y + 3/4 y^2)`, y = k/E), one
  photon after another as a Poisson process in t, so that the mean energy is exactly E exp(-t); photons softer
  than the cut are a mean loss;
* they lose energy by ionisation;
* photons convert with probability 1 - exp(-7/9 t), and the pair shares the energy as `1 - 4/3 x (1 - x)`.

Between layers charged particles follow exact circles (`helix`). Those that curl up do not arrive; from the
beam line that is everything below pT = 0.735 GeV in 3.8 T. Every particle made is kept, with its parent and
its fate.

Limits: collinear radiation and pairs, no multiple scattering, vertex at the origin, no photo-nuclear
reactions.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np
import numpy.typing as npt

from zoo.arrays import Bools, Floats, Ints
from zoo.errors import InvalidValue
from zoo.simulation.bremsstrahlung import (
    conversion_probability,
    pair_share,
    radiate,
    soft_loss_gev_per_x0,
)
from zoo.simulation.helix import curvature_per_cm, step_to_radius
from zoo.simulation.material import Material

__all__ = ["ABSORBED", "ARRIVED", "CONVERTED", "CURLED", "Cascade", "TransportConfig", "transport"]


ARRIVED, CONVERTED, CURLED, ABSORBED, _FLYING = 0, 1, 2, 3, 4  # the fates of a particle


@dataclass(frozen=True)
class TransportConfig:
    """Field, face and cuts of the transport."""

    material: Material = field(default_factory=Material)
    field_tesla: float = 3.8  # CMS solenoid
    face_radius_cm: float = 129.0  # front face of the barrel crystals
    photon_cut_gev: float = 0.030  # softer photons are dropped, and not followed one by one
    electron_cut_gev: float = 0.030  # electrons below are absorbed
    ionisation_gev_per_x0: float = 0.035  # mean loss of a charged particle, JINST 10 P08010 from memory
    longest_path: float = 3.0  # an oblique path crosses at most this many times the radial thickness

    def __post_init__(self) -> None:
        if self.photon_cut_gev <= 0 or self.electron_cut_gev <= 0:
            raise InvalidValue("TransportConfig.photon_cut_gev, electron_cut_gev", "positive energies", self)


@dataclass(frozen=True)
class Cascade:
    """All particles made on the way, sorted by event; the primary is the first of its event.

    Args:
        event: [P] number of the event, 0..n-1.
        pdg_id: [P] 22, 11 (electron) or -11 (positron).
        parent: [P] index of the mother inside the event, -1 for the primary.
        energy_gev: [P] at the face for those that arrived, else where the particle ended.
        eta: [P] pseudorapidity of the point on the face, seen from the origin; else of its direction.
        phi: [P] azimuth of that point in (-pi, pi]; of the last position if not arrived.
        radius_cm: [P] where it was created.
        fate: [P] ARRIVED, CONVERTED, CURLED or ABSORBED.
        lost_gev: [n] energy per event left in the material by ionisation and soft radiation.
    """

    event: Ints
    pdg_id: Ints
    parent: Ints
    energy_gev: Floats
    eta: Floats
    phi: Floats
    radius_cm: Floats
    fate: Ints
    lost_gev: Floats

    @property
    def arrived(self) -> Bools:
        """[P] whether the particle reached the calorimeter."""
        return np.asarray(self.fate == ARRIVED)


@dataclass
class _Stack:
    """The particles being transported; one array per property, all of one length."""

    event: Ints
    pdg_id: Ints
    parent: Ints
    energy: Floats
    x: Floats
    y: Floats
    z: Floats
    ux: Floats
    uy: Floats
    slope: Floats  # dz per transverse length = sinh(eta of the direction)
    created: Floats
    fate: Ints

    def append(self, mother: Ints, pdg_id: Ints, energy: Floats, radius_cm: float) -> None:
        """Adds daughters at their mothers' position and with their direction."""
        new = {
            "event": self.event[mother],
            "pdg_id": pdg_id,
            "parent": mother,
            "energy": energy,
            "created": np.full(mother.size, radius_cm),
            "fate": np.full(mother.size, _FLYING, dtype=np.int64),
        }
        for item in fields(self):
            old = getattr(self, item.name)
            setattr(self, item.name, np.concatenate([old, new.get(item.name, old[mother])]))


def transport(
    pdg_id: npt.ArrayLike,
    energy_gev: npt.ArrayLike,
    eta: npt.ArrayLike,
    phi: npt.ArrayLike,
    rng: np.random.Generator,
    config: TransportConfig | None = None,
) -> Cascade:
    """Transports one electron, positron or photon per event to the calorimeter's face.

    Args:
        pdg_id: [n] 22, 11 or -11.
        energy_gev: [n] energy at the vertex.
        eta: [n] pseudorapidity of the direction.
        phi: [n] azimuth of the direction.
        rng: Source of all randomness.
        config: Material, field and cuts.

    Returns:
        The cascade: every particle, arrived or not.
    """
    config = config or TransportConfig()
    pdg = np.asarray(pdg_id, dtype=np.int64)
    direction_eta, azimuth = np.asarray(eta, dtype=np.float64), np.asarray(phi, dtype=np.float64)
    n = pdg.size
    stack = _Stack(
        event=np.arange(n, dtype=np.int64),
        pdg_id=pdg.copy(),
        parent=np.full(n, -1, dtype=np.int64),
        energy=np.asarray(energy_gev, dtype=np.float64).copy(),
        x=np.zeros(n),
        y=np.zeros(n),
        z=np.zeros(n),
        ux=np.cos(azimuth),
        uy=np.sin(azimuth),
        slope=np.sinh(direction_eta),
        created=np.zeros(n),
        fate=np.full(n, _FLYING, dtype=np.int64),
    )
    lost = np.zeros(n)
    thickness = config.material.thickness_x0(direction_eta)
    radii, shares = config.material.sublayers()
    for radius, share in zip(radii, shares, strict=True):
        _advance(stack, float(radius), config)
        _interact(stack, float(radius), share * thickness, lost, rng, config)
    _advance(stack, config.face_radius_cm, config)
    stack.fate[stack.fate == _FLYING] = ARRIVED
    return _cascade(stack, lost, config)


def _advance(stack: _Stack, radius_cm: float, config: TransportConfig) -> None:
    """Moves all flying particles to a radius; those that never reach it have curled up."""
    flying = np.flatnonzero(stack.fate == _FLYING)
    slope = stack.slope[flying]
    charge = -np.sign(stack.pdg_id[flying]) * (stack.pdg_id[flying] != 22)
    curvature = curvature_per_cm(
        charge.astype(np.float64), stack.energy[flying] / np.sqrt(1.0 + slope * slope), config.field_tesla
    )
    x, y, ux, uy, arc, reached = step_to_radius(
        stack.x[flying], stack.y[flying], stack.ux[flying], stack.uy[flying], curvature, radius_cm
    )
    stack.x[flying], stack.y[flying], stack.ux[flying], stack.uy[flying] = x, y, ux, uy
    stack.z[flying] += arc * slope
    stack.fate[flying[~reached]] = CURLED


def _interact(
    stack: _Stack,
    radius_cm: float,
    thickness_x0: Floats,
    lost: Floats,
    rng: np.random.Generator,
    config: TransportConfig,
) -> None:
    """Lets the flying particles radiate, ionise and convert in one thin layer of material."""
    flying = np.flatnonzero(stack.fate == _FLYING)
    outward = (stack.x[flying] * stack.ux[flying] + stack.y[flying] * stack.uy[flying]) / radius_cm
    path = thickness_x0[stack.event[flying]] / np.maximum(outward, 1.0 / config.longest_path)
    photon = stack.pdg_id[flying] == 22

    charged, length = flying[~photon], path[~photon]
    energy, emitter, photon_gev = radiate(stack.energy[charged], length, rng, config.photon_cut_gev)
    soft = length * soft_loss_gev_per_x0(energy, config.photon_cut_gev)
    # what ionisation and soft photons take; a particle cannot lose more than it has
    loss = np.minimum(soft + length * config.ionisation_gev_per_x0, energy)
    np.add.at(lost, stack.event[charged], loss)
    stack.energy[charged] = energy - loss
    stack.fate[charged[stack.energy[charged] < config.electron_cut_gev]] = ABSORBED

    candidates = flying[photon]
    converts = rng.random(candidates.size) < conversion_probability(path[photon])
    converted = candidates[converts]
    stack.fate[converted] = CONVERTED
    share = pair_share(rng.random(converted.size))

    stack.append(charged[emitter], np.full(emitter.size, 22, dtype=np.int64), photon_gev, radius_cm)
    for sign, part in ((1, share), (-1, 1.0 - share)):
        pdg_id = np.full(converted.size, 11 * sign, dtype=np.int64)
        stack.append(converted, pdg_id, stack.energy[converted] * part, radius_cm)
    newborn = stack.energy.size - 2 * converted.size
    weak = newborn + np.flatnonzero(stack.energy[newborn:] < config.electron_cut_gev)
    stack.fate[weak] = ABSORBED


def _cascade(stack: _Stack, lost: Floats, config: TransportConfig) -> Cascade:
    """Sorts the stack by event, mothers before daughters, and numbers mothers inside their event."""
    order = np.argsort(stack.event, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(order.size)
    event = stack.event[order]
    first = np.searchsorted(event, np.arange(lost.size))
    parent = stack.parent[order]
    parent = np.where(parent >= 0, place[parent] - first[event], -1)
    fate = stack.fate[order]
    eta = np.arcsinh(np.where(fate == ARRIVED, stack.z[order] / config.face_radius_cm, stack.slope[order]))
    return Cascade(
        event=event,
        pdg_id=stack.pdg_id[order],
        parent=parent,
        energy_gev=stack.energy[order],
        eta=eta,
        phi=np.arctan2(stack.y[order], stack.x[order]),
        radius_cm=stack.created[order],
        fate=fate,
        lost_gev=lost,
    )
