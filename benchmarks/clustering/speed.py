"""Barrel events per CPU second."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.clustering.tables import Lines
from zoo.baselines.pf_clustering import corrected_energy_gev, pf_clusters
from zoo.detectors.cms_barrel import N_PHI

PHOTONS_OF_AN_EVENT = 19
"""With the noise and the pile-up around them, about 50 clusters."""


def speed(n: int) -> Lines:
    """Clusters per CPU second, in barrel events of about 50."""
    from benchmarks.timing import rate
    from training.baselines.pf_clustering import BARREL_PHOTONS
    from zoo.simulation.samples import simulate

    records = simulate("photons", 5000, 900, config=BARREL_PHOTONS, truth=False)
    counts = np.asarray([len(hits) for hits in records.hits.energy_gev])
    event = np.repeat(np.arange(len(records)) // PHOTONS_OF_AN_EVENT, counts)
    columns = (np.concatenate([np.asarray(hits) for hits in records.hits[name]]) for name in ("ieta", "iphi"))
    energy = np.concatenate([np.asarray(hits) for hits in records.hits.energy_gev]).astype(np.float64)
    ieta, iphi = columns
    key = (event * 200 + ieta.astype(np.int64) + 100) * (N_PHI + 1) + iphi
    crystal, inverse = np.unique(key, return_inverse=True)
    total = np.bincount(inverse, energy)  # where two photons meet
    first, iphi = np.divmod(crystal, N_PHI + 1)
    event, ieta = np.divmod(first, 200)
    splits = np.searchsorted(event, np.arange(event[-1] + 2))
    found = pf_clusters(splits, ieta - 100, iphi, total)

    def events_of(work: Callable[[], object]) -> Callable[[], int]:
        def once() -> int:
            work()
            return len(splits) - 1

        return once

    seconds = 2.0 if n >= 10_000 else 0.2
    plain = rate(events_of(lambda: pf_clusters(splits, ieta - 100, iphi, total)), seconds)
    fixed = rate(events_of(lambda: corrected_energy_gev(found)), seconds)
    per_event = len(found) / (len(splits) - 1)
    yield (
        f"Barrel events of {per_event:.0f} clusters and {len(total) / (len(splits) - 1):.0f} hits: "
        f"{plain:,.0f} events per CPU second; their correction {fixed:,.0f}."
    )
