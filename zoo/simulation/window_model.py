"""The Gaussian model of an object's hits, as the simulation makes them: mean, slopes, covariance.

    for model in window_models(records):
        model.mean_gev, model.jacobian, model.covariance, model.prior

`information_limit` counts the information in it. Each particle that arrives is a mean shower (`mean_shower`)
with these parameters, around whose true values everything is expanded:

* ln E;
* above 1 GeV also the impact point, in crystals, and the energy that leaks through the rear face.

The covariance holds electronics noise, photostatistics, intercalibration, the fluctuations of showers above 1
GeV from crystal to crystal, and pile-up: what it left in a crystal is unknown by its own size, which is the
variance of a sum of rare deposits. Gaps and dead crystals are where they are. Neglected: fluctuations of what
gaps take, what is known from a crystal that is not a hit, and the threshold on the leakage variable.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import awkward as ak
import numpy as np

from zoo.arrays import Bools, Floats, Ints, first_rows, owners
from zoo.data.records import get_field, leaf_values
from zoo.detectors import cms_barrel
from zoo.simulation.mean_shower import CORE, REACH, MeanShowers, Profile
from zoo.simulation.samples import ELECTRONS, SampleConfig
from zoo.simulation.shower_table import KINDS
from zoo.simulation.showers import ShowerLibrary

__all__ = ["HARD_GEV", "WindowModel", "window_models"]

Showers = tuple[MeanShowers, MeanShowers]

HARD_GEV = 1.0
"""Softer particles neither leak nor fluctuate from crystal to crystal, and their impact point is known."""
POSITION_VARIANCE = 1.0 / 12.0
"""Of an impact point of which nothing but the crystal is known, in crystals squared."""
CHUNK = 1000
"""Objects whose profiles are evaluated at once."""


@dataclass(frozen=True)
class WindowModel:
    """Model of one object: M hits, P particles that arrive near its window, the first Q above 1 GeV.

    The K = P + 3 Q parameters are ln E of each particle; then, of the hard ones, the impact points along eta,
    those along phi, and the leaks in units of their prior error.

    Attributes:
        true_energy_gev: Energy of the primary at the vertex.
        energy_gev: [P] energies of the particles, hardest first.
        unseen_gev: [U] energies of those that never arrive, or arrive far from the window.
        mean_gev: [M] expected deposits, without pile-up.
        jacobian: [M, K] their slopes.
        covariance: [M, M] of the measured energies, GeV^2.
        leak_jacobian: [K] slopes of the leakage variable.
        leak_variance: Its variance, GeV^2.
        prior: [K, K] information on the parameters before the measurement: nothing on the scale that all
            energies share, one on ln of each particle's part of it, and on leaks; 12 on impact points.
    """

    true_energy_gev: float
    energy_gev: Floats
    unseen_gev: Floats
    mean_gev: Floats
    jacobian: Floats
    covariance: Floats
    leak_jacobian: Floats
    leak_variance: float
    prior: Floats


class _Arrivals(NamedTuple):
    """Particles that reach the windows, object after object, hardest first; [S] each."""

    owner: Ints
    energy_gev: Floats
    electron: Bools
    row: Ints
    iphi: Ints
    offset_eta: Floats
    offset_phi: Floats
    in_window: Bools

    def taken(self, index: Ints | slice) -> _Arrivals:
        """Returns some of them."""
        return _Arrivals._make(column[index] for column in self)


class _Shapes(NamedTuple):
    """What the mean showers say about each arrival, [S] each."""

    node: Ints
    leak_gev: Floats
    leak_error_gev: Floats
    profile: Profile


def window_models(
    records: ak.Array,
    *,
    config: SampleConfig = ELECTRONS,
    library: ShowerLibrary | None = None,
    split: str | None = None,
) -> Iterator[WindowModel]:
    """Builds the model of each object.

    Args:
        records: Simulated records with `particles`.
        config: The sample's configuration: noise, leakage variable and window are used.
        library: The showers that the sample is made of; the shipped ones by default.
        split: Average the showers of one split alone; all by default.

    Yields:
        One model for each record.

    Raises:
        UnknownName: The records have no truth.
    """
    get_field(records, "particles.energy_gev")  # truth first: the mean showers take seconds
    chosen = library or ShowerLibrary.shipped()
    showers = MeanShowers.of(chosen, KINDS[0], split), MeanShowers.of(chosen, KINDS[1], split)
    for start in range(0, len(records), CHUNK):
        yield from _chunk(records[start : start + CHUNK], config, showers)


def _chunk(records: ak.Array, config: SampleConfig, showers: Showers) -> Iterator[WindowModel]:
    """Sorts particles and hits by object and builds the models one by one."""
    arrivals, unseen_owner, unseen_gev = _arrivals(records, config)
    shapes = _shapes(arrivals, showers)
    hits = _Hits(
        cms_barrel.row_from_ieta(leaf_values(records, "hits.ieta")),
        leaf_values(records, "hits.iphi").astype(np.int64),
        leaf_values(records, "hits.noise_gev").astype(np.float64),
        leaf_values(records, "hits.pileup_energy_gev").astype(np.float64),
    )
    edges = np.arange(len(records) + 1)
    hit_owner = np.repeat(edges[:-1], ak.to_numpy(ak.num(records.hits.ieta)))
    ends = [np.searchsorted(owner, edges) for owner in (arrivals.owner, hit_owner, unseen_owner)]
    truth = np.asarray(records.true_energy_gev, np.float64)
    for k in range(len(records)):
        mine, own_hits, unseen = (slice(end[k], end[k + 1]) for end in ends)
        yield _model(
            arrivals.taken(mine),
            _Shapes._make(
                [*(column[mine] for column in shapes[:3]), Profile._make(p[mine] for p in shapes[3])]
            ),
            _Hits._make(column[own_hits] for column in hits),
            unseen_gev[unseen],
            float(truth[k]),
            config,
            showers,
        )


class _Hits(NamedTuple):
    """Hits, [H] each."""

    row: Ints
    iphi: Ints
    noise_gev: Floats
    pileup_gev: Floats


def _model(
    arrivals: _Arrivals,
    shapes: _Shapes,
    hits: _Hits,
    unseen_gev: Floats,
    true_energy_gev: float,
    config: SampleConfig,
    showers: Showers,
) -> WindowModel:
    """Builds the model of one object."""
    energy, leak, leak_error = arrivals.energy_gev, shapes.leak_gev, shapes.leak_error_gev
    hard = int(np.sum(energy > HARD_GEV))
    kept = energy - leak
    d_row = hits.row - arrivals.row[:, None]
    d_column = cms_barrel.delta_iphi(hits.iphi, arrivals.iphi[:, None])
    near = (np.abs(d_row) <= REACH[0]) & (np.abs(d_column) <= REACH[1])
    particle, hit = np.nonzero(near)
    place = particle, d_row[near] + REACH[0], d_column[near] + REACH[1]
    images = np.zeros((3, *d_row.shape))
    for image, values in zip(images, shapes.profile, strict=True):
        image[particle, hit] = values[place] * kept[particle]
    by_energy, by_eta, by_phi = images
    by_leak = -by_energy[:hard] * (leak_error / kept)[:hard, None]

    mean = by_energy.sum(axis=0)
    deposit = mean + hits.pileup_gev
    smearing = deposit * (config.noise.stochastic**2 + config.noise.constant**2 * deposit)
    covariance = np.diag(hits.noise_gev**2 + smearing + hits.pileup_gev**2)
    for p in range(hard):
        core = np.flatnonzero((np.abs(d_row[p]) <= CORE[0]) & (np.abs(d_column[p]) <= CORE[1]))
        i, j = d_row[p, core] + CORE[0], d_column[p, core] + CORE[1]
        table = showers[int(arrivals.electron[p])]
        block, response = table.fluctuation(
            int(shapes.node[p]), arrivals.offset_eta[p], arrivals.offset_phi[p]
        )
        covariance[core[:, None], core] += block[i[:, None], j[:, None], i, j] * kept[p] ** 2
        by_leak[p, core] += response[i, j] * (kept[p] * leak_error[p] / leak[p])

    in_window = np.where(arrivals.in_window, 1.0, 0.0)
    behind = float(np.sum(leak * in_window))
    prior = np.diag(np.repeat([0.0, 1.0 / POSITION_VARIANCE, 1.0], [len(energy), 2 * hard, hard]))
    share = np.eye(len(energy)) - energy / max(energy.sum(), 1e-30)  # d ln(share) / d ln E
    prior[: len(energy), : len(energy)] = share.T @ share
    return WindowModel(
        true_energy_gev,
        energy,
        unseen_gev,
        mean,
        np.concatenate([by_energy, by_eta[:hard], by_phi[:hard], by_leak]).T,
        covariance,
        np.concatenate([leak * in_window, np.zeros(2 * hard), (leak_error * in_window)[:hard]]),
        config.leakage.stochastic**2 * behind + config.leakage.noise_gev**2,
        prior,
    )


def _arrivals(records: ak.Array, config: SampleConfig) -> tuple[_Arrivals, Ints, Floats]:
    """Finds the particles that end a branch of the cascade.

    Returns:
        Those that put something into a window; owner and energy in GeV of the others.
    """
    energy = leaf_values(records, "particles.energy_gev").astype(np.float64)
    pdg_id, parent = leaf_values(records, "particles.pdg_id"), leaf_values(records, "particles.parent")
    counts = ak.to_numpy(ak.num(records.particles.energy_gev))
    owner = owners(counts)
    mother = first_rows(counts)[owner] + parent
    converted = np.zeros(len(owner), bool)
    converted[mother[parent >= 0]] = True
    last = (pdg_id != 22) | ~converted  # an electron that radiated goes on, a photon that converted does not
    order = np.lexsort((-energy, owner))
    order = order[last[order]]

    at = cms_barrel.impact(leaf_values(records, "particles.eta"), leaf_values(records, "particles.phi"))
    seed_row = cms_barrel.row_from_ieta(np.asarray(records.seed_ieta))[owner]
    d_row = np.abs(at.row - seed_row)
    d_column = np.abs(cms_barrel.delta_iphi(at.iphi, np.asarray(records.seed_iphi)[owner]))
    arrived = leaf_values(records, "particles.library_row") >= 0
    window = config.patch.window
    near = arrived & (d_row <= window[0] + REACH[0]) & (d_column <= window[1] + REACH[1])
    in_window = (d_row <= window[0]) & (d_column <= window[1])
    everything = _Arrivals(owner, energy, np.abs(pdg_id) == 11, *at, in_window)
    unseen = order[~near[order]]
    return everything.taken(order[near[order]]), owner[unseen], energy[unseen]


def _shapes(arrivals: _Arrivals, showers: Showers) -> _Shapes:
    """Evaluates the mean showers of all arrivals."""
    n = len(arrivals.owner)
    node, leak, error = np.zeros(n, np.int64), np.zeros(n), np.zeros(n)
    profile = Profile(*np.zeros((3, n, 2 * REACH[0] + 1, 2 * REACH[1] + 1), np.float32))
    for electron, table in enumerate(showers):
        members = np.flatnonzero(arrivals.electron == bool(electron))
        part = arrivals.taken(members)
        node[members] = table.node(part.energy_gev)
        leak[members] = table.leak[node[members]] * part.energy_gev
        spread = table.leak_spread[node[members]]
        # 1 / sqrt of the Fisher information on a shift of a log-normal variable, over its median
        error[members] = leak[members] * spread * np.exp(-(spread**2)) / np.sqrt(1.0 + spread**2)
        found = table.profile(part.energy_gev, part.offset_eta, part.offset_phi, part.row, part.iphi)
        for whole, values in zip(profile, found, strict=True):
            whole[members] = values
    return _Shapes(node, leak, error, profile)
