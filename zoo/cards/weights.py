"""Where released files lie, and whether they are the released ones.

A tag's folder is looked for in the folders of `ZOO_SAVED_MODELS` (a list like `PATH`), then in the checkout's
`saved_models/`, then in the installed package, which carries the small files of each default tag.
"""

from __future__ import annotations

import os
from pathlib import Path

from zoo.cards.card import ModelCard, Tag
from zoo.cards.registry import info
from zoo.errors import ChecksumMismatch, InvalidFile
from zoo.files import folder_sha256, sha256

__all__ = ["check_file", "tag_file", "tag_folder", "tag_roots", "weights_folder"]

PACKAGE = Path(__file__).resolve().parents[1]


def tag_roots() -> list[Path]:
    """Returns the folders that may hold `<model>/<tag>/`, in the order of looking."""
    roots = [Path(entry) for entry in os.environ.get("ZOO_SAVED_MODELS", "").split(os.pathsep) if entry]
    if (PACKAGE.parent / "pyproject.toml").is_file():  # a checkout, not site-packages
        roots.append(PACKAGE.parent / "saved_models")
    return [*roots, PACKAGE / "saved_models"]


def tag_folder(card: ModelCard, tag: Tag) -> Path:
    """Returns the folder of a tag.

    Args:
        card: The model's card.
        tag: One of its tags.

    Returns:
        The first folder that exists.

    Raises:
        InvalidFile: None does.
    """
    candidates = [root / card.name / tag.name for root in tag_roots()]
    for folder in candidates:
        if folder.is_dir():
            return folder
    here = [
        name for name, other in card.tags.items() if any((r / card.name / name).is_dir() for r in tag_roots())
    ]
    raise InvalidFile(
        f"{card.name}.{tag.name}",
        f"no such folder in {' or '.join(str(folder.parent) for folder in candidates)}.",
        f"Tags that are here: {', '.join(here) or 'none'}. An installed package carries only default tags.",
    )


def tag_file(card: ModelCard, tag: Tag, path: str) -> Path:
    """Returns a file of a tag after checking its sha256 against the card.

    Args:
        card: The model's card.
        tag: One of its tags.
        path: Path inside the tag's folder, e.g. "model.keras".

    Returns:
        The checked file.

    Raises:
        InvalidFile: The card records no such file, or it is missing.
        ChecksumMismatch: It is not the released one.
    """
    if path not in tag.files:
        raise InvalidFile(
            path, f"is not among the files of {card.name}.{tag.name}: {', '.join(tag.files) or 'none'}."
        )
    return check_file(tag_folder(card, tag) / path, tag.files[path])


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


def check_file(path: Path, expected: str) -> Path:
    """Returns the path if the file (or folder) has this sha256.

    Raises:
        InvalidFile: It is missing or cannot be read.
        ChecksumMismatch: Its content is another.
    """
    if not path.exists():
        raise InvalidFile(path, "is missing.", "Restore it from the release.")
    received = folder_sha256(path) if path.is_dir() else sha256(path)
    if received != expected:
        raise ChecksumMismatch(path, expected, received)
    return path
