"""The frozen library of Geant4 showers: draw a shower near in energy, put it anywhere on the barrel.

    library = ShowerLibrary.shipped()
    rows = library.choose("photon", energy_gev, "train", rng)
    windows = library.deposit(False, rows, energy_gev, symmetry, offset_eta, offset_phi, row, iphi)

Photons and electrons at normal incidence on 22 x 22 x 230 mm PbWO4, 0.05-250 GeV, Geant4 11.4.0 with
electromagnetic models only: no tilt, no taper, no light-collection curve, no photo-nuclear reactions.

* A shower is drawn uniformly among those with |ln(E_lib / E)| < 0.12, at least 50 of them, and scaled to E. The
  nearest one would tie each energy to one shower, which a network learns by heart.
* The mean part of the energy that leaves through the rear face rises with ln E. Scaling a shower corrects for
  that: its leak is multiplied by the ratio of the fitted means, and the deposit takes the difference, so that
  deposit + rear leak + albedo stays E.
* Training, validation and test use disjoint showers (70 / 10 / 20 %), fixed by the row of the library.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from zoo.errors import InvalidFile, InvalidValue, UnknownName
from zoo.simulation import geometry, rebinning

Kind = Literal["photon", "electron"]
F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

KINDS: tuple[Kind, Kind] = ("photon", "electron")
SPLITS = ("train", "validation", "test")
SPLIT_TENTHS = (7, 1, 2)
SPLIT_SEED = 20240519
LOG_WINDOW = 0.12
"""Half width in ln E of the showers that may stand for an energy."""
LEAST_CHOICE = 50
"""Least number of showers to draw from; the window widens to the nearest ones in ln E where it holds fewer."""
ETA_STRIP_ATTENUATION = 0.11
PHI_STRIP_ATTENUATION = 0.08
BLOCK = 512
"""Showers re-binned at once: more would leave the processor's cache."""

Images = Callable[[Ints, bool], tuple[F32, ...]]


@dataclass(frozen=True)
class ShowerTable:
    """The showers of one kind of particle.

    Attributes:
        energy_gev: [n] true energy.
        back_gev: [n] energy that left through the rear face.
        front_gev: [n] energy that left through the front face.
        first_interaction_mm: [n] depth of the first interaction.
        split: [n] index into `SPLITS`.
        images_gev: Gives the deposit of some rows as one [S, cells, cells] array per grid; its second argument
            says whether the outer grid is wanted.
    """

    energy_gev: F32
    back_gev: F32
    front_gev: F32
    first_interaction_mm: F32
    split: npt.NDArray[np.uint8]
    images_gev: Images

    def __len__(self) -> int:
        return len(self.energy_gev)

    @functools.cached_property
    def _order(self) -> tuple[tuple[Ints, F64], ...]:
        """For each split the rows in order of energy, and their ln E."""
        log_energy = np.log(self.energy_gev.astype(np.float64))
        order = np.argsort(log_energy, kind="stable")
        parts = [order[self.split[order] == index] for index in range(len(SPLITS))]
        return tuple((part, log_energy[part]) for part in parts)

    def rows(self, split: str) -> Ints:
        """Returns the rows of one split, softest first."""
        return self._order[split_index(split)][0]

    def choose(self, energy_gev: F64, split: str, rng: np.random.Generator) -> Ints:
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
    def _leak_fit(self) -> F64:
        """Coefficients, highest first, of ln(mean rear leak / E) as a parabola in ln E."""
        log_energy = np.log(self.energy_gev.astype(np.float64))
        part = (self.back_gev / self.energy_gev).astype(np.float64)
        blocks = np.array_split(np.argsort(log_energy), max(3, len(self) // 200))
        x = np.array([log_energy[block].mean() for block in blocks])
        y = np.array([part[block].mean() for block in blocks])
        used = y > 0.0
        relative = np.array([part[block].std() / np.sqrt(len(block)) for block in blocks])[used] / y[used]
        fit: F64 = np.polyfit(x[used], np.log(y[used]), 2, w=1.0 / np.maximum(relative, 1e-3))
        return fit

    def mean_leak_part(self, energy_gev: npt.ArrayLike) -> F64:
        """Returns the fitted mean of (rear leak / E) at these energies."""
        mean: F64 = np.exp(np.polyval(self._leak_fit, np.log(np.asarray(energy_gev, dtype=np.float64))))
        return mean

    def rear_leak_gev(self, rows: Ints, energy_gev: F64) -> F64:
        """Returns the rear leak of rows scaled to `energy_gev`, with the slope in ln E taken into account."""
        own = self.energy_gev[rows].astype(np.float64)
        ratio = self.mean_leak_part(energy_gev) / self.mean_leak_part(own)
        leak: F64 = self.back_gev[rows] * (energy_gev / own) * ratio
        return leak

    def scale(self, rows: Ints, energy_gev: F64) -> F64:
        """Returns the factor on the stored deposit that keeps deposit + rear leak + albedo at `energy_gev`."""
        own = self.energy_gev[rows].astype(np.float64)
        back, front = self.back_gev[rows].astype(np.float64), self.front_gev[rows].astype(np.float64)
        ratio = energy_gev / own
        kept = np.maximum(own - back - front, 1e-3 * own)
        factor: F64 = ratio * (1.0 + (back - self.rear_leak_gev(rows, energy_gev) / ratio) / kept)
        return factor


@dataclass(frozen=True)
class ShowerLibrary:
    """Showers of both kinds.

    Attributes:
        source: Where they came from, for messages and manifests.
        sha256: Checksum of the packed file, or of the names and sizes of a folder's files.
        load: Gives the table of a kind; called once per kind.
    """

    source: str
    sha256: str
    load: Callable[[Kind], ShowerTable]

    @staticmethod
    @functools.lru_cache(maxsize=1)
    def shipped() -> ShowerLibrary:
        """Returns the library that comes with the package; the showers are read at first use of their kind."""
        from zoo.simulation.shower_packing import SHIPPED, read_packed

        return read_packed(SHIPPED)

    @staticmethod
    @functools.lru_cache(maxsize=2)
    def from_folder(path: str | Path) -> ShowerLibrary:
        """Reads an unpacked library: a folder with photons.npz and electrons.npz.

        Args:
            path: Each file holds `energy_gev`, `back_gev`, `front_gev`, `first_interaction_mm` of shape [n] and
                the deposits in MeV `core_mev` [n, 40, 40], `fine_mev` [n, 60, 60], `outer_mev` [n, 30, 30].

        Raises:
            InvalidFile: A file or an array is missing.
        """
        folder = Path(path)
        files = {kind: folder / f"{kind}s.npz" for kind in KINDS}
        for file in files.values():
            if not file.is_file():
                raise InvalidFile(file, "no such file.", "A shower folder holds photons.npz and electrons.npz.")
        from zoo.simulation.shower_packing import file_sha256

        digest = "+".join(file_sha256(files[kind]) for kind in KINDS)
        return ShowerLibrary(str(folder), digest, functools.lru_cache(lambda kind: _read_raw(files[kind])))

    def table(self, kind: str) -> ShowerTable:
        """Returns the showers of "photon" or "electron".

        Raises:
            UnknownName: Any other kind.
        """
        for known in KINDS:
            if kind == known:
                return self.load(known)
        raise UnknownName("shower kind", kind, KINDS)

    def choose(self, kind: str, energy_gev: npt.ArrayLike, split: str, rng: np.random.Generator) -> Ints:
        """Draws a shower near in energy, never simply the nearest one.

        Uniform among the showers of the split with |ln(E_lib / E)| < 0.12; where these are fewer than 50, among
        the 50 nearest in ln E.

        Args:
            kind: "photon" or "electron".
            energy_gev: [S] energies in GeV.
            split: "train", "validation" or "test".
            rng: Source of randomness.

        Returns:
            [S] rows of the library.

        Raises:
            InvalidValue: An energy is not finite and positive.
            UnknownName: Unknown kind or split.
        """
        return self.table(kind).choose(_positive(energy_gev), split, rng)

    def rear_leak_gev(self, kind: str, rows: npt.ArrayLike, energy_gev: npt.ArrayLike) -> F64:
        """Returns [S] the energy in GeV that leaves through the rear face of showers scaled to `energy_gev`."""
        return self.table(kind).rear_leak_gev(np.asarray(rows, dtype=np.int64), _positive(energy_gev))

    def deposit(
        self,
        kind_is_electron: npt.ArrayLike,
        rows: npt.ArrayLike,
        energy_gev: npt.ArrayLike,
        symmetry: npt.ArrayLike,
        offset_eta: npt.ArrayLike,
        offset_phi: npt.ArrayLike,
        row: npt.ArrayLike | None = None,
        iphi: npt.ArrayLike | None = None,
        strip_attenuation: tuple[float, float] = (ETA_STRIP_ATTENUATION, PHI_STRIP_ATTENUATION),
        outer: bool = True,
    ) -> F32:
        """Puts showers on the crystals.

        Args:
            kind_is_electron: [S] or scalar: which library.
            rows: [S] rows of that library.
            energy_gev: [S] energies to scale to.
            symmetry: [S] 0..7, one of the eight symmetries of the square: bit 0 mirrors x, bit 1 mirrors y, bit 2
                swaps them.
            offset_eta: [S] impact point minus centre of the central crystal along eta, in crystals, -0.5..0.5.
            offset_phi: [S] the same along phi.
            row: [S] row 0..169 of the central crystal, for the gaps; None leaves out all gaps. Crystals beyond the
                barrel's end get nothing.
            iphi: [S] iphi of the central crystal; needed with `row`.
            strip_attenuation: Part of the deposit lost within 3 mm of an edge between modules in eta, in phi.
            outer: False leaves out what lies beyond three crystals (1 % of the energy), for speed.

        Returns:
            [S, 15, 15] deposited energy in GeV, indexed [eta, phi], the central crystal at [7, 7].
        """
        energy = _positive(energy_gev)
        n = len(energy)
        chosen = np.asarray(rows, dtype=np.int64)
        electron = np.broadcast_to(np.asarray(kind_is_electron, dtype=bool), (n,))
        code = np.broadcast_to(np.asarray(symmetry, dtype=np.int64), (n,))
        along_eta = np.broadcast_to(np.asarray(offset_eta, dtype=np.float32), (n,))
        along_phi = np.broadcast_to(np.asarray(offset_phi, dtype=np.float32), (n,))
        loss_eta, loss_phi = None, None
        if row is not None and iphi is not None:
            loss_eta, loss_phi = strip_losses(np.asarray(row), np.asarray(iphi), strip_attenuation)
        windows = np.zeros((n, rebinning.WINDOW, rebinning.WINDOW), dtype=np.float32)
        grids = rebinning.GRIDS if outer else rebinning.GRIDS[:-1]
        for kind, members in (("photon", np.flatnonzero(~electron)), ("electron", np.flatnonzero(electron))):
            if not len(members):
                continue
            table = self.table(kind)
            factor = table.scale(chosen[members], energy[members]).astype(np.float32)
            for start in range(0, len(members), BLOCK):
                part = members[start : start + BLOCK]
                shared = rebinning.share(
                    table.images_gev(chosen[part], outer),
                    along_eta[part],
                    along_phi[part],
                    code[part],
                    None if loss_eta is None else loss_eta[part],
                    None if loss_phi is None else loss_phi[part],
                    grids,
                )
                windows[part] = shared * factor[start : start + BLOCK, None, None]
        if row is not None:
            window_rows = np.asarray(row)[:, None] + np.arange(-7, 8)
            windows *= geometry.in_barrel(window_rows)[:, :, None]
        return windows


def strip_losses(row: Ints, iphi: Ints, attenuation: tuple[float, float]) -> tuple[F32, F32]:
    """Returns [S, 16] parts lost in the strips along the edges of the window around each crystal, in eta and phi."""
    edges = np.arange(-(rebinning.WINDOW // 2), rebinning.WINDOW // 2 + 2)
    in_eta = geometry.ETA_GAP_EDGES[np.clip(row[:, None] + edges, 0, geometry.N_ETA)]
    in_phi = geometry.PHI_GAP_EDGES[(iphi[:, None] - 1 + edges) % geometry.N_PHI]
    return (in_eta * np.float32(attenuation[0])), (in_phi * np.float32(attenuation[1]))


def split_index(split: str) -> int:
    """Returns the index of "train", "validation" or "test".

    Raises:
        UnknownName: Any other name.
    """
    if split not in SPLITS:
        raise UnknownName("split", split, SPLITS)
    return SPLITS.index(split)


def split_of(energy_gev: npt.NDArray[np.floating], kind: str) -> npt.NDArray[np.uint8]:
    """Fixes the split of each row: in every ten showers next in energy, 7 train, 1 validation, 2 test.

    Args:
        energy_gev: [n] energies of the library, in the order of its rows.
        kind: "photon" or "electron"; the two have different permutations.

    Returns:
        [n] index into `SPLITS`.
    """
    rng = np.random.default_rng([SPLIT_SEED, KINDS.index(kind)])  # type: ignore[arg-type]
    order = np.argsort(energy_gev, kind="stable")
    tenth = np.repeat(np.arange(len(SPLITS), dtype=np.uint8), SPLIT_TENTHS)
    tens = np.tile(tenth, (-(-len(order) // len(tenth)), 1))
    split = np.empty(len(order), dtype=np.uint8)
    split[order] = rng.permuted(tens, axis=1).ravel()[: len(order)]
    return split


def _positive(energy_gev: npt.ArrayLike) -> F64:
    energy = np.atleast_1d(np.asarray(energy_gev, dtype=np.float64))
    good = np.isfinite(energy) & (energy > 0.0)
    if not good.all():
        raise InvalidValue("energy_gev", "finite and positive energies", energy[~good][:5].tolist())
    return energy


def _read_raw(path: Path) -> ShowerTable:
    """Reads photons.npz or electrons.npz of an unpacked library."""
    kind = path.stem.removesuffix("s")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in (*RAW_SCALARS, *RAW_IMAGES)}
    except (KeyError, ValueError, OSError) as error:
        raise InvalidFile(path, f"is not a shower library: {error}") from error
    images = tuple(arrays[name] for name in RAW_IMAGES)

    def images_gev(rows: Ints, outer: bool) -> tuple[F32, ...]:
        wanted = images if outer else images[:-1]
        return tuple(image[rows].astype(np.float32) * np.float32(1e-3) for image in wanted)

    scalars = [arrays[name].astype(np.float32) for name in RAW_SCALARS]
    return ShowerTable(*scalars, split_of(scalars[0], kind), images_gev)


RAW_SCALARS = ("energy_gev", "back_gev", "front_gev", "first_interaction_mm")
RAW_IMAGES = tuple(f"{grid.name}_mev" for grid in rebinning.GRIDS)
