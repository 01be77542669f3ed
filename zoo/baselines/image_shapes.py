"""Shower shapes of an image: the engineered inputs of a mass regression without a network.

What the photon network of CMS-EGM-20-001 and photon identification use, as far as crystals alone give it: R9
and other sums, sigma_ieta_ieta and its kin, second moments along the major and the minor axis, the second
maximum, and masses from moments and from the 3 x 3 method. All is computed on the crystals around the seed,
along eta in rows, along phi in columns, without the sign of either: a mirror image has the same shapes.

    x = image_shapes(records)      # [B, len(NAMES)] float32, columns in the order of NAMES
"""

from __future__ import annotations

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats, Floats32
from zoo.baselines import three_by_three
from zoo.data.feeding.flat import Flat, n_objects, piece, to_flat
from zoo.data.images import SEED_AT, crop
from zoo.data.kinds.candidates import CANDIDATES
from zoo.detectors import cms_barrel

__all__ = ["NAMES", "image_shapes"]

Columns = dict[str, npt.NDArray[np.generic]]

LOG_WEIGHT = 4.7  # w0 of the log-weighted covariance, ln(1 / 0.9 %)
HALVES = (1, 2, 4, 8)  # half sizes of the squares whose second moments are inputs
_CHUNK = 2048  # candidates worked on at a time, so that the images stay in the cache


def image_shapes(records: ak.Array) -> Floats32:
    """Computes the shapes of each candidate.

    Args:
        records: Candidates with hits and seed.

    Returns:
        [B, len(NAMES)] float32; NaN where there is nothing to compute, such as the distance of a second
        maximum that is not there.
    """
    flat = to_flat(records, CANDIDATES)
    size = n_objects(flat)
    table = np.empty((size, len(NAMES)), np.float32)
    for start in range(0, size, _CHUNK):
        stop = min(start + _CHUNK, size)
        columns = _columns(piece(flat, start, stop))
        for number, name in enumerate(NAMES):
            table[start:stop, number] = columns[name]
    return table


def _columns(flat: Flat) -> Columns:
    """Returns every variable of NAMES, [B] each."""
    ieta, iphi, energy = (flat[f"hits.{name}"] for name in ("ieta", "iphi", "energy_gev"))
    seed_ieta, seed_iphi = flat["seed_ieta"], flat["seed_iphi"]
    image = crop(ieta, iphi, energy, flat["offsets"], seed_ieta, seed_iphi).astype(np.float64)
    image = np.where(np.isfinite(image) & (image > 0), image, 0.0)
    total = image.sum((1, 2))
    distance = np.abs(seed_ieta.astype(np.int64))
    cosh = np.cosh(cms_barrel.eta_from_ieta(seed_ieta))
    return {
        "et_gev": total / cosh,
        "abs_ieta": distance,
        "iphi_mod_20": np.minimum((seed_iphi - 1) % 20, (-seed_iphi) % 20),
        "n_hits": (image > 0).sum((1, 2)),
        "n_hits_above_1_gev": (image > 1.0).sum((1, 2)),
        **_sums(image, total),
        **_moments(image, total, cosh),
        **_logarithmic(image),
        **_maxima(image, seed_ieta, cosh),
    }


def _square(image: Floats, half: int) -> Floats:
    """[B, 2 half + 1, 2 half + 1] the crystals within `half` of the seed."""
    near = slice(SEED_AT - half, SEED_AT + half + 1)
    return image[:, near, near]


def _sums(image: Floats, total: Floats) -> Columns:
    """Sums of crystals around the seed, relative to the 5 x 5 or to all."""
    three, five = _square(image, 1), _square(image, 2)
    e3, e5, e7 = three.sum((1, 2)), five.sum((1, 2)), _square(image, 3).sum((1, 2))
    seed = image[:, SEED_AT, SEED_AT]
    ordered = np.sort(five.reshape(len(five), -1), axis=1)[:, ::-1]
    rows, columns = five.sum(2), five.sum(1)
    squares = [three[:, i : i + 2, j : j + 2].sum((1, 2)) for i in (0, 1) for j in (0, 1)]
    found: Columns = {
        "r9": _ratio(e3, total),
        "e5x5_over_all": _ratio(e5, total),
        "e7x7_over_all": _ratio(e7, total),
        "e11x11_over_all": _ratio(_square(image, 5).sum((1, 2)), total),
        "e1_over_e9": _ratio(seed, e3),
        "e9_over_e25": _ratio(e3, e5),
        "s4": _ratio(np.max(squares, axis=0), e5),
        "e1x5_over_e25": _ratio(rows[:, 2], e5),
        "e5x1_over_e25": _ratio(columns[:, 2], e5),
    }
    for number in range(1, 5):
        found[f"e{number + 1}_over_e1"] = _ratio(ordered[:, number], ordered[:, 0])
    for name, line in (("eta", rows), ("phi", columns)):  # the side with more first
        low, high = line[:, :2].sum(1), line[:, 3:].sum(1)
        found[f"more_{name}_over_e25"] = _ratio(np.maximum(low, high), e5)
        found[f"less_{name}_over_e25"] = _ratio(np.minimum(low, high), e5)
    return found


def _moments(image: Floats, total: Floats, cosh: Floats) -> Columns:
    """Second moments of the energy in squares of several sizes, in crystals, and the masses they give."""
    found: Columns = {}
    for half in HALVES:
        square = _square(image, half)
        energy = square.sum((1, 2))
        step = np.arange(-half, half + 1, dtype=np.float64)
        rows, columns = square.sum(2), square.sum(1)
        eta, phi = _ratio(rows @ step, energy), _ratio(columns @ step, energy)
        eta_eta = _ratio(rows @ step**2, energy) - eta**2
        phi_phi = _ratio(columns @ step**2, energy) - phi**2
        mixed = _ratio(np.einsum("bij,i,j->b", square, step, step, optimize=True), energy) - eta * phi
        middle, spread = 0.5 * (eta_eta + phi_phi), np.hypot(0.5 * (eta_eta - phi_phi), mixed)
        name = f"{2 * half + 1}x{2 * half + 1}"
        found[f"eta_eta_{name}"], found[f"phi_phi_{name}"] = eta_eta, phi_phi
        found[f"abs_eta_phi_{name}"] = np.abs(mixed)
        found[f"major_{name}"], found[f"minor_{name}"] = middle + spread, middle - spread
        found[f"centre_{name}"] = np.hypot(eta, phi)
        # m^2 = E^2 times the excess of the second moment: without the excess of a single shower taken off
        found[f"mass_{name}"] = total / cosh * cms_barrel.ETA_PITCH * np.sqrt(np.maximum(2.0 * middle, 0.0))
    return found


def _logarithmic(image: Floats) -> Columns:
    """Log-weighted covariance of the 5 x 5, in crystals: sigma_ieta_ieta as photon identification has it."""
    square = _square(image, 2)
    share = square / np.maximum(square.sum((1, 2), keepdims=True), 1e-9)
    weight = np.maximum(LOG_WEIGHT + np.log(np.maximum(share, 1e-9)), 0.0)
    total, step = weight.sum((1, 2)), np.arange(-2.0, 3.0)
    rows, columns = weight.sum(2), weight.sum(1)
    eta, phi = _ratio(rows @ step, total), _ratio(columns @ step, total)
    mixed = _ratio(np.einsum("bij,i,j->b", weight, step, step, optimize=True), total)
    return {
        "sigma_ieta_ieta": np.sqrt(np.maximum(_ratio(rows @ step**2, total) - eta**2, 0.0)),
        "sigma_iphi_iphi": np.sqrt(np.maximum(_ratio(columns @ step**2, total) - phi**2, 0.0)),
        "sigma_ieta_iphi": np.abs(mixed - eta * phi),
        "log_centre": np.hypot(eta, phi),
    }


def _maxima(image: Floats, seed_ieta: npt.NDArray[np.integer], cosh: Floats) -> Columns:
    """The second local maximum, and the mass of the 3 x 3 method."""
    found = three_by_three.two_maxima(image, three_by_three.ThreeByThree().seed_gev)
    first, second = (np.where(found.resolved, height, np.nan) for height in found.height.T)
    row, column = found.row, found.column
    apart = np.hypot(row[:, 0] - row[:, 1], column[:, 0] - column[:, 1])
    return {
        "second_maximum_over_first": _ratio(second, first),
        "second_maximum_et_gev": second / cosh,
        "second_maximum_distance": np.where(found.resolved, apart, np.nan),
        "mass_3x3_gev": three_by_three.mass_gev(image, seed_ieta),
    }


def _ratio(numerator: npt.NDArray[np.generic], denominator: npt.NDArray[np.generic]) -> Floats:
    """Divides, 0 where the denominator is not positive; NaN stays."""
    above, below = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    return np.divide(above, below, out=np.where(np.isnan(above), np.nan, 0.0), where=below > 0)


def _names() -> tuple[str, ...]:
    """Column names, from one candidate without hits: the code above is the only list of them."""
    empty: Flat = {f"hits.{name}": np.zeros(0, np.int16) for name in ("ieta", "iphi", "energy_gev")}
    seed = {name: np.ones(1, np.int16) for name in ("seed_ieta", "seed_iphi")}
    return tuple(_columns({"offsets": np.zeros(2, np.int64), **empty, **seed}))


NAMES: tuple[str, ...] = _names()
"""The columns, in order."""
