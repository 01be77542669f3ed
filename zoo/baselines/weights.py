"""Where a trained baseline's weights lie: the folder of a tag, every file checked, or a given folder."""

from __future__ import annotations

from pathlib import Path

from zoo.cards.registry import info
from zoo.cards.weights import tag_file, tag_folder
from zoo.errors import InvalidFile

__all__ = ["weights_folder"]


def weights_folder(name: str, weights: str | Path, files: tuple[str, ...]) -> Path:
    """Returns the folder that holds a baseline's weights.

    Args:
        name: The baseline, e.g. "bdt_regression".
        weights: "default", a tag, or a folder (a `Path`, or a string with a slash) such as that of a training
            run.
        files: What must be there.

    Returns:
        The folder.

    Raises:
        UnknownName: There is no such tag.
        InvalidFile: A file is missing.
        ChecksumMismatch: A file of a tag is not the released one.
    """
    if isinstance(weights, Path) or "/" in weights:
        folder = Path(weights)
        for file in files:
            if not (folder / file).is_file():
                raise InvalidFile(folder / file, "is missing.", f"Expected a folder with {', '.join(files)}.")
        return folder
    card = info(name)
    tag = card.tag(None if weights == "default" else weights)
    for file in files:
        tag_file(card, tag, file)
    return tag_folder(card, tag)
