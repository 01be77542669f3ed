"""Mustache superclustering of CMS with dynamic dphi, in the barrel, where brems photons spread in phi.

    clusters = Clusters(row_splits, energy_gev, eta, phi)      # PF clusters of B events, one after the other
    found = mustache(clusters)                                 # public constants
    found = mustache(clusters, replace(CMS, dphi_scale=1.1))   # tuned ones
    found.supercluster_of, found.seed, found.raw_energy_gev, found.members

| name | what |
| --- | --- |
| `mustache` | the algorithm, on all events at once |
| `MustacheConfig`, `CMS`, `TUNED` | its constants, their public values, and refitted ones |
| `eta_window`, `max_dphi` | its two cuts |

In each event the free seed of highest ET takes every free cluster that passes both cuts, until no seed is
left.

Source of the algorithm and the constants: CMSSW, RecoEcal/EgammaCoreTools (`Mustache.cc`,
`EcalMustacheSCParametersESProducer_cfi.py`, `EcalSCDynamicDPhiParametersESProducer_cfi.py`) and
RecoEcal/EgammaClusterAlgos (`PFECALSuperClusterAlgo.cc`); the shape: CMS, JINST 16 (2021) P05014.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from zoo.angles import wrap_phi
from zoo.arrays import Floats
from zoo.data.clusters import Clusters, Superclusters, collect
from zoo.errors import InvalidValue

__all__ = ["CMS", "TUNED", "MustacheConfig", "eta_window", "max_dphi", "mustache"]


@dataclass(frozen=True)
class MustacheConfig:
    """Constants of the algorithm; the defaults are the public ones of CMSSW, named `CMS` below.

    With t = eta0 sin(eta0) of the seed, E a cluster's raw energy in GeV and r = sqrt(log10 E + 1.1), the two
    parabolas have half-width (b_up - b_low) / 2 with b = width[0] t + width[1] / r, and curvature from
    c = curve[0] t^2 + curve[1] t + curve[2]. Equal saturation and cutoff make the cut in phi a fixed one.
    """

    # PFECALSuperClusterAlgo, particleFlowSuperClusterECAL_cfi
    min_seed_et_gev: float = 1.0  # thresh_PFClusterSeedBarrel; a seed's calibrated ET is above it
    min_et_gev: float = 4.0  # thresh_SCEt; a supercluster's ET is above it
    # EcalMustacheSCParametersESProducer_cfi
    log_energy_shift: float = 1.1  # sqrtLogClustETuning
    curve_up: tuple[float, float, float] = (-0.107537, 0.590969, -0.076494)  # pUp
    curve_low: tuple[float, float, float] = (-0.0268843, 0.147742, -0.0191235)  # pLow
    width_up: tuple[float, float] = (0.000699995, -0.00554331)  # w1Up
    width_low: tuple[float, float] = (-0.00681785, -0.00239516)  # w0Low
    # Mustache.cc: literals, half a crystal each
    min_half_width: float = 0.0087  # least distance of either parabola's apex from the seed in eta
    margin_up: float = 0.0087  # added to the upper edge, away from eta = 0
    margin_low: float = 0.0  # added to the lower edge; CMSSW has none
    # EcalSCDynamicDPhiParametersESProducer_cfi, barrel
    dphi_offset: float = 0.0280506  # yoffset
    dphi_scale: float = 0.946048  # scale
    dphi_log_et: float = -0.101172  # xoffset, log10 of GeV
    dphi_width: float = 0.432767  # width, in log10 of GeV
    dphi_saturation: float = 0.14  # least cut
    dphi_cutoff: float = 0.60  # largest cut

    def __post_init__(self) -> None:
        for entry in fields(self):
            if not np.all(np.isfinite(getattr(self, entry.name))):
                raise InvalidValue(f"MustacheConfig.{entry.name}", "finite", getattr(self, entry.name))
        for name in ("min_seed_et_gev", "min_et_gev", "min_half_width", "dphi_saturation"):
            if getattr(self, name) < 0:
                raise InvalidValue(f"MustacheConfig.{name}", "0 or more", getattr(self, name))
        if self.dphi_width <= 0:
            raise InvalidValue("MustacheConfig.dphi_width", "above 0", self.dphi_width)
        if self.dphi_cutoff < self.dphi_saturation:
            raise InvalidValue(
                "MustacheConfig.dphi_cutoff",
                f"at least dphi_saturation, {self.dphi_saturation}",
                self.dphi_cutoff,
            )


CMS = MustacheConfig()
"""The public constants."""

TUNED = replace(
    CMS,
    dphi_scale=0.59644,
    dphi_width=1.3574,
    dphi_saturation=0.17444,
    margin_up=0.0056533,
    margin_low=0.0019103,
)
"""Refitted for the best resolution on simulated electrons and photons (`training/baselines/mustache.py`)."""


def mustache(clusters: Clusters, config: MustacheConfig = CMS) -> Superclusters:
    """Groups the clusters of each event.

    A cluster of raw energy at or below 10^-1.1 = 0.079 GeV joins no seed but itself, and a seed always joins
    itself. What a supercluster below `min_et_gev` has taken is not given to another.

    Args:
        clusters: Clusters of B events.
        config: Constants.

    Returns:
        Superclusters with ET above `min_et_gev`.
    """
    order = clusters.order
    event, eta, phi = clusters.event[order], clusters.eta[order], clusters.phi[order]
    raw, et = clusters.raw_energy_gev[order], clusters.et_gev[order]
    widest = max_dphi(raw / np.cosh(eta), config)
    seed_of = np.full(len(order), -1)
    seed_in = np.empty(len(clusters.row_splits) - 1, np.int64)
    free = np.arange(len(order))  # places in the order, by event and falling ET
    while True:  # once for each supercluster of the event that has most
        seeds = free[et[free] > config.min_seed_et_gev]
        events, first = np.unique(event[seeds], return_index=True)
        if not events.size:
            return collect(clusters, seed_of, config.min_et_gev)
        seed_in.fill(-1)
        seed_in[events] = seeds[first]
        free = free[seed_in[event[free]] >= 0]
        seed = seed_in[event[free]]
        dphi = wrap_phi(phi[free] - phi[seed])
        low, up = eta_window(eta[seed], raw[free], dphi, config)
        deta = np.where(eta[seed] < 0, -1.0, 1.0) * (eta[free] - eta[seed])
        inside = (low < deta) & (deta < up) & (np.abs(dphi) < widest[free]) | (free == seed)
        seed_of[order[free[inside]]] = order[seed[inside]]
        free = free[~inside]


def eta_window(
    seed_eta: npt.ArrayLike, raw_energy_gev: npt.ArrayLike, dphi: npt.ArrayLike, config: MustacheConfig = CMS
) -> tuple[Floats, Floats]:
    """Computes the moustache: between which distances in eta from its seed a cluster joins.

    For E <= 10^-1.1 GeV the formula has no real value, and a comparison with NaN lets no cluster in. The
    window is empty here too, from 0 to 0. No PF cluster of the barrel is so soft: its seed has 0.23 GeV.

    Args:
        seed_eta: [...] eta of the seed.
        raw_energy_gev: [...] raw energy of the cluster.
        dphi: [...] distance in phi, in [-pi, pi].
        config: Constants.

    Returns:
        Lower and upper edge [...], both excluded, of sign(seed_eta) (eta - seed_eta); the sign of 0 is +.
    """
    eta, energy, dphi = (np.asarray(x, np.float64) for x in (seed_eta, raw_energy_gev, dphi))
    square = np.log10(np.maximum(energy, np.finfo(np.float64).tiny)) + config.log_energy_shift
    real = square > 0
    root = np.sqrt(np.where(real, square, 1.0))
    t = eta * np.sin(eta)
    b_up = config.width_up[0] * t + config.width_up[1] / root
    b_low = config.width_low[0] * t + config.width_low[1] / root
    half = 0.5 * (b_up - b_low)  # the window is centred on the seed before the margins are added
    rise_up = _curvature(config.curve_up, t, half)
    rise_low = _curvature(config.curve_low, t, half)
    up = rise_up * dphi**2 + np.maximum(half, config.min_half_width) + config.margin_up
    low = rise_low * dphi**2 + np.minimum(-half, -config.min_half_width) - config.margin_low
    return np.where(real, low, 0.0), np.where(real, up, 0.0)


def max_dphi(et_gev: npt.ArrayLike, config: MustacheConfig = CMS) -> Floats:
    """Computes the dynamic cut: below which distance in phi from its seed a cluster joins.

    Args:
        et_gev: [...] raw ET of the cluster, 0 or more.
        config: Constants.

    Returns:
        Largest |dphi| [...], excluded.
    """
    log_et = np.log10(np.maximum(np.asarray(et_gev, np.float64), np.finfo(np.float64).tiny))
    cut = config.dphi_offset + config.dphi_scale * expit((config.dphi_log_et - log_et) / config.dphi_width)
    return np.asarray(np.clip(cut, config.dphi_saturation, config.dphi_cutoff))


def _curvature(curve: tuple[float, float, float], t: Floats, half: Floats) -> Floats:
    """Coefficient of dphi^2 of a parabola that opens away from eta = 0; 0 where it would open towards it."""
    c = curve[0] * t**2 + curve[1] * t + curve[2]
    with np.errstate(divide="ignore"):
        a = 0.25 / c - np.abs(half)
    return np.where(a > 0, 0.25 / np.where(a > 0, a, 1.0), 0.0)
