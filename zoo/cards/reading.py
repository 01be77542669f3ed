"""Reads and checks a `card.toml`; its form stands in `zoo.cards.card`."""

from __future__ import annotations

import dataclasses
import functools
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo.cards.card import Metric, ModelCard, Preset, Tag, TensorSpec
from zoo.errors import InvalidFile, InvalidValue, UnknownName

__all__ = ["read_card"]


def read_card(path: Path) -> ModelCard:
    """Reads and checks a `card.toml`.

    Args:
        path: The file.

    Returns:
        The card.

    Raises:
        InvalidFile: It cannot be read, is no TOML, or lacks what a card must say.
    """
    try:
        state = path.stat()
        return _read(path, state.st_mtime_ns, state.st_size)
    except OSError as error:
        raise InvalidFile(path, f"cannot be read ({error.strerror or error}).") from error


@functools.lru_cache(maxsize=64)  # every look at a model asks for its card
def _read(path: Path, mtime_ns: int, size: int) -> ModelCard:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidFile(path, f"is no valid TOML: {error}.") from error
    try:
        card = _card(content, path)
    except (InvalidValue, UnknownName, TypeError) as error:
        raise InvalidFile(path, str(error)) from error
    if card.name != path.parent.name:
        raise InvalidFile(path, f"name is {card.name!r} but the folder is {path.parent.name!r}.")
    return card


def _card(content: Mapping[str, Any], path: Path) -> ModelCard:
    known = dict(content)
    tables: dict[str, Any] = {
        "inputs": tuple(_record(TensorSpec, entry, "inputs") for entry in known.pop("inputs", ())),
        "outputs": tuple(_record(TensorSpec, entry, "outputs") for entry in known.pop("outputs", ())),
        "presets": {
            name: _preset(entry, f"presets.{name}") for name, entry in known.pop("presets", {}).items()
        },
        "tags": {name: _tag(name, entry) for name, entry in known.pop("tags", {}).items()},
        "path": path,
    }
    card: ModelCard = _record(ModelCard, {**known, **tables}, "card")
    return card


def _preset(entry: Mapping[str, Any], where: str) -> Preset:
    tensors = {
        side: tuple(_record(TensorSpec, tensor, f"{where}.{side}") for tensor in entry.get(side, ()))
        for side in ("inputs", "outputs")
    }
    preset: Preset = _record(Preset, {**entry, **tensors}, where)
    return preset


def _tag(name: str, entry: Mapping[str, Any]) -> Tag:
    fields = {field.name for field in dataclasses.fields(Tag)} - {"name", "extra", "metrics"}
    known = {key: value for key, value in entry.items() if key in fields}
    extra = {key: value for key, value in entry.items() if key not in fields and key != "metrics"}
    metrics = tuple(_record(Metric, metric, f"tags.{name}.metrics") for metric in entry.get("metrics", ()))
    tag: Tag = _record(Tag, {"name": name, **known, "metrics": metrics, "extra": extra}, f"tags.{name}")
    return tag


def _record(cls: type[Any], entry: Mapping[str, Any], where: str) -> Any:
    """Builds a dataclass of a TOML table; lists become tuples, unknown and missing keys are errors."""
    fields = {field.name: field for field in dataclasses.fields(cls)}
    for key in entry:
        if key not in fields:
            raise UnknownName("key", key, fields, where=where)
    required = {
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    if missing := sorted(required - set(entry)):
        raise InvalidValue(where, f"the keys {', '.join(sorted(required))}", f"no {', '.join(missing)}")
    return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()})
