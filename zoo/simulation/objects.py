"""One batch of calorimeter objects, from primaries at the vertex to columns of the records, all at once.

primaries -> `transport` -> one library shower per arriving particle -> patches of crystals -> pile-up ->
noise, dead crystals and thresholds (`response`) -> seed and window (`windows`) -> columns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from zoo.angles import wrap_phi
from zoo.arrays import Floats, Ints
from zoo.data.kinds.objects import OBJECTS
from zoo.data.kinds.schema import Schema
from zoo.detectors import cms_barrel
from zoo.errors import InvalidValue
from zoo.simulation.columns import Columns
from zoo.simulation.deposits import Showers, lay_showers, take_impacts
from zoo.simulation.overlay import hardest_in_window, overlay
from zoo.simulation.patches import Patches, PatchShape, add_windows
from zoo.simulation.pileup import PileupPool, check_pileup
from zoo.simulation.readout import read_out
from zoo.simulation.response import NOISE, DeadChannels, LeakageModel, NoiseModel, count_dead_neighbours
from zoo.simulation.showers import ShowerLibrary
from zoo.simulation.sources import CrystalSource, Files, Source
from zoo.simulation.transport import Cascade, TransportConfig, transport
from zoo.simulation.windows import Hits, find_seeds, window_hits

__all__ = ["SampleConfig", "draw_primaries", "simulate_objects"]


@dataclass(frozen=True)
class SampleConfig:
    """One sample of objects: what is shot into the detector, and the detector."""

    name: str
    pdg_ids: tuple[int, ...]  # drawn with equal probability
    min_et_gev: float = 4.0  # transverse energy, the cut on superclusters
    min_energy_gev: float = 4.0
    max_energy_gev: float = 130.0  # reported to 120 only: the edge of a prior biases its last bins
    flat_fraction: float = 0.5  # flat in E; the others log-uniform in E
    max_abs_eta: float = 1.44  # |eta|, flat: the fiducial barrel
    pileup: tuple[int, int] = (20, 70)  # interactions per crossing, uniform, both included; (0, 0) is none
    objects_per_crossing: int = 16  # share a crossing, each at its own place, turned and mirrored at random
    full_shower_gev: float = 1.0  # softer showers end at three crystals: 1 % of their energy is left out
    transport: TransportConfig = field(default_factory=TransportConfig)
    noise: NoiseModel = NOISE["run2"]
    dead: DeadChannels = field(default_factory=DeadChannels)
    leakage: LeakageModel = field(default_factory=LeakageModel)
    patch: PatchShape = field(default_factory=PatchShape)

    schema: ClassVar[Schema] = OBJECTS
    records_per_event: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_pileup(self)
        if not self.pdg_ids or not set(self.pdg_ids) <= {11, -11, 22}:
            raise InvalidValue("SampleConfig.pdg_ids", "some of 11, -11, 22", self.pdg_ids)
        highest = max(self.min_energy_gev, self.min_et_gev * float(np.cosh(self.max_abs_eta)))
        if not 0 < highest < self.max_energy_gev:
            raise InvalidValue("SampleConfig.max_energy_gev", f"more than {highest:.3g}", self.max_energy_gev)
        if not 0 <= self.flat_fraction <= 1:
            raise InvalidValue("SampleConfig.flat_fraction", "a fraction from 0 to 1", self.flat_fraction)

    def open(self, files: Files) -> Source:
        """Opens showers and pile-up."""
        return CrystalSource.of(simulate_objects, self, files)


def draw_primaries(
    n: int, config: SampleConfig, rng: np.random.Generator
) -> tuple[Ints, Floats, Floats, Floats]:
    """Draws PDG id, energy (GeV), eta and phi of n primaries: see `SampleConfig`."""
    pdg_id = rng.choice(np.array(config.pdg_ids, dtype=np.int64), n)
    eta = rng.uniform(-config.max_abs_eta, config.max_abs_eta, n)
    phi = wrap_phi(rng.uniform(-np.pi, np.pi, n))
    lowest = np.maximum(config.min_et_gev * np.cosh(eta), config.min_energy_gev)
    u = rng.random(n)
    flat = lowest + (config.max_energy_gev - lowest) * u
    logarithmic = lowest * (config.max_energy_gev / lowest) ** u
    energy = np.where(rng.random(n) < config.flat_fraction, flat, logarithmic)
    return pdg_id, energy, eta, phi


def simulate_objects(
    n: int,
    config: SampleConfig,
    split: str,
    library: ShowerLibrary,
    pool: PileupPool | None,
    rng: np.random.Generator,
    *,
    truth: bool = True,
) -> Columns:
    """Simulates n events; those in which no seed is found are missing from the result.

    Args:
        n: Number of events.
        config: The sample.
        split: "train", "validation" or "test": which showers and pile-up events are used.
        library: Shower library.
        pool: Pile-up events; None where the sample has no pile-up.
        rng: Source of all randomness.
        truth: Whether to fill the particles and their deposits.

    Returns:
        At most n objects.
    """
    pdg_id, energy, eta, phi = draw_primaries(n, config, rng)
    cascade = transport(pdg_id, energy, eta, phi, rng, config.transport)
    showers, patches, event, leader = _deposit(cascade, config, split, library, rng)
    n_patches = len(event)
    d_row = showers.row - patches.row[showers.owner]
    d_column = cms_barrel.delta_iphi(showers.iphi, patches.iphi[showers.owner])
    true_gev, place = add_windows(config.patch, n_patches, showers.owner, d_row, d_column, showers.windows)
    pileup = overlay(patches, config.pileup, config.objects_per_crossing, split, pool, rng)

    deposit = true_gev + pileup.energy_gev
    read = read_out(patches, deposit, config.noise, config.dead, config.patch.window, rng)
    sigma, measured, is_hit = read.sigma_gev, read.measured_gev, read.is_hit
    found, seed_row, seed_column = find_seeds(
        patches, measured, is_hit, config.noise.seed_threshold_gev(sigma)
    )
    hits = window_hits(patches, found, seed_row, seed_column, is_hit)

    row = patches.rows[found, seed_row]
    iphi = patches.columns[found, seed_column] + 1
    n_pileup = pileup.n_vertices[found]
    leak = _leak_in_window(showers, library, found, row, iphi, config, n_patches)
    origin = event[found]
    values: dict[str, npt.NDArray[Any]] = {
        "hits.ieta": hits.ieta,
        "hits.iphi": hits.iphi,
        "hits.energy_gev": measured.ravel()[hits.place],
        "hits.noise_gev": sigma.ravel()[hits.place],
        "hits.dead_neighbours": count_dead_neighbours(read.dead).ravel()[hits.place],
        "hits.true_energy_gev": true_gev.ravel()[hits.place],
        "hits.pileup_energy_gev": pileup.energy_gev.ravel()[hits.place],
        "seed_ieta": cms_barrel.ieta_from_row(row).astype(np.int16),
        "seed_iphi": iphi.astype(np.int16),
        "rho_gev": pileup.rho_gev[found],
        "leakage_gev": config.leakage.measure(leak, n_pileup, rng),
        "n_pileup": n_pileup.astype(np.int16),
        "true_energy_gev": energy[origin].astype(np.float32),
        "true_eta": eta[origin].astype(np.float32),
        "true_phi": phi[origin].astype(np.float32),
        "pdg_id": pdg_id[origin].astype(np.int32),
        "pileup_photon_gev": hardest_in_window(pileup, patches, found, row, iphi - 1),
        "shower_row": showers.library_row[leader[found]].astype(np.int32),
        "shower_pdg_id": np.where(showers.electron[leader[found]], 11, 22).astype(np.int32),
    }
    counts = {"hits": hits.count}
    if truth:
        _add_particles(values, counts, cascade, showers, origin, n)
        _add_deposits(values, counts, cascade, showers, place, found, hits, measured.size)
    return Columns(values, counts, origin)


def _deposit(
    cascade: Cascade, config: SampleConfig, split: str, library: ShowerLibrary, rng: np.random.Generator
) -> tuple[Showers, Patches, Ints, Ints]:
    """Lays a patch around the leading particle of each event and draws a shower for all that reach it.

    Returns:
        The showers, the patches, and for each patch its event and its leading shower. Events of which nothing
        arrives in the barrel have no patch.
    """
    particle = np.flatnonzero(cascade.arrived)
    impact = cms_barrel.impact(cascade.eta[particle], cascade.phi[particle])
    inside = cms_barrel.in_barrel(impact.row)
    particle = particle[inside]
    impact = take_impacts(impact, inside)
    energy = cascade.energy_gev[particle]
    event, owner = np.unique(cascade.event[particle], return_inverse=True)
    by_energy = np.lexsort((-energy, owner))
    leader = by_energy[np.searchsorted(owner[by_energy], np.arange(len(event)))]
    patches = config.patch.around(impact.row[leader], impact.iphi[leader])

    near = config.patch.reached_by(
        impact.row - patches.row[owner], cms_barrel.delta_iphi(impact.iphi, patches.iphi[owner])
    )
    leader = (np.cumsum(near) - 1)[leader]
    particle, owner, energy = particle[near], owner[near], energy[near]
    impact = take_impacts(impact, near)
    electron = np.abs(cascade.pdg_id[particle]) == 11
    showers = lay_showers(
        particle, owner, electron, energy, impact, config.full_shower_gev, split, library, rng
    )
    return showers, patches, event, leader


def _leak_in_window(
    showers: Showers,
    library: ShowerLibrary,
    found: Ints,
    row: Ints,
    iphi: Ints,
    config: SampleConfig,
    n_patches: int,
) -> Floats:
    """Returns [K] what the showers that arrive inside the window leave through the rear face, in GeV."""
    seed_row, seed_iphi = np.full(n_patches, -1000), np.ones(n_patches, dtype=np.int64)
    seed_row[found], seed_iphi[found] = row, iphi
    half = config.patch.window
    inside = (np.abs(showers.row - seed_row[showers.owner]) <= half[0]) & (
        np.abs(cms_barrel.delta_iphi(showers.iphi, seed_iphi[showers.owner])) <= half[1]
    )
    leak = showers.rear_leak_gev(library)
    return np.bincount(showers.owner[inside], leak[inside], n_patches).astype(np.float64)[found]


def _add_particles(
    values: dict[str, npt.NDArray[Any]],
    counts: dict[str, Ints],
    cascade: Cascade,
    showers: Showers,
    origin: Ints,
    n: int,
) -> None:
    """Fills the truth of every particle made between the vertex and the calorimeter."""
    kept_event = np.zeros(n, dtype=bool)
    kept_event[origin] = True
    kept = kept_event[cascade.event]
    library_row = np.full(cascade.event.size, -1, dtype=np.int32)
    library_row[showers.particle] = showers.library_row
    deposit = np.zeros(cascade.event.size, dtype=np.float32)
    deposit[showers.particle] = showers.windows.sum(axis=(1, 2))
    counts["particles"] = np.bincount(cascade.event, minlength=n)[origin]
    values["particles.pdg_id"] = cascade.pdg_id[kept].astype(np.int32)
    values["particles.parent"] = cascade.parent[kept].astype(np.int16)
    values["particles.energy_gev"] = cascade.energy_gev[kept].astype(np.float32)
    values["particles.eta"] = cascade.eta[kept].astype(np.float32)
    values["particles.phi"] = cascade.phi[kept].astype(np.float32)
    values["particles.radius_cm"] = cascade.radius_cm[kept].astype(np.float32)
    values["particles.library_row"] = library_row[kept]
    values["particles.deposit_gev"] = deposit[kept]


def _add_deposits(
    values: dict[str, npt.NDArray[Any]],
    counts: dict[str, Ints],
    cascade: Cascade,
    showers: Showers,
    place: npt.NDArray[np.int32],
    found: Ints,
    hits: Hits,
    n_crystals: int,
) -> None:
    """Fills the deposit of every particle in every rechit, above 1 MeV."""
    number = np.full(n_crystals + 1, -1, dtype=np.int16)
    number[hits.place] = hits.number
    shower, eta, phi = np.nonzero(showers.windows > 1e-3)
    hit = number[place[shower, eta, phi]]
    on_hit = hit >= 0
    shower, eta, phi, hit = shower[on_hit], eta[on_hit], phi[on_hit], hit[on_hit]
    particle = showers.particle[shower]
    event = cascade.event[particle]
    first = np.searchsorted(cascade.event, event)
    per_patch = np.bincount(showers.owner[shower], minlength=found[-1] + 1 if found.size else 0)
    counts["deposits"] = per_patch[found]
    values["deposits.particle"] = (particle - first).astype(np.int16)
    values["deposits.hit"] = hit
    values["deposits.energy_gev"] = showers.windows[shower, eta, phi]
