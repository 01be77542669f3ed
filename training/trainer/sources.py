"""Hashes of the sources that shape something kept: events, predictions, a run that goes on.

A comment, a docstring or a reformatted line changes no hash.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import zoo

__all__ = ["PACKAGE", "sources_hash"]

PACKAGE = Path(zoo.__file__).parent


def sources_hash(files: Iterable[Path], *, without: Iterable[str] = ()) -> str:
    """Returns a hash of some files and of all of `zoo` that they import, directly or not.

    Args:
        files: Files of `zoo`, or of a network that lies elsewhere.
        without: Packages that are not followed, such as "simulation".

    Returns:
        Sixteen hexadecimal digits.
    """
    left = [path for path in files if path.is_file()]
    stops, seen = [PACKAGE / name for name in without], set()
    while left:
        path = left.pop()
        if path not in seen and not any(path.is_relative_to(stop) for stop in stops):
            seen.add(path)
            left += _imported(path)
    digest = hashlib.sha256()
    for path in sorted(seen):
        digest.update(f"{path.parent.name}/{path.name}\n{ast.dump(_without_docstrings(path))}\n".encode())
    return digest.hexdigest()[:16]


def _imported(path: Path) -> Iterator[Path]:
    """Yields the files of `zoo`, or beside a network that lies elsewhere, that a file imports."""
    for node in ast.walk(_without_docstrings(path)):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("zoo"):
            continue
        parts = str(node.module).split(".")[1:]
        for names in (parts, *([*parts, alias.name] for alias in node.names)):
            for place in (PACKAGE.joinpath(*names), path.parent.joinpath(*names[2:])):
                if names and place.with_suffix(".py").is_file():
                    yield place.with_suffix(".py")
                    break


def _without_docstrings(path: Path) -> ast.Module:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
            node.body = body[1:]  # type: ignore[attr-defined,index]
    return tree
