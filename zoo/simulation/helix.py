"""Exact helix steps from one cylinder to the next, for charged and neutral particles alike.

Across the beam a particle of transverse momentum pT (GeV) in a field B (T) runs on a circle of signed
curvature `k = -q 0.003 B / pT` per cm (positive: the azimuth of its direction grows); a neutral particle has
k = 0 and the same formulas hold. Let `p` be the position, `u` the unit direction, `n` its left normal, and
`h = tan(k s / 2) / k` for an arc of length s. The point after the arc is

    p + (2 h u + 2 k h^2 n) / (1 + k^2 h^2),

and it lies at radius R where, with D = R^2 - p^2,

    (2 + 2 k p.n - D k^2 / 2) h^2 + 2 (p.u) h - D / 2 = 0.

The first root needs no division by k: it is exact for stiff tracks and photons too.
"""

from __future__ import annotations

import numpy as np

from zoo.arrays import Bools, Floats

__all__ = ["curvature_per_cm", "step_to_radius"]


CURVATURE = 0.00299792458  # GeV per (T cm): pT = 0.3 B rho with rho in metres


def curvature_per_cm(charge: Floats, pt_gev: Floats, field_tesla: float) -> Floats:
    """Returns the signed curvature of the transverse path, `-q 0.003 B / pT`, in 1/cm.

    Args:
        charge: [N] charge in units of e, 0 for neutral particles.
        pt_gev: [N] transverse momentum.
        field_tesla: Field along the beam.

    Returns:
        [N]; a positive charge in a positive field turns towards smaller azimuth.
    """
    return np.asarray(-charge * (CURVATURE * field_tesla) / np.maximum(pt_gev, 1e-9))


def step_to_radius(
    x: Floats, y: Floats, ux: Floats, uy: Floats, curvature: Floats, radius_cm: float
) -> tuple[Floats, Floats, Floats, Floats, Floats, Bools]:
    """Moves particles along their circles to the first crossing of a cylinder around the beam.

    Args:
        x: [N] transverse position, cm; inside the cylinder.
        y: [N]
        ux: [N] unit transverse direction.
        uy: [N]
        curvature: [N] signed curvature, 1/cm.
        radius_cm: Radius of the cylinder.

    Returns:
        x, y, ux, uy at the crossing, the transverse path length in cm, and whether it is reached: [N] each. A
        particle that curls up before has its old position and direction and length 0.
    """
    half = 0.5 * (radius_cm * radius_cm - x * x - y * y)
    along = x * ux + y * uy
    quadratic = 2.0 + 2.0 * curvature * (y * ux - x * uy) - curvature * curvature * half
    root = along * along + quadratic * half
    reached = root >= 0.0
    denominator = along + np.sqrt(np.where(reached, root, 1.0))
    reached &= denominator > 0.0
    h = np.where(reached, half / np.where(reached, denominator, 1.0), 0.0)
    kh = curvature * h
    scale = 1.0 / (1.0 + kh * kh)
    forward, left = 2.0 * h * scale, 2.0 * kh * h * scale
    cosine, sine = (1.0 - kh * kh) * scale, 2.0 * kh * scale
    # arc = atan(kh) / kh * 2h; the series serves straight tracks, where the quotient is 0/0
    small = np.abs(kh) < 1e-4
    safe = np.where(small, 1.0, kh)
    arc = 2.0 * h * np.where(small, 1.0 - kh * kh / 3.0, np.arctan(safe) / safe)
    return (
        x + forward * ux - left * uy,
        y + forward * uy + left * ux,
        cosine * ux - sine * uy,
        cosine * uy + sine * ux,
        arc,
        reached,
    )
