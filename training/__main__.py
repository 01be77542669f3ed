"""The training command: networks, baselines, contests, releases.

python -m training drn --set hidden=32 --steps 2000 --out runs/small
python -m training drn --resume --out runs/small
python -m training bdt_regression --set samples=photons
python -m training fit mustache
python -m training release runs/drn-001 --tag barrel_v1
python -m training contest --out runs/contest
python -m training chain mustache+raw supercluster.barrel_v1+raw
python -m training seeds runs/drn-002 runs/drn-003

The name of a recipe alone means `train`, that of a baseline `fit`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from training.baselines import command as baselines
from training.contest import command as contest
from training.release import command as release
from training.trainer import command as trainer
from zoo.errors import UnknownName, ZooError

COMMANDS = ("train", "fit", "contest", "chain", "seeds", "release")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Trains networks and baselines, compares them, and releases what is good.",
        epilog=f"A name alone trains, {', '.join(trainer.recipes())}, or fits, {', '.join(baselines.NAMES)}.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for part in (trainer, baselines, contest, release):
        part.add_commands(commands)
    try:
        options = parser.parse_args(_with_command(words))
        # Keeps TensorFlow's start-up notes off the screen; its warnings and errors stay.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
        options.run(options)
    except ZooError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; go on with --resume", file=sys.stderr)
        return 130
    return 0


def _with_command(words: list[str]) -> list[str]:
    """Puts the command before a name that stands alone."""
    if not words or words[0].startswith("-") or words[0] in COMMANDS:
        return words
    if words[0] in baselines.NAMES:
        return ["fit", *words]
    if words[0].endswith(".toml") or words[0] in trainer.recipes():
        return ["train", *words]
    known = [*trainer.recipes(), *baselines.NAMES, *COMMANDS]
    raise UnknownName("recipe or command", words[0], known, "training")


if __name__ == "__main__":
    sys.exit(main())
