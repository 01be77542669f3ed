"""Makes the pool of collisions at the vertex with Pythia (extra `pythia`); five minutes for the shipped one.

    python -m zoo.simulation.pythia_collisions --seed 1 --out zoo/simulation/library/collisions.npz
    python -m zoo.simulation.pythia_collisions --scale 20 --out runs/collisions.npz  # as many as you like
    python -m zoo.simulation.pythia_collisions --only ttbar minimum_bias --scale 20 --out runs/collisions.npz

Proton-proton collisions at 14 TeV, as in the MLPF talk. QCD of pT-hat 15-3000 GeV is drawn with (pT-hat)^4.5
times its cross section and kept without weights: that is nearly flat. Single taus are log-uniform in pT from
2 to 200 GeV and flat in |eta| < 3.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from zoo.arrays import Floats, Ints, owners, row_splits
from zoo.errors import InvalidValue
from zoo.simulation.collisions import PROCESSES, SHIPPED, Collisions
from zoo.simulation.minimum_bias import NEUTRINOS, open_pythia

LEAST_ENERGY_GEV = 0.2
LEAST_PT_GEV = 0.15
MAX_ABS_ETA = 5.2
TAU_PT_GEV = (2.0, 200.0)
TAU_MAX_ABS_ETA = 3.0
TAU_MASS_GEV = 1.777
BATCH = 50
TRACKER = (
    "ParticleDecays:limitCylinder = on",
    "ParticleDecays:xyMax = 1000",  # mm: what decays farther out is seen as it is
    "ParticleDecays:zMax = 3000",
)


@dataclass(frozen=True)
class Source:
    """A process, how many collisions of it are shipped, and Pythia's settings."""

    name: str
    count: int
    settings: tuple[str, ...]


SOURCES = (
    Source("ttbar", 700, ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on")),
    Source(
        "qcd",
        600,
        (
            "HardQCD:all = on",
            "PhaseSpace:pTHatMin = 15",
            "PhaseSpace:pTHatMax = 3000",
            "PhaseSpace:bias2Selection = on",
            "PhaseSpace:bias2SelectionPow = 4.5",
        ),
    ),
    Source(
        "qcd_high",
        150,
        ("HardQCD:all = on", "PhaseSpace:pTHatMin = 3000", "PhaseSpace:pTHatMax = 7000"),
    ),
    Source(
        "ztautau",
        400,
        (
            "WeakSingleBoson:ffbar2gmZ = on",
            "PhaseSpace:mHatMin = 60",
            "23:onMode = off",
            "23:onIfAny = 15",
            "15:offIfAny = 11 13",
        ),
    ),
    Source("tau", 1200, ("ProcessLevel:all = off",)),
    Source("minimum_bias", 1800, ("SoftQCD:inelastic = on",)),
)


def generate(source: Source, n: int, seed: int) -> Collisions:
    """Generates collisions of one process.

    Args:
        source: The process.
        n: How many.
        seed: Seed of Pythia, 1..900,000,000.

    Raises:
        MissingExtra: Pythia is not installed.
        InvalidValue: `n` or `seed` out of range.
    """
    if n < 1:
        raise InvalidValue("n", "at least one collision", n)
    if not 1 <= seed <= 900_000_000:
        raise InvalidValue("seed", "1..900000000", seed)
    pythia = open_pythia(seed, *source.settings, "Beams:eCM = 14000", *TRACKER)
    index = PROCESSES.index(source.name)
    if source.name == "tau":
        return _taus(pythia, n, index, np.random.default_rng(seed))
    parts: list[Collisions] = []
    while (missing := n - sum(map(len, parts))) > 0:
        final = pythia.nextBatch(min(BATCH, missing)).prt
        final = final[final.status > 0]
        columns = [final.id, *(final.p[name] for name in ("px", "py", "pz", "e"))]
        made = [ak.fill_none(final.vProd[name], 0.0) for name in ("px", "py")]
        counts = np.asarray(ak.num(final.id), dtype=np.int64)
        flat = [np.asarray(ak.flatten(values), np.float64) for values in (*columns, *made)]
        parts.append(_seen(counts, index, *flat))
    return join(parts)


def join(parts: list[Collisions]) -> Collisions:
    """Puts pools one after the other."""
    counts = np.concatenate([np.diff(part.start) for part in parts])
    names = ("process", "pdg_id", "pt_gev", "eta", "phi", "radius_cm")
    return Collisions(
        row_splits(counts),
        *(np.concatenate([getattr(part, name) for part in parts]) for name in names),
    )


def _seen(
    counts: Ints,
    process: int,
    pdg: Floats,
    px: Floats,
    py: Floats,
    pz: Floats,
    energy: Floats,
    x_mm: Floats,
    y_mm: Floats,
) -> Collisions:
    """Keeps what a detector could see of collisions with `counts` particles each."""
    event = owners(counts)
    pt = np.hypot(px, py)
    eta = np.arcsinh(pz / np.maximum(pt, 1e-9))
    kept = (energy > LEAST_ENERGY_GEV) & (pt > LEAST_PT_GEV) & (np.abs(eta) < MAX_ABS_ETA)
    kept &= ~np.isin(np.abs(pdg), NEUTRINOS)
    return Collisions(
        row_splits(np.bincount(event[kept], minlength=len(counts))),
        np.full(len(counts), process, dtype=np.uint8),
        pdg[kept].astype(np.int16),
        pt[kept].astype(np.float32),
        eta[kept].astype(np.float32),
        np.arctan2(py, px)[kept].astype(np.float32),
        (np.hypot(x_mm, y_mm)[kept] / 10.0).astype(np.float32),
    )


def _taus(pythia: Any, n: int, process: int, rng: np.random.Generator) -> Collisions:
    """Decays single taus of both charges."""
    low, high = TAU_PT_GEV
    counts, rows = np.zeros(n, dtype=np.int64), []
    for index in range(n):
        pt, eta = low * (high / low) ** rng.random(), rng.uniform(-TAU_MAX_ABS_ETA, TAU_MAX_ABS_ETA)
        pz, energy = pt * np.sinh(eta), np.hypot(pt * np.cosh(eta), TAU_MASS_GEV)
        pythia.event.reset()
        code = int(rng.choice((15, -15)))
        number = pythia.event.append(code, 1, 0, 0, pt, 0.0, pz, energy, TAU_MASS_GEV)
        pythia.event[number].tau(pythia.event[number].tau0() * rng.exponential())
        pythia.next()
        for particle in (pythia.event[i] for i in range(pythia.event.size())):
            if particle.isFinal():
                counts[index] += 1
                momentum = (particle.px(), particle.py(), particle.pz(), particle.e())
                rows.append((particle.id(), *momentum, particle.xProd(), particle.yProd()))
    return _seen(counts, process, *np.array(rows, dtype=np.float64).T)


def main(arguments: list[str] | None = None) -> None:
    """Generates and writes the pool: see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m zoo.simulation.pythia_collisions", description="Make the pool of collisions."
    )
    parser.add_argument("--scale", type=float, default=1.0, help="times the number of collisions shipped")
    parser.add_argument("--only", nargs="+", choices=PROCESSES, default=PROCESSES, help="some processes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=SHIPPED)
    options = parser.parse_args(arguments)
    parts = []
    for index, source in enumerate(SOURCES):
        if source.name not in options.only:
            continue
        parts.append(generate(source, max(10, round(options.scale * source.count)), options.seed + index))
        mean = len(parts[-1].pdg_id) / len(parts[-1])
        print(f"{source.name}: {len(parts[-1])} collisions, {mean:.0f} particles each")
    provenance = f"Pythia 8.317.2, pp 14 TeV, seed {options.seed}, zoo.simulation.pythia_collisions"
    size = join(parts).save(options.out, provenance=provenance)
    print(f"{options.out}: {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
