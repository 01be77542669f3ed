"""The constants of PFClustering, each with the name it has in CMSSW."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.errors import InvalidValue

__all__ = ["BARREL", "FLAT_SEGMENT", "PFClusteringConfig"]


@dataclass(frozen=True)
class PFClusteringConfig:
    """Constants of the barrel, from CMSSW `particleFlowClusterECALUncorrected_cfi` where not said otherwise.

    Fixed in the code as CMSSW sets them: eight neighbours for seeds and topological clusters (`nNeighbours`,
    `useCornerCells`), `excludeOtherSeeds`. Without effect, hence absent: `minFractionInCalc` 1e-9 (a
    logarithmic weight is zero there already).
    """

    seed_threshold_gev: float = 0.23  # seedingThreshold: a seed has at least this
    gather_threshold_gev: float = 0.08  # gatheringThreshold: a hit of a topological cluster has at least this
    shower_sigma_cm: float = 1.5  # showerSigma, in cm: 0.68 crystals
    rechit_energy_norm_gev: float = 0.08  # recHitEnergyNorm of the sharing; cancels but for min_total_weight
    log_weight_denominator_gev: float = 0.08  # logWeightDenominator of the position without depth
    min_normalization: float = 1e-9  # minAllowedNormalization of the position without depth
    min_total_weight: float = 1e-20  # minFracTot: a hit that all clusters together weigh less is dropped
    max_distance2: float = 100.0  # a hit farther, in sigma squared, is attached to a cluster only if ...
    attach_fraction: float = 0.9999  # ... it owns more than this (both in Basic2DGenericPFlowClusterizer)
    stopping_tolerance: float = 1e-8  # stoppingTolerance on Delta R, times max(1, seeds - 1)^2
    max_iterations: int = 50  # maxIterations
    min_fraction_to_keep: float = 1e-7  # minFractionToKeep: smaller fractions are pruned at the end
    log_weight_w0: float = 4.2  # W0 of the position with depth (ECAL2DPositionCalcWithDepthCorr)
    radiation_length_cm: float = 0.89  # X0 of the position with depth
    depth_t0: float = 7.4  # T0_EB: the shower's depth is X0 (T0 + ln E)

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (np.isfinite(value) and value > 0):
                raise InvalidValue(f"PFClusteringConfig.{name}", "a positive number", value)


BARREL = PFClusteringConfig()
"""The ECAL barrel. Simulated hits with noise that varies from crystal to crystal bring thresholds of their
own."""

FLAT_SEGMENT = PFClusteringConfig(seed_threshold_gev=0.5, gather_threshold_gev=0.334)
"""The flat segment of 30 x 85 crystals with 0.167 GeV of noise: seeds from 0.5 GeV (talk, and firm: the rate
of noise seeds is exponential in it). The gather threshold is not published: 2 sigma finds 99.9 % of single
photons (published: 99.8 %), while 0.05 or 0.08 GeV gathers noise up to 15 cm away (95 %, 2.8 times the
width)."""
