"""Particle-flow candidates of somebody's files: a source of jets and missing momentum, no input of a network.

`zoo.data.files.nano` reads those of CMS.
"""

from __future__ import annotations

from zoo.data.kinds.elements import MEASURED_GEV
from zoo.data.kinds.objects import OBJECTS
from zoo.data.kinds.schema import PI, Field, Role, Schema

__all__ = ["PF_CANDIDATES"]


def _particles(collection: str, role: Role) -> tuple[Field, ...]:
    def field(leaf: str, dtype: str, unit: str, meaning: str, low: float, high: float) -> Field:
        return Field(f"{collection}.{leaf}", dtype, unit, role, meaning, low, high)

    return (
        field("pdg_id", "int32", "", "PDG code", -(10**7), 10**7),
        field("pt_gev", "float32", "GeV", "transverse momentum", 0.0, MEASURED_GEV),
        field("eta", "float32", "", "eta", -20.0, 20.0),
        field("phi", "float32", "rad", "phi; packed ones may be a little outside", -3.15, 3.15),
        field("mass_gev", "float32", "GeV", "mass; packed ones may be a little below 0", -1.0, MEASURED_GEV),
    )


PF_CANDIDATES = Schema(
    "pf_candidates",
    "events of particle-flow candidates",
    7,
    "candidates",
    (
        *_particles("candidates", "input"),
        *_particles("generated", "truth"),
        Field("met_gev", "float32", "GeV", "provenance", "missing pT of all candidates", 0.0, MEASURED_GEV),
        Field("met_phi", "float32", "rad", "provenance", "its azimuth", -PI, PI),
        Field("generated_met_gev", "float32", "GeV", "truth", "missing pT of the truth", 0.0, MEASURED_GEV),
        OBJECTS.by_name["event_id"],
    ),
)
