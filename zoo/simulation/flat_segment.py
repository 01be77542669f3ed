"""The flat segment of the ClusTEX talk: 30 x 85 crystals, photons at normal incidence, its noise.

    events = simulate_flat(10_000, seed=1, n_photons=2)
    row_splits, row, column, energy_gev = events.hits()

Images are [30, 85], indexed [iphi, ieta] as in the public data of arXiv:2603.18172; positions are in
crystals, crystal i reaches from i to i + 1. Noise and thresholds are `NOISE["clustex"]`: sigma^2 =
0.167^2 + 0.03^2 E + 0.0035^2 E^2 (GeV), hits above 0.05 GeV, seeds from 0.5 GeV.

Not as in the paper: no silicon layer before the crystals (0.35 to 0.81 X0), no geometry that changes with
eta; the separations of its pairs are not published, here both impacts are uniform within `max_separation`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo.errors import InvalidValue
from zoo.simulation.rebinning import WINDOW
from zoo.simulation.response import NOISE, NoiseModel
from zoo.simulation.showers import ShowerLibrary

__all__ = ["FLAT_SEGMENT", "FlatEvents", "FlatSegment", "simulate_flat"]

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CHUNK = 512
"""Showers put on the crystals at once."""


@dataclass(frozen=True)
class FlatSegment:
    """The segment and what is shot at it (talk; energies from the public data)."""

    n_rows: int = 30  # along phi
    n_columns: int = 85  # along eta
    min_energy_gev: float = 1.0  # uniform from here
    max_energy_gev: float = 100.0  # to here
    max_separation: float = 4.0  # crystals, along each axis, between the photons of a pair: an assumption
    noise: NoiseModel = NOISE["clustex"]

    def __post_init__(self) -> None:
        if not 0 < self.min_energy_gev <= self.max_energy_gev:
            raise InvalidValue("FlatSegment.min_energy_gev", "positive, up to max_energy_gev", self)
        if min(self.n_rows, self.n_columns) < 1 or self.max_separation <= 0:
            raise InvalidValue("FlatSegment", "at least one crystal and a positive separation", self)


FLAT_SEGMENT = FlatSegment()


@dataclass(frozen=True, eq=False)
class FlatEvents:
    """N events with n photons each.

    Attributes:
        measured_gev: [N, 30, 85] measured energies, of all crystals; may be negative.
        deposit_gev: [N, n, 30, 85] what each photon left.
        energy_gev: [N, n] true energies.
        impact: [N, n, 2] impact points (row, column) in crystals, in [0, 30) x [0, 85).
        shower: [N, n] rows of the library.
        hit_cut_gev: A rechit has more than this.
    """

    measured_gev: F32
    deposit_gev: F32
    energy_gev: F64
    impact: F64
    shower: Ints
    hit_cut_gev: float

    def hits(self) -> tuple[Ints, Ints, Ints, F32]:
        """Returns rechits: row_splits [N + 1], row, column and energy_gev [H]."""
        event, row, column = np.nonzero(self.measured_gev > self.hit_cut_gev)
        splits = np.searchsorted(event, np.arange(len(self.measured_gev) + 1))
        return splits, row, column, self.measured_gev[event, row, column]


def simulate_flat(
    n: int,
    seed: int,
    *,
    n_photons: int = 1,
    split: str = "test",
    config: FlatSegment = FLAT_SEGMENT,
    library: ShowerLibrary | None = None,
) -> FlatEvents:
    """Simulates events on the segment.

    Args:
        n: Number of events.
        seed: Seed, >= 0.
        n_photons: Photons of each event; 0 is noise alone. The first arrives anywhere, others within
            `max_separation` of it.
        split: "train", "validation" or "test": disjoint showers.
        config: The segment.
        library: Showers; the shipped ones by default.

    Returns:
        The events. Keep n to what fits in memory: about 20 kB an event and photon.

    Raises:
        InvalidValue: A negative number, or a seed below 0.
        UnknownName: Unknown split.
    """
    for name, value in (("n", n), ("seed", seed), ("n_photons", n_photons)):
        if value < 0:
            raise InvalidValue(name, "0 or more", value)
    rng = np.random.default_rng(seed)
    size = np.array([config.n_rows, config.n_columns])
    energy = rng.uniform(config.min_energy_gev, config.max_energy_gev, (n, n_photons))
    impact = rng.uniform(size=(n, n_photons, 2)) * size
    low = np.maximum(impact[:, :1] - config.max_separation, 0.0)
    high = np.minimum(impact[:, :1] + config.max_separation, size)
    impact[:, 1:] = (low + rng.uniform(size=impact.shape) * (high - low))[:, 1:]
    deposit = np.zeros((n, n_photons, config.n_rows, config.n_columns), dtype=np.float32)
    flat = deposit.reshape(-1, config.n_rows, config.n_columns)
    shower = np.zeros(n * n_photons, dtype=np.int64)
    if n * n_photons:
        library = library or ShowerLibrary.shipped()
        shower = library.choose("photon", energy.ravel(), split, rng)
        symmetry = rng.integers(0, 8, n * n_photons)
        for start in range(0, len(shower), CHUNK):
            part = slice(start, start + CHUNK)
            flat[part] = _on_segment(
                impact.reshape(-1, 2)[part],
                shower[part],
                energy.ravel()[part],
                symmetry[part],
                config,
                library,
            )
    total = deposit.sum(axis=1)
    sigma = config.noise.sigma_gev(np.zeros(total.shape, dtype=np.float32), rng)
    measured = config.noise.measure(total, sigma, rng)
    return FlatEvents(
        measured, deposit, energy, impact, shower.reshape(n, n_photons), config.noise.hit_cut_gev
    )


def _on_segment(
    impact: F64, shower: Ints, energy: F64, symmetry: Ints, config: FlatSegment, library: ShowerLibrary
) -> F32:
    """[S, 30, 85] deposits of showers; what falls beyond the border is lost."""
    crystal = np.floor(impact).astype(np.int64)
    offset = impact - crystal - 0.5
    windows = library.deposit(False, shower, energy, symmetry, offset[:, 0], offset[:, 1])
    half = WINDOW // 2
    image = np.zeros((len(impact), config.n_rows + 2 * half, config.n_columns + 2 * half), dtype=np.float32)
    reach = np.arange(WINDOW)  # the border of the padded image takes what falls beyond
    row, column = crystal[:, :1] + reach, crystal[:, 1:] + reach
    image[np.arange(len(impact))[:, None, None], row[:, :, None], column[:, None, :]] = windows
    return image[:, half : half + config.n_rows, half : half + config.n_columns]
