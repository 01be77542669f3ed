"""Particle-flow elements: whole events of tracks and clusters, the particles behind them, and their targets.

One record of `ELEMENT_EVENTS` is one bunch crossing. Its elements come in no special order. A particle is
linked to every element that it left something in, and belongs to the target of at most one. Each element has
one target, of class 0 if none; `zoo.data.targets` says by which rules.
"""

from __future__ import annotations

from zoo.data.kinds.objects import OBJECTS
from zoo.data.kinds.schema import BEAM_GEV, PI, Field, Schema

__all__ = ["CLASSES", "CLASS_PDG_IDS", "ELEMENT_EVENTS", "ELEMENT_TYPES", "MEASURED_GEV"]

ELEMENT_TYPES = (
    "none", "track", "preshower 1", "preshower 2", "ECAL cluster", "HCAL cluster", "GSF track", "brems point",
    "HF electromagnetic", "HF hadronic", "supercluster", "HO cluster",
)  # fmt: skip
"""Meaning of `elements.kind`, as in CMS; the simulation makes neither preshower nor HO clusters."""

CLASSES = (
    "none", "charged hadron", "neutral hadron", "HF hadron", "HF electromagnetic", "photon", "electron",
    "muon",
)  # fmt: skip
"""Meaning of `elements.target_class`."""

CLASS_PDG_IDS = (0, 211, 130, 1, 2, 22, 11, 13)
"""What CMS calls each of `CLASSES`; 1 and 2 are no quarks."""

MEASURED_GEV = 2 * BEAM_GEV
"""The curvature of a very stiff track is badly known: a measured momentum may be larger than the beam's."""


def _element(
    leaf: str, dtype: str, unit: str, meaning: str, low: float, high: float, role: str = "input"
) -> Field:
    return Field(f"elements.{leaf}", dtype, unit, "truth" if role == "truth" else "input", meaning, low, high)


def _gev(leaf: str, meaning: str, role: str = "input") -> Field:
    return _element(leaf, "float32", "GeV", meaning, 0.0, MEASURED_GEV, role)


def _angles(leaf: str, meaning: str, role: str = "input") -> tuple[Field, Field]:
    """Fields `eta...` and `phi...`; `leaf` and `meaning` hold "eta"."""
    eta = _element(leaf, "float32", "", meaning, -10.0, 10.0, role)
    phi = _element(leaf.replace("eta", "phi"), "float32", "rad", meaning.replace("eta", "phi"), -PI, PI, role)
    return eta, phi


ELEMENT_EVENTS = Schema(
    "element_events",
    "events of particle-flow elements",
    6,
    "elements",
    (
        _element("kind", "int8", "", "what it is: 1 track, 4 ECAL, 5 HCAL, ... (`ELEMENT_TYPES`)", 1, 11),
        _gev("pt_gev", "transverse momentum; of a cluster E / cosh(eta)"),
        *_angles("eta", "eta of a track at the vertex, of a cluster"),
        _gev("energy_gev", "momentum of a track, energy of a cluster"),
        _element("layer", "int8", "", "-1 EB, -2 EE, 1 HB, 3 HE, 11 HF em, 12 HF had, 0 tracks", -12, 12),
        _element("depth", "int8", "", "depth segment of an HCAL cluster, else 0", 0, 7),
        _element("charge", "int8", "", "measured charge, 0 for clusters", -1, 1),
        _element("trajectory_point", "int8", "", "layer of a brems point, else 0", 0, 100),
        *_angles("eta_ecal", "eta at the ECAL's face, 0 for clusters"),
        *_angles("eta_hcal", "eta at the HCAL's face, 0 for clusters"),
        _element("dt_hits", "int8", "", "hits in the barrel's muon chambers", 0, 100),
        _element("csc_hits", "int8", "", "hits in the endcaps' muon chambers", 0, 100),
        _element("muon_type", "int8", "", "bits: 2 global, 4 tracker, 8 stand-alone muon", 0, 127),
        _element("delta_p_gev", "float32", "GeV", "momentum lost by a GSF track, or at a brems point",
                 -MEASURED_GEV, MEASURED_GEV),
        _gev("sigma_delta_p_gev", "its error"),
        _element("gsf_seed", "int8", "", "bits: GSF seeded by 1 the calorimeter, 2 the tracker", 0, 3),
        _element("hits", "int16", "", "hits of a track", 0, 1000),
        _element("cluster_flags", "int32", "", "flags of a cluster; 0 in the simulation", 0, 2**31 - 1),
        _gev("corrected_energy_gev", "calibrated energy of a cluster, 0 for tracks"),
        _element("dz_cm", "float32", "cm", "z of a track from the hard vertex, else 0", -100.0, 100.0),
        _element("target_class", "int8", "", "class of its target, 0: none (`CLASSES`)", 0, 7, "truth"),
        _element("target_charge", "int8", "", "charge of its target", -1, 1, "truth"),
        _gev("target_pt_gev", "pT of its target, 0: none", "truth"),
        *_angles("target_eta", "eta of its target, at the vertex", "truth"),
        _gev("target_energy_gev", "energy of its target, 0: none", "truth"),
        _element("target_pileup", "uint8", "", "1: the leading particle is pile-up", 0, 1, "truth"),
        Field("elements.target_particle", "int32", "", "truth", "leading particle of its target, -1: none",
              -1, into="particles"),
        Field("particles.pdg_id", "int32", "", "truth", "PDG code"),
        Field("particles.charge", "int8", "", "truth", "charge", -1, 1),
        Field("particles.energy_gev", "float32", "GeV", "truth", "energy at the vertex", 0.0, BEAM_GEV),
        Field("particles.pt_gev", "float32", "GeV", "truth", "transverse momentum", 0.0, BEAM_GEV),
        Field("particles.eta", "float32", "", "truth", "eta at the vertex", -10.0, 10.0),
        Field("particles.phi", "float32", "rad", "truth", "phi at the vertex", -PI, PI),
        Field("particles.vertex_z_cm", "float32", "cm", "truth", "z of its interaction", -100.0, 100.0),
        Field("particles.interaction", "int16", "", "truth", "its interaction, 0: the hard one", 0),
        Field("particles.element", "int32", "", "truth", "element whose target it is part of, -1: lost", -1,
              into="elements"),
        Field("links.element", "int32", "", "truth", "index into elements", 0, into="elements"),
        Field("links.particle", "int32", "", "truth", "index into particles", 0, into="particles"),
        Field("links.energy_gev", "float32", "GeV", "truth", "deposit in the cluster; momentum, of a track",
              0.0, MEASURED_GEV),
        OBJECTS.by_name["n_pileup"],
        Field("collision_row", "int32", "", "provenance", "row of its hard collision, -1: none", -1),
        OBJECTS.by_name["event_id"],
    ),
    labelled=("elements",),
)  # fmt: skip
