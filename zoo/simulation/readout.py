"""What is read out of patches of crystals: noise, dead crystals, thresholds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.arrays import Bools, Floats32
from zoo.detectors import cms_barrel
from zoo.simulation.patches import Patches
from zoo.simulation.response import DeadChannels, NoiseModel

__all__ = ["Readout", "read_out"]


@dataclass(frozen=True)
class Readout:
    """Patches after read-out, [B, R, C] each.

    Attributes:
        sigma_gev: Noise of each crystal, a hit feature.
        dead: Whether it is dead.
        measured_gev: Measured energy, of dead crystals and below threshold too; may be negative.
        is_hit: Whether it is a rechit.
    """

    sigma_gev: Floats32
    dead: Bools
    measured_gev: Floats32
    is_hit: Bools


def read_out(
    patches: Patches,
    deposit_gev: Floats32,
    noise: NoiseModel,
    dead: DeadChannels,
    tower_reach: tuple[int, int],
    rng: np.random.Generator,
) -> Readout:
    """Reads out patches.

    Args:
        patches: Where they lie.
        deposit_gev: [B, R, C] all that is deposited in them.
        noise: Noise and thresholds.
        dead: How many crystals are dead.
        tower_reach: A dead tower holds one crystal at most so many rows and columns from a patch's centre.
        rng: Source of randomness.
    """
    crystal_eta = cms_barrel.eta_from_row(patches.rows).astype(np.float32)
    sigma = noise.sigma_gev(np.broadcast_to(crystal_eta[:, :, None], deposit_gev.shape), rng)
    is_dead = dead.draw(patches.rows, patches.columns, tower_reach, rng)
    measured = noise.measure(deposit_gev, sigma, rng)
    is_hit = (measured > noise.hit_threshold_gev(sigma)) & ~is_dead & patches.exists[:, :, None]
    return Readout(sigma, is_dead, measured, is_hit)
