"""Tracks, GSF tracks, brems points and muon hits: which are found, and how well they are measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo.angles import wrap_phi
from zoo.arrays import Arrays, Floats, owners
from zoo.simulation.calorimeters import ECAL_FACE, HCAL_FACE
from zoo.simulation.crossings import Crossings
from zoo.simulation.helix import curvature_per_cm
from zoo.simulation.surfaces import Rays, fly
from zoo.simulation.upstream import Electrons

__all__ = ["TrackerConfig", "find_tracks"]


HARDEST_GEV = 6000.0
"""What a badly measured track is said to have at most."""


@dataclass(frozen=True)
class TrackerConfig:
    """Efficiencies, resolutions, fakes. Plateaus and pT resolution: JINST 9 P10009, rounded."""

    max_abs_eta: float = 2.5
    rise_gev: tuple[float, float] = (0.3, 0.8)  # pT between which tracks begin to be found
    hadron_efficiency: float = 0.94  # with nuclear interactions in the material
    muon_efficiency: float = 0.99
    electron_efficiency: float = 0.93
    stiff_gev: float = 50.0  # above, hadrons stand in dense jets ...
    stiff_loss: float = 0.05  # ... and this part is lost for each factor e in pT
    full_radius_cm: float = 2.0  # tracks that start farther out are found less and less,
    last_radius_cm: float = 60.0  # and beyond here not at all
    pair_efficiency: float = 0.6  # of electrons of a conversion, times that of the radius
    pt_resolution: float = 0.007  # times 1 + eta^2 / 3
    pt_resolution_per_gev: float = 1.5e-4
    electron_factor: float = 3.0  # the ordinary fit knows no bremsstrahlung
    angle_resolution: float = 3e-4
    angle_resolution_gev: float = 2e-3  # divided by pT
    dz_resolution_cm: float = 0.003
    dz_resolution_cm_gev: float = 0.01  # divided by pT, times cosh(eta)
    fakes: float = 0.02  # for each real track
    fake_mean_gev: float = 1.0  # exponential above the least pT ...
    fake_tail: float = 0.05  # ... but this part log-uniform
    fake_tail_gev: tuple[float, float] = (2.0, 100.0)
    hits: float = 14.0  # mean of a track from the beam line ...
    last_hit_cm: float = 110.0  # ... that go down linearly to none with the radius where it starts
    fake_hits: float = 7.0
    muon_least_gev: float = 3.0  # momentum that reaches the chambers
    muon_max_abs_eta: float = 2.4
    chamber_efficiency: float = 0.97
    decay_in_flight: float = (
        0.002  # of hadrons that look like a tracker muon; a third of them like a global one
    )
    gsf_least_gev: float = 2.0  # pT of GSF seeds
    gsf_efficiency: float = 0.94
    gsf_hadrons: float = 0.02  # of other tracks that seed one
    gsf_resolution: float = 0.02  # times 1 + eta^2 / 3
    outer_resolution: float = 0.08  # of a GSF track's momentum at its end
    brems_least_part: float = 0.02  # of the momentum that a brems point must have lost
    brems_resolution: float = 0.02  # of the momentum


def find_tracks(
    made: Crossings,
    electrons: Electrons,
    field_tesla: float,
    config: TrackerConfig,
    rng: np.random.Generator,
) -> list[Arrays]:
    """Finds tracks.

    Args:
        made: The particles.
        electrons: Electrons in the tracker, pairs too.
        field_tesla: Field along the beam.
        config: The tracker.
        rng: Source of randomness.

    Returns:
        Tables of tracks, GSF tracks and brems points: columns as the fields of elements, and `event`,
        `particle` (-1: a fake) and `link_gev`.
    """
    code = np.abs(made.pdg_id)
    others = np.flatnonzero((made.charge != 0) & (code != 11))
    row = np.concatenate([np.full(len(others), -1), np.arange(len(electrons.particle))])
    true: Arrays = {
        "particle": np.concatenate([others, electrons.particle]),
        "charge": np.concatenate([made.charge[others], electrons.charge]),
        "pt": np.concatenate([made.pt_gev[others], electrons.pt_gev]),
        "eta": np.concatenate([made.eta[others], electrons.eta]),
        "phi": np.concatenate([made.phi[others], electrons.phi]),
        "z": np.concatenate([made.z_cm[others], electrons.z_cm]),
        "radius": np.concatenate([made.radius_cm[others], electrons.radius_cm]),
        "code": np.concatenate([code[others], np.full(len(electrons.particle), 11)]),
        "electron": row,
    }
    true["event"] = made.event[true["particle"]]
    true = _take(true, rng.random(len(row)) < _efficiency(true, electrons, config))
    true = _with_fakes(true, made, config, rng)
    tracks = _measure(true, made, field_tesla, config, rng)
    gsf, brems = _gsf(true, tracks, electrons, config, rng)
    return [tracks, gsf, brems]


def _efficiency(true: Arrays, electrons: Electrons, config: TrackerConfig) -> Floats:
    code, pt = true["code"], true["pt"]
    plateau = np.select(
        [code == 13, code == 11],
        [config.muon_efficiency, config.electron_efficiency],
        config.hadron_efficiency,
    )
    stiff = 1.0 - config.stiff_loss * np.log(np.maximum(pt / config.stiff_gev, 1.0))
    plateau = plateau * np.where(code == 13, 1.0, np.maximum(stiff, 0.3))
    converted = np.zeros(len(code), dtype=bool)
    is_electron = true["electron"] >= 0
    converted[is_electron] = electrons.converted[true["electron"][is_electron]]
    plateau = np.where(converted, config.pair_efficiency, plateau)
    out = np.interp(true["radius"], (config.full_radius_cm, config.last_radius_cm), (1.0, 0.0))
    rise = np.interp(pt, config.rise_gev, (0.0, 1.0))
    return np.asarray(plateau * out * rise * (np.abs(true["eta"]) < config.max_abs_eta), np.float64)


def _with_fakes(true: Arrays, made: Crossings, config: TrackerConfig, rng: np.random.Generator) -> Arrays:
    per_event = np.bincount(true["event"], minlength=len(made))
    count = rng.poisson(config.fakes * per_event)
    event = owners(count)
    n = len(event)
    low, high = config.fake_tail_gev
    soft = config.rise_gev[0] + rng.exponential(config.fake_mean_gev, n)
    fake: Arrays = {
        "particle": np.full(n, -1),
        "charge": rng.choice(np.array([1, -1]), n),
        "pt": np.where(rng.random(n) < config.fake_tail, low * (high / low) ** rng.random(n), soft),
        "eta": rng.uniform(-config.max_abs_eta, config.max_abs_eta, n),
        "phi": rng.uniform(-np.pi, np.pi, n),
        "z": made.hard_z_cm[event] + rng.normal(0.0, 1.0, n),
        "radius": np.zeros(n),
        "code": np.zeros(n, dtype=np.int64),
        "electron": np.full(n, -1),
        "event": event,
    }
    return {name: np.concatenate([values, fake[name]]) for name, values in true.items()}


def _measure(
    true: Arrays, made: Crossings, field_tesla: float, config: TrackerConfig, rng: np.random.Generator
) -> Arrays:
    n, pt, eta = len(true["pt"]), true["pt"], true["eta"]
    width = np.hypot(config.pt_resolution * (1 + eta**2 / 3), config.pt_resolution_per_gev * pt)
    width = width * np.where(true["code"] == 11, config.electron_factor, 1.0)
    inverse = (1.0 + width * rng.standard_normal(n)) / pt
    charge = np.where(inverse < 0, -true["charge"], true["charge"])
    measured = np.minimum(1.0 / np.maximum(np.abs(inverse), 1e-6), HARDEST_GEV)
    angle = config.angle_resolution + config.angle_resolution_gev / pt
    measured_eta = eta + angle * rng.standard_normal(n)
    measured = np.minimum(measured, HARDEST_GEV / np.cosh(measured_eta))
    phi = wrap_phi(true["phi"] + angle * rng.standard_normal(n))
    spread = np.hypot(config.dz_resolution_cm, config.dz_resolution_cm_gev / pt * np.cosh(eta))
    dz = true["z"] - made.hard_z_cm[true["event"]] + spread * rng.standard_normal(n)
    mean_hits = np.where(
        true["particle"] < 0, config.fake_hits, config.hits * (1.0 - true["radius"] / config.last_hit_cm)
    )
    # extrapolated with the measured momentum, from where the particle started
    curvature = curvature_per_cm(charge.astype(np.float64), measured, field_tesla)
    rays = Rays.from_beam(true["z"], measured_eta, phi, true["radius"], curvature)
    ecal_eta, ecal_phi, at_ecal = fly(rays, ECAL_FACE)
    hcal_eta, hcal_phi, at_hcal = fly(rays, HCAL_FACE)
    table: Arrays = {
        "event": true["event"],
        "particle": true["particle"],
        "kind": np.full(n, 1),
        "pt_gev": measured,
        "eta": measured_eta,
        "phi": phi,
        "energy_gev": measured * np.cosh(measured_eta),
        "charge": charge,
        "eta_ecal": np.where(at_ecal, ecal_eta, 0.0),
        "phi_ecal": np.where(at_ecal, ecal_phi, 0.0),
        "eta_hcal": np.where(at_hcal, hcal_eta, 0.0),
        "phi_hcal": np.where(at_hcal, hcal_phi, 0.0),
        "hits": np.maximum(rng.poisson(mean_hits), 3),
        "dz_cm": np.clip(dz, -99.0, 99.0),
        "link_gev": pt * np.cosh(eta),
    }
    table.update(_chambers(true, table, config, rng))
    return table


def _chambers(true: Arrays, table: Arrays, config: TrackerConfig, rng: np.random.Generator) -> Arrays:
    n, eta = len(true["pt"]), np.abs(true["eta"])
    hard = (true["pt"] * np.cosh(eta) > config.muon_least_gev) & (eta < config.muon_max_abs_eta)
    muon = (true["code"] == 13) & hard
    hadron = (true["code"] != 13) & (true["code"] != 11) & hard & (rng.random(n) < config.decay_in_flight)
    through = (muon & (rng.random(n) < config.chamber_efficiency)) | (hadron & (rng.random(n) < 1.0 / 3.0))
    dt = np.where(through & (eta < 1.2), np.clip(rng.normal(36.0, 6.0, n), 4, 44), 0.0)
    csc = np.where(through & (eta > 0.9), np.clip(rng.normal(19.0, 4.0, n), 3, 24), 0.0)
    bits = 4 * (muon | hadron) + (2 + 8) * through
    return {"dt_hits": np.rint(dt), "csc_hits": np.rint(csc), "muon_type": bits}


def _gsf(
    true: Arrays, tracks: Arrays, electrons: Electrons, config: TrackerConfig, rng: np.random.Generator
) -> tuple[Arrays, Arrays]:
    """GSF tracks on some tracks, and their brems points."""
    n = len(true["pt"])
    chance = np.where(true["code"] == 11, config.gsf_efficiency, config.gsf_hadrons)
    has = np.flatnonzero((tracks["pt_gev"] > config.gsf_least_gev) & (rng.random(n) < chance))
    pt, eta, electron = true["pt"][has], true["eta"][has], true["electron"][has]
    is_electron = electron >= 0
    momentum = pt * np.cosh(eta)
    width = config.gsf_resolution * (1 + eta**2 / 3)
    measured = np.minimum(pt * np.exp(width * rng.standard_normal(len(has))), HARDEST_GEV / np.cosh(eta))
    left = momentum.copy()
    left[is_electron] = electrons.left_gev[electron[is_electron]]
    outer = np.maximum(left * np.exp(config.outer_resolution * rng.standard_normal(len(has))), 0.0)
    measured_momentum = measured * np.cosh(tracks["eta"][has])
    sigma = np.hypot(config.outer_resolution * outer, config.gsf_resolution * measured_momentum)
    of_calorimeter = rng.random(len(has)) < np.where(is_electron, 0.85, 0.1)
    of_tracker = (rng.random(len(has)) < 0.7) | ~of_calorimeter
    gsf = _take(tracks, has)
    gsf.update(
        {
            "kind": np.full(len(has), 6),
            "pt_gev": measured,
            "energy_gev": measured_momentum,
            "delta_p_gev": np.clip(measured_momentum - outer, -HARDEST_GEV, HARDEST_GEV),
            "sigma_delta_p_gev": sigma,
            "gsf_seed": of_calorimeter + 2 * of_tracker,
            "dt_hits": np.zeros(len(has)),
            "csc_hits": np.zeros(len(has)),
            "muon_type": np.zeros(len(has)),
        }
    )
    places = electrons.radiated_gev.shape[1]
    lost = np.concatenate([electrons.radiated_gev, np.zeros((1, places))])[electron]  # -1: nothing
    which, place = np.nonzero(lost > config.brems_least_part * momentum[:, None])
    sigma = config.brems_resolution * momentum[which]
    delta = np.maximum(lost[which, place] + sigma * rng.standard_normal(len(which)), 1e-3)
    on_face = electrons.tangent_eta[electron[which], place], electrons.tangent_phi[electron[which], place]
    brems: Arrays = {
        "event": gsf["event"][which],
        "particle": gsf["particle"][which],
        "kind": np.full(len(which), 7),
        "pt_gev": delta / np.cosh(on_face[0]),
        "eta": on_face[0],
        "phi": on_face[1],
        "energy_gev": delta,
        "charge": gsf["charge"][which],
        "trajectory_point": place + 1,
        "eta_ecal": on_face[0],
        "phi_ecal": on_face[1],
        "delta_p_gev": delta,
        "sigma_delta_p_gev": sigma,
        "dz_cm": gsf["dz_cm"][which],
        "link_gev": lost[which, place],
    }
    return gsf, brems


def _take(table: Arrays, chosen: npt.NDArray[Any]) -> Arrays:
    return {name: values[chosen] for name, values in table.items()}
