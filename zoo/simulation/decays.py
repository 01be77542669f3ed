"""Two-body decays to photons, isotropic in the rest frame, boosted to the laboratory.

    photons = to_photons(Parents(mass_gev, pt_gev, eta, phi), rng)     # energies, eta, phi [B, 2]
    pseudoscalars = higgs_to_two(mass_gev, 125.0, rng)                 # H -> aa: Parents [B, 2]

Massless daughters, natural width zero unless the masses given have one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo.angles import wrap_phi
from zoo.arrays import Floats
from zoo.errors import InvalidValue

__all__ = ["Parents", "Photons", "higgs_to_two", "to_photons"]


@dataclass(frozen=True)
class Parents:
    """Particles before their decay, arrays of one shape."""

    mass_gev: Floats
    pt_gev: Floats
    eta: Floats
    phi: Floats

    def momentum(self) -> Floats:
        """Returns (E, px, py, pz) in GeV, a last axis of 4."""
        px, py = self.pt_gev * np.cos(self.phi), self.pt_gev * np.sin(self.phi)
        pz = self.pt_gev * np.sinh(self.eta)
        energy = np.sqrt(self.mass_gev**2 + self.pt_gev**2 + pz**2)
        return np.stack([energy, px, py, pz], axis=-1)


@dataclass(frozen=True)
class Photons:
    """The photons of each decay, [..., 2]: energy in GeV, eta, phi in (-pi, pi]."""

    energy_gev: Floats
    eta: Floats
    phi: Floats


def to_photons(parents: Parents, rng: np.random.Generator) -> Photons:
    """Decays each parent to two photons.

    Args:
        parents: Of any shape; a mass of 0 is an error.
        rng: Decides the directions in the rest frame.

    Returns:
        The photons, the harder one first.

    Raises:
        InvalidValue: A mass is not above 0.
    """
    mass = np.asarray(parents.mass_gev, np.float64)
    if np.any(~(mass > 0)):
        raise InvalidValue("mass_gev", "above 0 for a decay to two photons", mass[~(mass > 0)][:5])
    direction = _isotropic(mass.shape, rng)
    at_rest = 0.5 * mass[..., None] * np.concatenate([np.ones((*mass.shape, 1)), direction], axis=-1)
    momentum = parents.momentum()
    first = _boost(at_rest, momentum, mass)
    both = np.stack([first, momentum - first], axis=-2)
    harder = np.argsort(-both[..., 0], axis=-1)
    energy, px, py, pz = np.moveaxis(np.take_along_axis(both, harder[..., None], axis=-2), -1, 0)
    return Photons(energy, np.arcsinh(pz / np.hypot(px, py)), wrap_phi(np.arctan2(py, px)))


def higgs_to_two(mass_gev: npt.ArrayLike, higgs_gev: float, rng: np.random.Generator) -> Parents:
    """Decays Higgs bosons at rest to pairs of equal mass, back to back, isotropic.

    Args:
        mass_gev: [B] mass of each of the two.
        higgs_gev: Mass of the boson.
        rng: Decides the directions.

    Returns:
        The pairs, [B, 2].

    Raises:
        InvalidValue: Twice a mass is more than the boson's.
    """
    mass = np.asarray(mass_gev, np.float64)
    if np.any(2.0 * mass > higgs_gev):
        raise InvalidValue("mass_gev", f"at most half of {higgs_gev:g} GeV", float(mass.max()))
    size = np.sqrt(0.25 * higgs_gev**2 - mass**2)
    px, py, pz = np.moveaxis(size[:, None] * _isotropic(mass.shape, rng), -1, 0)
    pt, eta, phi = np.hypot(px, py), np.arcsinh(pz / np.hypot(px, py)), np.arctan2(py, px)

    def pair(first: Floats, second: Floats) -> Floats:
        return np.stack([first, second], axis=-1)

    return Parents(pair(mass, mass), pair(pt, pt), pair(eta, -eta), wrap_phi(pair(phi, phi + np.pi)))


def _isotropic(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Returns unit vectors, a last axis of 3."""
    cosine, angle = rng.uniform(-1.0, 1.0, shape), rng.uniform(-np.pi, np.pi, shape)
    sine = np.sqrt(1.0 - cosine**2)
    return np.stack([sine * np.cos(angle), sine * np.sin(angle), cosine], axis=-1)


def _boost(at_rest: Floats, parent: Floats, mass: Floats) -> Floats:
    """Boosts (E, p) [..., 4] from the rest frame of a parent of momentum [..., 4] to the laboratory."""
    along = np.sum(at_rest[..., 1:] * parent[..., 1:], axis=-1)
    energy = (at_rest[..., 0] * parent[..., 0] + along) / mass
    factor = (at_rest[..., 0] + energy) / (parent[..., 0] + mass)
    return np.concatenate(
        [energy[..., None], at_rest[..., 1:] + factor[..., None] * parent[..., 1:]], axis=-1
    )
