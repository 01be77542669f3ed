"""The cells of a whole detector's calorimeters: crystals of barrel and endcaps, towers, forward towers.

A `CellGrid` is a list of cells, each with its edges in two local coordinates, the size of a unit of these in
cm across the particles' direction, and its neighbours. Rings of cells in eta and phi (ECAL barrel, HCAL, HF)
and squares in x and y (ECAL endcaps) are laid side by side in one list; rings of another number of cells are
neighbours all the same, barrel and endcap crystals are not. Numbers: CMS, JINST 3 S08004.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo.angles import phi_cell, wrap_phi
from zoo.arrays import Bools, Floats, Ints, first_rows, owners, places

__all__ = ["CENTRE", "RING", "SIDE", "CellGrid", "ecal_grid", "hcal_grid", "hf_grid"]


REACH = 2
SIDE = 2 * REACH + 1
CENTRE = SIDE * SIDE // 2
RING = np.array([6, 7, 8, 11, 13, 16, 17, 18])
"""Places of the 8 nearest in `CellGrid.around`."""

ECAL_RADIUS_CM, ECAL_HALF_LENGTH_CM = 129.0, 317.0
HCAL_RADIUS_CM, HCAL_HALF_LENGTH_CM = 181.0, 388.0
HF_Z_CM = 1115.0
CRYSTAL_ETA, CRYSTALS_PHI, BARREL_RINGS = 0.0174, 360, 85
ENDCAP_CRYSTAL_CM, ENDCAP_CRYSTALS = 2.862, 100
ENDCAP_ABS_ETA = (1.54, 3.0)
TOWER_EDGES = (
    *(0.087 * k for k in range(21)), 1.83, 1.93, 2.043, 2.172, 2.322, 2.5, 2.65, 2.853, 3.0,
)  # fmt: skip
FINE_TOWERS = 20  # rings of 72 towers in phi, the others have 36
HF_EDGES = (3.0, 3.139, 3.314, 3.489, 3.664, 3.839, 4.013, 4.191, 4.363, 4.538, 4.716, 4.889, 5.191)
HF_PHI = 36
NOWHERE = -1


@dataclass(frozen=True, eq=False)
class CellGrid:
    """Cells of one calorimeter.

    Attributes:
        eta: [C] eta of the centre, seen from the origin.
        phi: [C] phi of the centre.
        edges: [C, 2, 6] edges of its 5 rows and 5 columns in local coordinates: (eta, phi) or (x, y) in cm.
        scale_cm: [C] cm of a unit of them, across the direction from the origin.
        in_plane: [C] whether the local coordinates are x and y.
        layer: [C] layer as in `elements.layer`.
        around: [C, 25] neighbours in 5 x 5, the cell itself in the middle, -1 for none.
        under: [C, 25] the cells below these 5 x 5 fields: where rings have other numbers of cells, a cell may
            stand twice.
        ring_edges: [R + 1] edges in eta of the rings.
        ring_first: [R] first cell of each ring.
        ring_size: [R] number of its cells.
        endcap_index: [2, 100, 100] cells of the endcaps by side, x and y, -1 for none; empty without endcaps.
    """

    eta: Floats
    phi: Floats
    edges: Floats
    scale_cm: Floats
    in_plane: Bools
    layer: npt.NDArray[np.int8]
    around: npt.NDArray[np.int32]
    under: npt.NDArray[np.int32]
    ring_edges: Floats
    ring_first: Ints
    ring_size: Ints
    endcap_index: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.eta)

    @functools.cached_property
    def middle(self) -> Floats:
        """[C, 2] local coordinates of the centres."""
        return np.asarray(0.5 * (self.edges[:, :, REACH] + self.edges[:, :, REACH + 1]), np.float64)

    def find(self, eta: Floats, phi: Floats) -> Ints:
        """Returns [N] the cells that lie in these directions, -1 for none."""
        ring = np.searchsorted(self.ring_edges, eta, side="right") - 1
        inside = (ring >= 0) & (ring < len(self.ring_size))
        ring = np.clip(ring, 0, len(self.ring_size) - 1)
        size = self.ring_size[ring]
        cell = np.where(inside & (size > 0), self.ring_first[ring] + phi_cell(phi, size), NOWHERE)
        if len(self.endcap_index):
            lid = np.abs(eta) > ENDCAP_ABS_ETA[0]
            x, y = _on_plane(eta, phi)
            row = np.floor(x / ENDCAP_CRYSTAL_CM).astype(np.int64) + ENDCAP_CRYSTALS // 2
            column = np.floor(y / ENDCAP_CRYSTAL_CM).astype(np.int64) + ENDCAP_CRYSTALS // 2
            last = ENDCAP_CRYSTALS - 1
            fits = lid & (row >= 0) & (row <= last) & (column >= 0) & (column <= last)
            found = self.endcap_index[
                (eta > 0).astype(np.int64), np.clip(row, 0, last), np.clip(column, 0, last)
            ]
            cell = np.where(fits, found, np.where(lid, NOWHERE, cell))
        return cell

    def local(self, cell: Ints, eta: Floats, phi: Floats) -> Floats:
        """Returns [N, 2] local coordinates of directions, in the frame of the cells that they lie in."""
        x, y = _on_plane(eta, phi)
        centre = self.middle[cell, 1]
        near = centre + wrap_phi(phi - centre)
        flat = self.in_plane[cell]
        return np.stack([np.where(flat, x, eta), np.where(flat, y, near)], axis=-1)

    def direction(self, cell: Ints, local: Floats) -> tuple[Floats, Floats]:
        """Returns eta and phi [N] of local coordinates [N, 2] in the frame of some cells."""
        x, y = local[:, 0], local[:, 1]
        r = np.maximum(np.hypot(x, y), 1e-3)
        flat = self.in_plane[cell]
        side = np.sign(self.eta[cell])
        eta = np.where(flat, side * np.arcsinh(ECAL_HALF_LENGTH_CM / r), x)
        phi = np.where(flat, np.arctan2(y, x), wrap_phi(y))
        return eta, phi

    def offsets_cm(self, centre: Ints, cell: Ints) -> Floats:
        """Returns [..., 2] how far, in cm, the middles of some cells lie from those of others."""
        step = self.middle[cell] - self.middle[centre]
        flat = self.in_plane[centre]
        turn = wrap_phi(step[..., 1])
        step[..., 1] = np.where(flat, step[..., 1], turn)
        return step * self.scale_cm[centre][..., None]


@functools.cache
def ecal_grid() -> CellGrid:
    """Crystals: 2 x 85 rings of 360 in the barrel, 2.86 cm squares in x and y in the endcaps."""
    edges = CRYSTAL_ETA * np.arange(-BARREL_RINGS, BARREL_RINGS + 1, dtype=np.float64)
    radius = np.full(len(edges) - 1, ECAL_RADIUS_CM)
    barrel = _rings(edges, np.full(len(edges) - 1, CRYSTALS_PHI), radius, np.full(len(edges) - 1, -1))
    n_barrel = len(barrel)
    index = np.full((2, ENDCAP_CRYSTALS, ENDCAP_CRYSTALS), NOWHERE, dtype=np.int32)
    middle = (np.arange(ENDCAP_CRYSTALS) - ENDCAP_CRYSTALS / 2 + 0.5) * ENDCAP_CRYSTAL_CM
    x, y = np.meshgrid(middle, middle, indexing="ij")
    distance = np.hypot(x, y)
    outer, inner = (ECAL_HALF_LENGTH_CM / np.sinh(limit) for limit in ENDCAP_ABS_ETA)
    row, column = np.nonzero((distance > inner) & (distance < outer))
    n = len(row)
    for lid in (0, 1):
        index[lid, row, column] = n_barrel + lid * n + np.arange(n)
    x, y = np.tile(x[row, column], 2), np.tile(y[row, column], 2)
    side = np.repeat([-1.0, 1.0], n)
    padded = np.pad(index, ((0, 0), (REACH, REACH), (REACH, REACH)), constant_values=NOWHERE)
    around = [
        padded[np.repeat([0, 1], n), np.tile(row, 2) + i, np.tile(column, 2) + j]
        for i in range(SIDE)
        for j in range(SIDE)
    ]
    centre, steps = np.stack([x, y], axis=-1), np.arange(SIDE + 1) - 0.5 * SIDE
    neighbours = np.stack(around, axis=-1).astype(np.int32)
    # across the direction of flight a square looks smaller in its radial direction; the mean of both
    eta = side * np.arcsinh(ECAL_HALF_LENGTH_CM / np.hypot(x, y))
    return CellGrid(
        np.concatenate([barrel.eta, eta]),
        np.concatenate([barrel.phi, np.arctan2(y, x)]),
        np.concatenate([barrel.edges, centre[:, :, None] + ENDCAP_CRYSTAL_CM * steps]),
        np.concatenate([barrel.scale_cm, 0.5 * (1.0 + np.abs(np.tanh(eta)))]),
        np.concatenate([barrel.in_plane, np.ones(2 * n, dtype=bool)]),
        np.concatenate([barrel.layer, np.full(2 * n, -2, dtype=np.int8)]),
        np.concatenate([barrel.around, neighbours]),
        np.concatenate([barrel.under, neighbours]),
        barrel.ring_edges,
        barrel.ring_first,
        barrel.ring_size,
        index,
    )


@functools.cache
def hcal_grid() -> CellGrid:
    """Towers: 29 rings a side, 72 or 36 in phi; one depth."""
    edges = np.array([-edge for edge in reversed(TOWER_EDGES[1:])] + list(TOWER_EDGES))
    middle = np.abs(0.5 * (edges[1:] + edges[:-1]))
    number = np.abs(np.arange(len(middle)) - (len(middle) - 1) / 2).astype(np.int64)
    radius = np.minimum(HCAL_RADIUS_CM, HCAL_HALF_LENGTH_CM / np.sinh(middle))
    return _rings(edges, np.where(number < FINE_TOWERS, 72, 36), radius, np.where(middle < 1.39, 1, 3))


@functools.cache
def hf_grid(layer: int) -> CellGrid:
    """Forward towers, 12 rings a side; `layer` 11 are the long, 12 the short fibres."""
    edges = np.array([-edge for edge in reversed(HF_EDGES)] + list(HF_EDGES))
    middle = np.abs(0.5 * (edges[1:] + edges[:-1]))
    gap = np.arange(len(middle)) == len(HF_EDGES) - 1  # from -3 to 3 there is nothing
    radius = HF_Z_CM / np.sinh(np.maximum(middle, 1.0))
    return _rings(edges, np.where(gap, 0, HF_PHI), radius, np.full(len(middle), layer))


def _rings(edges: Floats, size: Ints, radius_cm: Floats, layer: Ints) -> CellGrid:
    """Rings of cells in phi, from low eta to high."""
    first = first_rows(size)
    ring = owners(size)
    column = places(size)
    width = 2 * np.pi / size[ring]
    steps = np.arange(-REACH, REACH + 2)
    own = np.stack(
        [
            edges[np.clip(ring[:, None] + steps, 0, len(edges) - 1)],
            (column[:, None] + steps) * width[:, None],
        ],
        axis=1,
    )
    phi = wrap_phi((column + 0.5) * width)
    around = np.full((len(ring), SIDE * SIDE), NOWHERE, dtype=np.int32)
    under = around.copy()
    for i in range(-REACH, REACH + 1):
        other = np.clip(ring + i, 0, len(size) - 1)
        exists = (ring + i == other) & (size[other] > 0)
        there = np.maximum(size[other], 1)
        opposite = np.floor((column + 0.5) * there / size[ring]).astype(np.int64)
        for j in range(-REACH, REACH + 1):
            place = (i + REACH) * SIDE + j + REACH
            below = np.floor((column + j + 0.5) * there / size[ring]).astype(np.int64)
            around[:, place] = np.where(exists, first[other] + (opposite + j) % there, NOWHERE)
            under[:, place] = np.where(exists, first[other] + below % there, NOWHERE)
    return CellGrid(
        0.5 * (edges[ring] + edges[ring + 1]),
        phi,
        own,
        radius_cm[ring],
        np.zeros(len(ring), dtype=bool),
        layer[ring].astype(np.int8),
        around,
        under,
        edges,
        first,
        size,
        np.empty((0, 0, 0), dtype=np.int32),
    )


def _on_plane(eta: Floats, phi: Floats) -> tuple[Floats, Floats]:
    """Coordinates x and y in cm where directions meet the planes of the ECAL's endcaps."""
    r = ECAL_HALF_LENGTH_CM / np.maximum(np.abs(np.sinh(eta)), 0.1)
    return r * np.cos(phi), r * np.sin(phi)
