"""The mass of a resonance of two electrons, for several reconstructions of the same events.

    table = compare_masses({"mustache, BDT": found, "network, DRN": other})

The two records with one `event_id` hold one electron each. Its energy is that of the hardest supercluster
matched to it, its direction the generated one, as a track would give it: what is compared is the energy. The
resonance of the sample has no natural width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import awkward as ak
import numpy as np

from zoo.arrays import Floats, Ints
from zoo.errors import InvalidValue
from zoo.evaluation.bootstrap import ClusterBootstrap, paired_ratio
from zoo.evaluation.measures import Figure
from zoo.evaluation.resolution import effective_width, median

__all__ = ["compare_masses", "dielectron_masses"]


def dielectron_masses(found: ak.Array) -> tuple[Ints, Floats]:
    """Computes the mass of each pair of electrons.

    Args:
        found: Records of `SUPERCLUSTER_EVENTS` with truth, two for each `event_id`, in any order.

    Returns:
        The pairs [E, 2] as indices of records, by `event_id`, and their masses [E] in GeV; NaN where an
        electron has no supercluster, or one without energy.

    Raises:
        InvalidValue: The records are no pairs with one group each.
    """
    event = np.asarray(found.event_id)
    pairs = np.argsort(event, kind="stable")
    if (
        len(event) % 2
        or (event[pairs[::2]] != event[pairs[1::2]]).any()
        or (np.diff(event[pairs[::2]]) == 0).any()
    ):
        raise InvalidValue("event_id", "each one twice (`zoo simulate resonance`)", f"{len(event)} records")
    pairs = pairs.reshape(-1, 2)
    if "groups" not in found.fields or not bool(ak.all(ak.num(found.groups) == 1)):
        raise InvalidValue("groups", "the truth of one electron in each record", "others")
    of = np.asarray(found.groups.supercluster[:, 0], np.int64)
    there = np.flatnonzero(of >= 0)
    energy = np.full(len(of), np.nan)
    energy[there] = ak.to_numpy(found.superclusters.energy_gev[there, of[there]])
    energy[~(energy > 0)] = np.nan
    eta, phi = (np.asarray(found.groups[name][:, 0], np.float64)[pairs] for name in ("eta", "phi"))
    pt = energy[pairs] / np.cosh(eta)
    angle = np.cosh(eta[:, 0] - eta[:, 1]) - np.cos(phi[:, 0] - phi[:, 1])
    return pairs, np.sqrt(2.0 * pt.prod(axis=1) * angle)


def compare_masses(chains: Mapping[str, ak.Array], *, replicas: int = 200) -> dict[str, dict[str, Any]]:
    """Compares reconstructions by the width of the resonance.

    Args:
        chains: Name -> what `zoo.reconstruct` made of the same records.
        replicas: Bootstrap replicas over showers; a pair's weight is the product of its two showers'.

    Returns:
        Name -> "pairs", "efficiency" (pairs with a mass), and for the pairs that all chains have a mass for
        "common", "median_gev", "resolution" (half of the shortest 68.3 % interval over the median) and
        "ratio" of that to the first chain's, paired; the last three with "value" and "error".

    Raises:
        InvalidValue: No chain, chains of other records, or records that are no pairs.
    """
    if not chains:
        raise InvalidValue("chains", "at least one", "none")
    records = next(iter(chains.values()))
    masses: dict[str, Floats] = {}
    for name, found in chains.items():
        if not ak.array_equal(found.event_id, records.event_id):
            raise InvalidValue(f"chain {name!r}", "the same records as the first one", f"{len(found)} others")
        pairs, masses[name] = dielectron_masses(found)
    bootstrap = ClusterBootstrap.of_showers(records, replicas=replicas)
    common = np.flatnonzero(np.all(np.isfinite(list(masses.values())), axis=0))
    result: dict[str, dict[str, Any]] = {}
    beside: Floats | None = None
    for name, mass in masses.items():
        order = common[np.argsort(mass[common], kind="stable")]
        weights = bootstrap.event_weights(pairs[order, 0]) * bootstrap.event_weights(pairs[order, 1])
        middle = median(mass[order], weights)
        width = effective_width(mass[order], weights=weights) / middle
        beside = width if beside is None else beside
        ratio, error = paired_ratio(width, beside)
        result[name] = {
            "pairs": len(mass),
            "efficiency": float(np.isfinite(mass).mean()) if len(mass) else None,
            "common": len(common),
            "median_gev": Figure.of(middle).as_json(),
            "resolution": Figure.of(width).as_json(),
            "ratio": {"value": ratio, "error": error},
        }
    return result
