"""The corrections that ship: one for each detector, loaded once, their checksums compared with the card.

    corrected = corrected_energy_gev(clusters)                         # of the barrel
    corrected = corrected_energy_gev(clusters, "flat_segment")

They are fitted and released by `python -m training fit pf_clustering`.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path

from zoo.arrays import Floats
from zoo.baselines.pf_clustering.cluster_variables import Variables, barrel_variables, plane_variables
from zoo.baselines.pf_clustering.energy_correction import EnergyCorrection
from zoo.cards.weights import weights_folder
from zoo.clustering.lattice import flat
from zoo.clustering.pf_clusters import PFClusters
from zoo.detectors.flat_segment import N_COLUMNS, N_ROWS
from zoo.errors import InvalidFile, UnknownName

__all__ = ["DETECTORS", "FILES", "cluster_variables", "corrected_energy_gev", "load_correction"]

DETECTORS = ("flat_segment", "barrel")
FILES = tuple(f"{detector}.json" for detector in DETECTORS)


def corrected_energy_gev(
    clusters: PFClusters, detector: str = "barrel", weights: str | Path = "default"
) -> Floats:
    """Returns [K] the energies of clusters, corrected to those of their particles.

    Args:
        clusters: From `pf_clusters`, or from `lattice_clusters` on the flat segment.
        detector: "barrel" or "flat_segment".
        weights: "default", a tag, or a folder of corrections.

    Raises:
        UnknownName: Unknown detector or tag.
        InvalidFile: The correction is missing or damaged.
    """
    correction = load_correction(detector, weights)
    return correction.apply(clusters.energy_gev, cluster_variables(clusters, detector))


def cluster_variables(clusters: PFClusters, detector: str) -> Variables:
    """Returns the correction's variables of clusters of "barrel" or "flat_segment"."""
    seed = (clusters.seed_energy_gev, clusters.n_hits)
    if detector == "barrel":
        ieta, iphi = clusters.seed_ieta, clusters.seed_iphi
        return barrel_variables(clusters.energy_gev, clusters.eta, clusters.phi, ieta, iphi, *seed)
    plane = flat(N_ROWS, N_COLUMNS)
    where = (clusters.position_cm, clusters.seed_row, clusters.seed_column)
    return plane_variables(plane, clusters.energy_gev, *where, *seed)


def load_correction(detector: str = "barrel", weights: str | Path = "default") -> EnergyCorrection:
    """Loads a correction; each file once.

    Args:
        detector: "barrel" or "flat_segment".
        weights: "default", a tag, or a folder.

    Raises:
        UnknownName: Unknown detector or tag.
        InvalidFile: The file is missing or holds no correction.
        ChecksumMismatch: The file of a tag is not the released one.
    """
    if detector not in DETECTORS:
        raise UnknownName("detector", detector, DETECTORS)
    return _load(weights_folder("pf_clustering", weights, FILES).resolve() / f"{detector}.json")


@functools.lru_cache(maxsize=4)
def _load(path: Path) -> EnergyCorrection:
    try:
        return EnergyCorrection.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidFile(path, f"not a correction of pf_clustering: {error!r}.") from error
