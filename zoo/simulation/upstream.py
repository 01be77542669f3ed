"""Electrons and photons through the tracker's material: conversions and bremsstrahlung, barrel and endcaps.

The material of a path stands at nine points along it. Photons convert there; electrons, primary or of a pair,
radiate there and bend in the field with what they have left. Radiated photons fly straight on and do not
convert. `transport` is the finer simulation for the barrel; this one keeps up with whole events.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from zoo.arrays import Bools, Floats, Ints
from zoo.simulation.bremsstrahlung import PAIRS_PER_X0, pair_share, radiate
from zoo.simulation.helix import curvature_per_cm
from zoo.simulation.material import Material
from zoo.simulation.surfaces import Rays, Surface, advance, fly

__all__ = ["Electrons", "Showering", "Upstream", "UpstreamConfig", "go_upstream"]


@dataclass(frozen=True)
class UpstreamConfig:
    """Material before the calorimeter along a path to it."""

    material: Material = field(
        default_factory=lambda: Material(
            abs_eta=(0.0, 0.2, 0.5, 0.8, 1.0, 1.2, 1.4, 1.6, 2.0, 2.5, 3.0),
            x0=(0.40, 0.42, 0.50, 0.72, 1.05, 1.5, 1.9, 1.8, 1.4, 1.1, 0.9),  # JINST 16 P05014, from memory
        )
    )
    places: tuple[float, ...] = (0.05, 0.10, 0.20, 0.30, 0.40, 0.50, 0.65, 0.80, 0.92)  # parts of the path
    shares: tuple[float, ...] = (
        0.125,
        0.125,
        0.12,
        0.12,
        0.11,
        0.10,
        0.10,
        0.10,
        0.10,
    )  # as `Material.bands`
    max_abs_eta: float = 3.0  # beyond, nothing is in the way of the forward calorimeter
    photon_cut_gev: float = 0.05  # softer photons are not followed
    electron_cut_gev: float = 0.05


@dataclass(frozen=True, eq=False)
class Showering:
    """What arrives at the calorimeter's face: [A] particle that each comes from, energy, eta, phi."""

    particle: Ints
    energy_gev: Floats
    eta: Floats
    phi: Floats


@dataclass(frozen=True, eq=False)
class Electrons:
    """Electrons that a tracker may see, primary or of a pair.

    Attributes:
        particle: [K] generated particle that each comes from.
        converted: [K] whether it is of a converted photon.
        charge: [K] its charge.
        pt_gev: [K] transverse momentum where it starts.
        eta: [K] its direction there.
        phi: [K].
        z_cm: [K] z of the interaction.
        radius_cm: [K] radius where it starts.
        left_gev: [K] momentum at the end of its way.
        radiated_gev: [K, places] energy radiated at each place.
        tangent_eta: [K, places] where the tangent of each place meets the face.
        tangent_phi: [K, places].
    """

    particle: Ints
    converted: Bools
    charge: Ints
    pt_gev: Floats
    eta: Floats
    phi: Floats
    z_cm: Floats
    radius_cm: Floats
    left_gev: Floats
    radiated_gev: Floats
    tangent_eta: Floats
    tangent_phi: Floats


@dataclass(frozen=True, eq=False)
class Upstream:
    """What arrives at the face, and the electrons on the way."""

    showering: Showering
    electrons: Electrons


def go_upstream(
    particle: Ints,
    charge: Ints,
    energy_gev: Floats,
    eta: Floats,
    phi: Floats,
    z_cm: Floats,
    radius_cm: Floats,
    surface: Surface,
    field_tesla: float,
    config: UpstreamConfig,
    rng: np.random.Generator,
) -> Upstream:
    """Brings electrons and photons to the calorimeter.

    Args:
        particle: [S] number of each generated particle.
        charge: [S] its charge: 0 for photons.
        energy_gev: [S] its energy; with direction eta, phi, z of its interaction, and radius where it starts.
        eta: [S].
        phi: [S].
        z_cm: [S].
        radius_cm: [S].
        surface: Face of the calorimeter.
        field_tesla: Field along the beam.
        config: Material and cuts.
        rng: Source of randomness.
    """
    start = Rays.from_beam(z_cm, eta, phi, radius_cm, np.zeros(len(eta)))
    slope = np.maximum(np.abs(start.slope), 1e-6)
    path = np.minimum(surface.radius_cm, (surface.half_length_cm - np.sign(start.slope) * z_cm) / slope)
    places, shares = np.array(config.places), np.array(config.shares)
    x0 = np.where(np.abs(eta) < config.max_abs_eta, config.material.thickness_x0(eta), 0.0)
    first = np.searchsorted(places, radius_cm / path)  # material that the particle meets at all

    photon = np.flatnonzero(charge == 0)
    behind = np.concatenate([[0.0], np.cumsum(shares)])
    depth = behind[first[photon]] * x0[photon] + rng.exponential(1.0 / PAIRS_PER_X0, len(photon))
    place = (depth[:, None] >= behind[1:] * x0[photon, None]).sum(axis=1)
    converts = place < len(places)
    whole, pair, place = photon[~converts], photon[converts], place[converts]
    share = pair_share(rng.random(len(pair)))

    primary = np.flatnonzero(charge != 0)
    source = np.concatenate([primary, pair, pair])  # number among the S
    energy = np.concatenate([energy_gev[primary], energy_gev[pair] * share, energy_gev[pair] * (1.0 - share)])
    sign = np.concatenate([charge[primary], np.ones(len(pair), np.int64), -np.ones(len(pair), np.int64)])
    first = np.concatenate([first[primary], place, place])
    kept = energy > config.electron_cut_gev
    source, energy, sign, first = source[kept], energy[kept], sign[kept], first[kept]
    converted = charge[source] == 0
    radius = np.where(converted, places[np.minimum(first, len(places) - 1)] * path[source], radius_cm[source])
    cosh = np.cosh(eta[source])
    initial_pt = energy / cosh

    rays = Rays.from_beam(z_cm[source], eta[source], phi[source], radius, np.zeros(len(source)))
    arc = radius.copy()
    shape = (len(source), len(places))
    radiated, tangent_eta, tangent_phi = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    arrived = [_straight(whole, energy_gev, start, surface)]
    for index in range(len(places)):
        active = np.flatnonzero((first <= index) & (energy > config.electron_cut_gev))
        curvature = curvature_per_cm(
            sign[active].astype(np.float64), energy[active] / cosh[active], field_tesla
        )
        there = np.maximum(places[index] * path[source[active]], arc[active])
        moved = _with_curvature(rays.take(active), curvature)
        moved = advance(moved, there - arc[active])
        arc[active] = there
        for name in ("x", "y", "z", "ux", "uy"):
            getattr(rays, name)[active] = getattr(moved, name)
        left, emitter, photon_gev = radiate(
            energy[active], shares[index] * x0[source[active]], rng, config.photon_cut_gev
        )
        energy[active] = left
        straight = _with_curvature(moved, np.zeros(len(active)))
        to_eta, to_phi, reached = fly(straight, surface)
        radiated[active, index] = np.bincount(emitter, photon_gev, len(active))
        tangent_eta[active, index], tangent_phi[active, index] = to_eta, to_phi
        hit = reached[emitter]
        arrived.append(
            (source[active[emitter[hit]]], photon_gev[hit], to_eta[emitter[hit]], to_phi[emitter[hit]])
        )
    curvature = curvature_per_cm(sign.astype(np.float64), energy / cosh, field_tesla)
    to_eta, to_phi, reached = fly(_with_curvature(rays, curvature), surface)
    reached &= energy > config.electron_cut_gev
    arrived.append((source[reached], energy[reached], to_eta[reached], to_phi[reached]))
    who, gev, to_eta, to_phi = (np.concatenate(parts) for parts in zip(*arrived, strict=True))
    return Upstream(
        Showering(particle[who], gev, to_eta, to_phi),
        Electrons(
            particle[source],
            converted,
            sign,
            initial_pt,
            eta[source],
            phi[source],
            z_cm[source],
            radius,
            energy,
            radiated,
            tangent_eta,
            tangent_phi,
        ),
    )


def _straight(
    which: Ints, energy_gev: Floats, start: Rays, surface: Surface
) -> tuple[Ints, Floats, Floats, Floats]:
    """Photons that fly straight to the face: who, energy, eta, phi."""
    to_eta, to_phi, reached = fly(start.take(which), surface)
    return which[reached], energy_gev[which[reached]], to_eta[reached], to_phi[reached]


def _with_curvature(rays: Rays, curvature: Floats) -> Rays:
    return Rays(rays.x, rays.y, rays.z, rays.ux, rays.uy, rays.slope, curvature)
