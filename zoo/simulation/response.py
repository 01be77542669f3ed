"""What the detector makes of a deposit: noise and thresholds as a pair, dead crystals, the leakage variable.

    noise = NOISE["run2"]
    sigma = noise.sigma_gev(eta, rng)              # per crystal, a hit feature
    measured = noise.measure(deposit, sigma, rng)
    hits = measured > noise.hit_threshold_gev(sigma)

Gaps between modules act on the deposit itself (`showers`). Thresholds belong to a noise level: 0.05 GeV with
0.167 GeV of noise would add 9 GeV to a window of 5 x 29 crystals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo.arrays import Bools, Bytes, Floats32, Ints
from zoo.detectors.cms_barrel import N_ETA, N_PHI, in_barrel
from zoo.errors import InvalidValue

__all__ = ["NOISE", "DeadChannels", "LeakageModel", "NoiseModel", "count_dead_neighbours"]


ADC_GEV = 0.039  # energy of one ADC count in the barrel, from memory
BARREL_END_ETA = 1.48  # |eta| to which the noise parametrisations are normalised


@dataclass(frozen=True)
class NoiseModel:
    """Noise of a crystal and the thresholds that go with it.

    The measured energy is Gaussian around the deposit E with variance (excess sigma_i)^2 + stochastic^2 E
    + constant^2 E^2, where sigma_i = floor + slope (eta / 1.48)^2 + spread N(0, 1) belongs to crystal and
    event.
    """

    name: str
    floor_gev: float  # sigma_i at eta 0
    slope_gev: float  # added at |eta| = 1.48, rising with eta^2
    spread_gev: float  # crystal-to-crystal spread of sigma_i
    stochastic: float  # photostatistics, GeV^(1/2)
    constant: float  # intercalibration, drawn anew per event: a fixed map would be learnt by heart
    hit_cut_gev: float  # a rechit has more than this
    hit_cut_sigma: float  # and more than this many sigma_i
    seed_cut_gev: float  # a seed has more than this
    seed_cut_sigma: float  # and more than this many sigma_i
    least_gev: float = 0.010  # sigma_i is never below
    excess: float = 1.0  # true electronics noise over sigma_i: thresholds and hit feature do not know of it

    def sigma_gev(self, eta: npt.ArrayLike, rng: np.random.Generator) -> Floats32:
        """Draws sigma_i of crystals at `eta` (any shape), in GeV."""
        relative = np.asarray(eta, dtype=np.float32) / np.float32(BARREL_END_ETA)
        sigma = np.float32(self.floor_gev) + np.float32(self.slope_gev) * relative * relative
        if self.spread_gev > 0:
            sigma = sigma + np.float32(self.spread_gev) * rng.standard_normal(sigma.shape, dtype=np.float32)
        return _at_least(self.least_gev, sigma)

    def measure(self, deposit_gev: Floats32, sigma_gev: Floats32, rng: np.random.Generator) -> Floats32:
        """Smears deposits with electronics noise, photostatistics and intercalibration; may be negative."""
        stochastic, constant = np.float32(self.stochastic**2), np.float32(self.constant**2)
        electronics = np.float32(self.excess) * sigma_gev
        variance = electronics * electronics + deposit_gev * (stochastic + constant * deposit_gev)
        smear: Floats32 = rng.standard_normal(deposit_gev.shape, dtype=np.float32)
        smear *= np.sqrt(variance)
        smear += deposit_gev
        return smear

    def hit_threshold_gev(self, sigma_gev: Floats32) -> Floats32:
        """Returns the energy above which a crystal is a rechit."""
        return _at_least(self.hit_cut_gev, self.hit_cut_sigma * sigma_gev)

    def seed_threshold_gev(self, sigma_gev: Floats32) -> Floats32:
        """Returns the energy above which a rechit may be a seed."""
        return _at_least(self.seed_cut_gev, self.seed_cut_sigma * sigma_gev)


def _at_least(least: float, values: Floats32) -> Floats32:
    raised: Floats32 = np.maximum(np.float32(least), values)
    return raised


NOISE: dict[str, NoiseModel] = {
    # the toy detector of the ClusTEX talk, for its 30 x 85 segment only
    "clustex": NoiseModel("clustex", 0.167, 0.0, 0.0, 0.03, 0.0035, 0.05, 0.0, 0.5, 0.0),
    # a calorimeter alone, for the mass of merged photons: most of what is below a rechit is above noise
    "simple": NoiseModel("simple", 0.060, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.23, 4.0),
    # end of Run 2, 1.6 to 2.1 ADC counts; PF seed threshold 0.23 GeV; 2.3 % and 0.4 %: from memory
    "run2": NoiseModel(
        "run2", 1.6 * ADC_GEV, 0.5 * ADC_GEV, 0.25 * ADC_GEV, 0.023, 0.004, 0.0, 3.0, 0.23, 4.0
    ),
    # aged photodiodes, 120 to 167 MeV; from memory
    "run3": NoiseModel("run3", 0.12, 0.047, 0.0, 0.023, 0.004, 0.0, 3.0, 0.0, 3.3),
}
"""Noise and thresholds by name."""


@dataclass(frozen=True)
class DeadChannels:
    """Crystals without read-out, drawn anew for every event."""

    fraction: float = 0.005  # single dead crystals
    tower_probability: float = 0.05  # events with one dead tower that touches the window around the particle
    tower_size: int = 5  # crystals along each side of a trigger tower

    def __post_init__(self) -> None:
        if not (0 <= self.fraction <= 1 and 0 <= self.tower_probability <= 1):
            raise InvalidValue("DeadChannels", "fractions from 0 to 1", self)

    def draw(self, rows: Ints, columns: Ints, reach: tuple[int, int], rng: np.random.Generator) -> Bools:
        """Draws dead crystals of patches.

        Args:
            rows: [B, R] image rows of each patch; rows outside the barrel are never dead.
            columns: [B, C] iphi - 1 of each patch.
            reach: A dead tower holds one crystal at most so many rows and columns from the patch's centre.
            rng: Source of randomness.

        Returns:
            [B, R, C] whether the crystal is dead.
        """
        n = len(rows)
        shape = (n, rows.shape[1], columns.shape[1])
        dead = rng.random(shape, dtype=np.float32) < self.fraction
        centre_row, centre_column = rows[:, rows.shape[1] // 2], columns[:, columns.shape[1] // 2]
        row = np.clip(centre_row + rng.integers(-reach[0], reach[0], n, endpoint=True), 0, N_ETA - 1)
        column = (centre_column + rng.integers(-reach[1], reach[1], n, endpoint=True)) % N_PHI
        hit = np.flatnonzero(rng.random(n) < self.tower_probability)
        in_row = rows[hit] // self.tower_size == row[hit, None] // self.tower_size
        in_column = columns[hit] // self.tower_size == column[hit, None] // self.tower_size
        dead[hit] |= in_row[:, :, None] & in_column[:, None, :]
        dead &= in_barrel(rows)[:, :, None]
        return dead


def count_dead_neighbours(dead: Bools) -> Bytes:
    """Counts the dead ones among the 8 neighbours of each crystal of patches [B, R, C]."""
    padded = np.pad(dead.astype(np.uint8), ((0, 0), (1, 1), (1, 1)))
    in_eta = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    total: Bytes = in_eta[:, :, :-2] + in_eta[:, :, 1:-1] + in_eta[:, :, 2:] - dead
    return total


@dataclass(frozen=True)
class LeakageModel:
    """The energy seen behind the calorimeter, in GeV.

    H = leak (1 + 1.1 / sqrt(leak) N(0, 1)) + N(0, 0.3) + 0.01 n_PU, and zero below 0.8 GeV. Never the exact
    leak, which would tell the energy: with it the width at 120 GeV falls from 0.49 to 0.11 %.
    """

    stochastic: float = 1.1  # hadronic calorimeter, GeV^(1/2), resolution of about 110 % / sqrt(E)
    noise_gev: float = 0.3
    pileup_gev: float = 0.01  # mean per pile-up interaction
    threshold_gev: float = 0.8  # a smaller H is read as zero

    def measure(self, leak_gev: npt.ArrayLike, n_pileup: npt.ArrayLike, rng: np.random.Generator) -> Floats32:
        """Draws H for objects whose showers leave `leak_gev` through the rear face."""
        leak = np.maximum(np.asarray(leak_gev, dtype=np.float64), 0.0)
        # leak * 1.1 / sqrt(leak) = 1.1 sqrt(leak), finite for no leak at all
        energy = leak + self.stochastic * np.sqrt(leak) * rng.standard_normal(leak.shape)
        energy += self.noise_gev * rng.standard_normal(leak.shape)
        energy += self.pileup_gev * np.asarray(n_pileup, dtype=np.float64)
        return np.where(energy < self.threshold_gev, 0.0, energy).astype(np.float32)
