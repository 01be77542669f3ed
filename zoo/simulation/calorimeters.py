"""What particles leave in the calorimeters of a whole detector, and the clusters that come of it.

| what | ECAL | HCAL | HF |
| --- | --- | --- | --- |
| electrons, photons | all of it, `3 %/sqrt(E) (+) 0.5 %` | - | mostly long fibres |
| hadrons | 32 % cross it (0.26 GeV), the others leave a Beta(1.2, 2.2) part | the rest | both fibres |
| muons | 0.26 GeV | 2 GeV | a trace |

The response to hadrons is below one and rises with energy (Groom's power law for the electromagnetic part). A
hadron's deposit falls in two spots off its impact point.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from zoo.arrays import Bools, Floats, Ints
from zoo.simulation.cell_clusters import (
    ClusterConfig,
    Clusters,
    Deposits,
    ShowerShape,
    cluster,
    join_deposits,
    spread,
)
from zoo.simulation.cell_grids import (
    ECAL_HALF_LENGTH_CM,
    ECAL_RADIUS_CM,
    HCAL_HALF_LENGTH_CM,
    HCAL_RADIUS_CM,
    HF_Z_CM,
    CellGrid,
    ecal_grid,
    hcal_grid,
    hf_grid,
)
from zoo.simulation.crossings import Crossings, mass_of
from zoo.simulation.hadrons import MIP_PART, MIP_PEAK_GEV, MIP_WIDTH_GEV, SHOWER_BETA, kinetic_gev
from zoo.simulation.helix import curvature_per_cm
from zoo.simulation.surfaces import Rays, Surface, fly
from zoo.simulation.upstream import Showering

__all__ = ["ECAL_FACE", "HCAL_FACE", "HF_FACE", "CalorimeterConfig", "find_clusters", "hadronic_response"]


ECAL_FACE = Surface(ECAL_RADIUS_CM, ECAL_HALF_LENGTH_CM)
HCAL_FACE = Surface(HCAL_RADIUS_CM, HCAL_HALF_LENGTH_CM)
HF_FACE = Surface(HF_Z_CM / np.sinh(2.85), HF_Z_CM)
HF_FROM_ETA = 3.0
LEAST_SPOT = 5.0
"""A spot is laid if it has this many times the least deposit in a cell."""


@dataclass(frozen=True)
class CalorimeterConfig:
    """Response, profiles, noise and thresholds. Where no source stands: the recipe of the prototype."""

    ecal_stochastic: float = 0.03  # per sqrt(GeV), CMS ECAL TDR
    ecal_constant: float = 0.005
    hcal_stochastic: float = 1.10  # per sqrt(GeV), JINST 3 S08004
    hcal_constant: float = 0.09
    hf_em_stochastic: float = 1.98  # EPJC 53 (2008) 139, from memory
    hf_em_constant: float = 0.09
    hf_had_stochastic: float = 2.80
    hf_had_constant: float = 0.11
    mip_hcal_gev: float = 2.0  # most likely deposit of a muon; from memory
    mip_hcal_width_gev: float = 0.25
    ecal_e_over_h: float = 2.4  # PbWO4, from memory
    hcal_e_over_h: float = 1.4
    groom_scale_gev: float = 0.7  # electromagnetic part 1 - (E / scale)^(power - 1), NIM A 338 (1994) 336
    groom_power: float = 0.85
    calibration_gev: float = 50.0  # pions of this energy that leave nothing in the ECAL have response 1
    second_spot: tuple[float, float] = (4.5, 1.5)  # Beta of the first spot's part of a hadron's deposit
    ecal_spot_cm: tuple[float, float] = (1.5, 6.0)  # how far off the spots are, Gaussian
    hcal_spot_cm: tuple[float, float] = (4.0, 14.0)
    hf_spot_cm: tuple[float, float] = (1.0, 5.0)
    em_shape: ShowerShape = field(
        default_factory=lambda: ShowerShape(0.205, 1.935, 0.12, 0.002)
    )  # Geant4 library
    ecal_hadron_shape: ShowerShape = field(default_factory=lambda: ShowerShape(0.8, 3.0, 0.4, 0.002))
    hcal_shape: ShowerShape = field(default_factory=lambda: ShowerShape(2.5, 9.0, 0.35, 0.01))
    hf_shape: ShowerShape = field(default_factory=lambda: ShowerShape(0.8, 3.0, 0.3, 0.015))
    hf_photon_long: tuple[float, float] = (18.0, 2.0)  # Beta of the part seen as electromagnetic
    hf_hadron_long: tuple[float, float] = (1.2, 2.2)
    hf_least_gev: float = 0.3  # particles below leave no light
    ecal: ClusterConfig = field(
        default_factory=lambda: ClusterConfig(
            {-1: 0.04, -2: 0.15},  # GeV per crystal at PF's thresholds, arXiv:1706.04965
            {-1: 0.23, -2: 0.60},
            {-1: 0.08, -2: 0.30},
            1.5,
        )
    )
    hcal: ClusterConfig = field(
        default_factory=lambda: ClusterConfig({1: 0.2, 3: 0.2}, {1: 0.8, 3: 1.1}, {1: 0.4, 3: 0.4}, 10.0)
    )
    hf: ClusterConfig = field(
        default_factory=lambda: ClusterConfig({11: 0.3, 12: 0.3}, {11: 1.4, 12: 1.4}, {11: 0.8, 12: 0.8}, 5.0)
    )


def hadronic_response(energy_gev: Floats, e_over_h: float, config: CalorimeterConfig) -> Floats:
    """Mean response to hadrons, 1 for pions of the calibration energy in the HCAL."""

    def response(energy: Floats | float, ratio: float) -> Floats:
        part = 1.0 - np.maximum(np.asarray(energy) / config.groom_scale_gev, 1.0) ** (
            config.groom_power - 1.0
        )
        return np.asarray(part + (1.0 - part) / ratio, np.float64)

    reference = 1.0 if e_over_h == config.ecal_e_over_h else response(config.calibration_gev, e_over_h)
    return np.asarray(response(energy_gev, e_over_h) / reference, np.float64)


def find_clusters(
    made: Crossings,
    showering: Showering,
    field_tesla: float,
    config: CalorimeterConfig,
    rng: np.random.Generator,
) -> dict[int, Clusters]:
    """Makes the clusters of all calorimeters.

    Args:
        made: The particles.
        showering: Electrons and photons at the ECAL's face.
        field_tesla: Field along the beam.
        config: The detectors.
        rng: Source of randomness.

    Returns:
        Type of element -> clusters: 4 ECAL, 5 HCAL, 8 HF electromagnetic, 9 HF hadronic.
    """
    n = len(made)
    code = np.abs(made.pdg_id)
    light, muon = (code == 11) | (code == 22), code == 13
    curvature = curvature_per_cm(made.charge.astype(np.float64), made.pt_gev, field_tesla)
    start = Rays.from_beam(made.z_cm, made.eta, made.phi, made.radius_cm, curvature)
    heavy = np.flatnonzero(~light)
    ecal = [_showers_in_ecal(made, showering, config, rng)]
    eta, phi, reached = fly(start.take(heavy), ECAL_FACE)
    inside = reached & (np.abs(eta) < HF_FROM_ETA)
    heavy, eta, phi = heavy[inside], eta[inside], phi[inside]
    kinetic = kinetic_gev(made.pdg_id[heavy], made.energy_gev[heavy], mass_of(made.pdg_id[heavy]))
    crosses = muon[heavy] | (rng.random(len(heavy)) < MIP_PART)
    charged_mip = np.where(
        made.charge[heavy] != 0, _landau(MIP_PEAK_GEV, MIP_WIDTH_GEV, len(heavy), rng), 0.0
    )
    part = rng.beta(*SHOWER_BETA, size=len(heavy))
    width = np.hypot(config.hcal_stochastic / np.sqrt(np.maximum(kinetic, 0.1)), config.hcal_constant)
    factor = _gamma(width, rng)
    seen = part * kinetic * hadronic_response(kinetic, config.ecal_e_over_h, config) * factor
    in_ecal = np.where(crosses, np.minimum(charged_mip, kinetic), seen)
    rest = np.where(crosses, np.maximum(kinetic - charged_mip, 0.0), (1.0 - part) * kinetic)
    behind = rest * hadronic_response(kinetic, config.hcal_e_over_h, config) * factor
    mip = np.minimum(_landau(config.mip_hcal_gev, config.mip_hcal_width_gev, len(heavy), rng), rest)
    behind = np.where(muon[heavy], mip, behind)
    event, split = made.event[heavy], config.second_spot
    at = _Impacts(event, heavy, in_ecal, eta, phi, ~crosses)
    ecal.append(_spots(ecal_grid(), at, config.ecal_spot_cm, split, config.ecal_hadron_shape, rng))
    eta, phi, reached = fly(start.take(heavy), HCAL_FACE)
    behind = np.where(reached & (np.abs(eta) < HF_FROM_ETA), behind, 0.0)
    at = _Impacts(event, heavy, behind, eta, phi, ~muon[heavy])
    hcal = _spots(hcal_grid(), at, config.hcal_spot_cm, split, config.hcal_shape, rng)
    found = {
        4: cluster(ecal_grid(), n, join_deposits(ecal), config.ecal, rng),
        5: cluster(hcal_grid(), n, hcal, config.hcal, rng),
    }
    for element, layer, deposits in _forward(made, start, config, rng):
        found[element] = cluster(hf_grid(layer), n, deposits, config.hf, rng)
    return found


def _showers_in_ecal(
    made: Crossings, showering: Showering, config: CalorimeterConfig, rng: np.random.Generator
) -> Deposits:
    energy = showering.energy_gev
    width = np.hypot(config.ecal_stochastic / np.sqrt(np.maximum(energy, 0.01)), config.ecal_constant)
    seen = energy * _gamma(width, rng)
    event = made.event[showering.particle]
    return spread(ecal_grid(), event, showering.particle, seen, showering.eta, showering.phi, config.em_shape)


@dataclass(frozen=True, eq=False)
class _Impacts:
    """Particles on a calorimeter: [S] event, particle, energy left there, place, and whether they scatter."""

    event: Ints
    particle: Ints
    energy_gev: Floats
    eta: Floats
    phi: Floats
    scatters: Bools


def _spots(
    grid: CellGrid,
    at: _Impacts,
    off_cm: tuple[float, float],
    first_part: tuple[float, float],
    shape: ShowerShape,
    rng: np.random.Generator,
) -> Deposits:
    """Two spots for each hadron off its impact point; one on it where `scatters` is false."""
    cell = grid.find(at.eta, at.phi)
    first = np.where(at.scatters, rng.beta(*first_part, size=len(cell)), 1.0)
    parts = []
    for share, off in ((first, off_cm[0]), (1.0 - first, off_cm[1])):
        energy = at.energy_gev * share
        kept = np.flatnonzero((cell >= 0) & (energy > LEAST_SPOT * shape.least_gev))
        of = cell[kept]
        step = rng.normal(0.0, off, (len(kept), 2)) / grid.scale_cm[of, None]
        moved = grid.local(of, at.eta[kept], at.phi[kept]) + np.where(at.scatters[kept, None], step, 0.0)
        to_eta, to_phi = grid.direction(of, moved)
        parts.append(spread(grid, at.event[kept], at.particle[kept], energy[kept], to_eta, to_phi, shape))
    return join_deposits(parts)


def _forward(
    made: Crossings, start: Rays, config: CalorimeterConfig, rng: np.random.Generator
) -> Iterator[tuple[int, int, Deposits]]:
    """Type, layer and deposits of the two kinds of fibres."""
    ahead = np.flatnonzero((np.abs(made.eta) > HF_FROM_ETA - 0.2) & (made.energy_gev > config.hf_least_gev))
    ahead = ahead[np.abs(made.pdg_id[ahead]) != 13]
    eta, phi, reached = fly(start.take(ahead), HF_FACE)
    ahead, eta, phi = ahead[reached], eta[reached], phi[reached]
    energy, em = made.energy_gev[ahead], np.isin(np.abs(made.pdg_id[ahead]), (11, 22))
    long = np.where(
        em, rng.beta(*config.hf_photon_long, size=len(em)), rng.beta(*config.hf_hadron_long, size=len(em))
    )
    stochastic = np.where(em, config.hf_em_stochastic, config.hf_had_stochastic)
    constant = np.where(em, config.hf_em_constant, config.hf_had_constant)
    seen = energy * _gamma(np.hypot(stochastic / np.sqrt(energy), constant), rng)
    for element, layer, part in ((8, 11, long), (9, 12, 1.0 - long)):
        at = _Impacts(made.event[ahead], ahead, seen * part, eta, phi, ~em)
        spots = _spots(hf_grid(layer), at, config.hf_spot_cm, config.second_spot, config.hf_shape, rng)
        yield element, layer, spots


def _gamma(width: Floats, rng: np.random.Generator) -> Floats:
    """Positive factors of mean 1 and these relative widths."""
    shape = 1.0 / np.maximum(width, 1e-4) ** 2
    return np.asarray(rng.gamma(shape) / shape, np.float64)


def _landau(peak: float, width: float, n: int, rng: np.random.Generator) -> Floats:
    """Moyal's closed form of the Landau spectrum."""
    return np.asarray(peak - width * np.log(rng.standard_normal(n) ** 2 + 1e-12), np.float64)
