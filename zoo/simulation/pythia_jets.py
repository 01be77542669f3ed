"""Makes the pool of jets rich in neutral pions with Pythia (extra `pythia`); half an hour for 14,000.

    python -m zoo.simulation.pythia_jets --n 14000 --seed 1 --out zoo/simulation/library/jets.npz

Proton-proton collisions at 13 TeV: inelastic non-diffractive ones for the soft jets, QCD in three bins of
pT-hat for the others. A jet is a cone: the hardest particle left and all within R = 0.4 of it, neutrinos
aside; then the next one. Kept are jets with |eta| < 1.44 of whose energy photons and electrons carry at
least half. Their ET is half flat, half log-uniform from 1 to 100 GeV, so that no part of the range is short
of jets. Particles below 30 MeV are left out.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from zoo.angles import wrap_phi
from zoo.arrays import Bools, Floats, Ints, owners, row_splits
from zoo.errors import InvalidValue
from zoo.simulation.hadrons import LEAST_GEV
from zoo.simulation.jets import SHIPPED, JetPool
from zoo.simulation.minimum_bias import NEUTRINOS, open_pythia

RADIUS = 0.4
MAX_ABS_ETA = 1.44
MIN_ET_GEV, MAX_ET_GEV = 1.0, 100.0
MIN_ELECTROMAGNETIC = 0.5
MAX_JETS = 8
"""Cones looked for in an event."""
ET_BINS = 24
BATCH = 100
ELECTROMAGNETIC = (11, 22)


@dataclass(frozen=True)
class Process:
    """Collisions that give the jets up to some ET."""

    max_et_gev: float
    settings: tuple[str, ...]


HARD = ("HardQCD:all = on", "PartonLevel:MPI = off")
"""Other partons of the same protons add about 1 GeV to a cone, which pile-up hides."""
PROCESSES = (
    Process(6.0, ("SoftQCD:nonDiffractive = on",)),
    Process(20.0, (*HARD, "PhaseSpace:pTHatMin = 8")),
    Process(50.0, (*HARD, "PhaseSpace:pTHatMin = 22")),
    Process(MAX_ET_GEV, (*HARD, "PhaseSpace:pTHatMin = 52")),
)


def generate(n: int, seed: int) -> JetPool:
    """Generates jets.

    Args:
        n: How many.
        seed: Seed of Pythia, 1..900,000,000.

    Returns:
        The jets, softest bin of ET first.

    Raises:
        MissingExtra: Pythia is not installed.
        InvalidValue: `n` or `seed` out of range.
    """
    if n < 1:
        raise InvalidValue("n", "at least one jet", n)
    if not 1 <= seed <= 900_000_000:
        raise InvalidValue("seed", "1..900000000", seed)
    edges = np.geomspace(MIN_ET_GEV, MAX_ET_GEV, ET_BINS + 1)
    wanted = quotas(n, edges)
    # the bins of one process: those whose lower edge lies below its largest ET
    process_of = np.searchsorted([process.max_et_gev for process in PROCESSES], edges[:-1], side="right")
    bins: list[list[JetPool]] = [[] for _ in wanted]
    for number, process in enumerate(PROCESSES):
        pythia = open_pythia(seed, *process.settings)
        missing = np.where(process_of == number, wanted, 0)
        while missing.any():
            found = cone_jets(pythia.nextBatch(BATCH))
            place = np.searchsorted(edges, found.et_gev, side="right") - 1
            for which in np.flatnonzero(missing):
                chosen = np.flatnonzero(place == which)[: missing[which]]
                bins[which].append(_take(found, chosen))
                missing[which] -= len(chosen)
    return _join([part for parts in bins for part in parts])


def quotas(n: int, edges: Floats) -> Ints:
    """Shares n jets among bins of ET: half flat, half log-uniform; rounded so that they add up to n."""
    flat = np.diff(edges) / (edges[-1] - edges[0])
    logarithmic = np.diff(np.log(edges)) / np.log(edges[-1] / edges[0])
    ends = np.concatenate([[0.0], np.cumsum(0.5 * (flat + logarithmic))])
    return np.asarray(np.diff(np.rint(n * ends).astype(np.int64)))


def cone_jets(events: Any) -> JetPool:
    """Finds the jets of a batch of Pythia's events: see the module's docstring; any ET."""
    final = events.prt[events.prt.status > 0]
    event = owners(np.asarray(ak.num(final.id)))
    pdg = np.asarray(ak.flatten(final.id), dtype=np.int64)
    x, y, z, energy = (
        np.asarray(ak.flatten(final.p[name]), dtype=np.float64) for name in ("px", "py", "pz", "e")
    )
    pt = np.maximum(np.hypot(x, y), 1e-9)
    eta, phi = np.arcsinh(z / pt), np.arctan2(y, x)
    visible = ~np.isin(np.abs(pdg), NEUTRINOS) & (energy >= LEAST_GEV) & (np.abs(eta) < MAX_ABS_ETA + RADIUS)
    order = np.flatnonzero(visible)
    order = order[np.lexsort((-pt[order], event[order]))]
    event, pdg = event[order], pdg[order]
    energy, eta, phi = energy[order], eta[order], phi[order]

    jet = np.full(len(order), -1)
    left = np.arange(len(order))
    for cone in range(MAX_JETS):
        if not len(left):
            break
        # the hardest of what is left of each event comes first
        new = np.diff(event[left], prepend=-1) != 0
        leader = left[np.flatnonzero(new)[np.cumsum(new) - 1]]
        d_phi = wrap_phi(phi[left] - phi[leader])
        inside = np.hypot(eta[left] - eta[leader], d_phi) < RADIUS
        jet[left[inside]] = event[left[inside]] * MAX_JETS + cone
        left = left[~inside]
    members = np.flatnonzero(jet >= 0)
    members = members[np.argsort(jet[members], kind="stable")]
    _, start = np.unique(jet[members], return_index=True)
    found = JetPool(
        np.append(start, len(members)),
        pdg[members].astype(np.int16),
        energy[members].astype(np.float32),
        eta[members].astype(np.float32),
        phi[members].astype(np.float32),
    )
    return _take(found, np.flatnonzero(_wanted(found)))


def electromagnetic_part(pool: JetPool) -> Floats:
    """Returns [J] the part of each jet's energy that photons and electrons carry."""
    seen = np.where(np.isin(np.abs(pool.pdg_id), ELECTROMAGNETIC), pool.energy_gev, 0.0)
    part: Floats = np.add.reduceat(seen, pool.start[:-1]) / pool.axis[0]
    return part


def _wanted(pool: JetPool) -> Bools:
    if not len(pool):
        return np.zeros(0, dtype=bool)
    return (np.abs(pool.axis[1]) < MAX_ABS_ETA) & (electromagnetic_part(pool) >= MIN_ELECTROMAGNETIC)


def _take(pool: JetPool, jets: Ints) -> JetPool:
    _, particle = pool.particles_of(jets)
    start = row_splits(np.diff(pool.start)[jets])
    return JetPool(
        start, pool.pdg_id[particle], pool.energy_gev[particle], pool.eta[particle], pool.phi[particle]
    )


def _join(parts: list[JetPool]) -> JetPool:
    counts = np.concatenate([np.diff(part.start) for part in parts])
    return JetPool(
        row_splits(counts),
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("pdg_id", "energy_gev", "eta", "phi")
        ),
    )


def main(arguments: list[str] | None = None) -> None:
    """Generates and writes the pool: see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m zoo.simulation.pythia_jets", description="Make the pool of jets."
    )
    parser.add_argument("--n", type=int, default=14000, help="jets")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=SHIPPED)
    options = parser.parse_args(arguments)
    pool = generate(options.n, options.seed)
    processes = "Pythia 8.317.2, SoftQCD:nonDiffractive and HardQCD:all, pp 13 TeV"
    size = pool.save(options.out, provenance=f"{processes}, seed {options.seed}, zoo.simulation.pythia_jets")
    print(f"{options.out}: {len(pool)} jets, {size / 1e6:.2f} MB")
    print(f"  particles per jet: {len(pool.pdg_id) / len(pool):.1f}")
    print(f"  part of photons and electrons: {electromagnetic_part(pool).mean():.3f}")


if __name__ == "__main__":
    main()
