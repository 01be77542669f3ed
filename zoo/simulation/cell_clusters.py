"""Deposits spread over cells, noise, and clusters of cells, many events at once; truth travels along.

    deposits = spread(grid, event, particle, energy, eta, phi, shape)
    clusters = cluster(grid, n_events, deposits, config, rng)

Cells above the seed threshold that top their eight neighbours start a cluster. Cells of its 5 x 5 above the
gather threshold join it; one that several clusters claim is shared by `E exp(-d^2 / 2 sigma^2)`, as in CMS's
PFClustering (arXiv:1706.04965), with the clusters' energies and log-weighted positions of the round before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats, Floats32, Ints, first_rows, owners, places
from zoo.simulation.cell_grids import CENTRE, RING, SIDE, CellGrid

__all__ = ["ClusterConfig", "Clusters", "Deposits", "ShowerShape", "cluster", "join_deposits", "spread"]


@dataclass(frozen=True)
class ShowerShape:
    """Transverse profile: a core and a tail, each the product of two logistic distributions."""

    core_cm: float
    tail_cm: float
    tail_part: float
    least_gev: float  # a smaller deposit in a cell is dropped: a twentieth of the noise


@dataclass(frozen=True)
class ClusterConfig:
    """Noise and thresholds by layer (-1 EB, -2 EE, 1 HB, 3 HE, 11 and 12 HF), and how cells are shared."""

    noise_gev: dict[int, float]
    seed_gev: dict[int, float]
    gather_gev: dict[int, float]
    sigma_cm: float  # of the sharing
    rounds: int = 2
    log_weight: float = 4.2  # w0 of the position


@dataclass(frozen=True, eq=False)
class Deposits:
    """Energy of particles in cells: [D] event, cell, particle, energy."""

    event: Ints
    cell: Ints
    particle: Ints
    energy_gev: Floats


@dataclass(frozen=True, eq=False)
class Clusters:
    """K clusters, event after event, and what particles left in them.

    Attributes:
        event: [K] event of each.
        layer: [K] layer of its seed.
        energy_gev: [K] measured energy.
        eta: [K] position, seen from the origin.
        phi: [K].
        link_cluster: [L] cluster; with the particle and its deposit.
        link_particle: [L].
        link_gev: [L].
    """

    event: Ints
    layer: npt.NDArray[np.int8]
    energy_gev: Floats
    eta: Floats
    phi: Floats
    link_cluster: Ints
    link_particle: Ints
    link_gev: Floats


def spread(
    grid: CellGrid,
    event: Ints,
    particle: Ints,
    energy_gev: Floats,
    eta: Floats,
    phi: Floats,
    shape: ShowerShape,
) -> Deposits:
    """Shares deposits [S] among the 5 x 5 cells around them by the profile; what misses the cells is lost."""
    cell = grid.find(eta, phi)
    hit = np.flatnonzero(cell >= 0)
    cell, local = cell[hit], grid.local(cell[hit], eta[hit], phi[hit])
    away = (grid.edges[cell] - local[..., None]) * grid.scale_cm[cell, None, None]
    parts = np.zeros((len(hit), SIDE, SIDE))
    for width, weight in ((shape.core_cm, 1.0 - shape.tail_part), (shape.tail_cm, shape.tail_part)):
        inside = 0.5 * np.diff(np.tanh(away / (2.0 * width)), axis=-1)
        parts += weight * inside[:, 0, :, None] * inside[:, 1, None, :]
    value = (parts * energy_gev[hit, None, None]).reshape(len(hit), SIDE * SIDE)
    which, place = np.nonzero(value > shape.least_gev)
    to = grid.under[cell[which], place].astype(np.int64)
    there = to >= 0
    which, place, to = which[there], place[there], to[there]
    return Deposits(event[hit[which]], to, particle[hit[which]], value[which, place])


def join_deposits(parts: list[Deposits]) -> Deposits:
    """Puts deposits one after the other."""
    names = ("event", "cell", "particle", "energy_gev")
    return Deposits(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def cluster(
    grid: CellGrid, n_events: int, deposits: Deposits, config: ClusterConfig, rng: np.random.Generator
) -> Clusters:
    """Adds noise and finds clusters.

    Args:
        grid: The cells.
        n_events: Number of events.
        deposits: What particles left.
        config: Noise, thresholds, sharing.
        rng: Source of the noise.
    """
    size = len(grid)
    noise, seed, gather = (
        _by_layer(grid, values) for values in (config.noise_gev, config.seed_gev, config.gather_gev)
    )
    key = deposits.event * size + deposits.cell
    image = np.bincount(key, deposits.energy_gev, n_events * size).astype(np.float32).reshape(n_events, size)
    image += rng.standard_normal(image.shape, dtype=np.float32) * noise
    event, top = np.nonzero(image > seed)
    ring = grid.around[top][:, RING]
    rivals = np.where(ring >= 0, image[event[:, None], ring], -np.inf)
    highest = image[event, top] >= rivals.max(axis=1)
    event, top = event[highest], top[highest]

    claimed = grid.around[top].astype(np.int64)
    value = image[event[:, None], claimed]
    joins = (claimed >= 0) & (value > gather[claimed])
    joins[:, CENTRE] = True
    owner, place = np.nonzero(joins)
    cell, value = claimed[owner, place], value[owner, place].astype(np.float64)
    offset = grid.offsets_cm(top[owner], cell)
    energy, centre = image[event, top].astype(np.float64), np.zeros((len(top), 2))
    claim = event[owner] * size + cell
    key_of = np.unique(claim)
    inverse = np.searchsorted(key_of, claim)
    for _ in range(config.rounds):
        distance = ((offset - centre[owner]) ** 2).sum(axis=1)
        weight = energy[owner] * np.exp(-0.5 * distance / config.sigma_cm**2) + 1e-30
        fraction = weight / np.bincount(inverse, weight, len(key_of))[inverse]
        energy = np.bincount(owner, fraction * value, len(top))
        log_weight = np.maximum(
            config.log_weight + np.log(np.maximum(fraction * value, 1e-9) / np.maximum(energy[owner], 1e-9)),
            0.0,
        )
        total = np.maximum(np.bincount(owner, log_weight, len(top)), 1e-9)
        moved = [np.bincount(owner, log_weight * offset[:, axis], len(top)) / total for axis in (0, 1)]
        centre = np.stack(moved, axis=-1)

    local = grid.middle[top] + centre / grid.scale_cm[top, None]
    eta, phi = grid.direction(top, local)
    link = _links(key_of, inverse, owner, fraction, key, deposits)
    return Clusters(event, grid.layer[top], energy, eta, phi, *link)


def _by_layer(grid: CellGrid, values: dict[int, float]) -> Floats32:
    table = np.zeros(256, dtype=np.float32)
    for layer, value in values.items():
        table[layer] = value
    return table[grid.layer.astype(np.int64)]


def _links(
    key_of: Ints, inverse: Ints, owner: Ints, fraction: Floats, key: Ints, deposits: Deposits
) -> tuple[Ints, Ints, Floats]:
    """Shares each deposit among the clusters of its cell, and adds up by cluster and particle."""
    by_cell = np.argsort(inverse, kind="stable")
    count = np.bincount(inverse, minlength=len(key_of))
    first = first_rows(count)
    place = np.searchsorted(key_of, key)
    place = np.minimum(place, max(len(key_of) - 1, 0))
    known = np.flatnonzero(key_of[place] == key) if len(key_of) else np.empty(0, np.int64)
    place = place[known]
    repeat = owners(count[place])
    within = places(count[place])
    entry = by_cell[first[place][repeat] + within]
    source = known[repeat]
    many = int(deposits.particle.max(initial=0)) + 1
    pair = owner[entry] * many + deposits.particle[source]
    order = np.argsort(pair)
    pair = pair[order]
    start = np.flatnonzero(np.diff(pair, prepend=-1))
    energy = (fraction[entry] * deposits.energy_gev[source])[order]
    total = np.add.reduceat(energy, start) if len(start) else np.empty(0)
    return pair[start] // many, pair[start] % many, total
