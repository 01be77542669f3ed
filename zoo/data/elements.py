"""The 25 features of an element, in the order of the MLPF talk, from records of `ELEMENT_EVENTS`."""

from __future__ import annotations

import awkward as ak
import numpy as np

from zoo.arrays import Floats, Floats32
from zoo.data.records import leaf_values

__all__ = ["ELEMENT_FEATURES", "element_features"]

ELEMENT_FEATURES = (
    "kind", "pt_gev", "eta", "phi", "energy_gev", "layer", "depth", "charge", "trajectory_point", "eta_ecal",
    "phi_ecal", "eta_hcal", "phi_hcal", "dt_hits", "csc_hits", "muon_type", "px_gev", "py_gev", "pz_gev",
    "delta_p_gev", "sigma_delta_p_gev", "gsf_seed", "hits", "cluster_flags", "corrected_energy_gev",
)  # fmt: skip
"""Names of the columns. The three components of the momentum are not stored, so that they cannot disagree."""


def element_features(records: ak.Array, names: tuple[str, ...] = ELEMENT_FEATURES) -> Floats32:
    """Returns features of all elements [T, len(names)], event after event.

    Args:
        records: Records of `ELEMENT_EVENTS`.
        names: Which ones: input fields of the elements, `dz_cm` too, or `px_gev`, `py_gev`, `pz_gev`.

    Raises:
        UnknownName: The elements have no such field.
    """
    columns = [
        _momentum(records, n) if n in _DIRECTIONS else leaf_values(records, f"elements.{n}") for n in names
    ]
    return np.stack([np.asarray(column, np.float32) for column in columns], axis=-1)


_DIRECTIONS = {"px_gev": (np.cos, "phi"), "py_gev": (np.sin, "phi"), "pz_gev": (np.sinh, "eta")}


def _momentum(records: ak.Array, name: str) -> Floats:
    function, angle = _DIRECTIONS[name]
    along = function(leaf_values(records, f"elements.{angle}").astype(np.float64))
    return np.asarray(leaf_values(records, "elements.pt_gev") * along, np.float64)
