"""Shower shapes: the inputs of the Run-2 energy regression, from the crystals of the 5 x 29 window.

The variables are those of the CMS electron and photon regression (JINST 16 P05014, arXiv:2012.06888) that
exist in the barrel, and what an honest comparison with a network on all hits needs beside them: the leakage
variable, the density rho, the place in module and supermodule, sub-clusters, energies left and right of the
seed in phi, dead channels and noise. Everything is computed on dense images [B, 5, 29] centred on the seed,
rows along eta, columns along phi.

    x = shower_shapes(records)      # [B, len(NAMES)] float32, columns in the order of NAMES
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats32, owners
from zoo.data.feeding.flat import Flat, lengths, n_objects, piece, to_flat

__all__ = ["NAMES", "Images", "images", "shower_shapes"]


N_ETA, N_PHI = 5, 29
ROW, COLUMN = 2, 14  # of the seed
LOG_WEIGHT = 4.7  # w0 of the log-weighted covariance, ln(1 / 0.9 %)
SEED_GEV = 0.23  # least energy of a sub-cluster's central crystal
N_SUB_CLUSTERS = 3  # beside that of the seed
SOFT_GEV = 0.5  # hits below it are mostly pile-up and noise
_CHUNK = 4096  # objects worked on at a time, so that the images stay in the cache


@dataclass(frozen=True)
class Images:
    """The hits of each object as images around its seed."""

    energy: Floats32  # [B, 5, 29] GeV
    noise: Floats32  # [B, 5, 29] GeV, sigma of the crystals with a hit
    dead: Floats32  # [B, 5, 29] dead neighbours of the crystals with a hit


def shower_shapes(records: ak.Array) -> Floats32:
    """Computes the shower shapes of each object.

    Args:
        records: Objects with hits, seed, `rho_gev` and `leakage_gev`.

    Returns:
        [B, len(NAMES)] float32. An object without hits has zeros where there is nothing to compute.
    """
    flat = to_flat(records)
    size = n_objects(flat)
    table = np.empty((size, len(NAMES)), np.float32)
    for start in range(0, size, _CHUNK):
        stop = min(start + _CHUNK, size)
        columns = _columns(piece(flat, start, stop))
        for number, name in enumerate(NAMES):
            table[start:stop, number] = columns[name]
    return table


def images(flat: Flat) -> Images:
    """Fills the hits of flat records into images around the seeds; hits outside of the window are left out.

    Args:
        flat: Records as flat arrays (`zoo.data.feeding.flat`).

    Returns:
        Images of B objects.
    """
    counts = lengths(flat)
    owner = owners(counts)
    row = _row(flat["hits.ieta"]) - _row(flat["seed_ieta"])[owner] + ROW
    turn = flat["hits.iphi"].astype(np.int32) - flat["seed_iphi"].astype(np.int32)[owner]
    column = (turn + 180) % 360 - 180 + COLUMN
    inside = (row >= 0) & (row < N_ETA) & (column >= 0) & (column < N_PHI)
    place = ((owner * N_ETA + row) * N_PHI + column)[inside]

    def fill(name: str) -> Floats32:
        image = np.zeros(len(counts) * N_ETA * N_PHI, np.float32)
        image[place] = flat[name][inside]
        return image.reshape(-1, N_ETA, N_PHI)

    return Images(fill("hits.energy_gev"), fill("hits.noise_gev"), fill("hits.dead_neighbours"))


def _columns(flat: Flat) -> Mapping[str, npt.NDArray[np.generic]]:
    """Returns every variable of NAMES, [B] each."""
    image = images(flat)
    energy = np.maximum(image.energy, 0.0)
    owner = owners(lengths(flat))
    raw = np.bincount(owner, flat["hits.energy_gev"], n_objects(flat)).astype(np.float32)
    return {
        **_place(flat),
        **_event(flat, raw),
        **_energies(energy, raw),
        **_widths(energy),
        **_covariance(energy),
        **_sub_clusters(energy, raw),
        **_channels(image, flat),
    }


def _place(flat: Flat) -> dict[str, npt.NDArray[np.generic]]:
    """Where the seed is: in the barrel, in its module (25, then 20 in eta) and supermodule (20 in phi)."""
    ieta, iphi = flat["seed_ieta"].astype(np.int32), flat["seed_iphi"].astype(np.int32)
    distance = np.abs(ieta)
    return {
        "seed_ieta": ieta,
        "seed_iphi": iphi,
        "seed_abs_ieta": distance,
        "seed_ieta_mod_5": (distance - 1) % 5,
        "seed_ieta_mod_20": np.where(distance <= 25, distance - 1, (distance - 26) % 20),
        "seed_iphi_mod_2": iphi % 2,
        "seed_iphi_mod_20": (iphi - 1) % 20,
    }


def _event(flat: Flat, raw: Floats32) -> dict[str, npt.NDArray[np.generic]]:
    leakage, rho = flat["leakage_gev"], flat["rho_gev"]
    return {
        "raw_energy_gev": raw,
        "n_hits": lengths(flat),
        "leakage_gev": leakage,
        "leakage_over_raw": _ratio(leakage, raw),
        "rho_gev": rho,
        "rho_over_raw": _ratio(rho, raw),
    }


def _energies(energy: Floats32, raw: Floats32) -> dict[str, npt.NDArray[np.generic]]:
    """Sums over parts of the window, relative to the whole or to the 5 x 5 around the seed."""
    centre = energy[:, :, COLUMN - 2 : COLUMN + 3]  # [B, 5, 5]
    e5x5 = centre.sum((1, 2))
    e3x3 = centre[:, 1:4, 1:4].sum((1, 2))
    rows, columns = centre.sum(2), centre.sum(1)  # [B, 5] each
    two = np.partition(centre.reshape(len(centre), -1), (-2, -1), axis=1)
    profile = energy.sum(1)  # [B, 29] along phi
    left, right = profile[:, : COLUMN - 2].sum(1), profile[:, COLUMN + 3 :].sum(1)
    hits = (energy > 0).reshape(len(energy), -1)
    soft = np.where(energy < SOFT_GEV, energy, 0.0).sum((1, 2))
    return {
        "e3x3_over_raw": _ratio(e3x3, raw),  # R9
        "e5x5_over_raw": _ratio(e5x5, raw),
        "e_max_over_raw": _ratio(two[:, -1], raw),
        "e_seed_over_e5x5": _ratio(centre[:, 2, 2], e5x5),
        "e_2nd_over_e5x5": _ratio(two[:, -2], e5x5),
        "e_left_over_e5x5": _ratio(centre[:, 1, 2], e5x5),
        "e_right_over_e5x5": _ratio(centre[:, 3, 2], e5x5),
        "e_bottom_over_e5x5": _ratio(centre[:, 2, 1], e5x5),
        "e_top_over_e5x5": _ratio(centre[:, 2, 3], e5x5),
        "e2x5_max_over_e5x5": _ratio(rows[:, 2] + np.maximum(rows[:, 1], rows[:, 3]), e5x5),
        "e2x5_left_over_e5x5": _ratio(rows[:, 0] + rows[:, 1], e5x5),
        "e2x5_right_over_e5x5": _ratio(rows[:, 3] + rows[:, 4], e5x5),
        "e2x5_bottom_over_e5x5": _ratio(columns[:, 0] + columns[:, 1], e5x5),
        "e2x5_top_over_e5x5": _ratio(columns[:, 3] + columns[:, 4], e5x5),
        "e_phi_left_over_raw": _ratio(left, raw),
        "e_phi_right_over_raw": _ratio(right, raw),
        "e_phi_asymmetry": _ratio(right - left, raw),
        "e_phi_far_over_raw": _ratio(profile[:, :7].sum(1) + profile[:, 22:].sum(1), raw),
        "soft_over_raw": _ratio(soft, raw),
        "n_hits_above_1_gev": (energy > 1.0).reshape(len(energy), -1).sum(1),
        "n_hits_outside_5x5": hits.sum(1) - (centre > 0).reshape(len(centre), -1).sum(1),
    }


def _widths(energy: Floats32) -> dict[str, npt.NDArray[np.generic]]:
    """Energy-weighted centre and width of the whole window, in crystals from the seed."""
    eta, phi = np.arange(N_ETA, dtype=np.float32) - ROW, np.arange(N_PHI, dtype=np.float32) - COLUMN
    rows, columns = energy.sum(2), energy.sum(1)
    centre_eta, width_eta = _centre_and_width(rows, eta)
    centre_phi, width_phi = _centre_and_width(columns, phi)
    return {
        "centre_eta": centre_eta,
        "centre_phi": centre_phi,
        "width_eta": width_eta,
        "width_phi": width_phi,
    }


def _covariance(energy: Floats32) -> dict[str, npt.NDArray[np.generic]]:
    """Log-weighted covariance of the 5 x 5: w = max(0, 4.7 + ln(E / E_5x5)), in crystals."""
    centre = energy[:, :, COLUMN - 2 : COLUMN + 3]
    share = centre / np.maximum(centre.sum((1, 2), keepdims=True), 1e-6)
    weight = np.maximum(LOG_WEIGHT + np.log(np.maximum(share, 1e-9)), 0.0)
    total = weight.sum((1, 2))
    step = np.arange(5, dtype=np.float32) - 2
    rows, columns = weight.sum(2), weight.sum(1)
    centre_eta, width_eta = _centre_and_width(rows, step)
    centre_phi, width_phi = _centre_and_width(columns, step)
    mixed = np.einsum("bep,e,p->b", weight, step, step, optimize=True)
    return {
        "log_centre_eta": centre_eta,
        "log_centre_phi": centre_phi,
        "sigma_ieta_ieta": width_eta,
        "sigma_iphi_iphi": width_phi,
        "sigma_ieta_iphi": _ratio(mixed, total) - centre_eta * centre_phi,
    }


def _centre_and_width(weight: Floats32, position: Floats32) -> tuple[Floats32, Floats32]:
    """Weighted mean and standard deviation [B] of positions [K], weights [B, K].

    Sums, not products of matrices: for rows this short OpenBLAS now and then raises "invalid value" over
    finite values.
    """
    total = weight.sum(1)
    centre = _ratio((weight * position).sum(1), total)
    square = _ratio((weight * position**2).sum(1), total)
    return centre, np.sqrt(np.maximum(square - centre**2, 0.0))


def _sub_clusters(energy: Floats32, raw: Floats32) -> dict[str, npt.NDArray[np.generic]]:
    """Local maxima beside the seed, each with the energy of its 3 x 3, the highest first."""
    size = len(energy)
    padded = np.zeros((size, N_ETA + 2, N_PHI + 2), np.float32)
    padded[:, 1:-1, 1:-1] = energy
    peak = energy > SEED_GEV
    sum3x3 = energy.copy()
    for shift_eta in (0, 1, 2):
        for shift_phi in (0, 1, 2):
            if (shift_eta, shift_phi) != (1, 1):
                neighbour = padded[:, shift_eta : shift_eta + N_ETA, shift_phi : shift_phi + N_PHI]
                peak &= energy >= neighbour
                sum3x3 += neighbour
    peak[:, ROW - 1 : ROW + 2, COLUMN - 1 : COLUMN + 2] = False
    heights = np.where(peak, energy, 0.0).reshape(size, -1)
    found = np.argpartition(-heights, N_SUB_CLUSTERS, axis=1)[:, :N_SUB_CLUSTERS]
    best = np.take_along_axis(heights, found, 1)
    found = np.take_along_axis(found, np.argsort(-best, axis=1, kind="stable"), 1)
    there = np.take_along_axis(heights, found, 1) > 0
    around = np.where(there, np.take_along_axis(sum3x3.reshape(size, -1), found, 1), 0.0)
    row, column = np.divmod(found, N_PHI)
    columns: dict[str, npt.NDArray[np.generic]] = {
        "n_sub_clusters": (heights > 0).sum(1),
        "sub_clusters_over_raw": _ratio(np.where(peak, sum3x3, 0.0).sum((1, 2)), raw),
        "sub_cluster_max_distance": np.where(there, np.hypot(row - ROW, column - COLUMN), 0.0).max(1),
    }
    for number in range(N_SUB_CLUSTERS):
        columns[f"sub_cluster_{number}_over_raw"] = _ratio(around[:, number], raw)
        columns[f"sub_cluster_{number}_eta"] = np.where(there[:, number], row[:, number] - ROW, 0)
        columns[f"sub_cluster_{number}_phi"] = np.where(there[:, number], column[:, number] - COLUMN, 0)
    return columns


def _channels(image: Images, flat: Flat) -> dict[str, npt.NDArray[np.generic]]:
    """Dead neighbours and noise of the crystals with a hit."""
    near = (slice(None), slice(1, 4), slice(COLUMN - 1, COLUMN + 2))
    return {
        "dead_near_seed": image.dead[:, ROW, COLUMN],
        "dead_near_3x3": image.dead[near].sum((1, 2)),
        "dead_near_all": image.dead.sum((1, 2)),
        "noise_sum_gev": image.noise.sum((1, 2)),
        "noise_seed_gev": image.noise[:, ROW, COLUMN],
    }


def _ratio(numerator: npt.NDArray[Any], denominator: npt.NDArray[Any]) -> Floats32:
    """Divides, 0 where the denominator is not positive."""
    out = np.zeros(len(denominator), np.float32)
    np.divide(numerator, denominator, out=out, where=denominator > 0, casting="unsafe")
    return out


def _row(ieta: npt.NDArray[np.generic]) -> npt.NDArray[np.int32]:
    """Row along eta, without the missing 0."""
    signed = ieta.astype(np.int32)
    return signed - (signed > 0)


def _names() -> tuple[str, ...]:
    """Column names, from one object without hits: the code above is the only list of them."""
    empty: Flat = {name: np.zeros(0, np.float32) for name in ("hits.energy_gev", "hits.noise_gev")}
    empty |= {name: np.zeros(0, np.int16) for name in ("hits.ieta", "hits.iphi", "hits.dead_neighbours")}
    empty |= {name: np.ones(1, np.int16) for name in ("seed_ieta", "seed_iphi")}
    empty |= {name: np.zeros(1, np.float32) for name in ("rho_gev", "leakage_gev")}
    return tuple(_columns({"offsets": np.zeros(2, np.int64), **empty}))


NAMES: tuple[str, ...] = _names()
"""The columns, in order."""
