"""What the candidates of a sample are made of: decays to two photons and single photons, at the vertex.

    made = draw_candidates(1000, Decays(photon_fraction=CONTINUED), rng)
    made.photons.energy_gev                      # [P], `made.photons.owner` says of which candidate

A decay whose photons fly further apart than `max_opening_crystals` would be two candidates. It is drawn anew
with its mass and pT kept, so that a sample that is flat in both stays flat.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from zoo.angles import wrap_phi
from zoo.arrays import Floats, Ints
from zoo.data.kinds.candidates import A0, PHOTON
from zoo.detectors import cms_barrel
from zoo.errors import InvalidValue
from zoo.simulation.decays import Parents, Photons, higgs_to_two, to_photons

__all__ = ["CONTINUED", "Decays", "GeneratedCandidates", "PhotonsAtVertex", "draw_candidates"]


CONTINUED = 3 / 19
"""Share of single photons whose labels, flat from -0.3 GeV to 0, are as dense as masses flat to 1.6 GeV."""

LEAST_MASS_GEV = 1e-3  # two photons a fortieth of a crystal apart at most: one photon to any calorimeter


@dataclass(frozen=True)
class Decays:
    """Parents of the candidates; arXiv:2204.12313 for the ranges."""

    parent_pdg_id: int = A0
    masses_gev: tuple[float, ...] = ()  # drawn with equal probability; none: flat from 0 to max_mass_gev
    max_mass_gev: float = 1.6  # 1.2 GeV is the region of interest, the rest a buffer
    pt_gev: tuple[float, float] = (20.0, 100.0)  # flat
    max_abs_eta: float = 1.4  # flat
    photon_fraction: float = 0.0  # single photons among the candidates
    lowest_label_gev: float = -0.3  # labels of single photons are flat from here to 0
    higgs_gev: float = 0.0  # mass of a boson at rest that decays to two parents; 0: parents come alone
    max_opening_crystals: float = 10.0  # photons further apart are two candidates

    def __post_init__(self) -> None:
        if not all(mass > 0 for mass in (*self.masses_gev, self.max_mass_gev)):
            raise InvalidValue("Decays.masses_gev, max_mass_gev", "above 0", self)
        if not 0 < self.pt_gev[0] < self.pt_gev[1]:
            raise InvalidValue("Decays.pt_gev", "(least, most) with 0 < least < most", self.pt_gev)
        if not 0 <= self.photon_fraction <= 1:
            raise InvalidValue("Decays.photon_fraction", "a fraction from 0 to 1", self.photon_fraction)
        if not self.lowest_label_gev < 0:
            raise InvalidValue("Decays.lowest_label_gev", "below 0", self.lowest_label_gev)
        heaviest = max(self.masses_gev or (self.max_mass_gev,))
        pt = self.pt_gev[0]
        if self.higgs_gev:
            pt = np.sqrt(max(0.25 * self.higgs_gev**2 - heaviest**2, 0.0)) / np.cosh(self.max_abs_eta)
        if not 2.0 * heaviest < 0.95 * pt * self.max_opening_crystals * cms_barrel.ETA_PITCH:
            raise InvalidValue(
                "Decays.max_opening_crystals", "more, or lighter parents: hardly any decay is so narrow", self
            )

    @property
    def per_event(self) -> int:
        """Candidates that share an event."""
        return 2 if self.higgs_gev else 1


@dataclass(frozen=True)
class PhotonsAtVertex:
    """Photons, [P] each; those of one candidate stand together, the harder one first."""

    owner: Ints
    energy_gev: Floats
    eta: Floats
    phi: Floats


@dataclass(frozen=True)
class GeneratedCandidates:
    """Candidates, [B] each, and their photons."""

    parent_pdg_id: Ints
    mass_gev: Floats  # 0 for a single photon
    label_gev: Floats
    parents: Parents
    opening_crystals: Floats
    lead_share: Floats
    photons: PhotonsAtVertex

    def __len__(self) -> int:
        return len(self.mass_gev)


def draw_candidates(n: int, decays: Decays, rng: np.random.Generator) -> GeneratedCandidates:
    """Draws candidates.

    Args:
        n: Their number; even where two share an event.
        decays: Of what.
        rng: Source of randomness.
    """
    parents = _boson_pairs(n, decays, rng) if decays.higgs_gev else _alone(n, decays, rng)
    single = rng.random(n) < decays.photon_fraction
    both, opening = _narrow_decays(parents, decays, rng)
    energy, eta, phi = both.energy_gev.copy(), both.eta.copy(), both.phi.copy()
    energy[single, 0] = (parents.pt_gev * np.cosh(parents.eta))[single]
    energy[single, 1] = 0.0
    eta[single, 0], phi[single, 0] = parents.eta[single], parents.phi[single]
    kept = np.ones((n, 2), bool)
    kept[single, 1] = False
    return GeneratedCandidates(
        np.where(single, PHOTON, decays.parent_pdg_id),
        np.where(single, 0.0, parents.mass_gev),
        np.where(single, decays.lowest_label_gev * (1.0 - rng.random(n)), parents.mass_gev),
        parents,
        np.where(single, 0.0, opening),
        energy[:, 0] / energy.sum(axis=1),
        PhotonsAtVertex(np.nonzero(kept)[0], energy[kept], eta[kept], phi[kept]),
    )


def _masses(n: int, decays: Decays, rng: np.random.Generator) -> Floats:
    if decays.masses_gev:
        return rng.choice(np.array(decays.masses_gev), n)
    return np.maximum(decays.max_mass_gev * rng.random(n), LEAST_MASS_GEV)


def _alone(n: int, decays: Decays, rng: np.random.Generator) -> Parents:
    eta = rng.uniform(-decays.max_abs_eta, decays.max_abs_eta, n)
    phi = wrap_phi(rng.uniform(-np.pi, np.pi, n))
    return Parents(_masses(n, decays, rng), rng.uniform(*decays.pt_gev, n), eta, phi)


def _boson_pairs(n: int, decays: Decays, rng: np.random.Generator) -> Parents:
    """Draws n / 2 bosons whose parents both fly within |eta|; the pairs one after the other."""
    mass = _masses(n // 2, decays, rng)
    pairs = higgs_to_two(mass, decays.higgs_gev, rng)
    columns = [pairs.pt_gev, pairs.eta, pairs.phi]
    while len(outside := np.flatnonzero(np.abs(columns[1][:, 0]) > decays.max_abs_eta)):
        again = higgs_to_two(mass[outside], decays.higgs_gev, rng)
        for column, new in zip(columns, (again.pt_gev, again.eta, again.phi), strict=True):
            column[outside] = new
    return Parents(np.repeat(mass, 2), *(column.ravel() for column in columns))


def _narrow_decays(parents: Parents, decays: Decays, rng: np.random.Generator) -> tuple[Photons, Floats]:
    """Decays parents until all pairs are narrow; returns the photons and their opening in crystals."""
    photons = to_photons(parents, rng)
    opening = _opening_crystals(photons)
    while len(wide := np.flatnonzero(opening > decays.max_opening_crystals)):
        some = replace(parents, **{name: values[wide] for name, values in vars(parents).items()})
        again = to_photons(some, rng)
        for name, values in vars(again).items():
            getattr(photons, name)[wide] = values
        opening[wide] = _opening_crystals(again)
    return photons, opening


def _opening_crystals(photons: Photons) -> Floats:
    """Distance of the photons in the plane of eta and phi, in crystals."""
    d_eta = np.diff(photons.eta)[:, 0] / cms_barrel.ETA_PITCH
    d_phi = wrap_phi(np.diff(photons.phi)[:, 0]) / cms_barrel.PHI_PITCH
    return np.hypot(d_eta, d_phi)
