"""The shape of electrons of 100 GeV, as a test beam sees them."""

from __future__ import annotations

import numpy as np

from benchmarks.clustering.photons_found import SEGMENT
from benchmarks.clustering.tables import Lines, table
from zoo.arrays import Floats, Floats32, Ints
from zoo.baselines.pf_clustering import FLAT_SEGMENT, lattice_clusters
from zoo.clustering.lattice import flat
from zoo.simulation.showers import ShowerLibrary


def shape(n: int) -> Lines:
    """E1/E9 and E9/E25 of electrons of 100 GeV."""
    library, rng, size = ShowerLibrary.shipped(), np.random.default_rng(500), min(n, 2000)
    noise = SEGMENT.noise
    rows = []
    for what, reach in (("anywhere on the crystal", 0.5), ("4.4 mm square in its middle", 0.1)):
        energy = np.full(size, 100.0)
        offset = rng.uniform(-reach, reach, (2, size))
        shower = library.choose("electron", energy, "test", rng)
        windows = library.deposit(True, shower, energy, rng.integers(0, 8, size), *offset)
        sigma = noise.sigma_gev(np.zeros(windows.shape, np.float32), rng)
        for measured, name in ((windows, "no noise"), (noise.measure(windows, sigma, rng), "noise")):
            event, row, column = np.nonzero(measured > noise.hit_cut_gev)
            plane = flat(*measured.shape[1:])
            hits = (np.searchsorted(event, np.arange(size + 1)), row, column, measured[event, row, column])
            clusters = lattice_clusters(plane, *hits, config=FLAT_SEGMENT)
            first = clusters.row_splits[:-1]  # the most energetic seed of each electron
            at = (np.arange(size), clusters.seed_row[first], clusters.seed_column[first])
            e1, e9, e25 = (_around(measured, *at, half) for half in (0, 1, 2))
            share = clusters.energy_gev[first] / 100.0
            values = (e1 / e9, e9 / e25, e25 / 100, share)
            rows.append((what, name, *(f"{v.mean():.4f} +- {v.std() / np.sqrt(size):.4f}" for v in values)))
    yield from table(("impact", "", "E1/E9", "E9/E25", "E25/E", "cluster/E"), rows)


def _around(images: Floats32, event: Ints, row: Ints, column: Ints, half: int) -> Floats:
    """[K] sums of (2 half + 1)^2 crystals."""
    padded = np.pad(images, ((0, 0), (half, half), (half, half))).astype(np.float64)
    reach = np.arange(2 * half + 1)
    rows, columns = row[:, None, None] + reach[:, None], column[:, None, None] + reach
    total: Floats = padded[event[:, None, None], rows, columns].sum(axis=(1, 2))
    return total
