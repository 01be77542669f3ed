"""The chains side by side: `python -m training chain`, superclusterings and energies on the same test events.

    chain_contest(Path("runs/chain"), ["mustache+raw", "supercluster.barrel_v1+raw"])

A chain is written superclustering+energy, both as for `zoo.reconstruct`. Each event holds one electron, or
one photon, and pile-up; its supercluster is the hardest of those that a cluster of it has started. An event
counts where every superclustering has found it.

| in `out` | what |
| --- | --- |
| `raw/` | report of the chains whose energy is "raw", against the better Mustache among them |
| `calibrated/` | report of the others, against the better Mustache with a baseline among them |
| `chain.json`, `chain.md` | efficiency, resolution and half-widths in bins of ET, mass of a resonance |

The better one is that of the smallest geometric mean of the resolutions in the bins of ET.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.trainer import run_record
from training.trainer.superclustered import events_of
from zoo.arrays import Bools, Floats
from zoo.cards.registry import is_folder
from zoo.data.cluster_truth import match_superclusters
from zoo.data.records import leaf_values
from zoo.errors import InvalidValue
from zoo.evaluation.binning import Variable
from zoo.evaluation.bootstrap import ClusterBootstrap, paired_ratio
from zoo.evaluation.dielectron_mass import compare_masses
from zoo.evaluation.energy.report import EnergyReport, Method
from zoo.evaluation.measures import response_measures
from zoo.evaluation.selection import half_widths, share
from zoo.files import write, write_json
from zoo.reconstruction.chain import reconstruct
from zoo.reconstruction.energies import EnergyRegression
from zoo.reconstruction.supercluster_objects import supercluster_objects
from zoo.reconstruction.superclustering import MUSTACHES, Superclustering
from zoo.simulation.samples import simulate

__all__ = ["chain_contest"]


ET_EDGES = (4.0, 8.0, 15.0, 25.0, 50.0, 100.0)  # GeV, generated
ETA_EDGES = (0.0, 0.4, 0.8, 1.2, 1.44)
PILEUP_EDGES = (20.0, 35.0, 50.0, 65.0, 76.0)
RAW = "raw"
STRETCH = 2_000
"""Events that are reconstructed together: bounds the memory."""


@dataclass(frozen=True)
class _Chain:
    """One chain by the names of its steps."""

    name: str  # superclustering+energy

    def __post_init__(self) -> None:
        if not all(self.steps):
            raise InvalidValue("chain", 'superclustering+energy, such as "mustache+bdt"', repr(self.name))

    @cached_property
    def steps(self) -> tuple[str, str]:
        superclustering, _, energy = self.name.partition("+")
        return superclustering, energy

    @property
    def label(self) -> str:
        """Fits a legend: no tags, of the folder of a run its name."""
        return " + ".join(
            Path(step).name if is_folder(step) else step.partition(".")[0] for step in self.steps
        )

    @property
    def key(self) -> str:
        """A name without the slashes of a run folder, for files."""
        return re.sub(r"[^a-z0-9]+", "_", self.name.lower()).strip("_")

    @cached_property
    def classical(self) -> bool:
        """Whether both steps are."""
        superclustering, energy = self.steps
        known = superclustering in MUSTACHES
        return known and (energy == RAW or not EnergyRegression(energy).method.is_network)


@dataclass(frozen=True)
class _Measured:
    """What the chains say of the same N events."""

    true_gev: Floats
    true_et: Floats
    variables: list[Variable]
    bootstrap: ClusterBootstrap
    energy_gev: Mapping[str, Floats]  # by chain, -1 where the object was not found
    raw_gev: Mapping[str, Floats]  # by superclustering, the same
    pieces: Mapping[str, Floats]  # by superclustering, superclusters that the object has started


def chain_contest(
    out: Path,
    chains: Sequence[str],
    *,
    sample: str = "electrons",
    n: int = 50_000,
    resonances: int = 20_000,
    seed: int = 20220429,
    processes: int = 2,
) -> Path:
    """Compares chains.

    Args:
        out: Folder of the results; made if it is not there.
        chains: "superclustering+energy" each.
        sample: "electrons" or "photons".
        n: Events of the test split.
        resonances: Electrons of resonances of 91.19 GeV, two each, for their mass; 0 for none.
        seed: Of the simulation.
        processes: Simulating processes.

    Returns:
        `chain.md`.

    Raises:
        InvalidValue: A chain is not written so, or none of a kind is classical.
        UnknownName: There is no such step or sample.
    """
    asked = [_Chain(name) for name in chains]
    kinds = {
        "raw": [chain for chain in asked if chain.steps[1] == RAW],
        "calibrated": [chain for chain in asked if chain.steps[1] != RAW],
    }
    for kind, some in kinds.items():
        if some and not any(chain.classical for chain in some):
            raise InvalidValue(f"{kind} chains", "a classical one among them, to compare with", chains)
    run_record.prepare_folder(out)
    events = events_of(sample, n, seed, split="test", processes=processes)
    measured = _measure(asked, events)
    found = np.all([energy > 0 for energy in measured.raw_gev.values()], axis=0)
    facts: dict[str, Any] = {
        "sample": sample, "events": n, "seed": seed, "split": "test", "compared": int(found.sum()),
        "found": _found(measured), "kinds": {},
    }  # fmt: skip
    for kind, some in kinds.items():
        if some:
            facts["kinds"][kind] = _compare(some, measured, found)
    if resonances:
        first = [name for name in _baselines(facts) if name in chains]
        ordered = [*first, *(name for name in chains if name not in first)]
        facts["mass"] = _masses(ordered, resonances, seed, processes)
    write_json(out / "chain.json", facts)
    page = out / "chain.md"
    write(page, _markdown(facts))
    for kind, found_of in facts["kinds"].items():
        _report(kind, found_of["baseline"], kinds[kind], measured, found, facts).write(out / kind)
    return page


def _measure(chains: Sequence[_Chain], events: Any) -> _Measured:
    """Runs the chains; a superclustering and a regression are each opened once."""
    finders = {chain.steps[0]: Superclustering(chain.steps[0]) for chain in chains}
    energies = {chain.steps[1]: EnergyRegression(chain.steps[1]) for chain in chains if chain.steps[1] != RAW}
    answers = {chain.name: np.full(len(events), -1.0) for chain in chains}
    raw = {name: np.full(len(events), -1.0) for name in finders}
    pieces = {name: np.zeros(len(events)) for name in finders}
    for start in range(0, len(events), STRETCH):
        part = events[start : start + STRETCH]
        for name, find in finders.items():
            superclusters = find(part).superclusters
            group, hardest = match_superclusters(part, superclusters)  # one group in each event
            pieces[name][start : start + len(part)] = np.bincount(group[group >= 0], minlength=len(part))
            event = np.flatnonzero(hardest >= 0)
            chosen = hardest[event]
            raw[name][start + event] = superclusters.raw_energy_gev[chosen]
            objects = supercluster_objects(part, superclusters, chosen)
            for chain in (chain for chain in chains if chain.steps[0] == name):
                energy = raw[name][start + event]
                if chain.steps[1] != RAW:
                    energy = energies[chain.steps[1]](objects)[0]
                answers[chain.name][start + event] = energy
    true = leaf_values(events, "groups.energy_gev").astype(np.float64)
    eta = leaf_values(events, "groups.eta").astype(np.float64)
    et = true / np.cosh(eta)
    pileup = leaf_values(events, "n_pileup").astype(np.float64)
    variables = [
        Variable("et", r"generated $E_\mathrm{T}$", "GeV", et, ET_EDGES),
        Variable("abs_eta", r"$|\eta|$", "", np.abs(eta), ETA_EDGES),
        Variable("n_pileup", "interactions", "", pileup, PILEUP_EDGES),
    ]
    return _Measured(true, et, variables, ClusterBootstrap.of_showers(events), answers, raw, pieces)


def _found(measured: _Measured) -> dict[str, list[dict[str, Any]]]:
    """In bins of ET the share of all objects that have a supercluster, and how many those have."""
    everything = np.ones(len(measured.true_et), bool)
    return {
        name: [
            {
                "low": low,
                "high": high,
                "efficiency": share(energy > 0, everything, index, measured.bootstrap).as_json(),
                "pieces": share(measured.pieces[name], energy > 0, index, measured.bootstrap).as_json(),
            }
            for low, high, index in _bins(measured, everything)
        ]
        for name, energy in measured.raw_gev.items()
    }


def _bins(measured: _Measured, used: Bools) -> list[tuple[float, float, npt.NDArray[Any]]]:
    return [
        (low, high, np.flatnonzero(used & (measured.true_et >= low) & (measured.true_et < high)))
        for low, high in pairwise(ET_EDGES)
    ]


def _compare(chains: Sequence[_Chain], measured: _Measured, found: Bools) -> dict[str, Any]:
    """Resolution and half-widths in bins of ET, and ratios to the better classical chain in each bin."""
    bins = []
    for low, high, index in _bins(measured, found):
        figures = {}
        for chain in chains:
            response = measured.energy_gev[chain.name] / measured.true_gev
            widths = response_measures(response, index, measured.bootstrap)
            left, right = half_widths(response, index, measured.bootstrap)
            figures[chain.name] = {
                "median": widths["median"], "resolution": widths["resolution"], "left": left, "right": right,
            }  # fmt: skip
        row: dict[str, Any] = {"low": low, "high": high, "objects": len(index), "chains": {}}
        for name, values in figures.items():
            row["chains"][name] = {measure: figure.as_json() for measure, figure in values.items()}
            for measure in ("resolution", "left", "right"):
                beside = min(
                    (figures[chain.name][measure].replicas for chain in chains if chain.classical),
                    key=lambda width: width[0],
                )
                ratio, error = paired_ratio(values[measure].replicas, beside)
                row["chains"][name][f"{measure}_ratio"] = {"value": ratio, "error": error}
        bins.append(row)

    def mean_log_width(chain: _Chain) -> float:
        return float(np.mean([np.log(row["chains"][chain.name]["resolution"]["value"]) for row in bins]))

    best = min((chain for chain in chains if chain.classical), key=mean_log_width)
    return {"baseline": best.name, "chains": [chain.name for chain in chains], "bins": bins}


def _report(
    kind: str, baseline: str, chains: Sequence[_Chain], measured: _Measured, found: Bools,
    facts: Mapping[str, Any],
) -> EnergyReport:  # fmt: skip
    learned = [chain.key for chain in chains if not chain.classical]
    names = [chain.label for chain in chains]
    labels = names if len(set(names)) == len(names) else [chain.name for chain in chains]
    beside = next(chain.key for chain in chains if chain.name == baseline)
    return EnergyReport(
        title=f"ECAL chain, {kind} energy of {facts['sample']}",
        true_energy_gev=measured.true_gev,
        raw_energy_gev=measured.true_gev,  # every found object counts
        methods=[
            Method(chain.key, label, measured.energy_gev[chain.name])
            for chain, label in zip(chains, labels, strict=True)
        ],
        variables=measured.variables,
        bootstrap=measured.bootstrap,
        model=learned[-1] if learned else beside,
        baseline=beside,
        metadata={key: facts[key] for key in ("sample", "events", "seed", "split", "compared")},
        selection=found,
        cosh_eta=measured.true_gev / measured.true_et,
        notes=("Objects that every superclustering has found; superclusters above a raw ET of 4 GeV.",),
    )


def _baselines(facts: Mapping[str, Any]) -> list[str]:
    """Returns the baselines, that of the calibrated chains first."""
    return [facts["kinds"][kind]["baseline"] for kind in ("calibrated", "raw") if kind in facts["kinds"]]


def _masses(chains: Sequence[str], n: int, seed: int, processes: int) -> dict[str, dict[str, Any]]:
    """Compares the mass of resonances; ratios are to the first chain."""
    events = simulate("resonance", n, seed, split="test", processes=processes, truth=False)
    found = {}
    for name in chains:
        superclustering, energy = _Chain(name).steps
        found[name] = reconstruct(events, superclustering=superclustering, energy=energy)
    return compare_masses(found)


def _markdown(facts: Mapping[str, Any]) -> str:
    """The tables of `chain.json`."""

    def pair(figure: Mapping[str, Any], digits: int = 3) -> str:
        return f"{figure['value']:.{digits}f} ± {figure['error']:.{digits}f}"

    edges = [f"{low:g}-{high:g}" for low, high in pairwise(ET_EDGES)]
    head = ["| | " + " | ".join(edges) + " GeV |", "| --- |" + " --- |" * len(edges)]
    compared = f"{facts['compared']:,} are compared"
    lines = [f"{facts['events']:,} {facts['sample']} of the test split; {compared}.", ""]
    words = {"efficiency": "Objects with a supercluster", "pieces": "Superclusters of each of them"}
    for counted, title in words.items():
        lines += [f"{title}:", "", *head]
        for name, row in facts["found"].items():
            lines.append(f"| {name} | " + " | ".join(pair(one[counted], 4) for one in row) + " |")
        lines.append("")
    measures = {"resolution": "effective resolution", "left": "left half-width", "right": "right half-width"}
    for kind, found in facts["kinds"].items():
        for measure, label in measures.items():
            lines += [f"{kind.capitalize()} energy, {label}; over the better classical chain:", "", *head]
            for name in found["chains"]:
                figures = [row["chains"][name] for row in found["bins"]]
                cells = (f"{pair(one[measure], 4)}; {pair(one[measure + '_ratio'])}" for one in figures)
                lines.append(f"| {name} | " + " | ".join(cells) + " |")
            lines.append("")
    if "mass" in facts:
        lines += ["Mass of a resonance of 91.19 GeV without natural width, two electrons in the barrel:", ""]
        lines += [
            "| | pairs found | median (GeV) | sigma_eff / m | over the first |",
            "| --- |" + " --- |" * 4,
        ]
        for name, one in facts["mass"].items():
            measured = f"{pair(one['median_gev'], 2)} | {pair(one['resolution'], 5)} | {pair(one['ratio'])}"
            lines.append(f"| {name} | {one['efficiency']:.3f} | {measured} |")
        lines.append("")
    return "\n".join(lines[:-1]) + "\n"
