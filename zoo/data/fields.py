"""The field table of the records: name, dtype, unit, range and meaning, as data.

One record is one calorimeter object: the rechits of the 5 x 29 (ieta x iphi) window around its seed
crystal, the event variables that every energy regression may use, and, for simulated samples, the truth. A
dotted name such as `hits.energy_gev` is jagged: one list per object. In a ROOT file it is the branch
`hits_energy_gev` with the counter `nhits`. The table is the one source for the checks, the files, the
shards and `docs/data_format.md`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

__all__ = ["COLLECTIONS", "FIELDS", "FIELD_BY_NAME", "SCHEMA_VERSION", "TREE_NAME", "Field", "Role"]

SCHEMA_VERSION = 1
TREE_NAME = "objects"

Role = Literal["input", "truth", "provenance"]

_BEAM_GEV = 7000.0  # no particle of the LHC carries more: an energy above it was written in MeV
_PI = math.pi * (1.0 + 1e-6)  # float32 rounding of pi


@dataclass(frozen=True)
class Field:
    """One field of the records.

    Attributes:
        name: Name, dotted if it belongs to a jagged collection.
        dtype: NumPy dtype that is stored.
        unit: Unit, "" for indices and counts.
        role: "input" must be there for any prediction; "truth" only simulated samples have; "provenance"
            says where an object came from.
        meaning: One line.
        low: Smallest valid value.
        high: Largest valid value.
        open_low: The smallest value itself is not valid (energy > 0).
        not_zero: Zero is not valid (ieta has none).
    """

    name: str
    dtype: str
    unit: str
    role: Role
    meaning: str
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    not_zero: bool = False

    @property
    def collection(self) -> str:
        """Name of the jagged collection, or "" for one value per object."""
        return self.name.split(".")[0] if "." in self.name else ""

    @property
    def leaf(self) -> str:
        """Name within the collection."""
        return self.name.split(".")[-1]

    @property
    def branch(self) -> str:
        """Name of the branch in a ROOT file of this project."""
        return self.name.replace(".", "_")

    @property
    def range_text(self) -> str:
        """The valid range in words."""
        if math.isinf(self.low) and math.isinf(self.high):
            return "finite"
        if math.isinf(self.high):
            return f"{'>' if self.open_low else '>='} {self.low:g}"
        if math.isinf(self.low):
            return f"<= {self.high:g}"
        text = f"{'above ' if self.open_low else 'from '}{self.low:g} to {self.high:g}"
        return text + (", not 0" if self.not_zero else "")


FIELDS: tuple[Field, ...] = (
    Field("hits.ieta", "int16", "", "input", "crystal index in eta, no 0", -85, 85, not_zero=True),
    Field("hits.iphi", "int16", "", "input", "crystal index in phi", 1, 360),
    Field("hits.energy_gev", "float32", "GeV", "input", "measured energy", 0.0, _BEAM_GEV, open_low=True),
    Field("hits.noise_gev", "float32", "GeV", "input", "noise sigma of this crystal", 0.0, 10.0),
    Field("hits.dead_neighbours", "uint8", "", "input", "dead crystals among the 8 neighbours", 0, 8),
    Field(
        "hits.true_energy_gev",
        "float32",
        "GeV",
        "truth",
        "deposit of the primary and its descendants",
        0.0,
        _BEAM_GEV,
    ),
    Field("hits.pileup_energy_gev", "float32", "GeV", "truth", "deposit of pile-up", 0.0, _BEAM_GEV),
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
    Field("leakage_gev", "float32", "GeV", "input", "smeared energy behind the ECAL (H)", 0.0, _BEAM_GEV),
    Field("n_pileup", "int16", "", "truth", "number of pile-up interactions", 0, 1000),
    Field(
        "pileup_photon_gev",
        "float32",
        "GeV",
        "truth",
        "energy of the hardest pile-up particle above 1 GeV in the window, 0: none",
        0.0,
        _BEAM_GEV,
    ),
    Field(
        "true_energy_gev",
        "float32",
        "GeV",
        "truth",
        "energy of the primary at the vertex",
        0.0,
        _BEAM_GEV,
        open_low=True,
    ),
    Field("true_eta", "float32", "", "truth", "eta of the primary at the vertex", -5.0, 5.0),
    Field("true_phi", "float32", "rad", "truth", "phi of the primary at the vertex", -_PI, _PI),
    Field("pdg_id", "int32", "", "truth", "PDG code of the primary (11, -11, 22)"),
    Field("particles.pdg_id", "int32", "", "truth", "PDG code"),
    Field("particles.parent", "int16", "", "truth", "index of the parent in this list, -1: primary", -1),
    Field("particles.energy_gev", "float32", "GeV", "truth", "energy", 0.0, _BEAM_GEV),
    Field("particles.eta", "float32", "", "truth", "eta at the ECAL face"),
    Field("particles.phi", "float32", "rad", "truth", "phi at the ECAL face"),
    Field("particles.radius_cm", "float32", "cm", "truth", "radius at which it was created", 0.0, 1000.0),
    Field("particles.library_row", "int32", "", "truth", "row of its shower, -1: none (never arrived)", -1),
    Field("particles.deposit_gev", "float32", "GeV", "truth", "total deposit in crystals", 0.0, _BEAM_GEV),
    Field("deposits.particle", "int16", "", "truth", "index into particles", 0),
    Field("deposits.hit", "int16", "", "truth", "index into hits", 0),
    Field(
        "deposits.energy_gev",
        "float32",
        "GeV",
        "truth",
        "deposit of that particle in that crystal",
        0.0,
        _BEAM_GEV,
    ),
    Field("shower_row", "int32", "", "provenance", "library row of the leading shower", -1),
    Field("shower_pdg_id", "int32", "", "provenance", "library of that row (11 or 22)"),
    Field("event_id", "int64", "", "provenance", "number of the event in its sample"),
)

FIELD_BY_NAME: dict[str, Field] = {field.name: field for field in FIELDS}
COLLECTIONS: tuple[str, ...] = ("hits", "particles", "deposits")
