"""Writes the folder of a report: report.json, plots/*.png, index.html; the whole folder or nothing.

It is made beside its destination and renamed. A folder that is no report is never replaced.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo.errors import InvalidFile
from zoo.evaluation.pages import plots
from zoo.files import replacing

__all__ = ["Plan", "Progress", "check_target", "publish"]

Plan = Sequence[tuple[str, Callable[[], Any]]]
"""Name of each plot and what draws it."""
Progress = Callable[[str, float], None]
"""Called with what is being done and the fraction that is done."""


def check_target(out: str | Path) -> None:
    """Says at once, before any work, whether a report can be written to a folder.

    Raises:
        InvalidFile: The parent is missing or not writable, or the folder holds something that is no report.
    """
    target = Path(out).absolute()
    if target.exists():
        if not target.is_dir():
            raise InvalidFile(out, "is not a folder.", "Choose another one.")
        if any(target.iterdir()) and not (target / "report.json").is_file():
            raise InvalidFile(out, "the folder is not empty and holds no report.", "Choose another one.")
    if not target.parent.is_dir():
        raise InvalidFile(target.parent, "the folder does not exist.", "Create it first.")
    if not os.access(target.parent, os.W_OK):
        raise InvalidFile(target.parent, "the folder cannot be written.", "Choose another one.")


def publish(
    content: Mapping[str, Any],
    plan: Plan,
    page: Callable[[Mapping[str, Any], Mapping[str, bytes]], str],
    out: str | Path,
    tell: Progress,
) -> Path:
    """Writes the folder of any report.

    Args:
        content: Of report.json.
        plan: Name of each plot and what draws it.
        page: From the content and the pictures (PNG) to the HTML page.
        out: Folder.
        tell: Called with a text and the fraction done.

    Returns:
        The folder.

    Raises:
        InvalidFile: It cannot be written; nothing is left.
    """
    check_target(out)
    target = Path(out).absolute()
    try:
        with replacing(target) as work:
            (work / "plots").mkdir(parents=True)
            text = json.dumps(content, indent=1, allow_nan=False)
            (work / "report.json").write_text(text + "\n", encoding="utf-8")
            names = []
            with plots.style():
                for name, draw in plan:
                    plots.save(draw(), work / "plots" / f"{name}.png")
                    names.append(name)
                    tell(f"plot {name}", len(names) / len(plan))
            pictures = {name: (work / "plots" / f"{name}.png").read_bytes() for name in names}
            (work / "index.html").write_text(page(content, pictures), encoding="utf-8")
    except OSError as error:
        raise InvalidFile(out, f"the report could not be written ({error.strerror or error}).") from error
    return target
