"""Renders cards as Markdown: one page a model, and the table of models in the README."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo.cards.card import Metric, ModelCard, TensorSpec
from zoo.errors import InvalidFile
from zoo.files import write

__all__ = ["TABLE_END", "TABLE_START", "card_page", "model_table", "update_readme"]

TABLE_START = "<!-- model table -->"
TABLE_END = "<!-- end of model table -->"


def model_table(cards: Sequence[ModelCard]) -> str:
    """Returns one row a model: task, default weights, size, first metric beside baseline and limit."""
    header = ["model", "task", "what it is", "weights", "parameters", "measured", "baseline", "limit"]
    rows = [_row(header), _row(["---"] * len(header))]
    for card in cards:
        tag = card.tags.get(card.default_tag)
        preset = card.presets.get(card.default_preset)
        metric = tag.metrics[0] if tag is not None and tag.metrics else None
        title = f"[{card.title}]({card.paper['url']})" if card.paper.get("url") else card.title
        rows.append(
            _row(
                [
                    f"`{card.name}`",
                    card.task,
                    f"{title}: {card.summary}",
                    f"`{card.name}.{tag.name}`" if tag is not None else "none yet",
                    f"{preset.parameters:,}" if preset is not None else "",
                    f"{metric.name}: {_measured(metric)}" if metric is not None else "",
                    _compared(metric.baseline, metric.baseline_error, metric.baseline_name) if metric else "",
                    _compared(metric.limit, None, metric.limit_name) if metric else "",
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


def card_page(card: ModelCard) -> str:
    """Returns a model's card as a Markdown page."""
    parts = [f"# {card.title} (`{card.name}`)", card.summary]
    facts = [
        ("Task", card.task),
        ("Kind", card.kind),
        ("Licence", card.licence),
        ("Paper", _paper(card.paper)),
    ]
    parts.append("\n".join(f"* {name}: {value}" for name, value in facts if value))
    for title, specs in (("Inputs", card.inputs), ("Outputs", card.outputs)):
        if specs:
            parts.append(f"## {title}\n\n{_tensors(specs)}")
    if card.presets:
        header = [_row(["preset", "parameters", "description"]), _row(["---"] * 3)]
        lines = [_row([f"`{n}`", f"{p.parameters:,}", p.description]) for n, p in card.presets.items()]
        parts.append("## Presets\n\n" + "\n".join(header + lines))
    for tag in card.tags.values():
        default = " (default)" if tag.name == card.default_tag else ""
        lines = [f"## Weights `{card.name}.{tag.name}`{default}", ""]
        lines += [
            f"Released {tag.date}, preset `{tag.preset}`." if tag.preset else f"Released {tag.date}.",
            "",
        ]
        if tag.metrics:
            lines += [_row(["measured", "value", "baseline", "limit", "sample"]), _row(["---"] * 5)]
            lines += [_metric_row(metric) for metric in tag.metrics]
            lines.append("")
        lines += [f"* `{path}` sha256 `{digest}`" for path, digest in sorted(tag.files.items())]
        parts.append("\n".join(lines))
    if card.training_data:
        data = "\n".join(f"* {key.replace('_', ' ')}: {value}" for key, value in card.training_data.items())
        parts.append(f"## Training data\n\n{data}")
    if card.limits:
        parts.append("## Known limits\n\n" + "\n".join(f"* {limit}" for limit in card.limits))
    return "\n\n".join(parts) + "\n"


def _tensors(specs: Sequence[TensorSpec]) -> str:
    rows = [_row(["tensor", "shape", "dtype", "unit", "meaning"]), _row(["---"] * 5)]
    for spec in specs:
        shape = ", ".join(str(size) for size in spec.shape)
        features = f" ({', '.join(spec.features)})" if spec.features else ""
        rows.append(
            _row([f"`{spec.name}`", f"[{shape}]", spec.dtype, spec.unit, spec.description + features])
        )
    return "\n".join(rows)


def _metric_row(metric: Metric) -> str:
    note = f"{metric.name} ({metric.note})" if metric.note else metric.name
    baseline = _compared(metric.baseline, metric.baseline_error, metric.baseline_name)
    limit = _compared(metric.limit, None, metric.limit_name)
    return _row([note, _measured(metric), baseline, limit, metric.sample])


def _measured(metric: Metric) -> str:
    unit = f" {metric.unit}" if metric.unit else ""
    return _number(metric.value, metric.error) + unit


def _compared(value: float | None, error: float | None, name: str) -> str:
    if value is None:
        return ""
    return _number(value, error) + (f" ({name})" if name else "")


def _number(value: float, error: float | None) -> str:
    return f"{value:.4g}" if error is None else f"{value:.4g} ± {error:.1g}"


def _paper(paper: Mapping[str, Any]) -> str:
    words = [str(paper[key]) for key in ("authors", "title", "year") if paper.get(key)]
    return ", ".join(words) + (f", <{paper['url']}>" if paper.get("url") else "")


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
