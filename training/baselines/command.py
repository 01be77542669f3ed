"""`python -m training fit NAME`: each module of `NAMES` adds its options and runs."""

from __future__ import annotations

import argparse
import importlib
from typing import Any

from zoo.errors import UnknownName

__all__ = ["NAMES", "add_commands"]

NAMES = (
    "bdt_regression",
    "label_rule",
    "linear_calibration",
    "mass_shapes",
    "mustache",
    "particle_flow",
    "pf_clustering",
)


def add_commands(commands: Any) -> None:
    """Adds `fit`."""
    parser = commands.add_parser(
        "fit",
        help="fit a classical algorithm",
        description=f"Fits a classical algorithm: {', '.join(NAMES)}. `fit NAME --help` lists its options.",
        epilog="example: python -m training fit bdt_regression --set samples=photons",
    )
    parser.add_argument("name", help="what to fit")
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="...", help="its own options")
    parser.set_defaults(run=_fit)


def _fit(options: argparse.Namespace) -> None:
    if options.name not in NAMES:
        raise UnknownName("baseline", options.name, NAMES, "training/baselines")
    module = importlib.import_module(f"training.baselines.{options.name}")
    parser = argparse.ArgumentParser(
        prog=f"python -m training fit {options.name}", description=(module.__doc__ or "").partition("\n")[0]
    )
    module.add_arguments(parser)
    module.run(parser.parse_args(options.rest))
