"""The barrel: 170 x 360 lead-tungstate crystals in eta and phi, and the gaps between modules.

A crystal is named by `ieta` (-85..-1, 1..85; there is no 0) and `iphi` (1..360), or by its place in an image:
`row` 0..169 along eta and `iphi - 1` along phi. Continuous positions are counted in crystals, so that
`row` + `offset_eta` with an offset in [-0.5, 0.5) says where inside a crystal a particle arrives.

Idealised from the CMS barrel (JINST 3 S08004): every crystal has front face 22 x 22 mm, length 230 mm, and
stands at R = 1.29 m; one crystal is 0.0174 in eta and one degree in phi; no tilt and no taper.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from zoo.angles import wrap_phi
from zoo.arrays import Bools, Floats, Ints
from zoo.errors import InvalidValue

N_ETA = 170
N_PHI = 360
MAX_IETA = 85
CRYSTAL_MM = 22.0
CRYSTAL_LENGTH_MM = 230.0
PITCH_MM = 22.4
RADIUS_CM = 129.0
ETA_PITCH = 0.0174
PHI_PITCH = 2.0 * np.pi / N_PHI
MAX_ETA = N_ETA / 2 * ETA_PITCH
MODULE_GAPS_IETA = (0, 25, 45, 65)
"""A gap follows the crystal with this |ieta|; 0 is the gap between ieta -1 and 1."""
SUPERMODULE_IPHI = 20
"""A gap follows every multiple of this iphi."""


def _eta_gap_edges() -> Bools:
    edges = np.zeros(N_ETA + 1, dtype=bool)
    edges[[0, N_ETA]] = True
    for gap in MODULE_GAPS_IETA:
        edges[[MAX_IETA - gap, MAX_IETA + gap]] = True
    return edges


def _phi_gap_edges() -> Bools:
    return np.asarray(np.arange(N_PHI + 1) % SUPERMODULE_IPHI == 0)


ETA_GAP_EDGES: Bools = _eta_gap_edges()
"""[171] True where edge e, which lies below row e, is a module gap or an end of the barrel."""
PHI_GAP_EDGES: Bools = _phi_gap_edges()
"""[361] True where edge e, which lies below iphi e + 1, is a supermodule gap; edges 0 and 360 are the
same."""


class Impact(NamedTuple):
    """Where particles arrive: the crystal, and the distance from its centre in crystals, in [-0.5, 0.5)."""

    row: Ints
    iphi: Ints
    offset_eta: Floats
    offset_phi: Floats


def row_from_ieta(ieta: npt.ArrayLike) -> Ints:
    """Converts ieta to the image row: -85..-1 -> 0..84 and 1..85 -> 85..169.

    Raises:
        InvalidValue: An ieta is 0 or outside -85..85.
    """
    index = np.asarray(ieta, dtype=np.int64)
    bad = (index == 0) | (np.abs(index) > MAX_IETA)
    if np.any(bad):
        raise InvalidValue("ieta", f"-{MAX_IETA}..-1 or 1..{MAX_IETA}", np.unique(index[bad])[:5].tolist())
    return np.where(index < 0, index + MAX_IETA, index + MAX_IETA - 1)


def ieta_from_row(row: npt.ArrayLike) -> Ints:
    """Converts the image row 0..169 to ieta.

    Raises:
        InvalidValue: A row is outside 0..169.
    """
    index = np.asarray(row, dtype=np.int64)
    if np.any(~in_barrel(index)):
        raise InvalidValue("row", f"0..{N_ETA - 1}", np.unique(index[~in_barrel(index)])[:5].tolist())
    return np.where(index < MAX_IETA, index - MAX_IETA, index - MAX_IETA + 1)


def in_barrel(row: npt.ArrayLike) -> Bools:
    """Says which rows are crystals of the barrel."""
    index = np.asarray(row)
    return (index >= 0) & (index < N_ETA)


def eta_from_row(row: npt.ArrayLike) -> Floats:
    """Returns eta of a (possibly fractional) row: 0 lies between rows 84 and 85."""
    return (np.asarray(row, dtype=np.float64) - (N_ETA - 1) / 2) * ETA_PITCH


def eta_from_ieta(ieta: npt.ArrayLike) -> Floats:
    """Returns eta of the crystal's centre."""
    return eta_from_row(row_from_ieta(ieta))


def phi_from_iphi(iphi: npt.ArrayLike) -> Floats:
    """Returns phi, in (-pi, pi], of the crystal's centre (or of a fractional iphi)."""
    return wrap_phi((np.asarray(iphi, dtype=np.float64) - 0.5) * PHI_PITCH)


def wrap_iphi(iphi: npt.ArrayLike) -> Ints:
    """Brings integer iphi to 1..360."""
    return (np.asarray(iphi, dtype=np.int64) - 1) % N_PHI + 1


def delta_iphi(iphi: npt.ArrayLike, reference: npt.ArrayLike) -> Ints:
    """Returns iphi - reference the short way round, in -179..180."""
    difference = np.asarray(iphi, dtype=np.int64) - np.asarray(reference, dtype=np.int64)
    half = N_PHI // 2
    return half - (half - difference) % N_PHI


def impact(eta: npt.ArrayLike, phi: npt.ArrayLike) -> Impact:
    """Finds the crystal hit at the calorimeter's face and the offset inside it.

    Args:
        eta: [S] pseudorapidity of the point on the face, seen from the origin.
        phi: [S] azimuth of that point; any branch.

    Returns:
        Row (outside 0..169 where eta leaves the barrel: mask by `in_barrel`), iphi 1..360, and the offsets in
        crystals from that crystal's centre.
    """
    along_eta = np.asarray(eta, dtype=np.float64) / ETA_PITCH + (N_ETA - 1) / 2
    along_phi = np.mod(np.asarray(phi, dtype=np.float64), 2.0 * np.pi) / PHI_PITCH - 0.5
    row = np.floor(along_eta + 0.5).astype(np.int64)
    column = np.floor(along_phi + 0.5).astype(np.int64)
    return Impact(row, wrap_iphi(column + 1), along_eta - row, along_phi - column)


def crystal_xyz_cm(ieta: npt.ArrayLike, iphi: npt.ArrayLike) -> Floats:
    """Returns the centres of the crystals' front faces.

    Args:
        ieta: [S] crystal index along eta.
        iphi: [S] crystal index along phi.

    Returns:
        [S, 3] x, y, z in cm on the cylinder of radius 129 cm.
    """
    eta, phi = np.broadcast_arrays(eta_from_ieta(ieta), phi_from_iphi(iphi))
    return RADIUS_CM * np.stack([np.cos(phi), np.sin(phi), np.sinh(eta)], axis=-1)
