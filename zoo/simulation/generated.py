"""What is generated for superclustering: electrons, photons, jets, and resonances of two electrons.

Each record has one group: an electron, a photon, or a jet with its constituents.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo.angles import wrap_phi
from zoo.arrays import Floats, Ints
from zoo.data.kinds.clusters import FLAVOURS
from zoo.errors import InvalidValue
from zoo.simulation.decays import Parents, to_photons
from zoo.simulation.hadrons import charge_of
from zoo.simulation.jets import JetPool

__all__ = ["Generated", "Resonance", "Spectrum", "draw_groups", "draw_resonances"]


JET, ELECTRON, PHOTON = (FLAVOURS.index(name) for name in ("jet", "electron", "photon"))


@dataclass(frozen=True)
class Spectrum:
    """Which groups are generated, and with which transverse energy."""

    min_et_gev: float = 1.0
    max_et_gev: float = 100.0
    flat_fraction: float = 0.5  # flat in ET; the others log-uniform in ET
    max_abs_eta: float = 1.44  # eta of electrons and photons, flat: the fiducial barrel
    jet_part: float = 0.2  # of the records
    electron_part: float = 0.4  # of the records, both charges; the rest are photons

    def __post_init__(self) -> None:
        if not 0 < self.min_et_gev < self.max_et_gev:
            raise InvalidValue("Spectrum.max_et_gev", f"more than {self.min_et_gev:g}", self.max_et_gev)
        parts = (self.flat_fraction, self.jet_part, self.electron_part, self.jet_part + self.electron_part)
        if min(parts) < 0 or max(parts) > 1:
            raise InvalidValue("Spectrum", "fractions from 0 to 1, together at most 1", self)


@dataclass(frozen=True)
class Resonance:
    """A particle of no natural width that decays to two electrons, isotropic in its rest frame."""

    mass_gev: float = 91.19
    mean_pt_gev: float = 15.0  # exponential; about that of Z bosons at the LHC
    max_abs_rapidity: float = 1.44  # flat
    min_et_gev: float = 4.0  # of both electrons: the cut on superclusters
    max_abs_eta: float = 1.44  # of both electrons: the fiducial barrel


@dataclass(frozen=True, eq=False)
class Generated:
    """N groups, one for each record, and their particles, group after group; at the vertex.

    Attributes:
        flavour: [N] index into `FLAVOURS`.
        energy_gev: [N] energy of each group.
        eta: [N] its pseudorapidity.
        phi: [N] its azimuth in (-pi, pi].
        group: [P] group of each particle.
        pdg_id: [P] its PDG code.
        particle_gev: [P] its energy.
        particle_eta: [P] its pseudorapidity.
        particle_phi: [P] its azimuth in (-pi, pi].
    """

    flavour: npt.NDArray[np.int8]
    energy_gev: Floats
    eta: Floats
    phi: Floats
    group: Ints
    pdg_id: Ints
    particle_gev: Floats
    particle_eta: Floats
    particle_phi: Floats

    def __len__(self) -> int:
        return len(self.flavour)


def draw_groups(n: int, spectrum: Spectrum, split: str, rng: np.random.Generator) -> Generated:
    """Draws electrons, photons and jets of the shipped pool.

    A jet is turned and mirrored at random (the mirror in phi exchanges charges), and never scaled.

    Args:
        n: Number of groups.
        spectrum: Which ones.
        split: Split of the pool of jets.
        rng: Source of randomness.
    """
    flavour = np.full(n, PHOTON, dtype=np.int8)
    u = rng.random(n)
    flavour[u < spectrum.jet_part + spectrum.electron_part] = ELECTRON
    flavour[u < spectrum.jet_part] = JET
    u, (low, high) = rng.random(n), (spectrum.min_et_gev, spectrum.max_et_gev)
    is_flat = rng.random(n) < spectrum.flat_fraction
    et = np.where(is_flat, low + (high - low) * u, low * (high / low) ** u)
    eta = rng.uniform(-spectrum.max_abs_eta, spectrum.max_abs_eta, n)
    phi = wrap_phi(rng.uniform(-np.pi, np.pi, n))
    charge = rng.choice(np.array([1, -1]), n)
    mirror = np.where(rng.random(n) < 0.5, -1.0, 1.0)
    energy = et * np.cosh(eta)

    jet = np.flatnonzero(flavour == JET)
    pool = JetPool.shipped()
    chosen = pool.choose(et[jet], split, rng)
    jet_gev, jet_eta, jet_phi = (values[chosen].astype(np.float64) for values in pool.axis)
    energy[jet], eta[jet] = jet_gev, jet_eta * mirror[jet]
    owner, constituent = pool.particles_of(chosen)
    of = jet[owner]
    pdg = pool.pdg_id[constituent].astype(np.int64)
    pdg = np.where((charge[of] < 0) & (charge_of(pdg) != 0), -pdg, pdg)
    from_axis = wrap_phi(pool.phi[constituent] - jet_phi[owner])

    single = np.flatnonzero(flavour != JET)
    group = np.concatenate([single, of])
    order = np.argsort(group, kind="stable")
    return Generated(
        flavour,
        energy,
        eta,
        phi,
        group[order],
        np.concatenate([np.where(flavour[single] == PHOTON, 22, 11 * charge[single]), pdg])[order],
        np.concatenate([energy[single], pool.energy_gev[constituent]])[order],
        np.concatenate([eta[single], pool.eta[constituent] * mirror[of]])[order],
        np.concatenate([phi[single], wrap_phi(phi[of] + charge[of] * from_axis)])[order],
    )


def draw_resonances(n: int, resonance: Resonance, rng: np.random.Generator) -> Generated:
    """Draws n / 2 resonances whose electrons are both in the barrel: groups 2k and 2k + 1 are of one.

    Args:
        n: Number of electrons, even.
        resonance: What decays.
        rng: Source of randomness.
    """
    parts: list[Floats] = []
    missing = n // 2
    while missing > 0:
        size = 2 * missing + 16
        pt = rng.exponential(resonance.mean_pt_gev, size)
        rapidity = rng.uniform(-resonance.max_abs_rapidity, resonance.max_abs_rapidity, size)
        mass = np.full(size, resonance.mass_gev)
        parent_eta = np.arcsinh(np.hypot(mass, pt) * np.sinh(rapidity) / pt)
        # electrons of tens of GeV have no mass to speak of
        two = to_photons(Parents(mass, pt, parent_eta, rng.uniform(-np.pi, np.pi, size)), rng)
        inside = (np.abs(two.eta) < resonance.max_abs_eta).all(axis=1)
        inside &= (two.energy_gev / np.cosh(two.eta) > resonance.min_et_gev).all(axis=1)
        found = np.stack([two.energy_gev, two.eta, two.phi], axis=-1)[inside][:missing]
        parts.append(found)
        missing -= len(found)
    energy, eta, phi = np.concatenate(parts).reshape(-1, 3).T
    pdg_id = 11 * np.repeat(rng.choice(np.array([1, -1]), n // 2), 2)
    pdg_id[1::2] *= -1
    flavour = np.full(n, ELECTRON, dtype=np.int8)
    return Generated(flavour, energy, eta, phi, np.arange(n), pdg_id, energy, eta, phi)
