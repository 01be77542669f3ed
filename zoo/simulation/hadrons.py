"""Hadrons and muons: which way they bend, and what they leave in the electromagnetic crystals.

A charged hadron crosses without interacting in 32 % of the cases and leaves a Landau spectrum around
0.26 GeV whatever its momentum, as a muon always does; otherwise the crystals get a Beta(1.2, 2.2) part of
its energy. Material before the crystals and neutral hadrons in them are not simulated.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zoo.arrays import Bytes, Floats, Ints
from zoo.detectors.cms_barrel import RADIUS_CM
from zoo.simulation.helix import curvature_per_cm, step_to_radius
from zoo.simulation.interactions import KIND_NAMES

__all__ = [
    "FIELD_T",
    "LEAST_GEV",
    "charge_of",
    "crystal_deposit",
    "kinetic_gev",
    "to_face",
    "to_face_from_vertex",
]


FIELD_T = 3.8
LEAST_GEV = 0.03
"""Particles that leave less than this in the crystals are not followed."""
MIP_PART = 0.32
MIP_PEAK_GEV = 0.26
MIP_WIDTH_GEV = 0.012
"""Landau width of 23 cm of lead tungstate: 0.1535 MeV cm2/g x Z/A x density x length."""
SHOWER_BETA = (1.2, 2.2)
BARYONS_FROM = 1000
BARYON_GEV = 0.94
POSITIVE = (211, 321, 2212, 3222)
NEGATIVE = (11, 13, 3112, 3312, 3334)
"""PDG codes above 0 of the charged particles that live long enough to arrive."""


def charge_of(pdg_id: npt.NDArray[np.integer]) -> Ints:
    """Returns [S] the charges of particles in units of the positron's."""
    code = np.abs(pdg_id)
    sign = np.isin(code, POSITIVE).astype(np.int64) - np.isin(code, NEGATIVE)
    return np.asarray(sign * np.sign(pdg_id), dtype=np.int64)


def kinetic_gev(
    pdg_id: npt.NDArray[np.integer], energy_gev: Floats, mass_gev: Floats | float = BARYON_GEV
) -> Floats:
    """Returns [S] the energy that can be left in matter: a baryon keeps its mass."""
    return np.where(np.abs(pdg_id) > BARYONS_FROM, np.maximum(energy_gev - mass_gev, 0.0), energy_gev)


def to_face(
    charge: Floats, x: Floats, y: Floats, z: Floats, px: Floats, py: Floats, pz: Floats
) -> tuple[Floats, Floats]:
    """Follows particles in 3.8 T along z to the cylinder of R = 1.29 m.

    Args:
        charge: [S] in units of the positron's.
        x: [S] production point in cm, inside the cylinder; with y and z.
        y: [S].
        z: [S].
        px: [S] momentum in GeV; with py and pz.
        py: [S].
        pz: [S].

    Returns:
        eta and phi [S] of the points on the face, seen from the origin; eta is infinite for particles that
        curl up before they arrive.
    """
    pt = np.maximum(np.hypot(px, py), 1e-9)
    curvature = curvature_per_cm(charge, pt, FIELD_T)
    x, y, _, _, length, reached = step_to_radius(x, y, px / pt, py / pt, curvature, RADIUS_CM)
    eta = np.where(reached, np.arcsinh((z + pz / pt * length) / RADIUS_CM), np.inf)
    return eta, np.arctan2(y, x)


def to_face_from_vertex(charge: Ints, energy_gev: Floats, eta: Floats, phi: Floats) -> tuple[Floats, Floats]:
    """Follows particles from the origin, masses neglected, to the face; [S] each, as `to_face`."""
    pt, zero = energy_gev / np.cosh(eta), np.zeros(len(eta))
    momentum = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    return to_face(charge.astype(np.float64), zero, zero, zero, *momentum)


def crystal_deposit(
    pdg_id: npt.NDArray[np.integer], energy_gev: Floats, kinetic_gev: Floats, rng: np.random.Generator
) -> tuple[Floats, Bytes]:
    """Draws the energy left in the crystals.

    Args:
        pdg_id: [S] charged particles and photons.
        energy_gev: [S] energies.
        kinetic_gev: [S] what a shower can leave of them.
        rng: Source of randomness.

    Returns:
        [S] deposits in GeV, and [S] how: index into `interactions.KIND_NAMES`.
    """
    code = np.abs(pdg_id)
    electromagnetic = (code == 11) | (code == 22)
    crosses = (code == 13) | (~electromagnetic & (rng.random(len(code)) < MIP_PART))
    # Moyal's closed form of the Landau spectrum: peak - width ln(u^2) with u normal.
    landau = MIP_PEAK_GEV - MIP_WIDTH_GEV * np.log(rng.standard_normal(len(code)) ** 2 + 1e-12)
    shower = rng.beta(*SHOWER_BETA, size=len(code)) * kinetic_gev
    deposit = np.where(electromagnetic, energy_gev, np.where(crosses, np.minimum(landau, energy_gev), shower))
    names = [KIND_NAMES.index(name) for name in ("photon", "electron", "mip", "hadron")]
    kind = np.select([code == 22, code == 11, crosses], names[:3], default=names[3])
    return deposit, kind.astype(np.uint8)
