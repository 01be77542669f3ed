"""Makes the pool of minimum-bias events at the calorimeter's face with Pythia (extra `pythia`).

    python -m zoo.simulation.minimum_bias --n 5000 --seed 1 --out zoo/simulation/library/minimum_bias.npz

One event is one inelastic proton-proton interaction at 13 TeV, diffraction included. Kept for each, at
R = 1.29 m and |eta| < 1.5, is everything that leaves at least 30 MeV in the crystals:

* photons, where the straight line from their production point meets the face;
* electrons, charged hadrons and muons, on a helix in 3.8 T; `hadrons` says what these leave in the crystals.
  Below pT = 0.735 GeV they curl up before they arrive.

Not simulated: material before the crystals, neutral hadrons in them, the spread of the interaction point.

For the energy density rho each event also carries the sums of pT, over what particle flow would see, in
9 x 11 cells of about 0.55 x 0.55 in |eta| < 2.5: those of several interactions add up, and rho is the median
over cells of (sum of pT / area), the fixed-grid estimate of FastJet (arXiv:1111.6097).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from zoo.angles import phi_cell
from zoo.arrays import Floats, Floats32, Ints, owners, row_splits
from zoo.detectors.cms_barrel import RADIUS_CM
from zoo.errors import InvalidValue, require
from zoo.simulation.hadrons import LEAST_GEV, crystal_deposit, kinetic_gev, to_face
from zoo.simulation.interactions import (
    GRID_ETA,
    GRID_MAX_ETA,
    GRID_PHI,
    MAX_ETA,
    SHIPPED,
    MinimumBias,
    figures,
    save,
)

BEAM_ENERGY_GEV = 13000.0
NEUTRINOS = (12, 14, 16)
TRACK_RISE_PT_GEV = (0.3, 0.8)
TRACK_EFFICIENCY = 0.94
"""Tracks are found with an efficiency that rises between these pT to its plateau; for rho alone."""
PHOTON_LEAST_GEV = 0.5
NEUTRAL_LEAST_GEV = 3.0
"""Softest photon and neutral hadron that particle flow would see; for rho alone."""
BATCH = 250


def generate(n: int, seed: int) -> MinimumBias:
    """Generates interactions.

    Args:
        n: How many.
        seed: Seed of Pythia and of the response, 1..900,000,000.

    Returns:
        The events.

    Raises:
        MissingExtra: Pythia is not installed.
        InvalidValue: `n` or `seed` out of range.
    """
    if n < 1:
        raise InvalidValue("n", "at least one event", n)
    if not 1 <= seed <= 900_000_000:
        raise InvalidValue("seed", "1..900000000", seed)
    pythia = open_pythia(seed, "SoftQCD:inelastic = on")
    rng = np.random.default_rng(seed)
    charges: dict[int, float] = {}
    parts: list[MinimumBias] = []
    done = 0
    while done < n:
        events = pythia.nextBatch(min(BATCH, n - done))
        done += len(events)
        parts.append(at_face(events, charges, pythia.particleData, rng))
    counts = np.concatenate([np.diff(part.start) for part in parts])
    return MinimumBias(
        start=row_splits(counts),
        energy_gev=np.concatenate([part.energy_gev for part in parts]),
        eta=np.concatenate([part.eta for part in parts]),
        phi=np.concatenate([part.phi for part in parts]),
        kind=np.concatenate([part.kind for part in parts]),
        grid_gev=np.concatenate([part.grid_gev for part in parts]),
    )


def open_pythia(seed: int, *settings: str) -> Any:
    """Returns Pythia, ready for proton-proton collisions at 13 TeV.

    Args:
        seed: Seed, 1..900,000,000.
        settings: Lines of its settings, the processes among them.

    Raises:
        MissingExtra: Pythia is not installed.
    """
    pythia = require("pythia8mc", extra="pythia").Pythia("", False)
    beams = f"Beams:eCM = {BEAM_ENERGY_GEV}"
    for setting in (beams, *settings, "Random:setSeed = on", f"Random:seed = {seed}", "Print:quiet = on"):
        pythia.readString(setting)
    pythia.init()
    return pythia


def at_face(events: Any, charges: dict[int, float], data: Any, rng: np.random.Generator) -> MinimumBias:
    """Brings a batch of Pythia's events to the calorimeter's face.

    Args:
        events: Records of Pythia's `nextBatch`; GeV and mm.
        charges: Charges by PDG code, for those codes that came before; new ones are added.
        data: Pythia's particle data.
        rng: Draws what the hadrons leave in the crystals.

    Returns:
        What arrives of each event.
    """
    final = events.prt[events.prt.status > 0]
    counts = np.asarray(ak.num(final.id), dtype=np.int64)
    event = owners(counts)

    def flat(values: Any) -> Floats:
        return np.asarray(ak.flatten(ak.fill_none(values, 0.0)), dtype=np.float64)

    pdg = np.asarray(ak.flatten(final.id), dtype=np.int64)
    px, py, pz, energy = (flat(final.p[name]) for name in ("px", "py", "pz", "e"))
    x, y, z = (flat(final.vProd[name]) / 10.0 for name in ("px", "py", "pz"))
    mass = flat(final.m)
    for code in np.unique(pdg).tolist():
        charges.setdefault(code, float(data.charge(code)))
    charge = np.array([charges[code] for code in pdg.tolist()])
    pt = np.maximum(np.hypot(px, py), 1e-9)
    seen_pt = pt * _efficiency(pdg, charge, pt, energy)
    grid = _grid(event, len(counts), seen_pt, np.arcsinh(pz / pt), np.arctan2(py, px))

    # What is produced beyond the face (a late K0S) is left out.
    kept = ((pdg == 22) | (charge != 0.0)) & (np.hypot(x, y) < RADIUS_CM)
    pdg, event, energy, mass = pdg[kept], event[kept], energy[kept], mass[kept]
    eta, phi = to_face(charge[kept], *(a[kept] for a in (x, y, z, px, py, pz)))
    deposit, kind = crystal_deposit(pdg, energy, kinetic_gev(pdg, energy, mass), rng)
    kept = (np.abs(eta) < MAX_ETA) & (deposit >= LEAST_GEV)
    return MinimumBias(
        start=row_splits(np.bincount(event[kept], minlength=len(counts))),
        energy_gev=deposit[kept].astype(np.float32),
        eta=eta[kept].astype(np.float32),
        phi=phi[kept].astype(np.float32),
        kind=kind[kept],
        grid_gev=grid,
    )


def _efficiency(pdg: Ints, charge: Floats, pt: Floats, energy: Floats) -> Floats:
    """How likely particle flow sees a particle, for rho."""
    neutrino = np.isin(np.abs(pdg), NEUTRINOS)
    track = np.interp(pt, TRACK_RISE_PT_GEV, (0.0, TRACK_EFFICIENCY))
    neutral = np.where(pdg == 22, energy > PHOTON_LEAST_GEV, energy > NEUTRAL_LEAST_GEV)
    return np.where(charge != 0.0, track, neutral & ~neutrino)


def _grid(event: Ints, n: int, pt: Floats, eta: Floats, phi: Floats) -> Floats32:
    """Sums of pT in the cells of the fixed grid."""
    inside = np.abs(eta) < GRID_MAX_ETA
    along_eta = ((eta[inside] + GRID_MAX_ETA) / (2 * GRID_MAX_ETA) * GRID_ETA).astype(np.int64)
    along_phi = phi_cell(phi[inside], GRID_PHI)
    cell = (event[inside] * GRID_ETA + np.minimum(along_eta, GRID_ETA - 1)) * GRID_PHI + along_phi
    sums = np.bincount(cell, weights=pt[inside], minlength=n * GRID_ETA * GRID_PHI)
    return sums.reshape(n, GRID_ETA, GRID_PHI).astype(np.float32)


def main(arguments: list[str] | None = None) -> None:
    """Generates and writes the pool: see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m zoo.simulation.minimum_bias", description="Make the pile-up pool."
    )
    parser.add_argument("--n", type=int, default=5000, help="interactions")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=SHIPPED)
    options = parser.parse_args(arguments)
    events = generate(options.n, options.seed)
    size = save(events, options.out, seed=options.seed)
    print(f"{options.out}: {len(events)} events, {size / 1e6:.2f} MB")
    for name, value in figures(events).items():
        print(f"  {name}: {value:.3f}")


if __name__ == "__main__":
    main()
