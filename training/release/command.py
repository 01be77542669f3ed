"""`python -m training release RUN --tag TAG`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from training.trainer.command import add_events

__all__ = ["add_commands"]


def add_commands(commands: Any) -> None:
    """Adds `release`."""
    parser = commands.add_parser(
        "release",
        help="make a tag of a run",
        description="Makes a tag of a run: exports, verifies, evaluates, records in the card.",
        epilog="example: python -m training release runs/drn-001 --tag barrel_v1",
    )
    parser.add_argument("folder", type=Path, metavar="RUN", help="run folder")
    parser.add_argument("--tag", required=True, help="name of the data and an integer, e.g. barrel_v1")
    add_events(parser)
    parser.set_defaults(run=_release)


def _release(options: argparse.Namespace) -> None:
    from training.release.publish import release

    print(release(options.folder, options.tag, processes=options.processes, cache=options.cache))
