"""`python -m training contest`, `chain` and `seeds`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from training.trainer.command import add_events
from zoo.errors import InvalidValue

__all__ = ["add_commands"]


def add_commands(commands: Any) -> None:
    """Adds the three."""
    parser = commands.add_parser(
        "contest",
        help="compare energies of single objects: networks, trees, other runs",
        description="Compares the DRN with the BDT on the same test objects: reports, domain shifts, further "
        "runs. {sample} in --network and --trees stands for the kind of the objects.",
        epilog="example: python -m training contest --runs 'half the data=runs/drn-half' 'seed 2=runs/s2'",
    )
    add = parser.add_argument
    add("--samples", nargs="+", default=["electrons", "photons"], help="kinds (default both)")
    add("--out", type=Path, default=Path("runs/contest"), help="folder of the results (default runs/contest)")
    network, trees = "drn.barrel_{sample}_v1", "bdt_regression.barrel_{sample}_v1"
    add("--network", default=network, help=f"default {network}")
    add("--trees", default=trees, help=f"default {trees}")
    add("--runs", nargs="+", default=[], metavar="NAME=RUN", help="tags or run folders to compare with both")
    add("--n", type=int, default=100_000, help="test objects of each kind (default 100,000)")
    add("--shift-n", type=int, default=20_000, help="objects under each shift (default 20,000; 0: none)")
    add_events(parser)
    parser.set_defaults(run=_contest)

    parser = commands.add_parser(
        "chain",
        help="compare chains: superclustering and energy",
        description="Compares chains, superclustering+energy each, on the same test events. A step is what "
        "zoo.reconstruct takes: mustache, mustache_tuned, raw, bdt, a tag or a run folder.",
        epilog="example: python -m training chain mustache+raw supercluster.barrel_v1+raw",
    )
    add = parser.add_argument
    add("chains", nargs="+", metavar="CHAIN", help="superclustering+energy")
    add("--out", type=Path, default=Path("runs/chain"), help="folder of the results (default runs/chain)")
    add("--sample", default="electrons", help="electrons (default) or photons")
    add("--n", type=int, default=50_000, help="events of the test split (default 50,000)")
    add("--resonances", type=int, default=20_000, help="electrons of resonances (default 20,000; 0: none)")
    add_events(parser, cache=False)
    parser.set_defaults(run=_chain)

    parser = commands.add_parser(
        "seeds",
        help="compare runs that differ in their seed",
        description="Measures runs that differ in fit.seed alone, and the spread of each metric of the card.",
        epilog="example: python -m training seeds runs/supercluster-2 runs/supercluster-3",
    )
    add = parser.add_argument
    add("runs", nargs="+", type=Path, metavar="RUN", help="run folders, two or more")
    add("--out", type=Path, default=Path("runs/seeds"), help="folder of the results (default runs/seeds)")
    add_events(parser)
    parser.set_defaults(run=_seeds)


def _contest(options: argparse.Namespace) -> None:
    runs = dict(run.partition("=")[::2] for run in options.runs)
    if not all(runs.values()):
        raise InvalidValue("--runs", "NAME=TAG or NAME=FOLDER", " ".join(options.runs))
    from training.contest.objects import contest

    page = contest(
        options.out,
        samples=options.samples,
        network=options.network,
        trees=options.trees,
        runs=runs,
        n=options.n,
        shift_n=options.shift_n,
        processes=options.processes,
        cache=options.cache,
    )
    print(page)


def _chain(options: argparse.Namespace) -> None:
    from training.contest.chains import chain_contest

    page = chain_contest(
        options.out,
        options.chains,
        sample=options.sample,
        n=options.n,
        resonances=options.resonances,
        processes=options.processes,
    )
    print(page)


def _seeds(options: argparse.Namespace) -> None:
    from training.contest.seeds import compare_seeds

    print(compare_seeds(options.runs, options.out, processes=options.processes, cache=options.cache))
