"""The 3 x 3 method: the mass of two photons from the two highest local maxima of an image.

m = sqrt(2 E1 E2 (1 - cos theta)) of the two 3 x 3 sums around the maxima; a crystal in both is shared in the
ratio of the maxima. Where there is no second maximum there is no answer: NaN (the baseline "3 x 3" of
CMS-EGM-20-001, whose details are not public; the choices are named here).
"""

from __future__ import annotations

from dataclasses import dataclass

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.arrays import Bools, Floats, Ints
from zoo.data.images import SEED_AT, SIDE, draw
from zoo.data.records import leaf_values
from zoo.detectors import cms_barrel
from zoo.errors import InvalidValue

__all__ = ["ThreeByThree", "TwoMaxima", "mass_gev", "predict", "two_maxima"]


NEIGHBOURS = tuple((row, column) for row in (-1, 0, 1) for column in (-1, 0, 1) if (row, column) != (0, 0))


@dataclass(frozen=True)
class ThreeByThree:
    """Constants of the method."""

    seed_gev: float = 0.5  # least energy of a local maximum: above the fluctuations of noise and pile-up
    log_weight: float = 4.2  # W0 of the logarithmic weights of the position, as in PFClustering


def mass_gev(
    images: npt.ArrayLike, seed_ieta: npt.ArrayLike, config: ThreeByThree = ThreeByThree()
) -> Floats:
    """Computes the mass of the two highest local maxima of each image.

    A maximum is higher than its eight neighbours; of equal ones that of lower row, then column, counts.

    Args:
        images: [B, 32, 32] energies in GeV (`zoo.data.images.crop`); what is negative or broken counts as 0.
        seed_ieta: [B] ieta of the crystal at [15, 15]; 0 for an empty image.
        config: The constants.

    Returns:
        [B] in GeV, NaN where there are fewer than two maxima.

    Raises:
        InvalidValue: The shapes do not fit.
    """
    energy = np.asarray(images, np.float64)
    seeds = np.asarray(seed_ieta, np.int64)
    if energy.shape != (len(seeds), SIDE, SIDE):
        raise InvalidValue("images", f"shape {(len(seeds), SIDE, SIDE)}", energy.shape)
    energy = np.where(np.isfinite(energy) & (energy > 0), energy, 0.0)

    two = two_maxima(energy, config.seed_gev)
    chosen = two.resolved
    found = np.full(len(energy), np.nan)
    sums, direction = _clusters(energy[chosen], two.row[chosen], two.column[chosen], seeds[chosen], config)
    cosine = np.clip(np.sum(direction[:, 0] * direction[:, 1], axis=-1), -1.0, 1.0)
    found[chosen] = np.sqrt(2.0 * sums[:, 0] * sums[:, 1] * (1.0 - cosine))
    return found


def predict(records: ak.Array) -> ak.Array:
    """Computes the mass of each candidate.

    Args:
        records: Candidates with hits and seed (`zoo.data.kinds.candidates`).

    Returns:
        Records [B] with `mass_gev`, NaN where there is no answer.
    """
    return ak.zip({"mass_gev": mass_gev(draw(records), leaf_values(records, "seed_ieta"))})


@dataclass(frozen=True)
class TwoMaxima:
    """The two highest local maxima of each image, [B, 2] each, the higher one first."""

    row: Ints
    column: Ints
    height: Floats  # GeV, 0 where there is none

    @property
    def resolved(self) -> Bools:
        """[B] whether there are two."""
        return np.asarray(self.height[:, 1] > 0)


def two_maxima(energy: Floats, least_gev: float) -> TwoMaxima:
    """Finds the two highest local maxima of at least `least_gev` in images [B, 32, 32]."""
    maxima = _local_maxima(energy) & (energy >= least_gev)
    height = np.where(maxima, energy, 0.0).reshape(len(energy), -1)
    two = np.argsort(-height, axis=1, kind="stable")[:, :2]
    row, column = np.divmod(two, SIDE)
    return TwoMaxima(row, column, np.take_along_axis(height, two, axis=1))


def _local_maxima(energy: Floats) -> Bools:
    """Says which crystals are higher than all neighbours, [B, R, C]."""
    padded = np.pad(energy, ((0, 0), (1, 1), (1, 1)))
    highest = energy > 0
    for row, column in NEIGHBOURS:
        other = padded[:, 1 + row : 1 + row + SIDE, 1 + column : 1 + column + SIDE]
        highest &= energy >= other if (row, column) > (0, 0) else energy > other
    return highest


def _clusters(
    energy: Floats, row: Ints, column: Ints, seed_ieta: Ints, config: ThreeByThree
) -> tuple[Floats, Floats]:
    """Returns energies [B, 2] and unit vectors [B, 2, 3] of the 3 x 3 around both maxima."""
    event = np.arange(len(energy))[:, None, None]
    steps = np.array([(0, 0), *NEIGHBOURS])
    rows, columns = row[:, :, None] + steps[:, 0], column[:, :, None] + steps[:, 1]  # [B, 2, 9]
    inside = (rows >= 0) & (rows < SIDE) & (columns >= 0) & (columns < SIDE)
    rows, columns = np.where(inside, rows, 0), np.where(inside, columns, 0)
    cells = energy[event, rows, columns] * inside

    heights = cells[:, :, 0]
    away = np.maximum(
        np.abs(rows - row[:, ::-1, None]), np.abs(columns - column[:, ::-1, None])
    )  # from the other maximum
    share = np.where(away <= 1, heights[:, :, None] / heights.sum(axis=1)[:, None, None], 1.0)
    share[:, :, 0] = 1.0
    cells = cells * np.where(away == 0, 0.0, share)

    sums = cells.sum(axis=-1)
    with np.errstate(divide="ignore"):
        weight = np.maximum(0.0, config.log_weight + np.log(cells / sums[:, :, None]))
    weight /= weight.sum(axis=-1, keepdims=True)
    eta_row = cms_barrel.row_from_ieta(seed_ieta)[:, None] - SEED_AT + np.sum(weight * rows, axis=-1)
    phi = np.sum(weight * columns, axis=-1) * cms_barrel.PHI_PITCH
    eta = cms_barrel.eta_from_row(eta_row)
    direction = np.stack([np.cos(phi), np.sin(phi), np.sinh(eta)], axis=-1)
    return sums, direction / np.linalg.norm(direction, axis=-1, keepdims=True)
