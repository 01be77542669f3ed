"""Candidates: one photon-like object and the crystals around it, the records of the mass regressor.

One record is a candidate: the rechits of the 33 x 33 crystals around its highest one, enough for the image of
32 x 32 and for that of its mirror image. A decay, or a single photon, stands behind it in simulated samples.
"""

from __future__ import annotations

from zoo.data.kinds.objects import OBJECTS
from zoo.data.kinds.schema import BEAM_GEV, PI, Field, Schema

__all__ = ["A0", "CANDIDATES", "ETA_MESON", "PHOTON", "PI0"]

PHOTON, A0, PI0, ETA_MESON = 22, 36, 111, 221
"""Values of `parent_pdg_id`: a single photon, and what decays to two."""


def _as_of_objects(*names: str) -> tuple[Field, ...]:
    return tuple(OBJECTS.by_name[name] for name in names)


CANDIDATES = Schema(
    "candidates",
    "photon-like candidates",
    8,
    "hits",
    (
        *_as_of_objects("hits.ieta", "hits.iphi", "hits.energy_gev", "seed_ieta", "seed_iphi"),
        Field("parent_pdg_id", "int32", "", "truth", "22 single photon, 36 a, 111 pi0, 221 eta"),
        Field("mass_gev", "float32", "GeV", "truth", "mass of the parent, 0 for a single photon", 0.0, 100.0),
        Field(
            "label_mass_gev",
            "float32",
            "GeV",
            "truth",
            "what a network is trained on: the mass, for a single photon a random value below 0",
            -100.0,
            100.0,
        ),
        Field("pt_gev", "float32", "GeV", "truth", "pT of the parent", 0.0, BEAM_GEV, open_low=True),
        Field("true_eta", "float32", "", "truth", "eta of the parent", -5.0, 5.0),
        Field("true_phi", "float32", "rad", "truth", "phi of the parent", -PI, PI),
        Field(
            "opening_crystals",
            "float32",
            "crystals",
            "truth",
            "distance of the two photons at the vertex, 0 for a single one",
            0.0,
            1000.0,
        ),
        Field("lead_share", "float32", "", "truth", "energy share of the harder photon", 0.5, 1.0),
        Field("n_converted", "uint8", "", "truth", "photons that converted in the material", 0, 2),
        *_as_of_objects("n_pileup"),
        Field("weight", "float32", "", "provenance", "weight in a training, 1 if it is not there", 0.0),
        *_as_of_objects("shower_row", "shower_pdg_id"),
        Field(
            "second_shower_row", "int32", "", "provenance", "library row of the second shower, -1: none", -1
        ),
        Field("second_shower_pdg_id", "int32", "", "provenance", "library of that row (11 or 22)"),
        *_as_of_objects("event_id"),
    ),
)
