"""Maps of the particle-flow candidates of CMS: NanoAOD and PFNano.

records = read_root("nano.root", NANOAOD)      # from v15 on: the candidates of some jets
records = read_root("pfnano.root", PFNANO)     # generated particles too
"""

from __future__ import annotations

from zoo.data.files.branch_maps import Branch, BranchMap
from zoo.data.kinds.pf_candidates import PF_CANDIDATES

__all__ = ["NANOAOD", "PFNANO"]


def _collection(ours: str, theirs: str) -> dict[str, Branch]:
    leaves = {"pdg_id": "pdgId", "pt_gev": "pt", "eta": "eta", "phi": "phi", "mass_gev": "mass"}
    return {f"{ours}.{leaf}": Branch(f"{theirs}_{name}") for leaf, name in leaves.items()}


_EVENT = {"generated_met_gev": Branch("GenMET_pt"), "event_id": Branch("event", optional=True)}

NANOAOD = BranchMap(
    "Events",
    {
        **_collection("candidates", "PFCand"),
        "met_gev": Branch("RawPFMET_pt"),
        "met_phi": Branch("RawPFMET_phi"),
        **_EVENT,
    },
    PF_CANDIDATES,
)
PFNANO = BranchMap(
    "Events",
    {
        **_collection("candidates", "PFCands"),
        **_collection("generated", "GenCands"),
        "met_gev": Branch("RawMET_pt"),
        "met_phi": Branch("RawMET_phi"),
        **_EVENT,
    },
    PF_CANDIDATES,
)
