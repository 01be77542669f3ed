"""Writes the `[tags.*]` tables of a card; every byte that people wrote stays as it is."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo.cards.card import ModelCard
from zoo.cards.reading import read_card
from zoo.errors import InvalidValue
from zoo.files import replacing

__all__ = ["record_tag"]


def record_tag(
    card_path: Path,
    tag: str,
    files: Mapping[str, str],
    metrics: Sequence[Mapping[str, Any]] = (),
    *,
    preset: str = "",
    date: str | None = None,
    extra: Mapping[str, Any] | None = None,
    replace: bool = False,
) -> ModelCard:
    """Records released weights in a card.

    The card is read back before it replaces the old one, so that a bad value leaves the old card in place.

    Args:
        card_path: The `card.toml`.
        tag: Name of the tag, e.g. "barrel_v1".
        files: sha256 by path inside the tag's folder.
        metrics: Measured numbers; the keys are the fields of `zoo.cards.card.Metric`.
        preset: The preset of the weights; empty for a baseline.
        date: Day of the release, ISO; today if None.
        extra: Further values and tables for this tag, e.g. {"showers": {"electrons": 500000}}.
        replace: Allow another content under a tag that exists (before its release only: tags are immutable).

    Returns:
        The card as it now reads.

    Raises:
        InvalidValue: The tag exists with other files, or a value is not fit for a card.
    """
    old = read_card(card_path)
    if tag in old.tags and not replace and dict(old.tags[tag].files) != dict(files):
        raise InvalidValue(
            f"tag {old.name}.{tag}", "a new tag (released tags never change)", "a tag with other files"
        )
    scalars: dict[str, Any] = {"preset": preset} if preset else {}
    scalars["date"] = date or datetime.datetime.now(datetime.UTC).date().isoformat()
    further = dict(extra or {})
    scalars |= {key: value for key, value in further.items() if not _is_table(value)}
    blocks = [
        f"[tags.{tag}]\n{_lines(scalars)}",
        f"[tags.{tag}.files]\n{_lines(dict(sorted(files.items())))}",
    ]
    blocks += [
        f"[[tags.{tag}.metrics]]\n{_lines({k: v for k, v in metric.items() if v is not None and v != ''})}"
        for metric in metrics
    ]
    for key, value in further.items():
        if isinstance(value, Mapping):
            blocks.append(f"[tags.{tag}.{key}]\n{_lines(value)}")
        elif _is_table(value):
            blocks += [f"[[tags.{tag}.{key}]]\n{_lines(entry)}" for entry in value]
    text = card_path.read_text(encoding="utf-8")
    head, tail = _around(text, tag)
    # A card must stand in a folder of its name: the new one is checked in a hidden folder of that name.
    with replacing(card_path) as new:
        staged = new.parent / card_path.parent.name / new.name
        staged.parent.mkdir()
        staged.write_text(head + "\n".join(blocks) + tail, encoding="utf-8")
        read_card(staged)
        staged.rename(new)
    return read_card(card_path)


def _around(text: str, tag: str) -> tuple[str, str]:
    """Returns what stands before and after the tables of this tag; a new tag goes to the end."""
    header = re.compile(r"^\s*\[+\s*([^\]]+?)\s*\]+", re.MULTILINE)
    own = re.compile(rf"tags\.{re.escape(tag)}(\..*)?$")
    tables = [(match.start(), bool(own.match(match.group(1)))) for match in header.finditer(text)]
    mine = [index for index, (_, is_mine) in enumerate(tables) if is_mine]
    if not mine:
        return text if text.endswith("\n\n") else text.rstrip("\n") + "\n\n", ""
    begin = tables[mine[0]][0]
    last = mine[-1] + 1
    end = tables[last][0] if last < len(tables) else len(text)
    lead = re.match(r"\s*", text[begin:])
    return text[:begin] + (lead.group(0) if lead else ""), (
        "\n" + text[end:].lstrip("\n") if text[end:].strip() else ""
    )


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, (list, tuple))
        and bool(value)
        and all(isinstance(entry, Mapping) for entry in value)
    )


def _lines(table: Mapping[str, Any]) -> str:
    return "".join(f"{_key(key)} = {_value(value, key)}\n" for key, value in table.items())


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key, key)


def _value(value: Any, key: str) -> str:
    """Returns a value as TOML writes it; NumPy scalars come in through `item`."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        if value != value or value in (float("inf"), float("-inf")):
            raise InvalidValue(key, "a finite number", value)
        return repr(value)
    if isinstance(value, (str, Path, datetime.date)):
        escaped = (
            str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
        )
        return f'"{escaped}"'
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(entry, key) for entry in value) + "]"
    if isinstance(value, Mapping):
        return (
            "{ " + ", ".join(f"{_key(name)} = {_value(entry, key)}" for name, entry in value.items()) + " }"
        )
    raise InvalidValue(key, "a string, number, list or table", type(value).__name__)
