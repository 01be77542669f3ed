"""The training command: networks, baselines, release.

python -m training drn --set hidden=32 --steps 2000 --out runs/small
python -m training drn --resume --out runs/small
python -m training bdt_regression
python -m training release runs/drn-001 --tag barrel_v1
python -m training contest --out runs/contest
python -m training chain mustache+raw supercluster.barrel_v1+raw
python -m training seeds runs/drn-002 runs/drn-003
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from training.trainer.recipe import RECIPES
from zoo.cards.registry import baselines
from zoo.errors import UnknownName, ZooError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words[:1] == ["release"]:
            return _release(words[1:])
        if words[:1] == ["contest"]:
            return _contest(words[1:])
        if words[:1] == ["chain"]:
            return _chain(words[1:])
        if words[:1] == ["seeds"]:
            return _seeds(words[1:])
        return _train(words)
    except ZooError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; go on with --resume", file=sys.stderr)
        return 130


def _train(words: list[str]) -> int:
    options = _training_parser().parse_args(words)
    names = sorted(path.stem for path in RECIPES.glob("*.toml"))
    if not options.recipe.endswith(".toml") and options.recipe not in names:
        raise UnknownName(
            "recipe", options.recipe, [*names, "release", "contest", "chain", "seeds"], "training/recipes"
        )
    from training.trainer import recipe as recipes

    overrides = recipes.parse_assignments(options.set)
    if options.steps is not None:
        overrides["fit.steps"] = options.steps
    if options.recipe in baselines():
        return _train_baseline(options, overrides)
    if options.strategy is not None:
        overrides["fit.strategy"] = options.strategy

    _quiet_tensorflow()
    from training.trainer import run

    out = options.out or run.free_folder(Path(options.recipe).stem)
    if options.resume:
        if options.out is None:
            raise ZooError("--resume needs --out, the folder of the run to go on with")
        if set(overrides) - {"fit.strategy"}:
            raise ZooError("a resumed run keeps its recipe: give no --set and no --steps with --resume")
        recipe = run.recipe_of(out).override(overrides)
    else:
        recipe = recipes.read(options.recipe).override(overrides)
    result = run.run(
        recipe,
        out,
        resume=options.resume,
        processes=options.processes,
        cache=options.cache or run.RUNS / "cache",
        accept_other_code=options.accept_other_code,
    )
    print(
        f"{result.folder}: {result.steps} steps, {result.objects_seen:,} objects seen, "
        f"validation loss {result.best_val_loss:.4f}"
    )
    return 0


def _train_baseline(options: argparse.Namespace, overrides: dict[str, object]) -> int:
    import importlib

    module = importlib.import_module(f"training.baselines.{options.recipe}")
    folder = module.train(overrides, out=options.out, processes=options.processes, cache=options.cache)
    print(folder)
    return 0


def _release(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training release",
        description="Makes a tag of a run: exports, verifies, evaluates, records in the card.",
        epilog="example: python -m training release runs/drn-001 --tag barrel_v1",
    )
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("--tag", required=True, help="name of the data and an integer, e.g. barrel_v1")
    parser.add_argument("--processes", type=int, default=2, help="simulating processes")
    parser.add_argument("--cache", type=Path, help="folder of simulated events (default runs/cache)")
    options = parser.parse_args(words)
    _quiet_tensorflow()
    from training.release.publish import release

    print(release(options.run, options.tag, processes=options.processes, cache=options.cache))
    return 0


def _contest(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training contest",
        description="Compares the DRN with the BDT on the same test objects: reports, domain shifts, further "
        "runs. {sample} in --network and --trees stands for the kind of the objects.",
        epilog="example: python -m training contest --runs 'half the data=runs/drn-half' 'seed 2=runs/s2'",
    )
    add = parser.add_argument
    add("--samples", nargs="+", default=["electrons", "photons"], help="kinds (default both)")
    add("--out", type=Path, default=Path("runs/contest"), help="folder of the results (default runs/contest)")
    add("--network", default="drn.barrel_{sample}_v1", help="default drn.barrel_{sample}_v1")
    add(
        "--trees",
        default="bdt_regression.barrel_{sample}_v1",
        help="default bdt_regression.barrel_{sample}_v1",
    )
    add("--runs", nargs="+", default=[], metavar="NAME=RUN", help="tags or run folders to compare with both")
    add("--n", type=int, default=100_000, help="test objects of each kind (default 100,000)")
    add("--shift-n", type=int, default=20_000, help="objects under each shift (default 20,000; 0: none)")
    add("--processes", type=int, default=2, help="simulating processes")
    add("--cache", type=Path, help="folder of simulated events (default runs/cache)")
    options = parser.parse_args(words)
    runs = dict(run.partition("=")[::2] for run in options.runs)
    if not all(runs.values()):
        parser.error("--runs: expected NAME=TAG or NAME=FOLDER")
    _quiet_tensorflow()
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
    return 0


def _chain(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training chain",
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
    add("--processes", type=int, default=2, help="simulating processes")
    options = parser.parse_args(words)
    _quiet_tensorflow()
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
    return 0


def _seeds(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training seeds",
        description="Measures runs that differ in fit.seed alone, and the spread of each metric of the card.",
        epilog="example: python -m training seeds runs/supercluster-2 runs/supercluster-3",
    )
    add = parser.add_argument
    add("runs", nargs="+", type=Path, metavar="RUN", help="run folders, two or more")
    add("--out", type=Path, default=Path("runs/seeds"), help="folder of the results (default runs/seeds)")
    add("--processes", type=int, default=2, help="simulating processes")
    add("--cache", type=Path, help="folder of simulated events (default runs/cache)")
    options = parser.parse_args(words)
    _quiet_tensorflow()
    from training.contest.seeds import compare_seeds

    print(compare_seeds(options.runs, options.out, processes=options.processes, cache=options.cache))
    return 0


def _training_parser() -> argparse.ArgumentParser:
    names = sorted(path.stem for path in RECIPES.glob("*.toml"))
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description=f"Trains a network or a baseline by its recipe. Recipes: {', '.join(names)}. "
        "Then: python -m training release RUN --tag TAG.",
        epilog="example: python -m training drn --set hidden=32 --set learning_rate=5e-4 --out runs/small",
    )
    parser.add_argument("recipe", help="name in training/recipes, or a .toml file")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="replace one field of the recipe or of the network's configuration",
    )
    parser.add_argument("--steps", type=int, help="optimiser steps (the same as --set fit.steps=N)")
    parser.add_argument("--out", type=Path, help="run folder (default runs/<recipe>-<n>)")
    parser.add_argument("--resume", action="store_true", help="go on with the interrupted run in --out")
    parser.add_argument("--strategy", help="none, mirrored or multiworker")
    parser.add_argument("--processes", type=int, default=2, help="simulating processes")
    parser.add_argument("--cache", type=Path, help="folder of simulated events (default runs/cache)")
    parser.add_argument(
        "--accept-other-code", action="store_true", help="resume although the network's sources have changed"
    )
    return parser


def _quiet_tensorflow() -> None:
    """Keeps TensorFlow's start-up notes off the screen; its warnings and errors stay."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")


if __name__ == "__main__":
    sys.exit(main())
