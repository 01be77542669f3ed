"""Two mean showers fitted to an image: how well a mass can be known when the showers' shape is.

The crystals around the seed are compared with two mean showers of the library (`zoo.simulation.mean_shower`),
each with an energy and an impact point, by the method of Levenberg and Marquardt. The variance of a crystal
is that of noise and of the showers' own fluctuations, without their correlations. Of several starts the best
fit counts. Two photons are taken for granted: it is a limit for decays, and says nothing of single photons.

    mass_gev(images, seed_ieta, noise_gev=0.06)     # [B] GeV

It knows neither gaps nor pile-up nor conversions: for the simple sample alone. The first call tabulates the
library's showers, which takes about a minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats, Ints
from zoo.data.images import SEED_AT, SIDE
from zoo.detectors import cms_barrel
from zoo.errors import InvalidValue
from zoo.simulation.mean_shower import CORE, REACH, MeanShowers
from zoo.simulation.showers import ShowerLibrary

__all__ = ["TemplateFit", "mass_gev"]


NO_GAP_ROW, NO_GAP_IPHI = 50, 10  # a crystal whose shower touches no gap between modules
SINGLE_MOMENT = 0.55  # of a single shower, eta and phi together, in crystals squared
_CHUNK = 256


@dataclass(frozen=True)
class TemplateFit:
    """Constants of the fit."""

    half: int = 11  # crystals on each side of the seed that are compared
    iterations: int = 25  # at most, of each start
    tolerance: float = 1e-3  # of chi2: a fit that gains less in a step has converged
    starts: int = 4  # directions in which the second photon is first looked for


def mass_gev(
    images: npt.ArrayLike,
    seed_ieta: npt.ArrayLike,
    *,
    noise_gev: float,
    config: TemplateFit = TemplateFit(),
    showers: MeanShowers | None = None,
) -> Floats:
    """Fits two photons to each image.

    Args:
        images: [B, 32, 32] energies in GeV (`zoo.data.images.crop`), with light in each.
        seed_ieta: [B] ieta of the crystal at [15, 15].
        noise_gev: Noise of a crystal.
        config: Constants of the fit.
        showers: Mean photons; those of the shipped library by default.

    Returns:
        [B] masses in GeV.

    Raises:
        InvalidValue: The shapes do not fit, or an image has no light at its seed.
    """
    energy, seeds = np.asarray(images, np.float64), np.asarray(seed_ieta, np.int64)
    if energy.shape != (len(seeds), SIDE, SIDE):
        raise InvalidValue("images", f"shape {(len(seeds), SIDE, SIDE)}", energy.shape)
    if not np.all(energy[:, SEED_AT, SEED_AT] > 0):
        raise InvalidValue("images", "energy at [15, 15] of each", "an image without")
    near = slice(SEED_AT - config.half, SEED_AT + config.half + 1)
    chosen = showers or MeanShowers.of(ShowerLibrary.shipped(), "photon")
    variance = np.einsum("tefijij->tefij", chosen.covariance).astype(np.float64)
    model = _TwoPhotons(chosen, variance, config.half, noise_gev)
    found = np.empty(len(seeds))
    for start in range(0, len(seeds), _CHUNK):
        part = slice(start, start + _CHUNK)
        found[part] = _mass(_best_fit(model, energy[part, near, near], config), seeds[part])
    return found


def _mass(fitted: Floats, seed_ieta: Ints) -> Floats:
    """[B] invariant mass of fitted parameters [B, 2, 3]."""
    deposit, row, column = np.moveaxis(fitted, -1, 0)
    eta = cms_barrel.eta_from_row(cms_barrel.row_from_ieta(seed_ieta)[:, None] + row)
    phi = column * cms_barrel.PHI_PITCH
    pt = deposit / np.cosh(eta)
    d_eta, d_phi = eta[:, 0] - eta[:, 1], phi[:, 0] - phi[:, 1]
    return np.asarray(
        2.0 * np.sqrt(pt[:, 0] * pt[:, 1] * (np.sinh(0.5 * d_eta) ** 2 + np.sin(0.5 * d_phi) ** 2))
    )


def _best_fit(model: _TwoPhotons, images: Floats, config: TemplateFit) -> Floats:
    """[B, 2, 3] energy, row and column of both photons, of the best of all starts."""
    best, least = np.empty((len(images), 2, 3)), np.full(len(images), np.inf)
    for start in _starts(images, config):
        fitted, chi2 = _minimise(model, images, start, config)
        better = chi2 < least
        best[better], least[better] = fitted[better], chi2[better]
    return best


def _starts(images: Floats, config: TemplateFit) -> Iterator[Floats]:
    """Starting points [B, 2, 3]: photons as far apart as the second moment asks for; the two maxima."""
    half, n = config.half, len(images)
    step = np.arange(-half, half + 1, dtype=np.float64)
    total = images.sum((1, 2))
    rows, columns = images.sum(2), images.sum(1)
    centre = np.stack([rows @ step, columns @ step], axis=-1) / total[:, None]
    moment = (rows @ step**2 + columns @ step**2) / total - np.sum(centre**2, axis=1)
    apart = np.clip(2.0 * np.sqrt(np.maximum(moment - SINGLE_MOMENT, 0.02)), 0.3, half - 1.0)
    for number in range(config.starts):
        angle = np.pi * number / config.starts
        towards = apart[:, None] * np.array([np.cos(angle), np.sin(angle)])
        start = np.empty((n, 2, 3))
        start[:, :, 0] = 0.5 * total[:, None]
        for photon, sign in enumerate((0.5, -0.5)):
            start[:, photon, 1:] = np.clip(centre + sign * towards, -half + 1.0, half - 1.0)
        yield start
    peak, second = np.zeros((n, 2)), _second_maximum(images)
    resolved = np.stack([peak, second - half], axis=1)
    height = np.stack([images[:, half, half], images[np.arange(n), second[:, 0], second[:, 1]]], axis=1)
    share = height / height.sum(axis=1, keepdims=True)
    yield np.concatenate([(share * total[:, None])[:, :, None], resolved], axis=-1)


def _second_maximum(images: Floats) -> Ints:
    """[B, 2] place of the highest crystal that touches the seed nowhere."""
    middle = images.shape[1] // 2
    others = images.copy()
    others[:, middle - 1 : middle + 2, middle - 1 : middle + 2] = 0.0
    return np.stack(np.divmod(others.reshape(len(images), -1).argmax(axis=1), images.shape[2]), axis=-1)


def _minimise(
    model: _TwoPhotons, images: Floats, start: Floats, config: TemplateFit
) -> tuple[Floats, Floats]:
    """Levenberg and Marquardt for all images at once; returns parameters [B, 2, 3] and chi2 [B]."""
    at, damping = start.copy(), np.full(len(images), 1e-2)
    mean, slopes, variance = model(at)
    chi2 = _chi2(images, mean, variance)
    going = np.arange(len(images))
    for _ in range(config.iterations):
        weight = 1.0 / variance[going]
        residual = images[going] - mean[going]
        normal = np.einsum("bpij,bij,bqij->bpq", slopes[going], weight, slopes[going], optimize=True)
        gradient = np.einsum("bpij,bij,bij->bp", slopes[going], weight, residual, optimize=True)
        diagonal = np.einsum("bpp->bp", normal)
        diagonal *= 1.0 + damping[going, None]
        diagonal += 1e-9 * diagonal.max(axis=1, keepdims=True) + 1e-12
        move = np.linalg.solve(normal, gradient[..., None])[..., 0].reshape(-1, 2, 3)
        longest = np.abs(move[..., 1:]).max((1, 2))  # no photon moves by more than a crystal in a step
        trial = at[going] + move / np.maximum(longest, 1.0)[:, None, None]
        trial[..., 0] = np.maximum(trial[..., 0], 0.02 * at[going].sum(axis=1)[:, :1])
        trial[..., 1:] = np.clip(trial[..., 1:], -config.half, config.half)
        new = model(trial)
        now = _chi2(images[going], new[0], new[2])
        better = now < chi2[going]
        gain = chi2[going] - now
        taken = going[better]
        at[taken], chi2[taken] = trial[better], now[better]
        mean[taken], slopes[taken], variance[taken] = (each[better] for each in new)
        damping[going] = np.where(better, damping[going] * 0.3, damping[going] * 8.0)
        done = (better & (gain < config.tolerance)) | (damping[going] > 1e6)
        going = going[~done]
        if not len(going):
            break
    return at, chi2


def _chi2(images: Floats, mean: Floats, variance: Floats) -> Floats:
    """[B] with the logarithm of the variance, which depends on the parameters."""
    return np.asarray(np.sum((images - mean) ** 2 / variance + np.log(variance), axis=(1, 2)))


@dataclass(frozen=True)
class _TwoPhotons:
    """The expected image of two photons, its slopes in their parameters, and its variance."""

    showers: MeanShowers
    spread: Floats  # [T, 6, 6, 7, 9] variance of the crystals' shares at fixed leak
    half: int
    noise_gev: float

    def __call__(self, at: Floats) -> tuple[Floats, Floats, Floats]:
        """Evaluates the model.

        Args:
            at: [B, 2, 3] deposited energy in GeV, row and column from the seed in crystals.

        Returns:
            Mean [B, S, S], slopes [B, 6, S, S], variance [B, S, S].
        """
        n, showers = len(at), self.showers
        deposit, row, column = at.reshape(-1, 3).T
        in_row, in_column = np.rint(row).astype(np.int64), np.rint(column).astype(np.int64)
        energy = np.maximum(deposit, 0.05)
        energy = energy / (1.0 - showers.leak[showers.node(energy)])
        anywhere = np.full(len(deposit), NO_GAP_ROW), np.full(len(deposit), NO_GAP_IPHI)
        profile = showers.profile(energy, row - in_row, column - in_column, *anywhere)
        node = showers.node(energy)
        spread = self._variance(node, row - in_row, column - in_column)

        centre = self.half + max(REACH)  # wide enough for a shower whose impact is at the edge
        side = 2 * centre + 1
        padded = np.zeros((n * 2, 4, side, side))
        rows = (centre + in_row)[:, None] + np.arange(-REACH[0], REACH[0] + 1)
        columns = (centre + in_column)[:, None] + np.arange(-REACH[1], REACH[1] + 1)
        photon = np.arange(2 * n)[:, None, None]
        parts: tuple[npt.NDArray[Any], ...] = (*profile, spread)
        for number, part in enumerate(parts):
            padded[photon, number, rows[:, :, None], columns[:, None, :]] = part
        kept = slice(centre - self.half, centre + self.half + 1)
        unit, by_row, by_column, relative = np.moveaxis(padded[:, :, kept, kept], 1, 0)
        scale = deposit[:, None, None]
        slopes = np.stack([unit, by_row * scale, by_column * scale], axis=1)
        size = 2 * self.half + 1
        variance = (relative * scale**2).reshape(n, 2, size, size).sum(axis=1) + self.noise_gev**2
        mean = (unit * scale).reshape(n, 2, size, size).sum(axis=1)
        return mean, slopes.reshape(n, 6, size, size), variance

    def _variance(self, node: Ints, offset_eta: Floats, offset_phi: Floats) -> Floats:
        """[S, 7, 15] variance of the crystals' shares; none beyond the tabulated 7 x 9."""
        table = self.spread
        cells = table.shape[1]
        eta, phi = (
            np.minimum((2 * cells * np.abs(offset)).astype(np.int64), cells - 1)
            for offset in (offset_eta, offset_phi)
        )
        found = table[node, eta, phi]
        found = np.where((offset_eta < 0)[:, None, None], found[:, ::-1], found)
        found = np.where((offset_phi < 0)[:, None, None], found[:, :, ::-1], found)
        whole = np.zeros((len(node), 2 * REACH[0] + 1, 2 * REACH[1] + 1))
        first = REACH[1] - CORE[1]
        whole[:, :, first : first + 2 * CORE[1] + 1] = np.maximum(found, 0.0)
        return whole
