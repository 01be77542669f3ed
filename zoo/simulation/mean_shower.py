"""The library's mean shower and its fluctuations, as functions of energy and impact point.

    showers = MeanShowers.of(ShowerLibrary.shipped(), "photon")
    profile = showers.profile(energy_gev, offset_eta, offset_phi, row, iphi)
    profile.mean, profile.slope_eta, profile.slope_phi          # [S, 7, 15] each
    covariance, response = showers.fluctuation(node, offset_eta, offset_phi)

A shower of energy E that leaves the part L of it behind the rear face deposits E (1 - L) p_i in crystal i. L
is about log-normal. The profile p has, at a given impact point, a mean, a response to ln L (a photon that
converts late leaks more, and is narrower) and fluctuations of its own. All are tabulated in steps of ln E and
of the impact point; each library shower counts with its eight symmetries.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats, Floats32, Ints
from zoo.simulation.rebinning import GRIDS, WINDOW, overlap
from zoo.simulation.shower_table import Kind, ShowerTable
from zoo.simulation.showers import ETA_STRIP_ATTENUATION, PHI_STRIP_ATTENUATION, ShowerLibrary, strip_losses

__all__ = ["CORE", "REACH", "MeanShowers", "Profile"]


REACH = (3, 7)
"""Half sizes, in crystals along eta and phi, of the mean profile around the crystal hit: 7 x 15."""
CORE = (3, 4)
"""Half sizes of the fluctuations: 7 x 9; the 1 % of E beyond does not fluctuate."""
STEP, LOG_WINDOW = 0.3, 0.2
"""Nodes in ln E are 0.3 apart; each is made of the showers within 0.2, scaled to it."""
LEAST, MOST = 40, 500
"""Showers of a node: the nearest 40 where the window holds fewer, 500 evenly chosen where it holds more."""
POSITIONS = 41
"""Impact points of the mean profile along each axis, -0.5 to 0.5."""
CELLS = 6
"""Impact points of the fluctuations along each axis, 0 to 0.5: the other signs are mirror images."""
LEAST_LEAK = 1e-4
"""Smaller leaks, below a ten-thousandth of the energy, count as this one."""


class Profile(NamedTuple):
    """Mean profiles [S, 7, 15] indexed [eta, phi], and their slopes per crystal in the impact point."""

    mean: Floats32
    slope_eta: Floats32
    slope_phi: Floats32


@dataclass(frozen=True)
class MeanShowers:
    """Mean and fluctuations of the showers of one kind.

    Attributes:
        log_energy: [T] nodes in ln(E / GeV).
        mean: [T, 41, 41, 7, 15] mean profile at each impact point (eta, phi); [..., 3, 7] is the crystal hit.
        strips: [T, 2, 41, 15] part of a line of crystals that lies within 3 mm of its lower and of its upper
            edge, for each impact point across it.
        covariance: [T, 6, 6, 7, 9, 7, 9] covariance of the profile at fixed L.
        response: [T, 6, 6, 7, 9] change of the profile with ln L.
        leak: [T] median of L.
        leak_spread: [T] half of the central 68 % interval of ln L.
    """

    log_energy: Floats
    mean: Floats32
    strips: Floats32
    covariance: Floats32
    response: Floats32
    leak: Floats
    leak_spread: Floats

    @staticmethod
    @functools.lru_cache(maxsize=4)
    def of(library: ShowerLibrary, kind: Kind, split: str | None = None) -> MeanShowers:
        """Tabulates the showers of one kind: some seconds, once per process.

        Args:
            library: The showers.
            kind: "photon" or "electron".
            split: Use the showers of one split alone; all by default, for the smallest error.
        """
        table = library.table(kind)
        rows = np.arange(len(table)) if split is None else table.rows(split)
        log = np.log(table.energy_gev[rows].astype(np.float64))
        nodes = np.arange(log.min(), log.max() + STEP, STEP)
        parts = [_node(table, rows, log, float(node)) for node in nodes]
        return MeanShowers(nodes, *(np.stack(column) for column in zip(*parts, strict=True)))

    def node(self, energy_gev: npt.ArrayLike) -> Ints:
        """Returns the node nearest in ln E."""
        place = (np.log(np.asarray(energy_gev, np.float64)) - self.log_energy[0]) / STEP
        return np.asarray(np.clip(np.rint(place), 0, len(self.log_energy) - 1), np.int64)

    def profile(
        self, energy_gev: Floats, offset_eta: Floats, offset_phi: Floats, row: Ints, iphi: Ints
    ) -> Profile:
        """Evaluates the mean profile, less the strips lost along gaps between modules.

        Args:
            energy_gev: [S] energies.
            offset_eta: [S] impact point minus centre of the crystal hit, in crystals, -0.5..0.5.
            offset_phi: [S] the same along phi.
            row: [S] row 0..169 of that crystal.
            iphi: [S] its iphi.
        """
        node = self.node(energy_gev)
        losses = strip_losses(row, iphi, (ETA_STRIP_ATTENUATION, PHI_STRIP_ATTENUATION))
        lower, part = [], []
        for offset in (offset_eta, offset_phi):
            place = (np.asarray(offset, np.float64) + 0.5) * (POSITIONS - 1)
            lower.append(np.clip(np.floor(place), 0, POSITIONS - 2).astype(np.int64))
            part.append((place - lower[-1]).astype(np.float32)[:, None, None])
        corner = {}
        for i in (0, 1):
            kept_eta = self._kept(node, lower[0] + i, losses[0], REACH[0])
            for j in (0, 1):
                kept_phi = self._kept(node, lower[1] + j, losses[1], REACH[1])
                value = self.mean[node, lower[0] + i, lower[1] + j]
                corner[i, j] = value * kept_eta[:, :, None] * kept_phi[:, None, :]
        eta, phi = part
        low, high = (corner[0, j] + eta * (corner[1, j] - corner[0, j]) for j in (0, 1))
        left, right = (corner[i, 0] + phi * (corner[i, 1] - corner[i, 0]) for i in (0, 1))
        per_crystal = np.float32(POSITIONS - 1)
        return Profile(low + phi * (high - low), (right - left) * per_crystal, (high - low) * per_crystal)

    def _kept(self, node: Ints, position: Ints, loss: Floats32, half: int) -> Floats32:
        """[S, 2 half + 1] part of each line of crystals that the strips along its edges leave."""
        strips = self.strips[node, :, position]
        kept: Floats32 = (
            np.float32(1.0) - (loss[:, :-1] * strips[:, 0] + loss[:, 1:] * strips[:, 1])[:, _middle(half)]
        )
        return kept

    def fluctuation(self, node: int, offset_eta: float, offset_phi: float) -> tuple[Floats32, Floats32]:
        """Looks up the fluctuations at the nearest tabulated impact point, gaps left out.

        Returns:
            Covariance [7, 9, 7, 9] of the profile at fixed L, and its response [7, 9] to ln L.
        """
        eta, phi = (min(int(2 * CELLS * abs(offset)), CELLS - 1) for offset in (offset_eta, offset_phi))
        a, b = (1 if offset >= 0 else -1 for offset in (offset_eta, offset_phi))
        return self.covariance[node, eta, phi, ::a, ::b, ::a, ::b], self.response[node, eta, phi, ::a, ::b]


def _middle(half: int) -> slice:
    """The crystals of a shower's window that lie within `half` of its centre."""
    return slice(WINDOW // 2 - half, WINDOW // 2 + half + 1)


def _node(table: ShowerTable, rows: Ints, log: Floats, node: float) -> tuple[npt.NDArray[np.floating], ...]:
    """Tabulates the showers around one energy: the attributes of `MeanShowers` after the first."""
    distance = np.abs(log - node)
    chosen = np.flatnonzero(distance < LOG_WINDOW)
    if len(chosen) < LEAST:
        chosen = np.argsort(distance, kind="stable")[:LEAST]
    chosen = rows[chosen[np.linspace(0, len(chosen) - 1, min(len(chosen), MOST)).astype(np.int64)]]
    energy = np.full(len(chosen), np.exp(node))
    leak = table.rear_leak_gev(chosen, energy) / energy
    norm = (table.scale(chosen, energy) / (energy * (1.0 - leak))).astype(np.float32)
    images = [image * norm[:, None, None] for image in table.images_gev(chosen, True)]
    log_leak = np.log(np.maximum(leak, LEAST_LEAK))
    low, middle, high = np.quantile(log_leak, [0.16, 0.5, 0.84])
    return *_mean(images), *_fluctuation(images, log_leak), np.exp(middle), np.asarray(high - low) / 2


def _mean(images: list[Floats32]) -> tuple[Floats32, Floats32]:
    """Mean profile [41, 41, 7, 15] and strips [2, 41, 15] of showers."""
    offset = np.linspace(-0.5, 0.5, POSITIONS).astype(np.float32)
    plain = np.zeros(POSITIONS, bool)
    window = np.zeros((POSITIONS, POSITIONS, WINDOW, WINDOW), np.float32)
    line, lost = np.zeros((POSITIONS, WINDOW)), np.zeros((2, POSITIONS, WINDOW))
    edge = np.arange(WINDOW + 1)
    for grid, image in zip(GRIDS, images, strict=True):
        mean = image.mean(axis=0)
        mean = np.mean([np.rot90(mean + mean.T, turn) for turn in range(4)], axis=0) / 2  # all symmetries
        matrix = overlap(grid, offset, plain)
        inner = _middle(grid.reach)
        window[:, :, inner, inner] += np.einsum("pac,cd,qbd->pqab", matrix, mean, matrix, optimize=True)
        across = mean.sum(axis=1)
        line[:, inner] += matrix @ across
        for side in (0, 1):
            for parity in (0, 1):  # to lose every other edge's strips tells the lower from the upper ones
                loss = np.broadcast_to((edge % 2 == parity).astype(np.float32), (POSITIONS, WINDOW + 1))
                gone = (matrix - overlap(grid, offset, plain, loss)) @ across
                lost[side][:, inner] += np.where((edge[inner] + side) % 2 == parity, gone, 0.0)
    profile = window[:, :, _middle(REACH[0]), _middle(REACH[1])]
    return np.ascontiguousarray(profile), (lost / np.maximum(line, 1e-12)).astype(np.float32)


def _fluctuation(images: list[Floats32], log_leak: Floats) -> tuple[Floats32, Floats32]:
    """Covariance at fixed L [6, 6, 7, 9, 7, 9] and response to ln L [6, 6, 7, 9] of single showers."""
    offset = ((np.arange(2 * CELLS) + 0.5) / (2 * CELLS) - 0.5).astype(np.float32)
    half = max(CORE)
    size, n = 2 * half + 1, len(images[0])
    along_phi = []
    for grid, image in zip(GRIDS, images, strict=True):
        matrix = np.zeros((len(offset), WINDOW, grid.cells), np.float32)
        matrix[:, _middle(grid.reach)] = overlap(grid, offset, np.zeros(len(offset), bool))
        matrix = matrix[:, _middle(half)]
        shared = image.reshape(-1, grid.cells) @ matrix.reshape(-1, grid.cells).T
        along_phi.append((matrix, shared.reshape(n, grid.cells, -1).transpose(1, 0, 2).copy()))
    centred = np.tile(log_leak - log_leak.mean(), 4)  # showers, their mirror images in eta, both in phi
    regressor = centred / max(float(centred @ centred), 1e-30)
    first, response = np.empty((2, CELLS, CELLS, size, size))
    second = np.empty((CELLS, CELLS, size, size, size, size))
    for eta in range(CELLS):
        mirrored = []
        for at, sign in ((CELLS + eta, 1), (CELLS - 1 - eta, -1)):
            window = sum(matrix[at] @ shared.reshape(len(shared), -1) for matrix, shared in along_phi)
            mirrored.append(window.reshape(size, n, len(offset), size)[::sign])
        both = np.concatenate(mirrored, axis=1)  # [crystal along eta, shower, offset along phi, crystal]
        for phi in range(CELLS):
            samples = np.concatenate([both[:, :, CELLS + phi], both[:, :, CELLS - 1 - phi, ::-1]], axis=1)
            # double precision: a sum over crystals fluctuates by 1e-3, its square by 1e-6
            flat = samples.transpose(1, 0, 2).reshape(-1, size * size).astype(np.float64)
            first[eta, phi] = flat.mean(axis=0).reshape(size, size)
            response[eta, phi] = (regressor @ flat).reshape(size, size)
            second[eta, phi] = (flat.T @ flat / len(flat)).reshape((size,) * 4)
    first, response = (0.5 * (part + part.transpose(1, 0, 3, 2)) for part in (first, response))
    second = 0.5 * (second + second.transpose(1, 0, 3, 2, 5, 4))
    second -= first[..., None, None] * first[:, :, None, None]
    second -= np.var(log_leak) * response[..., None, None] * response[:, :, None, None]
    rows, columns = (slice(half - h, half + h + 1) for h in CORE)
    covariance = second[:, :, rows, columns, rows, columns]
    return covariance.astype(np.float32), response[:, :, rows, columns].astype(np.float32)
