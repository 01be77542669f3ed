"""Chains side by side on the resonance sample: a table of the widths of the dielectron mass.

    python -m training chains --n 20000 --chains mustache:raw mustache:bdt.barrel_electrons_v1
    python -m training chains --chains supercluster:drn.barrel_electrons_v1 ./runs/sc-001:./runs/drn-001

A chain is SUPERCLUSTERING:ENERGY, each a choice of `zoo.reconstruct`; ratios are to the first one.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training import manifest
from zoo.chain import Chain, reconstruct
from zoo.evaluation.dielectron_mass import compare_masses
from zoo.simulation.samples import simulate

__all__ = ["compare", "main"]


def compare(
    chains: Sequence[str], n: int, seed: int = 1, *, split: str = "test", processes: int = 1
) -> dict[str, dict[str, Any]]:
    """Runs chains on simulated resonances.

    Args:
        chains: "SUPERCLUSTERING:ENERGY" each.
        n: Number of electrons, even.
        seed: Of the simulation.
        split: "train", "validation" or "test".
        processes: Simulating processes.

    Returns:
        What `compare_masses` returns.

    Raises:
        UnknownName: A choice that does not exist; before anything is simulated.
    """
    choices = [chain.partition(":")[::2] for chain in chains]
    for superclustering, energy in choices:
        Chain("pf", superclustering, energy)
    events = simulate("resonance", n, seed, split=split, processes=processes, truth=False)
    found = {
        chain: reconstruct(events, superclustering=superclustering, energy=energy)
        for chain, (superclustering, energy) in zip(chains, choices, strict=True)
    }
    return compare_masses(found)


def table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns the comparison as a Markdown table."""
    lines = [
        "| chain | pairs found | median (GeV) | sigma_eff / m | ratio |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, one in found.items():
        width, ratio = one["resolution"], one["ratio"]
        lines.append(
            f"| {name} | {one['efficiency']:.3f} | {one['median_gev']['value']:.2f} "
            f"| {width['value']:.5f} ± {width['error']:.5f} | {ratio['value']:.3f} ± {ratio['error']:.3f} |"
        )
    return "\n".join(lines)


def main(words: Sequence[str]) -> int:
    """Runs the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training chains",
        description="Compares chains by the mass of simulated resonances of two electrons.",
        epilog="example: python -m training chains --chains mustache:raw mustache:bdt.barrel_electrons_v1",
    )
    add = parser.add_argument
    add("--chains", nargs="+", required=True, metavar="SUPERCLUSTERING:ENERGY")
    add("--n", type=int, default=20_000, help="electrons, two a resonance (default 20,000)")
    add("--seed", type=int, default=1, help="of the simulation (default 1)")
    add("--processes", type=int, default=2, help="simulating processes")
    add("--out", type=Path, help="JSON file of the result")
    options = parser.parse_args(words)
    if not all(chain.partition(":")[2] for chain in options.chains):
        parser.error("--chains: expected SUPERCLUSTERING:ENERGY")
    found = compare(options.chains, options.n, options.seed, processes=options.processes)
    if options.out is not None:
        manifest.write_json(options.out, found)
    print(table(found))
    return 0
