"""The frozen library of Geant4 showers: draw a shower near in energy, put it anywhere on the barrel.

    library = ShowerLibrary.shipped()
    rows = library.choose("photon", energy_gev, "train", rng)
    windows = library.deposit(False, rows, energy_gev, symmetry, offset_eta, offset_phi, row, iphi)

Photons and electrons at normal incidence on 22 x 22 x 230 mm PbWO4, 0.05-250 GeV, Geant4 11.4.0 with
electromagnetic models only: no tilt, no taper, no light-collection curve, no photo-nuclear reactions.

* A shower is drawn uniformly among those with |ln(E_lib / E)| < 0.12, at least 50 of them, and scaled to E.
  The nearest one would tie each energy to one shower, which a network learns by heart.
* The mean part of the energy that leaves through the rear face rises with ln E. Scaling a shower corrects for
  that: its leak is multiplied by the ratio of the fitted means, and the deposit takes the difference, so that
  deposit + rear leak + albedo stays E.
* Training, validation and test use disjoint showers (70 / 10 / 20 %), fixed by the row of the library.
"""

from __future__ import annotations

import functools
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats, Floats32, Ints
from zoo.detectors import cms_barrel
from zoo.errors import InvalidFile, InvalidValue, UnknownName
from zoo.files import sha256
from zoo.simulation import rebinning
from zoo.simulation.shower_file import SHIPPED, read_header, read_table
from zoo.simulation.shower_table import KINDS, SCALARS, Kind, ShowerTable, split_of
from zoo.simulation.splits import SPLITS, split_index

__all__ = [
    "ETA_STRIP_ATTENUATION",
    "KINDS",
    "PHI_STRIP_ATTENUATION",
    "SPLITS",
    "Kind",
    "ShowerLibrary",
    "ShowerTable",
    "split_index",
    "strip_losses",
]


ETA_STRIP_ATTENUATION = 0.10
"""Part lost within 3 mm of a module edge in eta. A 3 x 3 sum of showers centred on the gap then dips by 6.2 %
(CMS: 5-7 %); 0.15-0.2, which one may think of first, gives 9-12 %."""
PHI_STRIP_ATTENUATION = 0.065
"""Part lost within 3 mm of a supermodule edge in phi: a 3 x 3 sum on the gap dips by 4.0 % (CMS: 3-5 %)."""
BLOCK = 512
"""Showers re-binned at once: more would leave the processor's cache."""
RAW_IMAGES = tuple(f"{grid.name}_mev" for grid in rebinning.GRIDS)


@dataclass(frozen=True)
class ShowerLibrary:
    """Showers of both kinds, read at the first use of each.

    The library itself holds no arrays: it is cheap to make, to compare and to send to another process.

    Attributes:
        source: The packed file, or the folder.
        sha256: Checksum of the packed file, or those of the folder's two files joined by "+".
        packed: Whether `source` is a packed file.
    """

    source: str
    sha256: str
    packed: bool

    @staticmethod
    @functools.lru_cache(maxsize=1)
    def shipped() -> ShowerLibrary:
        """Returns the library that comes with the package."""
        return ShowerLibrary.from_file(SHIPPED)

    @staticmethod
    @functools.lru_cache(maxsize=2)
    def from_file(path: str | Path) -> ShowerLibrary:
        """Opens a packed library.

        Args:
            path: A file written by `python -m zoo.simulation.shower_packing`.

        Raises:
            InvalidFile: No such file, or not a packed library.
        """
        read_header(Path(path))
        return ShowerLibrary(str(path), sha256(Path(path)), True)

    @staticmethod
    @functools.lru_cache(maxsize=2)
    def from_folder(path: str | Path) -> ShowerLibrary:
        """Opens an unpacked library: a folder with photons.npz and electrons.npz.

        Args:
            path: Each file holds `energy_gev`, `back_gev`, `front_gev`, `first_interaction_mm` of shape [n]
                and the deposits in MeV `core_mev` [n, 40, 40], `fine_mev` [n, 60, 60], `outer_mev` [n, 30,
                30].

        Raises:
            InvalidFile: A file is missing.
        """
        files = [Path(path) / f"{kind}s.npz" for kind in KINDS]
        for file in files:
            if not file.is_file():
                raise InvalidFile(
                    file, "no such file.", "A shower folder holds photons.npz and electrons.npz."
                )
        return ShowerLibrary(str(path), "+".join(sha256(file) for file in files), False)

    def table(self, kind: str) -> ShowerTable:
        """Returns the showers of "photon" or "electron".

        Raises:
            InvalidFile: The library is truncated or damaged.
            UnknownName: Any other kind.
        """
        for known in KINDS:
            if kind == known:
                return _read(self, known)
        raise UnknownName("shower kind", kind, KINDS)

    def choose(self, kind: str, energy_gev: npt.ArrayLike, split: str, rng: np.random.Generator) -> Ints:
        """Draws a shower near in energy, never simply the nearest one.

        Uniform among the showers of the split with |ln(E_lib / E)| < 0.12; where these are fewer than 50,
        among the 50 nearest in ln E.

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

    def rear_leak_gev(self, kind: str, rows: npt.ArrayLike, energy_gev: npt.ArrayLike) -> Floats:
        """Returns [S] the energy in GeV that leaves through the rear of showers scaled to `energy_gev`."""
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
    ) -> Floats32:
        """Puts showers on the crystals.

        Args:
            kind_is_electron: [S] or scalar: which library.
            rows: [S] rows of that library.
            energy_gev: [S] energies to scale to.
            symmetry: [S] 0..7, one of the eight symmetries of the square: bit 0 mirrors x, bit 1 mirrors y,
                bit 2 swaps them.
            offset_eta: [S] impact point minus centre of the central crystal along eta, in crystals,
                -0.5..0.5.
            offset_phi: [S] the same along phi.
            row: [S] row 0..169 of the central crystal, for the gaps; None leaves out all gaps. Crystals
                beyond the barrel's end get nothing.
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
            windows *= cms_barrel.in_barrel(window_rows)[:, :, None]
        return windows


def strip_losses(row: Ints, iphi: Ints, attenuation: tuple[float, float]) -> tuple[Floats32, Floats32]:
    """Returns [S, 16] parts lost along the edges of the windows around crystals, in eta and in phi."""
    edges = np.arange(-(rebinning.WINDOW // 2), rebinning.WINDOW // 2 + 2)
    in_eta = cms_barrel.ETA_GAP_EDGES[np.clip(row[:, None] + edges, 0, cms_barrel.N_ETA)]
    in_phi = cms_barrel.PHI_GAP_EDGES[(iphi[:, None] - 1 + edges) % cms_barrel.N_PHI]
    return (in_eta * np.float32(attenuation[0])), (in_phi * np.float32(attenuation[1]))


def _positive(energy_gev: npt.ArrayLike) -> Floats:
    energy = np.atleast_1d(np.asarray(energy_gev, dtype=np.float64))
    good = np.isfinite(energy) & (energy > 0.0)
    if not good.all():
        raise InvalidValue("energy_gev", "finite and positive energies", energy[~good][:5].tolist())
    return energy


@functools.lru_cache(maxsize=4)
def _read(library: ShowerLibrary, kind: Kind) -> ShowerTable:
    """Reads the showers of one kind, once per process."""
    if not library.packed:
        return _read_raw(Path(library.source) / f"{kind}s.npz", kind)
    return read_table(Path(library.source), kind)


def _read_raw(path: Path, kind: Kind) -> ShowerTable:
    """Reads photons.npz or electrons.npz of an unpacked library."""
    try:
        with np.load(path, allow_pickle=False) as file:
            scalars = [np.asarray(file[name], dtype=np.float32) for name in SCALARS]
            images = [file[name] for name in RAW_IMAGES]
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise InvalidFile(path, f"is not a shower library: {error}.") from error
    for name, grid, image in zip(RAW_IMAGES, rebinning.GRIDS, images, strict=True):
        if image.shape != (len(scalars[0]), grid.cells, grid.cells):
            raise InvalidFile(path, f"{name} has shape {image.shape}, not (n, {grid.cells}, {grid.cells}).")

    def images_gev(rows: Ints, outer: bool) -> tuple[Floats32, ...]:
        wanted = images if outer else images[:-1]
        return tuple(image[rows].astype(np.float32) * np.float32(1e-3) for image in wanted)

    energy, back, front, first = scalars
    return ShowerTable(energy, back, front, first, split_of(energy, kind), images_gev)
