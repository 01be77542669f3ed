"""Parametrised electromagnetic showers in lead tungstate: a second simulation, independent of Geant4.

    python -m zoo.simulation.grindhammer_peters FOLDER
    library = grindhammer_peters.library("gp_showers")      # writes the folder at first use
    records = simulate("electrons", 20_000, seed=1, library=library)

G. Grindhammer and S. Peters, hep-ex/0001020, for a homogeneous calorimeter. A shower is drawn in three steps:

* **along**: `dE/dt ~ t^(alpha-1) exp(-beta t)`, t in radiation lengths; ln T (T the depth of the maximum)
  and ln alpha fluctuate together from shower to shower;
* **spots**: the energy is carried by `93 ln(Z) E^0.876` spots, which lie along a shallower profile of the
  same kind; a spot's energy is the ratio of the two profiles;
* **across**: each spot has a radius from `2 r R^2 / (r^2 + R^2)^2`, with R the core's or the tail's radius,
  and an azimuth; the radii and the core's share are functions of depth.

A photon is an exponential depth of mean 9/7 X0 and then two electrons that share its energy uniformly.

Corrections, measured against Geant4 (`Constants`, docs/simulation.md):

* the tail is 8 % wider, and ends at 165 mm, which gives the sum of 5 x 5 crystals its energy back;
* spots come in clumps: neighbours in depth within one crystal's width of the axis stand at one place. Free
  spots measure the position too well; fewer spots would smear the 3 x 3 sum too. Clumps cannot: whatever
  lies within one crystal's width of the impact point is inside the 3 x 3 sum;
* soft showers have the shape of 0.2 GeV, and no shower falls off more slowly than hard photons are absorbed.

What lies beyond 230 mm is the rear leak. There is no albedo, no photo-nuclear reaction and no Compton effect.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from zoo.arrays import Arrays, Floats, Ints, first_rows, owners
from zoo.detectors.cms_barrel import CRYSTAL_LENGTH_MM, CRYSTAL_MM
from zoo.errors import InvalidFile, InvalidValue, UnknownName
from zoo.files import save_npz
from zoo.simulation.rebinning import GRIDS, OUTER
from zoo.simulation.shower_table import KINDS
from zoo.simulation.showers import ShowerLibrary

__all__ = ["CONSTANTS", "GFLASH", "PAPER", "Constants", "library", "showers"]


SHOWERS = 10_000
"""Showers of each kind in a library: at least 50 test showers within |ln E| < 0.12 of any energy."""
ENERGIES_GEV = (0.05, 250.0)
"""Range of a library, log-uniform: that of the Geant4 showers."""
DEPTH_BINS = 46
"""Bins of the longitudinal profile, 5 mm each."""
SPOTS_AT_ONCE, SHOWERS_AT_ONCE = 300_000, 256


@dataclass(frozen=True)
class Constants:
    """The constants of the parametrisation: hep-ex/0001020, as Geant4's GVFlashHomoShowerTuning has them.

    y = E / critical energy, tau = depth over the mean depth (see `_radii`), energies in GeV; radii are in
    units of the Moliere radius.
    """

    # lead tungstate (reference: Geant4's G4_PbWO4 and its GFlash formulas for E_c and R_M)
    z: float = 68.3  # effective atomic number
    critical_gev: float = 8.76e-3
    moliere_mm: float = 21.6
    radiation_mm: float = 8.925
    # mean of ln T = ln(ln y + t), of ln alpha = ln(a[0] + (a[1] + a[2] / Z) ln y)
    t: float = -0.812
    a: tuple[float, float, float] = (0.81, 0.458, 2.26)
    # their standard deviations 1 / (c[0] + c[1] ln y), and their correlation
    sigma_t: tuple[float, float] = (-1.4, 1.26)
    sigma_a: tuple[float, float] = (-0.58, 0.86)
    correlation: tuple[float, float] = (0.705, -0.023)
    # radius of the core: core[0] + core[1] ln E + (core[2] + core[3] Z) tau
    core: tuple[float, float, float, float] = (0.0251, 0.00319, 0.1162, -0.000381)
    # radius of the tail: k1 (exp(k3 (tau - k2)) + exp(k4 (tau - k2))), k1 = [0] + [1] Z, k2 = [2], k3 = [3],
    # k4 = [4] + [5] ln E
    tail: tuple[float, float, float, float, float, float] = (0.659, -0.00309, 0.645, -2.59, 0.3585, 0.0412)
    # share of the core: p1 exp(x - exp(x)), x = (p2 - tau) / p3, p1 = [0] + [1] Z, p2 = [2] + [3] Z,
    # p3 = [4] + [5] ln E
    share: tuple[float, float, float, float, float, float] = (2.632, -0.00094, 0.401, 0.00187, 1.313, -0.0686)
    # number of spots [0] ln(Z) E^[1]; their T and alpha over those of the energy, [0] + [1] Z
    spots: tuple[float, float] = (93.0, 0.876)
    spots_t: tuple[float, float] = (0.698, 0.00212)
    spots_a: tuple[float, float] = (0.639, 0.00334)
    # corrections, tuned here on E9/E25, E25/E and the position resolution of the Geant4 showers
    tail_scale: float = 1.08  # factor on the tail's radius
    reach_mm: float = OUTER.cells * OUTER.cell_mm / 2  # largest radius: the edge of the library's outer image
    clump: int = 8  # spots that stand at one place; 1 is the parametrisation as published
    clump_mm: float = CRYSTAL_MM  # clumps are not wider than this: they leave every 3 x 3 sum alone
    shape_least_gev: float = 0.2  # softer showers have this one's shape: sigma(ln T) diverges at 0.03 GeV
    least_alpha: float = 1.3  # a maximum inside the calorimeter, for the spots too
    least_beta: float = (
        0.3  # per X0: absorption of photons of a few MeV, the least there is in lead tungstate
    )

    def __post_init__(self) -> None:
        if self.clump < 1:
            raise InvalidValue("Constants.clump", "an integer from 1", self.clump)
        if self.least_alpha * (self.spots_a[0] + self.spots_a[1] * self.z) <= 1.0:
            raise InvalidValue("Constants.least_alpha", "alpha of the spots above 1", self.least_alpha)


GFLASH = Constants()
"""Mean profile as in Geant4's GFlash: nearer to the Geant4 showers."""
PAPER = Constants(t=-0.858, a=(0.21, 0.492, 2.38))
"""Mean profile that hep-ex/0001020 gives for average showers, from memory."""
CONSTANTS: dict[str, Constants] = {"gflash": GFLASH, "paper": PAPER}
"""Sets of constants by name."""


def library(
    folder: str | Path, n: int = SHOWERS, seed: int = 1, constants: Constants = GFLASH
) -> ShowerLibrary:
    """Opens a folder of parametrised showers; writes what is missing (some two minutes).

    Args:
        folder: Where photons.npz and electrons.npz lie, 55 MB each.
        n: Showers of each kind, log-uniform in energy; at least 100.
        seed: Seed, >= 0.
        constants: The parametrisation.

    Returns:
        A library like that of Geant4 showers.

    Raises:
        InvalidValue: `n` or `seed` out of range.
        InvalidFile: The folder holds other showers, or cannot be written.
    """
    for name, value, least in (("n", n, 100), ("seed", seed, 0)):
        if value < least:
            raise InvalidValue(name, f"an integer from {least}", value)
    low, high = ENERGIES_GEV
    for number, kind in enumerate(KINDS):
        path = Path(folder) / f"{kind}s.npz"
        made_by = json.dumps({"n": n, "seed": seed, **dataclasses.asdict(constants)})
        if path.exists():
            _check(path, made_by)
            continue
        rng = np.random.default_rng([seed, number])
        energy = low * (high / low) ** ((np.arange(n) + rng.random(n)) / n)
        arrays = {**showers(kind, energy, rng, constants), "grindhammer_peters": np.array(made_by)}
        try:
            save_npz(path, arrays)
        except OSError as error:
            raise InvalidFile(path, f"cannot be written: {error}.") from error
    return ShowerLibrary.from_folder(str(folder))


def showers(
    kind: str, energy_gev: npt.ArrayLike, rng: np.random.Generator, constants: Constants = GFLASH
) -> Arrays:
    """Draws showers at normal incidence.

    Args:
        kind: "photon" or "electron".
        energy_gev: [n] energies in GeV.
        rng: Source of all randomness.
        constants: The parametrisation.

    Returns:
        The arrays of a shower folder's file: `energy_gev`, `back_gev` (rear leak), `front_gev` (zero) and
        `first_interaction_mm` [n] float32; `core_mev` [n, 40, 40], `fine_mev` [n, 60, 60] and `outer_mev`
        [n, 30, 30] float16, indexed [y, x]; `depth_gev` [n, 46] float16, in bins of 5 mm.

    Raises:
        InvalidValue: An energy is not finite and positive.
        UnknownName: Any other kind.
    """
    if kind not in KINDS:
        raise UnknownName("shower kind", kind, KINDS)
    energy = np.atleast_1d(np.asarray(energy_gev, dtype=np.float64))
    if not np.all(np.isfinite(energy) & (energy > 0.0)):
        raise InvalidValue("energy_gev", "finite and positive energies", energy[~(energy > 0.0)][:5].tolist())
    n = len(energy)
    if kind == "photon":
        start = rng.exponential(9.0 / 7.0 * constants.radiation_mm, n)
        part = rng.random(n)
        electrons = energy[:, None] * np.stack([part, 1.0 - part], axis=1)
    else:
        start, electrons = np.zeros(n), energy[:, None]
    spots = constants.spots[0] * np.log(constants.z) * electrons ** constants.spots[1]
    counts = np.maximum(np.rint(spots), 1.0).astype(np.int64)
    arrays: Arrays = {
        "energy_gev": energy.astype(np.float32),
        "back_gev": np.zeros(n, dtype=np.float32),
        "front_gev": np.zeros(n, dtype=np.float32),
        "first_interaction_mm": start.astype(np.float32),
        "depth_gev": np.zeros((n, DEPTH_BINS), dtype=np.float16),
    }
    for grid in GRIDS:
        arrays[f"{grid.name}_mev"] = np.zeros((n, grid.cells, grid.cells), dtype=np.float16)
    for batch in _batches(counts.sum(axis=1)):
        each = electrons.shape[1]
        owner, depth_x0, x, y, gev = _spots(electrons[batch].ravel(), counts[batch].ravel(), rng, constants)
        owner //= each
        depth_mm = start[batch][owner] + depth_x0 * constants.radiation_mm
        _collect(arrays, batch, owner, depth_mm, x, y, gev)
    return arrays


def _batches(spots: Ints) -> Iterator[slice]:
    """Cuts showers into stretches of bounded memory."""
    ends = np.cumsum(spots)
    first = 0
    while first < len(spots):
        before = ends[first - 1] if first else 0
        last = int(np.searchsorted(ends, before + SPOTS_AT_ONCE))
        last = min(max(last, first + 1), first + SHOWERS_AT_ONCE, len(spots))
        yield slice(first, last)
        first = last


def _spots(
    energy: Floats, counts: Ints, rng: np.random.Generator, c: Constants
) -> tuple[Ints, Floats, Floats, Floats, Floats]:
    """Draws the spots of electrons: whose [M], depth in X0 [M], x and y in mm [M], energy [M]."""
    shape_gev = np.maximum(energy, c.shape_least_gev)
    log_y = np.log(shape_gev / c.critical_gev)
    mean_alpha = c.a[0] + (c.a[1] + c.a[2] / c.z) * log_y
    rho = c.correlation[0] + c.correlation[1] * log_y
    normal = rng.standard_normal((2, len(energy)))
    common, opposite = np.sqrt((1.0 + rho) / 2.0) * normal[0], np.sqrt((1.0 - rho) / 2.0) * normal[1]
    top = (c.t + log_y) * np.exp((common + opposite) / (c.sigma_t[0] + c.sigma_t[1] * log_y))
    alpha = mean_alpha * np.exp((common - opposite) / (c.sigma_a[0] + c.sigma_a[1] * log_y))
    alpha = np.maximum(alpha, c.least_alpha)
    beta = np.maximum((alpha - 1.0) / top, c.least_beta)
    spot_alpha = alpha * (c.spots_a[0] + c.spots_a[1] * c.z)
    spot_beta = (spot_alpha - 1.0) / ((alpha - 1.0) / beta * (c.spots_t[0] + c.spots_t[1] * c.z))

    owner = owners(counts)
    depth = np.clip(rng.standard_gamma(spot_alpha[owner]) / spot_beta[owner], 1e-6, 999.0)
    depth = np.sort(owner * 1000.0 + depth) - owner * 1000.0  # neighbours in the list are neighbours in depth
    first = first_rows(counts)
    gev = np.exp((alpha - spot_alpha)[owner] * np.log(depth) - (beta - spot_beta)[owner] * depth)
    gev *= (energy / np.add.reduceat(gev, first))[owner]

    mean_depth = alpha / beta * (mean_alpha - 1.0) / mean_alpha
    radius = _radii(depth / mean_depth[owner], np.log(shape_gev)[owner], rng, c)
    azimuth = rng.uniform(0.0, 2.0 * np.pi, len(owner))
    leader = np.arange(len(owner)) // c.clump * c.clump
    near = radius < c.clump_mm
    follows = near & near[leader] & (owner == owner[leader])
    place = np.where(follows, leader, np.arange(len(owner)))
    radius, azimuth = radius[place], azimuth[place]
    return owner, depth, radius * np.cos(azimuth), radius * np.sin(azimuth), gev


def _radii(tau: Floats, log_energy: Floats, rng: np.random.Generator, c: Constants) -> Floats:
    """Draws the distance in mm of spots from the axis.

    Args:
        tau: [M] depth over the shower's mean depth, times alpha / (alpha - 1) of the mean shower: t / T for
            that one.
        log_energy: [M] ln of the electron's energy in GeV.
        rng: Source of randomness.
        c: The parametrisation.
    """
    core = c.core[0] + c.core[1] * log_energy + (c.core[2] + c.core[3] * c.z) * tau
    late = np.minimum(tau, 8.0) - c.tail[2]  # beyond, no spot is inside the calorimeter: keeps exp() finite
    tail = np.exp(c.tail[3] * late) + np.exp((c.tail[4] + c.tail[5] * log_energy) * late)
    tail *= c.tail_scale * (c.tail[0] + c.tail[1] * c.z)
    x = (c.share[2] + c.share[3] * c.z - tau) / (c.share[4] + c.share[5] * log_energy)
    in_core = rng.random(len(tau)) < (c.share[0] + c.share[1] * c.z) * np.exp(x - np.exp(x))
    scale = c.moliere_mm * np.where(in_core, core, tail)
    # inside r lies r^2 / (r^2 + R^2) of the energy: inverted, up to the part inside the reach
    inside = rng.random(len(tau)) / (1.0 + (scale / c.reach_mm) ** 2)
    return np.asarray(scale * np.sqrt(inside / (1.0 - inside)))


def _collect(
    arrays: Arrays, batch: slice, owner: Ints, depth_mm: Floats, x: Floats, y: Floats, gev: Floats
) -> None:
    """Adds spots up in the images, the longitudinal profile and the rear leak of a batch of showers."""
    n = batch.stop - batch.start
    inside = depth_mm < CRYSTAL_LENGTH_MM
    arrays["back_gev"][batch] = np.bincount(owner[~inside], gev[~inside], n)
    owner, depth_mm, gev = owner[inside], depth_mm[inside], gev[inside]
    x, y = x[inside], y[inside]
    layer = (depth_mm * (DEPTH_BINS / CRYSTAL_LENGTH_MM)).astype(np.int64)
    profile = np.bincount(owner * DEPTH_BINS + layer, gev, n * DEPTH_BINS)
    arrays["depth_gev"][batch] = profile.reshape(n, DEPTH_BINS)
    far = np.maximum(np.abs(x), np.abs(y))
    inner = 0.0
    for grid in GRIDS:  # each image leaves out what the one inside it covers
        outer = grid.cells * grid.cell_mm / 2.0
        here = np.flatnonzero((far >= inner) & (far < outer))
        column, row = (((values[here] + outer) / grid.cell_mm).astype(np.int64) for values in (x, y))
        cell = (owner[here] * grid.cells + row) * grid.cells + column
        image = np.bincount(cell, 1e3 * gev[here], n * grid.cells**2)
        arrays[f"{grid.name}_mev"][batch] = image.reshape(n, grid.cells, grid.cells)
        inner = outer


def _check(path: Path, made_by: str) -> None:
    """Makes sure that a file holds the showers that are asked for."""
    try:
        with np.load(path, allow_pickle=False) as file:
            found = str(file["grindhammer_peters"]) if "grindhammer_peters" in file else ""
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise InvalidFile(path, f"is not a shower library: {error}.") from error
    if found != made_by:
        what = "Grindhammer-Peters showers of another number, seed or constants" if found else "other showers"
        raise InvalidFile(path, f"holds {what}.", "Name another folder, or remove the file.")


def main(arguments: list[str] | None = None) -> None:
    """Writes a folder of showers: see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m zoo.simulation.grindhammer_peters", description="Write parametrised showers."
    )
    parser.add_argument("folder", type=Path, help="folder for photons.npz and electrons.npz")
    parser.add_argument("--n", type=int, default=SHOWERS, help=f"showers of each kind (default {SHOWERS})")
    parser.add_argument("--seed", type=int, default=1, help="seed (default 1)")
    parser.add_argument("--constants", choices=CONSTANTS, default="gflash", help="default gflash")
    options = parser.parse_args(arguments)
    made = library(options.folder, options.n, options.seed, CONSTANTS[options.constants])
    print(made.source)


if __name__ == "__main__":
    main()
