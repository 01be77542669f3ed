"""What of the generated particles arrives at the barrel's crystals, and where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.arrays import Bools, Floats, Ints
from zoo.detectors import cms_barrel
from zoo.simulation import hadrons
from zoo.simulation.deposits import take_impacts
from zoo.simulation.generated import Generated
from zoo.simulation.transport import TransportConfig, transport

__all__ = ["Arrivals", "arrive"]


@dataclass(frozen=True, eq=False)
class Arrivals:
    """Electrons, photons and hadrons at the face, group after group.

    Attributes:
        group: [A] group of each.
        particle: [A] generated particle that it comes from.
        electron: [A] whether its shower is an electron's; a hadron's is a photon's.
        energy_gev: [A] its energy; of a hadron what it leaves in the crystals.
        behind_gev: [A] what a hadron carries through them, NaN for electrons and photons.
        impact: Where it arrives, [A].
    """

    group: Ints
    particle: Ints
    electron: Bools
    energy_gev: Floats
    behind_gev: Floats
    impact: cms_barrel.Impact

    def take(self, chosen: Bools) -> Arrivals:
        """Keeps some of them."""
        return Arrivals(
            self.group[chosen],
            self.particle[chosen],
            self.electron[chosen],
            self.energy_gev[chosen],
            self.behind_gev[chosen],
            take_impacts(self.impact, chosen),
        )


def arrive(made: Generated, config: TransportConfig, rng: np.random.Generator) -> Arrivals:
    """Brings generated particles to the crystals.

    Electrons and photons go through material and field (`transport`), charged hadrons and muons through the
    field alone (`hadrons`); neutral hadrons leave nothing.

    Args:
        made: What is generated.
        config: Material, field and cuts.
        rng: Source of randomness.
    """
    code = np.abs(made.pdg_id)
    light = np.flatnonzero((code == 11) | (code == 22))
    cascade = transport(
        made.pdg_id[light],
        made.particle_gev[light],
        made.particle_eta[light],
        made.particle_phi[light],
        rng,
        config,
    )
    reached = np.flatnonzero(cascade.arrived)

    charge = hadrons.charge_of(made.pdg_id)
    heavy = np.flatnonzero((charge != 0) & (code != 11))
    eta, phi = hadrons.to_face_from_vertex(
        charge[heavy], made.particle_gev[heavy], made.particle_eta[heavy], made.particle_phi[heavy]
    )
    kinetic = hadrons.kinetic_gev(made.pdg_id[heavy], made.particle_gev[heavy])
    deposit, _ = hadrons.crystal_deposit(made.pdg_id[heavy], made.particle_gev[heavy], kinetic, rng)
    leaves = np.flatnonzero(np.isfinite(eta) & (deposit >= hadrons.LEAST_GEV))

    particle = np.concatenate([light[cascade.event[reached]], heavy[leaves]])
    eta, phi = (
        np.concatenate(pair)
        for pair in ((cascade.eta[reached], eta[leaves]), (cascade.phi[reached], phi[leaves]))
    )
    order = np.argsort(particle, kind="stable")
    impact = cms_barrel.impact(eta[order], phi[order])
    arrivals = Arrivals(
        made.group[particle[order]],
        particle[order],
        np.concatenate([np.abs(cascade.pdg_id[reached]) == 11, np.zeros(len(leaves), dtype=bool)])[order],
        np.concatenate([cascade.energy_gev[reached], deposit[leaves]])[order],
        np.concatenate([np.full(len(reached), np.nan), (kinetic - deposit)[leaves]])[order],
        impact,
    )
    return arrivals.take(cms_barrel.in_barrel(impact.row))
