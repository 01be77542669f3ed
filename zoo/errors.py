"""Errors that say what was expected, what came, and the nearest valid choice.

Every exception raised for a user's mistake derives from `ZooError`, so that `except zoo.errors.ZooError`
catches exactly the mistakes that the message can explain. Each also derives from the built-in exception that
a caller would expect (look-ups are `LookupError`, bad values are `ValueError`, bad files are `OSError`).

| error | raised for |
| --- | --- |
| `UnknownName` | a model, tag, preset, field or branch that does not exist; lists the nearest names |
| `InvalidValue` | a value of the wrong type, shape, dtype, unit or range |
| `InvalidFile` | a file that is missing, truncated, foreign or not writable |
| `ChecksumMismatch` | an artefact whose sha256 is not the recorded one |
| `MissingExtra` | an optional package that is not installed; says the install line |
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType

__all__ = [
    "ChecksumMismatch",
    "InvalidFile",
    "InvalidValue",
    "MissingExtra",
    "UnknownName",
    "ZooError",
    "nearest",
    "require",
]

DISTRIBUTION = "reco-zoo"


class ZooError(Exception):
    """Base of every error that is a user's to mend."""


class UnknownName(ZooError, LookupError):
    """A name that does not exist where it was looked up.

    Args:
        kind: What the name is meant to name, e.g. "model" or "branch".
        received: The name that came.
        choices: The valid names.
        where: Where they were looked up, e.g. a file name.
    """

    def __init__(self, kind: str, received: object, choices: Iterable[str], where: str = "") -> None:
        names = sorted({str(choice) for choice in choices})
        self.kind, self.received, self.choices = kind, str(received), names
        self.nearest = nearest(str(received), names)
        place = f" in {where}" if where else ""
        super().__init__(f"unknown {kind} {str(received)!r}{place}. {_offer(self.nearest, names)}")


class InvalidValue(ZooError, ValueError):
    """A value of the wrong type, shape, dtype, unit or range.

    Args:
        what: The argument or quantity.
        expected: What must hold, in words.
        received: What came.
    """

    def __init__(self, what: str, expected: str, received: object) -> None:
        super().__init__(f"{what}: expected {expected}. Received: {received}")


class InvalidFile(ZooError, OSError):
    """A file or folder that cannot be used: missing, truncated, foreign, or not writable."""

    def __init__(self, path: object, problem: str, cure: str = "") -> None:
        super().__init__(f"{path}: {problem}" + (f" {cure}" if cure else ""))


class ChecksumMismatch(InvalidFile):
    """A file whose sha256 is not the recorded one."""

    def __init__(self, path: object, expected: str, received: str) -> None:
        super().__init__(
            path,
            f"sha256 mismatch. Expected {expected}, received {received}.",
            "The file was changed or damaged; restore it from the release.",
        )


class MissingExtra(ZooError, ImportError):
    """An optional package that is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed. It comes with: pip install '{DISTRIBUTION}[{extra}]'")


def nearest(received: str, choices: Iterable[str], n: int = 5) -> list[str]:
    """Returns the at most `n` choices that resemble `received` most, best first."""
    lower = {choice.lower(): choice for choice in choices}
    return [lower[name] for name in difflib.get_close_matches(received.lower(), lower, n=n, cutoff=0.4)]


def require(module: str, extra: str) -> ModuleType:
    """Imports an optional module or says how to install it.

    Args:
        module: Dotted module name, e.g. "lightgbm".
        extra: The extra of this distribution that brings it, e.g. "physics".

    Returns:
        The module.

    Raises:
        MissingExtra: The package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and module.split(".")[0] != error.name.split(".")[0]:
            raise  # the package is there; something that it needs is not
        raise MissingExtra(module.split(".")[0], extra) from error


def _offer(near: list[str], names: list[str], most: int = 12) -> str:
    """Says which names would have worked: the nearest if any, else all of them up to `most`."""
    if near:
        return f"Did you mean {' or '.join(repr(name) for name in near)}?"
    if not names:
        return "There is none."
    more = f" (and {len(names) - most} more)" if len(names) > most else ""
    return f"Valid: {', '.join(names[:most])}{more}."
