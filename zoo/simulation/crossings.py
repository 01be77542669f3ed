"""What is generated for a bunch crossing: a collision of the pool or a particle gun, and pile-up around it.

Collisions are turned by any angle, mirrored in eta and conjugated in charge at random, so that one of the
pool stands in many events, no two of them alike. Every interaction has its own z along the beam.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo.angles import wrap_phi
from zoo.arrays import Floats, Ints, owners, places
from zoo.errors import InvalidValue
from zoo.simulation.collisions import Collisions
from zoo.simulation.decays import Parents, to_photons
from zoo.simulation.hadrons import charge_of

__all__ = ["Crossings", "Gun", "draw_crossings", "mass_of"]


PI0_MASS_GEV = 0.13498
MASSES_GEV = {
    11: 0.00051, 13: 0.10566, 22: 0.0, 130: 0.49761, 211: 0.13957, 310: 0.49761, 321: 0.49368, 2112: 0.93957,
    2212: 0.93827, 3112: 1.19745, 3122: 1.11568, 3222: 1.18937, 3312: 1.32171, 3322: 1.31486, 3334: 1.67245,
}  # fmt: skip
"""By |PDG code|; of the particles that live long enough to be seen (PDG 2022)."""
NO_ANTIPARTICLE = (22, 111, 130, 310)


@dataclass(frozen=True)
class Gun:
    """Single particles at the vertex: charges at random, log-uniform in pT, flat in eta."""

    pdg_id: int  # positive; 111 decays to two photons
    pt_gev: tuple[float, float] = (1.0, 200.0)
    max_abs_eta: float = 3.0

    def __post_init__(self) -> None:
        if self.pdg_id != 111 and self.pdg_id not in MASSES_GEV:
            raise InvalidValue("Gun.pdg_id", f"111 or one of {sorted(MASSES_GEV)}", self.pdg_id)
        if not 0 < self.pt_gev[0] < self.pt_gev[1]:
            raise InvalidValue("Gun.pt_gev", "(least, most) with 0 < least < most", self.pt_gev)


@dataclass(frozen=True, eq=False)
class Crossings:
    """N crossings and their P particles, crossing after crossing, the hard interaction's first.

    Attributes:
        collision: [N] row of the hard collision, -1 for a gun.
        n_pileup: [N] number of pile-up interactions.
        hard_z_cm: [N] z of the hard interaction.
        event: [P] crossing of each particle.
        interaction: [P] its interaction, 0 for the hard one.
        pdg_id: [P] PDG code.
        charge: [P] charge.
        pt_gev: [P] transverse momentum.
        energy_gev: [P] energy.
        eta: [P] pseudorapidity of the momentum.
        phi: [P] azimuth in (-pi, pi].
        z_cm: [P] z of its interaction.
        radius_cm: [P] distance from the beam line at which it was made.
    """

    collision: Ints
    n_pileup: Ints
    hard_z_cm: Floats
    event: Ints
    interaction: Ints
    pdg_id: Ints
    charge: Ints
    pt_gev: Floats
    energy_gev: Floats
    eta: Floats
    phi: Floats
    z_cm: Floats
    radius_cm: Floats

    def __len__(self) -> int:
        return len(self.collision)


def mass_of(pdg_id: npt.NDArray[np.integer]) -> Floats:
    """Returns [P] masses in GeV."""
    codes, inverse = np.unique(np.abs(pdg_id), return_inverse=True)
    return np.array([MASSES_GEV[code] for code in codes.tolist()], np.float64)[inverse]


def draw_crossings(
    n: int,
    source: str | Gun,
    pileup: tuple[int, int],
    spread_z_cm: float,
    pool: Collisions,
    split: str,
    rng: np.random.Generator,
) -> Crossings:
    """Draws what is generated for n crossings.

    Args:
        n: Number of crossings.
        source: A process of the pool, or a gun.
        pileup: Least and most pile-up interactions, uniform, both included.
        spread_z_cm: Standard deviation of the interactions along the beam.
        pool: The collisions.
        split: Split of the pool.
        rng: Source of randomness.
    """
    n_pileup = rng.integers(pileup[0], pileup[1] + 1, n)
    counts = n_pileup + 1
    event = owners(counts)
    interaction = places(counts)
    z = rng.normal(0.0, spread_z_cm, len(event))
    rows = np.full(len(event), -1)
    around = interaction > 0
    rows[around] = pool.choose("minimum_bias", int(around.sum()), split, rng) if around.any() else 0
    if isinstance(source, str):
        rows[~around] = pool.choose(source, n, split, rng)
    drawn = np.flatnonzero(rows >= 0)
    owner, particle = pool.particles_of(rows[drawn])
    of = drawn[owner]

    turn = rng.uniform(-np.pi, np.pi, len(event))
    mirror = rng.choice(np.array([1.0, -1.0]), len(event))
    conjugate = rng.choice(np.array([1, -1]), len(event))
    pdg = pool.pdg_id[particle].astype(np.int64)
    pdg = np.where(np.isin(pdg, NO_ANTIPARTICLE), pdg, pdg * conjugate[of])
    columns: tuple[npt.NDArray[Any], ...] = (
        of,
        pdg,
        pool.pt_gev[particle].astype(np.float64),
        pool.eta[particle] * mirror[of],
        wrap_phi(pool.phi[particle] + turn[of]),
        pool.radius_cm[particle].astype(np.float64),
    )
    if isinstance(source, Gun):
        shot = _shoot(np.flatnonzero(~around), source, rng)
        columns = tuple(np.concatenate(pair) for pair in zip(shot, columns, strict=True))
    order = np.argsort(columns[0], kind="stable")
    of, pdg, pt, eta, phi, radius = (column[order] for column in columns)
    return Crossings(
        rows[~around],
        n_pileup,
        z[~around],
        event[of],
        interaction[of],
        pdg,
        charge_of(pdg),
        pt,
        np.hypot(pt * np.cosh(eta), mass_of(pdg)),
        eta,
        phi,
        z[of],
        radius,
    )


def _shoot(of: Ints, gun: Gun, rng: np.random.Generator) -> tuple[npt.NDArray[Any], ...]:
    """One particle of a gun for each of some interactions; columns as in `draw_crossings`."""
    n, (low, high) = len(of), gun.pt_gev
    pt = low * (high / low) ** rng.random(n)
    eta = rng.uniform(-gun.max_abs_eta, gun.max_abs_eta, n)
    phi = wrap_phi(rng.uniform(-np.pi, np.pi, n))
    if gun.pdg_id == 111:
        photons = to_photons(Parents(np.full(n, PI0_MASS_GEV), pt, eta, phi), rng)
        photon_eta, photon_phi = photons.eta.ravel(), photons.phi.ravel()
        photon_pt = photons.energy_gev.ravel() / np.cosh(photon_eta)
        code = np.full(2 * n, 22)
        return np.repeat(of, 2), code, photon_pt, photon_eta, photon_phi, np.zeros(2 * n)
    code = np.full(n, gun.pdg_id)
    if gun.pdg_id not in NO_ANTIPARTICLE:
        code = code * rng.choice(np.array([1, -1]), n)
    return of, code, pt, eta, phi, np.zeros(n)
