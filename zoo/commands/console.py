"""Progress bars, and the checks of paths that come before anything slow."""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import InvalidFile

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "SubParsers",
    "add_command",
    "bar",
    "check_input_files",
    "check_output_file",
    "check_output_folder",
    "console",
    "starting_tensorflow",
    "steps",
]

SubParsers = argparse._SubParsersAction  # argparse gives it no public name


def add_command(
    commands: SubParsers[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    summary: str,
    example: str,
) -> argparse.ArgumentParser:
    """Adds a sub-command whose help ends with an example."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=summary,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--debug", action="store_true", help="show the Python traceback of an error")
    parser.set_defaults(run=run)
    return parser


def console() -> Console:
    """Returns the console for progress and notes: standard error, so that output can be piped."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


@contextlib.contextmanager
def bar(title: str, total: int, *, cumulative: bool = False) -> Iterator[Callable[..., None]]:
    """Shows a progress bar; gives a function of the objects just done or, `cumulative`, done so far."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console()) as progress:
        task = progress.add_task(title, total=total)
        if cumulative:
            yield lambda done, *_: progress.update(task, completed=done)
        else:
            yield lambda done: progress.advance(task, done)


@contextlib.contextmanager
def steps(title: str, total: int) -> Iterator[Callable[[str], None]]:
    """Shows a bar of named steps; gives a function to be called with the name of the step that begins."""
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console()) as progress:
        task = progress.add_task(title, total=total)
        yield lambda name: progress.update(task, advance=1, description=f"{title}: {name}")
        progress.update(task, completed=total, description=title)


@contextlib.contextmanager
def starting_tensorflow() -> Iterator[None]:
    """Shows a spinner while TensorFlow starts, and keeps its greetings off the terminal.

    They come from C++ before any log level counts, so file descriptor 2 is turned away and Python's standard
    error is given another one. On an error all that was said comes out.
    """
    kept = os.dup(2)
    with open(kept, "w", encoding="utf-8") as terminal, tempfile.TemporaryFile() as greetings:
        try:
            with contextlib.redirect_stderr(terminal), console().status("TensorFlow"):
                os.dup2(greetings.fileno(), 2)
                yield
        except BaseException:
            greetings.seek(0)
            terminal.write(greetings.read().decode(errors="replace"))
            raise
        finally:
            terminal.flush()
            os.dup2(kept, 2)


def check_output_file(path: Path) -> Path:
    """Says now, not after minutes of work, that a file could not be written."""
    if path.is_dir():
        raise InvalidFile(path, "is a folder.", "Expected the name of a file to write.")
    _check_writable(path.parent, path)
    return path


def check_output_folder(path: Path) -> Path:
    """Says now, not after minutes of work, that a folder could not be written; it need not exist."""
    if path.exists() and not path.is_dir():
        raise InvalidFile(path, "is a file.", "Expected a folder to write to.")
    above = path
    while not above.exists() and above != above.parent:
        above = above.parent
    _check_writable(above, path)
    return path


def check_input_files(paths: Sequence[Path]) -> None:
    """Checks that files exist and can be read."""
    for path in paths:
        if not path.is_file():
            near = (
                sorted(other.name for other in path.parent.glob("*" + path.suffix))
                if path.parent.is_dir()
                else []
            )
            raise InvalidFile(
                path, "no such file.", f"In that folder: {', '.join(near[:8])}." if near else ""
            )
        if not os.access(path, os.R_OK):
            raise InvalidFile(path, "cannot be read (permission denied).")


def _check_writable(folder: Path, wanted: Path) -> None:
    if not folder.is_dir():
        raise InvalidFile(wanted, f"the folder {folder} does not exist.", "Make it first.")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InvalidFile(wanted, f"cannot be written ({error.strerror or error}).") from error
