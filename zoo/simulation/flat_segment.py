"""The flat segment of the ClusTEX talk: 30 x 85 crystals, photons at normal incidence, its noise.

    events = simulate_flat(10_000, seed=1, n_photons=2)
    row_splits, row, column, energy_gev = events.hits()

    energy, impact = pion_photons(np.full(10_000, 8.0), rng)      # neutral pions of 8 GeV
    events = flat_events(energy, impact, rng, dead=dead)

Images are [30, 85], indexed [iphi, ieta] as in the public data of arXiv:2603.18172; positions are in
crystals, crystal i reaches from i to i + 1. Noise and thresholds are `NOISE["clustex"]`: sigma^2 =
0.167^2 + 0.03^2 E + 0.0035^2 E^2 (GeV), hits above 0.05 GeV, seeds from 0.5 GeV.

Not as in the paper: no silicon layer before the crystals (0.35 to 0.81 X0), no geometry that changes with
eta; the separations of its pairs are not published, here both impacts are uniform within `max_separation`
(with 2.75, PFClustering has the talk's efficiency, width and position: docs/clustering.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.arrays import Bools, Floats, Floats32, Ints
from zoo.detectors.cms_barrel import CRYSTAL_MM, RADIUS_CM
from zoo.detectors.flat_segment import N_COLUMNS, N_ROWS
from zoo.errors import InvalidValue
from zoo.simulation.rebinning import WINDOW
from zoo.simulation.response import NOISE, NoiseModel
from zoo.simulation.showers import ShowerLibrary

__all__ = [
    "CLUSTEX_SEGMENT",
    "PION_MASS_GEV",
    "FlatEvents",
    "FlatSegment",
    "flat_events",
    "pion_photons",
    "simulate_flat",
]


CHUNK = 512
"""Showers put on the crystals at once."""
PION_MASS_GEV = 0.1349768
"""Of the neutral pion (Particle Data Group)."""


@dataclass(frozen=True)
class FlatSegment:
    """The segment and what is shot at it (talk; energies from the public data)."""

    n_rows: int = N_ROWS  # along phi
    n_columns: int = N_COLUMNS  # along eta
    min_energy_gev: float = 1.0  # uniform from here
    max_energy_gev: float = 100.0  # to here
    max_separation: float = 4.0  # crystals, along each axis, between the photons of a pair: an assumption
    noise: NoiseModel = NOISE["clustex"]

    def __post_init__(self) -> None:
        if not 0 < self.min_energy_gev <= self.max_energy_gev:
            raise InvalidValue("FlatSegment.min_energy_gev", "positive, up to max_energy_gev", self)
        if min(self.n_rows, self.n_columns) < 1 or self.max_separation <= 0:
            raise InvalidValue("FlatSegment", "at least one crystal and a positive separation", self)


CLUSTEX_SEGMENT = FlatSegment()


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

    measured_gev: Floats32
    deposit_gev: Floats32
    energy_gev: Floats
    impact: Floats
    shower: Ints
    hit_cut_gev: float

    def hits(self) -> tuple[Ints, Ints, Ints, Floats32]:
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
    config: FlatSegment = CLUSTEX_SEGMENT,
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
    return flat_events(energy, impact, rng, split=split, config=config, library=library)


def flat_events(
    energy_gev: Floats,
    impact: Floats,
    rng: np.random.Generator,
    *,
    split: str = "test",
    config: FlatSegment = CLUSTEX_SEGMENT,
    library: ShowerLibrary | None = None,
    dead: Bools | None = None,
) -> FlatEvents:
    """Simulates photons of given energies at given points.

    Args:
        energy_gev: [N, n] energies.
        impact: [N, n, 2] impact points (row, column) in crystals, inside the segment.
        rng: Source of randomness.
        split: "train", "validation" or "test": disjoint showers.
        config: The segment.
        library: Showers; the shipped ones by default.
        dead: [30, 85] crystals that measure nothing; none by default.

    Returns:
        The events.

    Raises:
        InvalidValue: A point outside the segment, or arrays that do not fit together.
        UnknownName: Unknown split.
    """
    shape = (config.n_rows, config.n_columns)
    if energy_gev.ndim != 2 or impact.shape != (*energy_gev.shape, 2):
        raise InvalidValue("energies, impacts", "[N, n] and [N, n, 2]", (energy_gev.shape, impact.shape))
    if not np.all((impact >= 0) & (impact < shape)):
        raise InvalidValue("impact", f"rows and columns within {shape}", "others among them")
    if dead is not None and dead.shape != shape:
        raise InvalidValue("dead", f"[{shape[0]}, {shape[1]}]", dead.shape)
    deposit = np.zeros((*energy_gev.shape, *shape), dtype=np.float32)
    flat = deposit.reshape(-1, *shape)
    shower: Ints = np.zeros(energy_gev.size, dtype=np.int64)
    if energy_gev.size:
        library = library or ShowerLibrary.shipped()
        shower = library.choose("photon", energy_gev.ravel(), split, rng)
        symmetry = rng.integers(0, 8, len(shower))
        for start in range(0, len(shower), CHUNK):
            part = slice(start, start + CHUNK)
            flat[part] = _on_segment(
                impact.reshape(-1, 2)[part],
                shower[part],
                energy_gev.ravel()[part],
                symmetry[part],
                config,
                library,
            )
    total = deposit.sum(axis=1)
    sigma = config.noise.sigma_gev(np.zeros(total.shape, dtype=np.float32), rng)
    measured = config.noise.measure(total, sigma, rng)
    if dead is not None:
        measured[:, dead] = 0.0
    rows = shower.reshape(energy_gev.shape)
    return FlatEvents(measured, deposit, energy_gev, impact, rows, config.noise.hit_cut_gev)


def pion_photons(
    momentum_gev: Floats,
    rng: np.random.Generator,
    *,
    config: FlatSegment = CLUSTEX_SEGMENT,
    spread: float = 5.0,
) -> tuple[Floats, Floats]:
    """Draws the two photons of neutral pions that decay 129 cm in front of the segment's middle.

    Args:
        momentum_gev: [N] momenta of the pions.
        rng: Source of randomness.
        config: The segment.
        spread: Pions fly to within this many crystals of the middle, along each axis.

    Returns:
        Energies [N, 2] in GeV, and the points [N, 2, 2] where the photons meet the plane, in crystals; NaN
        for one that flies away from it. Others may lie outside the segment.
    """
    n = len(momentum_gev)
    pitch = CRYSTAL_MM / 10
    aim = rng.uniform(-spread, spread, (n, 2)) * pitch
    axis = np.concatenate([np.full((n, 1), RADIUS_CM), aim], axis=1)
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    side = np.cross(axis, [0.0, 0.0, 1.0])
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    cos, turn = rng.uniform(-1.0, 1.0, n), rng.uniform(0.0, 2 * np.pi, n)
    across = np.cos(turn)[:, None] * side + np.sin(turn)[:, None] * np.cross(axis, side)
    transverse = 0.5 * PION_MASS_GEV * np.sqrt(1 - cos**2)
    pion_gev = np.hypot(momentum_gev, PION_MASS_GEV)
    photons = []
    for sign in (1.0, -1.0):  # isotropic in the rest frame, then boosted along the axis
        along = 0.5 * (momentum_gev + sign * pion_gev * cos)
        photons.append(along[:, None] * axis + (sign * transverse)[:, None] * across)
    momentum = np.stack(photons, axis=1)
    forward = np.where(momentum[:, :, :1] > 0, momentum[:, :, :1], np.nan)
    middle = np.array([config.n_rows, config.n_columns]) / 2
    return np.linalg.norm(momentum, axis=2), momentum[:, :, 1:] / forward * (RADIUS_CM / pitch) + middle


def _on_segment(
    impact: Floats, shower: Ints, energy: Floats, symmetry: Ints, config: FlatSegment, library: ShowerLibrary
) -> Floats32:
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
