"""Calorimeter objects: the records of every energy regression.

One record is one object: the rechits of the 5 x 29 (ieta x iphi) window around its seed crystal, the event
variables that every energy regression may use, and, for simulated samples, the truth.
"""

from __future__ import annotations

from zoo.data.kinds.schema import BEAM_GEV, PI, Field, Schema

__all__ = ["OBJECTS"]

_FIELDS = (
    Field("hits.ieta", "int16", "", "input", "crystal index in eta, no 0", -85, 85, not_zero=True),
    Field("hits.iphi", "int16", "", "input", "crystal index in phi", 1, 360),
    Field("hits.energy_gev", "float32", "GeV", "input", "measured energy", 0.0, BEAM_GEV, open_low=True),
    Field("hits.noise_gev", "float32", "GeV", "input", "noise sigma of this crystal", 0.0, 10.0),
    Field("hits.dead_neighbours", "uint8", "", "input", "dead crystals among the 8 neighbours", 0, 8),
    Field(
        "hits.true_energy_gev",
        "float32",
        "GeV",
        "truth",
        "deposit of the primary and its descendants",
        0.0,
        BEAM_GEV,
    ),
    Field("hits.pileup_energy_gev", "float32", "GeV", "truth", "deposit of pile-up", 0.0, BEAM_GEV),
    Field("seed_ieta", "int16", "", "input", "ieta of the seed crystal", -85, 85, not_zero=True),
    Field("seed_iphi", "int16", "", "input", "iphi of the seed crystal", 1, 360),
    Field(
        "rho_gev",
        "float32",
        "GeV per unit eta-phi",
        "input",
        "median energy density of the event",
        0.0,
        1000.0,
    ),
    Field("leakage_gev", "float32", "GeV", "input", "smeared energy behind the ECAL (H)", 0.0, BEAM_GEV),
    Field("n_pileup", "int16", "", "truth", "number of pile-up interactions", 0, 1000),
    Field(
        "pileup_photon_gev",
        "float32",
        "GeV",
        "truth",
        "energy of the hardest pile-up particle above 1 GeV in the window, 0: none",
        0.0,
        BEAM_GEV,
    ),
    Field(
        "true_energy_gev",
        "float32",
        "GeV",
        "truth",
        "energy of the primary at the vertex",
        0.0,
        BEAM_GEV,
        open_low=True,
    ),
    Field("true_eta", "float32", "", "truth", "eta of the primary at the vertex", -5.0, 5.0),
    Field("true_phi", "float32", "rad", "truth", "phi of the primary at the vertex", -PI, PI),
    Field("pdg_id", "int32", "", "truth", "PDG code of the primary (11, -11, 22)"),
    Field("particles.pdg_id", "int32", "", "truth", "PDG code"),
    Field("particles.parent", "int16", "", "truth", "index of the parent in this list, -1: primary", -1),
    Field("particles.energy_gev", "float32", "GeV", "truth", "energy", 0.0, BEAM_GEV),
    Field("particles.eta", "float32", "", "truth", "eta at the ECAL face"),
    Field("particles.phi", "float32", "rad", "truth", "phi at the ECAL face"),
    Field("particles.radius_cm", "float32", "cm", "truth", "radius at which it was created", 0.0, 1000.0),
    Field("particles.library_row", "int32", "", "truth", "row of its shower, -1: none (never arrived)", -1),
    Field("particles.deposit_gev", "float32", "GeV", "truth", "total deposit in crystals", 0.0, BEAM_GEV),
    Field("deposits.particle", "int16", "", "truth", "index into particles", 0, into="particles"),
    Field("deposits.hit", "int16", "", "truth", "index into hits", 0, into="hits"),
    Field(
        "deposits.energy_gev",
        "float32",
        "GeV",
        "truth",
        "deposit of that particle in that crystal",
        0.0,
        BEAM_GEV,
    ),
    Field("shower_row", "int32", "", "provenance", "library row of the leading shower", -1),
    Field("shower_pdg_id", "int32", "", "provenance", "library of that row (11 or 22)"),
    Field("event_id", "int64", "", "provenance", "number of the event in its sample"),
)

OBJECTS = Schema("objects", "calorimeter objects", 1, "hits", _FIELDS)
