"""Finds models by their cards, without importing their code, and the class of a model, which imports it.

A model is a folder with a `card.toml` in `zoo/models/` (networks) or `zoo/baselines/` (classical algorithms
with trained weights). Folders outside the package join in by the environment variable `ZOO_MODELS`, a list
of folders like `PATH`; a model there is imported as `zoo.models.<name>` all the same. This is the only module
that finds code by a string.
"""

from __future__ import annotations

import fnmatch
import importlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from zoo.cards.card import ModelCard
from zoo.cards.reading import read_card
from zoo.errors import InvalidFile, InvalidValue, UnknownName

__all__ = [
    "baselines",
    "info",
    "is_folder",
    "list_models",
    "only_subclass",
    "search_path",
    "split_name",
]

PACKAGE = Path(__file__).resolve().parents[1]


def search_path() -> list[Path]:
    """Returns the folders of networks: the package's own, then those of `ZOO_MODELS`."""
    others = [Path(entry) for entry in os.environ.get("ZOO_MODELS", "").split(os.pathsep) if entry]
    return [PACKAGE / "models", *others]


def list_models(
    filter: str | Sequence[str] | None = None,
    *,
    task: str | None = None,
    kind: str | None = None,
) -> list[str]:
    """Lists the models that `zoo.load` knows, in natural order ("v2" before "v10").

    Args:
        filter: Shell pattern(s) that a name must match, e.g. "drn*".
        task: Only models for this task, e.g. "energy".
        kind: Only "set" or "image" models; "baseline" lists the trained classical algorithms, which are left
            out otherwise (they are no networks: use `zoo.baselines.<name>.predict`).

    Returns:
        Names.
    """
    patterns = [filter] if isinstance(filter, str) else list(filter or ["*"])
    folders = [PACKAGE / "baselines"] if kind == "baseline" else search_path()
    cards = {path.parent.name: path for path in reversed(list(_card_paths(folders)))}
    names = [name for name in cards if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]
    if task is not None or kind is not None:
        read = {name: read_card(cards[name]) for name in cards}
        known = {card.task for card in read.values()}
        if task is not None and task not in known:
            raise UnknownName("task", task, known)
        if kind is not None and kind != "baseline" and kind not in ("set", "image"):
            raise UnknownName("kind", kind, ("set", "image", "baseline"))
        names = [
            name
            for name in names
            if (task is None or read[name].task == task) and (kind is None or read[name].kind == kind)
        ]
    return sorted(names, key=_natural)


def baselines() -> list[str]:
    """Lists the trained classical algorithms, in natural order."""
    return list_models(kind="baseline")


def info(name: str) -> ModelCard:
    """Returns the card of a model or baseline.

    Args:
        name: A model's name; a tag after a dot is allowed and checked.

    Returns:
        The card: `.presets`, `.tags`, `.inputs`, `.outputs`, `.limits`, `.markdown()`.

    Raises:
        UnknownName: There is no such model or tag; the nearest names are listed.
    """
    model, tag = split_name(name)
    folders = [*search_path(), PACKAGE / "baselines"]
    for folder in folders:
        path = folder / model / "card.toml"
        if path.is_file():
            card = read_card(path)
            if tag is not None:
                card.tag(tag)
            return card
    raise UnknownName("model", model, [path.parent.name for path in _card_paths(folders)])


def is_folder(name: object) -> bool:
    """Returns whether a name is spelt as the folder of a run ("./runs/drn-001"), not as that of a model."""
    return str(name).startswith(("./", "../", "/", "~"))


def split_name(name: str) -> tuple[str, str | None]:
    """Splits "model.tag" into its parts.

    Args:
        name: "drn" or "drn.barrel_v1".

    Returns:
        Model and tag; the tag is None if none is given.

    Raises:
        InvalidValue: The name looks like a path.
    """
    if not isinstance(name, str) or not name:
        raise InvalidValue("model name", "a string like 'drn' or 'drn.barrel_v1'", repr(name))
    if "/" in name or "\\" in name or name.startswith((".", "~")) or name.endswith(".keras"):
        base = name.replace("\\", "/").removeprefix("./").strip("/").split("/")
        # A path and a name must never be mistaken for each other: say how each would be spelt.
        guess = next((part for part in base if (PACKAGE / "models" / part / "card.toml").is_file()), "drn")
        raise InvalidValue(
            "model name",
            f"a name such as {guess!r} for released weights, or a folder spelt './{'/'.join(base)}' "
            "(or absolute) for a local run",
            repr(name),
        )
    model, dot, tag = name.partition(".")
    return model, tag if dot else None


def only_subclass(base: type, card: ModelCard, package: str) -> Any:
    """Imports the package of a model and returns its class.

    Args:
        base: `Network` or `Baseline`.
        card: The model's card.
        package: Where its code is: "zoo.models.drn".

    Raises:
        InvalidFile: The package does not define one subclass of `base`.
    """
    importlib.invalidate_caches()
    module = importlib.import_module(package)
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, base) and value.__module__ == package
    ]
    if len(found) != 1:
        raise InvalidFile(
            Path(str(module.__file__)),
            f"holds {len(found)} subclasses of {base.__name__}.",
            f"Expected one, the model of the card {card.path}.",
        )
    return found[0]


def _card_paths(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(folder.glob("*/card.toml"))


def _natural(name: str) -> list[tuple[int, int, str]]:
    return [
        (1, int(part), "") if part.isdigit() else (0, 0, part) for part in re.split(r"([0-9]+)", name) if part
    ]
