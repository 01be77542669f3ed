"""The showers of one kind of particle: energies, leaks, split, and how one is drawn and scaled.

`ShowerLibrary` holds two of these tables, photons and electrons. Three rules live here:

* the split of each row: training, validation and test use disjoint showers, 70 / 10 / 20 %;
* the draw: uniform among the showers near in ln E, at least 50 of them;
* the scale: deposit + rear leak + albedo stays at the wanted energy, with the mean leak's slope in ln E
  corrected.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from zoo.arrays import Bytes, Floats, Floats32, Ints
from zoo.simulation.splits import SPLIT_SEED, SPLITS, split_index, tenths

Kind = Literal["photon", "electron"]
Images = Callable[[Ints, bool], tuple[Floats32, ...]]

KINDS: tuple[Kind, Kind] = ("photon", "electron")
SCALARS = ("energy_gev", "back_gev", "front_gev", "first_interaction_mm")
LOG_WINDOW = 0.12
"""Half width in ln E of the showers that may stand for an energy."""
LEAST_CHOICE = 50
"""Least number of showers to draw from; the window widens to the nearest ones in ln E where it holds
fewer."""


@dataclass(frozen=True)
class ShowerTable:
    """The showers of one kind of particle.

    Attributes:
        energy_gev: [n] true energy.
        back_gev: [n] energy that left through the rear face.
        front_gev: [n] energy that left through the front face.
        first_interaction_mm: [n] depth of the first interaction.
        split: [n] index into `SPLITS`.
        images_gev: Gives the deposit of some rows as one [S, cells, cells] array per grid; its second
            argument says whether the outer grid is wanted.
    """

    energy_gev: Floats32
    back_gev: Floats32
    front_gev: Floats32
    first_interaction_mm: Floats32
    split: Bytes
    images_gev: Images

    def __len__(self) -> int:
        return len(self.energy_gev)

    @functools.cached_property
    def _order(self) -> tuple[tuple[Ints, Floats], ...]:
        """For each split the rows in order of energy, and their ln E."""
        log_energy = np.log(self.energy_gev.astype(np.float64))
        order = np.argsort(log_energy, kind="stable")
        parts = [order[self.split[order] == index] for index in range(len(SPLITS))]
        return tuple((part, log_energy[part]) for part in parts)

    def rows(self, split: str) -> Ints:
        """Returns the rows of one split, softest first."""
        return self._order[split_index(split)][0]

    def choose(self, energy_gev: Floats, split: str, rng: np.random.Generator) -> Ints:
        """Draws a shower for each energy: see `ShowerLibrary.choose`."""
        rows, log_energy = self._order[split_index(split)]
        wanted = np.log(energy_gev)
        first = np.searchsorted(log_energy, wanted - LOG_WINDOW, side="left")
        last = np.searchsorted(log_energy, wanted + LOG_WINDOW, side="right")
        least = min(LEAST_CHOICE, len(rows))
        # The `least` nearest neighbours start where the next one on the right is no nearer than the first.
        nearest = np.searchsorted(log_energy[:-least] + log_energy[least:], 2.0 * wanted)
        few = last - first < least
        first = np.where(few, nearest, first)
        last = np.where(few, nearest + least, last)
        return rows[rng.integers(first, last)]

    @functools.cached_property
    def _leak_fit(self) -> Floats:
        """Coefficients, highest first, of ln(mean rear leak / E) as a parabola in ln E."""
        log_energy = np.log(self.energy_gev.astype(np.float64))
        part = (self.back_gev / self.energy_gev).astype(np.float64)
        blocks = np.array_split(np.argsort(log_energy), max(3, len(self) // 200))
        x = np.array([log_energy[block].mean() for block in blocks])
        y = np.array([part[block].mean() for block in blocks])
        used = y > 0.0
        relative = np.array([part[block].std() / np.sqrt(len(block)) for block in blocks])[used] / y[used]
        fit: Floats = np.polyfit(x[used], np.log(y[used]), 2, w=1.0 / np.maximum(relative, 1e-3))
        return fit

    def mean_leak_part(self, energy_gev: npt.ArrayLike) -> Floats:
        """Returns the fitted mean of (rear leak / E) at these energies."""
        mean: Floats = np.exp(np.polyval(self._leak_fit, np.log(np.asarray(energy_gev, dtype=np.float64))))
        return mean

    def rear_leak_gev(self, rows: Ints, energy_gev: Floats) -> Floats:
        """Returns the rear leak of rows scaled to `energy_gev`, with the slope in ln E taken into account."""
        own = self.energy_gev[rows].astype(np.float64)
        ratio = self.mean_leak_part(energy_gev) / self.mean_leak_part(own)
        leak: Floats = self.back_gev[rows] * (energy_gev / own) * ratio
        return leak

    def scale(self, rows: Ints, energy_gev: Floats) -> Floats:
        """Returns the factor on the deposit that keeps deposit + rear leak + albedo at `energy_gev`."""
        own = self.energy_gev[rows].astype(np.float64)
        back, front = self.back_gev[rows].astype(np.float64), self.front_gev[rows].astype(np.float64)
        ratio = energy_gev / own
        kept = np.maximum(own - back - front, 1e-3 * own)
        factor: Floats = ratio * (1.0 + (back - self.rear_leak_gev(rows, energy_gev) / ratio) / kept)
        return factor


def split_of(energy_gev: npt.NDArray[np.floating], kind: str) -> Bytes:
    """Fixes the split of each row: in every ten showers next in energy, 7 train, 1 validation, 2 test.

    Args:
        energy_gev: [n] energies of the library, in the order of its rows.
        kind: "photon" or "electron"; the two have different permutations.

    Returns:
        [n] index into `SPLITS`.
    """
    rng = np.random.default_rng([SPLIT_SEED, [str(known) for known in KINDS].index(kind)])
    order = np.argsort(energy_gev, kind="stable")
    split = np.empty(len(order), dtype=np.uint8)
    split[order] = tenths(len(order), rng)
    return split
