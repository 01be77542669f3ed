"""Classes of objects: where hits carry what shower shapes cannot, and where nothing is to be gained.

    for chosen in object_classes(records):
        print(chosen.name, chosen.label, chosen.mask.mean())

A class is a mask of objects; classes overlap. One whose truth a file does not hold is missing.
"""

from __future__ import annotations

from dataclasses import dataclass

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.arrays import Bools
from zoo.data.records import has_field
from zoo.evaluation.binning import core_share, gap_distances, in_core, r9, transverse_energy_gev

__all__ = ["AVERAGE", "AVERAGED_ET_GEV", "CORE_SHARE", "HARD", "ObjectClass", "object_classes"]


AVERAGE, HARD = "et_5_70_pileup", "beyond_shapes"
"""The two classes with a goal: the average object, and where shapes are not enough."""
AVERAGED_ET_GEV = (5.0, 70.0)
"""Over the bins of ET in this range, each with the same weight, goes the headline ratio of a class."""
CORE_SHARE = 0.96
"""Low bremsstrahlung and high R9: at least this share in the 3 x 3 (drn.md, as the DRN is validated)."""
PILEUP_PHOTON_GEV = 1.0
_BESIDE_GAP = 1.0  # crystals from the seed's centre: the seed touches the gap


@dataclass(frozen=True)
class ObjectClass:
    """Some of the objects.

    Attributes:
        name: Key in report.json.
        label: In words.
        mask: [N] bool.
    """

    name: str
    label: str
    mask: Bools


def object_classes(records: ak.Array) -> list[ObjectClass]:
    """Finds the classes of each object.

    Args:
        records: Records with truth. Low bremsstrahlung needs `hits.true_energy_gev`: the share of what the
            primary and its descendants left, without pile-up, which R9 has in it.

    Returns:
        The classes whose fields are there, in the order of the report.
    """
    classes: list[ObjectClass] = []

    def add(name: str, label: str, mask: npt.ArrayLike) -> Bools:
        classes.append(ObjectClass(name, label, np.asarray(mask, bool)))
        return classes[-1].mask

    kinds = np.abs(np.asarray(records.pdg_id)) if has_field(records, "pdg_id") else np.zeros(len(records))
    if {11, 22} <= set(kinds.tolist()):
        add("electrons", "electrons", kinds == 11)
        add("photons", "photons", kinds == 22)
    pileup = np.asarray(records.n_pileup) > 0 if has_field(records, "n_pileup") else None
    if pileup is not None:
        low, high = AVERAGED_ET_GEV
        et = transverse_energy_gev(records)
        add(AVERAGE, f"ET {low:g}-{high:g} GeV, with pile-up", pileup & (et >= low) & (et < high))
        add("pileup", "with pile-up", pileup)
        add("no_pileup", "without pile-up", ~pileup)
    percent = f"{100 * CORE_SHARE:g} %"
    if has_field(records, "hits.true_energy_gev"):
        share = core_share(records, "true_energy_gev")
        add("low_brem", f"low bremsstrahlung ({percent} of the deposit in the 3x3)", share >= CORE_SHARE)
    ratio = r9(records)
    add("high_r9", f"R9 at least {CORE_SHARE:g}", ratio >= CORE_SHARE)
    add("low_r9", f"R9 below {CORE_SHARE:g}", ratio < CORE_SHARE)
    dead = add("dead_crystal", "dead crystal beside a hit of the 3x3", _dead_beside_core(records))
    gap = add("gap", "seed beside a gap", np.minimum(*gap_distances(records)) < _BESIDE_GAP)
    if has_field(records, "pileup_photon_gev") and pileup is not None:
        hardest = np.asarray(records.pileup_photon_gev)
        label = f"pile-up photon above {PILEUP_PHOTON_GEV:g} GeV in the window"
        photon = add("pileup_photon", label, hardest > PILEUP_PHOTON_GEV)
        add(HARD, "dead crystal, gap or pile-up photon, with pile-up", pileup & (dead | gap | photon))
    return classes


def _dead_beside_core(records: ak.Array) -> Bools:
    dead = in_core(records) & (records.hits.dead_neighbours > 0)
    return np.asarray(ak.to_numpy(ak.any(dead, axis=1)), bool)
