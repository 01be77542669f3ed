"""The table of models in the README, one row a card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from zoo.cards.card import ModelCard
from zoo.cards.markdown import header, row
from zoo.errors import InvalidFile
from zoo.files import write

__all__ = ["TABLE_END", "TABLE_START", "model_table", "update_readme"]

TABLE_START = "<!-- model table -->"
TABLE_END = "<!-- end of model table -->"


def model_table(cards: Sequence[ModelCard]) -> str:
    """Returns one row a model: task, default weights, size, first metric beside baseline and limit."""
    columns = ["model", "task", "what it is", "weights", "parameters", "measured", "baseline", "limit"]
    rows = header(columns)
    for card in cards:
        tag = card.tags.get(card.default_tag)
        preset = card.presets.get(card.default_preset)
        metric = tag.metrics[0] if tag is not None and tag.metrics else None
        title = f"[{card.title}]({card.paper['url']})" if card.paper.get("url") else card.title
        rows.append(
            row(
                [
                    f"`{card.name}`",
                    card.task,
                    f"{title}: {card.summary}",
                    f"`{card.name}.{tag.name}`" if tag is not None else "none yet",
                    f"{preset.parameters:,}" if preset is not None else "",
                    *((f"{metric.name}: {metric.texts()[0]}", *metric.texts()[1:]) if metric else [""] * 3),
                ]
            )
        )
    return "\n".join(rows) + "\n"


def update_readme(path: Path, cards: Sequence[ModelCard]) -> bool:
    """Rewrites the table between the two marker lines of a README.

    Args:
        path: The README.
        cards: What the table shows.

    Returns:
        Whether the file changed.

    Raises:
        InvalidFile: It lacks a marker.
    """
    text = path.read_text(encoding="utf-8")
    start, end = text.find(TABLE_START), text.find(TABLE_END)
    if start < 0 or end < start:
        raise InvalidFile(path, f"lacks the lines {TABLE_START} and {TABLE_END}.")
    new = f"{text[: start + len(TABLE_START)]}\n{model_table(cards)}{text[end:]}"
    if new == text:
        return False
    write(path, new)
    return True
