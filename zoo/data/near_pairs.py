"""All pairs of two sets of points that lie near each other in eta and phi, within their event."""

from __future__ import annotations

import numpy as np

from zoo.angles import phi_cell, wrap_phi
from zoo.arrays import Floats, Ints, owners, places

__all__ = ["near_pairs"]


MAX_ABS_ETA = 12.0


def near_pairs(
    event: Ints,
    eta: Floats,
    phi: Floats,
    other_event: Ints,
    other_eta: Floats,
    other_phi: Floats,
    reach: float,
) -> tuple[Ints, Ints, Floats, Floats]:
    """Finds pairs with |d eta| and |d phi| of at most `reach`, in time linear in points and pairs.

    Args:
        event: [N] event of each point.
        eta: [N].
        phi: [N] azimuth.
        other_event: [M] the same of the other set; in any order.
        other_eta: [M].
        other_phi: [M].
        reach: Largest distance along each axis.

    Returns:
        [Q] index of the point, [Q] index of the other, [Q] other minus point in eta, [Q] in phi; sorted by
        point.
    """
    rows = int(2 * MAX_ABS_ETA / reach) + 4
    columns = max(int(2 * np.pi / reach), 1)

    def cell(of: Ints, at_eta: Floats, at_phi: Floats, row_step: int, column_step: int) -> Ints:
        row = np.floor((np.clip(at_eta, -MAX_ABS_ETA, MAX_ABS_ETA) + MAX_ABS_ETA) / reach).astype(np.int64)
        column = (phi_cell(at_phi, columns) + column_step) % columns
        return np.asarray((of * rows + row + 1 + row_step) * columns + column, np.int64)

    key = cell(other_event, other_eta, other_phi, 0, 0)
    order = np.argsort(key, kind="stable")
    key = key[order]
    left, right = [], []
    steps = sorted({step % columns for step in (-1, 0, 1)})
    for row_step in (-1, 0, 1):
        for column_step in steps:
            wanted = cell(event, eta, phi, row_step, column_step)
            first, end = np.searchsorted(key, wanted), np.searchsorted(key, wanted, side="right")
            count = end - first
            point = owners(count)
            within = places(count)
            left.append(point)
            right.append(order[first[point] + within])
    a, b = np.concatenate(left), np.concatenate(right)
    d_eta = other_eta[b] - eta[a]
    d_phi = wrap_phi(other_phi[b] - phi[a])
    near = np.flatnonzero((np.abs(d_eta) <= reach) & (np.abs(d_phi) <= reach))
    near = near[np.argsort(a[near], kind="stable")]
    return a[near], b[near], d_eta[near], d_phi[near]
