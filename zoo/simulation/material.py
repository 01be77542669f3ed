"""The material in front of the barrel calorimeter: how many radiation lengths, and at which radii.

A tracker-like detector is described by its total thickness in radiation lengths as a function of |eta| and by
the radial bands that hold it; each band is cut into thin sub-layers, at which `transport` lets particles
interact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats
from zoo.errors import InvalidValue

__all__ = ["Band", "Material"]


@dataclass(frozen=True)
class Band:
    """A radial band of the tracker and the share of the material that it holds.

    Args:
        inner_cm: Radius where it begins.
        outer_cm: Radius where it ends.
        share: Its part of the total thickness in radiation lengths.
        sublayers: Number of equal thin layers that it is cut into.
    """

    inner_cm: float
    outer_cm: float
    share: float
    sublayers: int


@dataclass(frozen=True)
class Material:
    """Radiation lengths before the calorimeter as a function of |eta|, and their radii.

    The values are those of a CMS-like tracker (JINST 10 P08010 and 16 P05014, from memory).
    """

    abs_eta: tuple[float, ...] = (0.0, 0.2, 0.5, 0.8, 1.0, 1.2, 1.4)  # points of the table
    x0: tuple[float, ...] = (0.40, 0.42, 0.50, 0.72, 1.05, 1.5, 1.9)  # thickness there, along the path
    bands: tuple[Band, ...] = (
        Band(3.0, 16.0, 0.25, 5),  # beam pipe and pixels
        Band(20.0, 55.0, 0.35, 8),  # inner strips and their services
        Band(60.0, 108.0, 0.30, 7),  # outer strips
        Band(110.0, 125.0, 0.10, 2),  # cables, thermal screen
    )
    scale: float = 1.0  # multiplies all of it: 0 switches the material off, for systematic studies

    def __post_init__(self) -> None:
        total = sum(band.share for band in self.bands)
        if not math.isclose(total, 1.0, abs_tol=1e-6):
            raise InvalidValue("Material.bands", "shares that add up to 1", total)
        if len(self.abs_eta) != len(self.x0) or list(self.abs_eta) != sorted(self.abs_eta):
            raise InvalidValue("Material.abs_eta", "rising values, as many as in x0", self.abs_eta)
        edges = [edge for band in self.bands for edge in (band.inner_cm, band.outer_cm)]
        if edges != sorted(edges):
            raise InvalidValue("Material.bands", "bands one outside the other", edges)

    def thickness_x0(self, eta: npt.ArrayLike) -> Floats:
        """Returns the total thickness in radiation lengths along a straight path at `eta`.

        Beyond the table's last point the last slope goes on (the table ends at 1.4, the barrel at 1.48).
        """
        value = np.abs(np.asarray(eta, dtype=np.float64))
        points, x0 = np.array(self.abs_eta), np.array(self.x0)
        slope = (x0[-1] - x0[-2]) / (points[-1] - points[-2])
        beyond = np.maximum(value - points[-1], 0.0)
        return np.asarray(self.scale * (np.interp(value, points, x0) + slope * beyond), dtype=np.float64)

    def sublayers(self) -> tuple[Floats, Floats]:
        """Returns the radii (cm) of the thin layers, inside first, and the share of the thickness of each."""
        radii, shares = [], []
        for band in self.bands:
            edges = np.linspace(band.inner_cm, band.outer_cm, band.sublayers + 1)
            radii.append(0.5 * (edges[1:] + edges[:-1]))
            shares.append(np.full(band.sublayers, band.share / band.sublayers))
        return np.concatenate(radii), np.concatenate(shares)
