"""The `zoo` command: list, info, simulate, predict, reconstruct, evaluate, export, verify.

Errors that a user can mend are one line on standard error and exit code 2; a failed verification is exit
code 1.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from zoo.commands import catalogue, chain, events, release
from zoo.errors import ZooError
from zoo.version import __version__

__all__ = ["main"]


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the command line."""
    top = argparse.ArgumentParser(
        prog="zoo",
        description="A model zoo for calorimeter and particle-flow reconstruction.",
        epilog="example:\n  zoo simulate electrons --n 2000 --out electrons.root\n"
        "  zoo predict drn electrons.root --out predictions.root",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"zoo {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for group in (catalogue, events, chain, release):
        group.add_to(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: Command line without the program's name; that of the process if None.

    Returns:
        The exit code: 0 done, 1 verification failed, 2 bad input, 130 interrupted.
    """
    options = parser().parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's greetings are not our output
    try:
        return int(options.run(options))
    except (ZooError, OSError) as error:
        if options.debug:
            raise
        print(f"zoo: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("zoo: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
