"""From any point, on a helix or a straight line, to a detector's face: a barrel with two lids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo.arrays import Bools, Floats
from zoo.simulation.helix import step_to_radius

__all__ = ["Rays", "Surface", "advance", "fly"]


LONGEST_ARC_CM = 3000.0
"""A particle that turns for longer before it reaches a lid is lost in the material."""


@dataclass(frozen=True)
class Surface:
    """A cylinder around the beam, closed by two planes."""

    radius_cm: float
    half_length_cm: float


@dataclass(frozen=True, eq=False)
class Rays:
    """Particles on their way.

    Attributes:
        x: [N] position in cm; with y and z.
        y: [N].
        z: [N].
        ux: [N] unit transverse direction; with uy.
        uy: [N].
        slope: [N] dz for each cm of transverse path: sinh(eta) of the direction.
        curvature: [N] signed curvature in 1/cm, 0 for neutral particles (`helix.curvature_per_cm`).
    """

    x: Floats
    y: Floats
    z: Floats
    ux: Floats
    uy: Floats
    slope: Floats
    curvature: Floats

    @classmethod
    def from_beam(cls, z_cm: Floats, eta: Floats, phi: Floats, radius_cm: Floats, curvature: Floats) -> Rays:
        """Particles that start at a radius, straight above their interaction in their own direction."""
        ux, uy, slope = np.cos(phi), np.sin(phi), np.sinh(eta)
        return cls(radius_cm * ux, radius_cm * uy, z_cm + radius_cm * slope, ux, uy, slope, curvature)

    def take(self, chosen: npt.NDArray[Any]) -> Rays:
        """Keeps some of them."""
        return Rays(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


def advance(rays: Rays, arc_cm: Floats) -> Rays:
    """Moves particles by transverse path lengths [N]."""
    half = 0.5 * rays.curvature * arc_cm
    chord = arc_cm * np.sinc(half / np.pi)
    cosine, sine = np.cos(half), np.sin(half)
    dx, dy = cosine * rays.ux - sine * rays.uy, cosine * rays.uy + sine * rays.ux
    return Rays(
        rays.x + chord * dx,
        rays.y + chord * dy,
        rays.z + arc_cm * rays.slope,
        cosine * dx - sine * dy,
        cosine * dy + sine * dx,
        rays.slope,
        rays.curvature,
    )


def fly(rays: Rays, surface: Surface) -> tuple[Floats, Floats, Bools]:
    """Follows particles to a surface.

    Args:
        rays: Particles inside it.
        surface: Where they go.

    Returns:
        eta and phi [N] of the points, seen from the origin, and whether they are reached.
    """
    bx, by, _, _, arc, at_barrel = step_to_radius(
        rays.x, rays.y, rays.ux, rays.uy, rays.curvature, surface.radius_cm
    )
    bz = rays.z + arc * rays.slope
    at_barrel &= np.abs(bz) <= surface.half_length_cm
    slope = np.where(np.abs(rays.slope) < 1e-6, 1e-6, rays.slope)
    along = (np.sign(slope) * surface.half_length_cm - rays.z) / slope
    lid = advance(rays, np.clip(along, 0.0, LONGEST_ARC_CM))
    x, y = np.where(at_barrel, bx, lid.x), np.where(at_barrel, by, lid.y)
    z = np.where(at_barrel, bz, np.sign(slope) * surface.half_length_cm)
    r = np.maximum(np.hypot(x, y), 0.1)
    reached = at_barrel | ((along > 0) & (along < LONGEST_ARC_CM) & (r <= surface.radius_cm * 1.001))
    return np.arcsinh(z / r), np.arctan2(y, x), reached
