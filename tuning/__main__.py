r"""The tuning command.

python -m tuning drn --trials 20 --tuner hyperband --set n=40_000 --steps 600 --out runs/tuning-drn
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from zoo.errors import ZooError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(words)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    try:
        best = _search(options, words)
    except ZooError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on", file=sys.stderr)
        return 130
    if best is not None:
        print(best)
    return 0


def _search(options: argparse.Namespace, words: list[str]) -> Path | None:
    from training.trainer import data, recipe, run_record
    from tuning.search import collect, search

    overrides = recipe.parse_assignments(options.set)
    if options.steps is not None:
        overrides["fit.steps"] = options.steps
    chosen = recipe.read(options.model).override(overrides)
    out = options.out or run_record.RUNS / f"tuning-{chosen.model}"
    cache = options.cache or run_record.RUNS / "cache"
    if options.workers and "KERASTUNER_ORACLE_IP" not in os.environ:
        from tuning.parallel import run_parallel

        for split, n in (("train", chosen.data.n), ("validation", chosen.data.validation_n)):
            data.prepare(
                chosen.data, split, n=n, cache=cache, model=chosen.model, processes=options.processes
            )
        run_parallel(
            [*words, "--out", str(out.resolve()), "--cache", str(cache.resolve())],
            options.workers,
            out,
        )
        return collect(chosen, out)
    return search(
        chosen,
        out,
        trials=options.trials,
        tuner=options.tuner,
        executions=options.executions,
        processes=options.processes,
        cache=cache,
        verbose=1 if sys.stdout.isatty() else 2,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tuning",
        description="Searches for better settings of a network; every trial is logged, and a search goes on.",
        epilog="example: python -m tuning drn --trials 20 --tuner random --set n=40_000 --steps 600",
    )
    parser.add_argument("model", help="a recipe of training/recipes, with a space in tuning/spaces")
    parser.add_argument("--trials", type=int, default=20, help="number of trials (default 20)")
    parser.add_argument("--tuner", default="random", help="random, bayesian or hyperband (default random)")
    parser.add_argument(
        "--executions", type=int, default=1, help="trainings of each trial, from different seeds"
    )
    parser.add_argument(
        "--workers", type=int, default=0, help="worker processes beside a chief (default: this one)"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="replace a field of the recipe"
    )
    parser.add_argument("--steps", type=int, help="optimiser steps of the longest trial")
    parser.add_argument("--out", type=Path, help="folder of the search (default runs/tuning-<model>)")
    parser.add_argument("--processes", type=int, default=2, help="simulating processes")
    parser.add_argument("--cache", type=Path, help="folder of simulated events (default runs/cache)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
