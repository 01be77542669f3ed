"""The timing input, the same for zoo and peers: toy showers and toy images, work to be timed, not physics.

`showers()`: 30 hits on average, 5 to 100, as of the public code's CPU figures.
Cells fall off exponentially around a centre and energies are spread at random.
The public networks span the barrel and the endcaps in five scaled features (x, y, z, energy, noise); the
zoo's take crystal indices of the barrel: their copy of a shower keeps its cells, its centre folded into it.

`images()`: one or two spots among 32 x 32 crystals, a third of the others with some noise.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from zoo.arrays import Floats32, Ints

SEED, SHOWERS = 20220509, 4096
IMAGES, SIDE, SEED_AT = 1024, 32, 15
CELL = 0.0174  # in eta and phi
RADIUS_CM, ENDCAP_CM, ENDCAP_ETA = 129.0, 317.0, 1.479
CRYSTALS_ETA, CRYSTALS_PHI = 85, 360
GEV_PER_ADC = 0.039


@dataclass(frozen=True)
class Showers:
    """Showers one behind the other; T hits of B showers."""

    counts: Ints  # [B] hits of each
    scaled: Floats32  # [T, 5] x, y, z, energy, noise in the scaling of CMS
    context: Floats32  # [B, 2] rho / 13 GeV, leakage fraction / 0.05
    target: Floats32  # [B] log(E_raw / E_true)
    hits: Floats32  # [T, 5] ieta, iphi, energy GeV, noise GeV, dead neighbours
    event: Floats32  # [B, 2] rho GeV, leakage GeV

    def batch(self, start: int, size: int) -> Showers:
        """Returns `size` consecutive showers, from the front again after the last."""
        rows = np.arange(start, start + size) % len(self.counts)
        ends = np.cumsum(self.counts)
        hits = np.concatenate([np.arange(ends[row] - self.counts[row], ends[row]) for row in rows])
        return Showers(
            self.counts[rows],
            self.scaled[hits],
            self.context[rows],
            self.target[rows],
            self.hits[hits],
            self.event[rows],
        )

    def inputs(self) -> dict[str, Floats32]:
        """Returns the input tensors of the zoo's DRN, padded to the longest shower."""
        mask = np.arange(self.counts.max()) < self.counts[:, None]
        hits = np.zeros((*mask.shape, self.hits.shape[1]), np.float32)
        hits[mask] = self.hits
        return {"hits": hits, "hit_mask": mask.astype(np.float32), "event": self.event}


@functools.cache
def showers() -> Showers:
    """Makes the 4096 showers."""
    rng = np.random.default_rng(SEED)
    n = np.clip(np.rint(rng.lognormal(3.23, 0.60, SHOWERS)), 5, 100).astype(np.int64)
    of = np.repeat(np.arange(SHOWERS), n)
    energy = np.exp(rng.uniform(np.log(5.0), np.log(300.0), SHOWERS))
    eta, phi = rng.uniform(-2.5, 2.5, SHOWERS), rng.uniform(-np.pi, np.pi, SHOWERS)
    cell_eta, cell_phi = np.rint(rng.laplace(0.0, 1.6, of.size)), np.rint(rng.laplace(0.0, 3.2, of.size))
    weight = np.exp(-np.hypot(cell_eta, cell_phi) / 0.9) * rng.exponential(1.0, of.size)
    weight += 1e-4 * rng.exponential(1.0, of.size)
    log_response = -0.03 - 0.02 * np.abs(rng.standard_t(4, SHOWERS))
    raw = energy * np.exp(log_response)
    hit_energy = weight / np.bincount(of, weight)[of] * raw[of]
    barrel = np.abs(eta)[of] < ENDCAP_ETA
    noise = np.where(barrel, rng.normal(1.6, 0.25, of.size), rng.normal(2.2, 0.4, of.size))  # ADC counts
    rho, leakage = rng.gamma(4.0, 5.0, SHOWERS), rng.exponential(0.01, SHOWERS)

    hit_eta, hit_phi = eta[of] + CELL * cell_eta, phi[of] + CELL * cell_phi
    radius = np.where(barrel, RADIUS_CM, ENDCAP_CM / np.abs(np.sinh(hit_eta)))
    place = [radius * np.cos(hit_phi), radius * np.sin(hit_phi), radius * np.sinh(hit_eta)]
    offset, span = np.array([-150, -150, -330, 0, 0.9]), np.array([300, 300, 660, 250, 3.0])
    scaled = (np.stack([*place, hit_energy, noise], axis=-1) - offset) / span

    row = np.floor(eta / CELL)[of] + cell_eta  # crystals from eta 0; folded into the barrel
    row = (row + CRYSTALS_ETA) % (2 * CRYSTALS_ETA) - CRYSTALS_ETA
    ieta = np.where(row >= 0, row + 1, row)
    iphi = (np.floor(phi / CELL)[of] + cell_phi) % CRYSTALS_PHI + 1
    hits = np.stack([ieta, iphi, hit_energy, np.abs(noise) * GEV_PER_ADC, np.zeros(of.size)], axis=-1)
    context = np.stack([rho / 13.0, leakage / 0.05], axis=-1)
    event = np.stack([rho, leakage * raw], axis=-1)
    columns = (scaled, context, log_response, hits, event)
    return Showers(n, *(column.astype(np.float32) for column in columns))


@dataclass(frozen=True)
class Images:
    """Images of B candidates."""

    image: Floats32  # [B, 32, 32, 2] E_T and |E_z| in GeV
    seed: Floats32  # [B, 2] ieta, iphi of the crystal at [15, 15]
    mass_gev: Floats32  # [B]

    def batch(self, start: int, size: int) -> Images:
        """Returns `size` consecutive images, from the front again after the last."""
        rows = np.arange(start, start + size) % len(self.seed)
        return Images(self.image[rows], self.seed[rows], self.mass_gev[rows])


@functools.cache
def images() -> Images:
    """Makes the 1024 images."""
    rng = np.random.default_rng(SEED)
    row, column = np.mgrid[:SIDE, :SIDE] - SEED_AT
    energy, share = rng.uniform(20.0, 100.0, IMAGES), rng.uniform(0.5, 1.0, IMAGES)
    distance, angle = rng.uniform(0.0, 6.0, IMAGES), rng.uniform(-np.pi, np.pi, IMAGES)
    second = np.hypot(
        row - (distance * np.cos(angle))[:, None, None], column - (distance * np.sin(angle))[:, None, None]
    )
    spots = share[:, None, None] * np.exp(-1.5 * np.hypot(row, column))
    spots = spots + (1.0 - share)[:, None, None] * np.exp(-1.5 * second)
    et = energy[:, None, None] * spots * (spots > 1e-3)
    et += rng.exponential(0.05, et.shape) * (rng.random(et.shape) < 0.3)
    ieta, iphi = rng.integers(1, CRYSTALS_ETA - 15, IMAGES), rng.integers(1, CRYSTALS_PHI + 1, IMAGES)
    ez = et * np.sinh(CELL * ieta)[:, None, None]
    seed = np.stack([ieta, iphi], axis=-1).astype(np.float32)
    mass = energy * CELL * distance * np.sqrt(share * (1.0 - share))
    return Images(np.stack([et, ez], axis=-1).astype(np.float32), seed, mass.astype(np.float32))
