"""Model cards: what a model takes and gives, was trained on, and how well it does.

The card is the registration: a folder with a `card.toml` is a model, nothing else has to be edited. People
write the text; a release (`training/release/card_tags.py`) writes the `[tags.*]` tables, checksums and
measured numbers, and leaves every other byte alone.

```toml
name = "drn"                       # the folder's name
title = "Dynamic Reduction Network"
task = "energy"                    # what it is for
kind = "set"                       # "set", "image" or "baseline"
summary = "One sentence."
default_tag = "barrel_v1"
licence = "Apache-2.0"
limits = ["What it cannot do."]

[[inputs]]                         # and [[outputs]]
name = "hits"                      # lower-case snake name, the same in every artefact
shape = ["B", "N", 5]              # axis letters are dynamic sizes
unit = "mixed"
features = ["ieta", "iphi", "energy_gev", "noise_gev", "dead_neighbours"]
description = "Rechits of one object"

[presets.barrel]
description = "The shipped one"
parameters = 12345

[paper]                            # title, authors, year, url
[training_data]                    # free text and numbers
```
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo.cards.markdown import header, number, row
from zoo.errors import InvalidValue, UnknownName

__all__ = ["KINDS", "Metric", "ModelCard", "Preset", "Tag", "TensorSpec"]

KINDS = ("set", "image", "baseline")
DTYPES = ("float32", "int64")
_SNAKE = re.compile(r"[a-z][a-z0-9_]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """One named tensor at the border of a model.

    Args:
        name: Lower-case snake name, the same in Python, SavedModel, frozen graph and ONNX.
        shape: Axis letters ("B", "N": dynamic) and fixed sizes.
        dtype: "float32" at every border of a network.
        unit: Unit, or "mixed" where `features` carry their own in their names.
        features: Names along the last axis, empty if it has no such meaning.
        description: One line.
        mask_of: For a mask, the input whose real entries it marks.
    """

    name: str
    shape: tuple[str | int, ...]
    dtype: str = "float32"
    unit: str = ""
    features: tuple[str, ...] = ()
    description: str = ""
    mask_of: str = ""

    def __post_init__(self) -> None:
        if not _SNAKE.fullmatch(self.name):
            raise InvalidValue(
                "tensor name", "lower-case snake letters (ONNX lower-cases others)", repr(self.name)
            )
        if self.dtype not in DTYPES:
            raise InvalidValue(f"dtype of {self.name}", f"one of {DTYPES}", repr(self.dtype))
        if not self.shape or self.shape[0] != "B":
            raise InvalidValue(f"shape of {self.name}", 'axes that start with the batch, "B"', self.shape)
        if self.features and self.shape[-1] != len(self.features):
            raise InvalidValue(f"features of {self.name}", f"{self.shape[-1]} names", self.features)

    @property
    def dims(self) -> tuple[int, ...]:
        """Returns the shape with -1 for every dynamic axis."""
        return tuple(size if isinstance(size, int) else -1 for size in self.shape)


@dataclasses.dataclass(frozen=True)
class Preset:
    """A named configuration of a model.

    Args:
        description: One line.
        parameters: Number of trainable and fixed parameters.
        inputs: Its input tensors that differ from the card's of the same name.
        outputs: The same of its outputs.
    """

    description: str
    parameters: int
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()


@dataclasses.dataclass(frozen=True)
class Metric:
    """One measured number, with what a classical algorithm and the information limit give on the same events.

    Args:
        name: What was measured, e.g. "effective resolution at 50 GeV".
        value: The model's value.
        error: Its statistical error.
        unit: Unit, empty for a ratio.
        sample: The events it was measured on.
        baseline: The baseline's value on the same events.
        baseline_error: Its statistical error.
        baseline_name: Which baseline.
        limit: The best possible value, where known.
        limit_name: What sets that limit.
        note: Anything a reader must know.
    """

    name: str
    value: float
    error: float | None = None
    unit: str = ""
    sample: str = ""
    baseline: float | None = None
    baseline_error: float | None = None
    baseline_name: str = ""
    limit: float | None = None
    limit_name: str = ""
    note: str = ""

    def texts(self) -> tuple[str, str, str]:
        """Returns the value, the baseline's and the limit in words, the last two empty where unknown."""
        return (
            number(self.value, self.error, unit=self.unit),
            number(self.baseline, self.baseline_error, self.baseline_name),
            number(self.limit, None, self.limit_name),
        )


@dataclasses.dataclass(frozen=True)
class Tag:
    """One set of released weights. Tags never change: a better training is a new tag.

    Args:
        name: Name of the data + "_v" + integer.
        preset: The preset of the network, empty for a baseline.
        files: sha256 of each file that a loader may open, by path inside the tag's folder.
        date: Day of the release, ISO.
        metrics: What was measured with these weights.
        extra: Further tables of the card, as they stand.
    """

    name: str
    files: Mapping[str, str]
    preset: str = ""
    date: str = ""
    metrics: tuple[Metric, ...] = ()
    extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_]*_v[0-9]+", self.name):
            raise InvalidValue(
                "tag", "the name of the data, '_v' and an integer, e.g. barrel_v1", repr(self.name)
            )
        for path, digest in self.files.items():
            if not _SHA256.fullmatch(digest):
                raise InvalidValue(
                    f"sha256 of {path} in tag {self.name}", "64 hexadecimal digits", repr(digest)
                )
            if Path(path).is_absolute() or ".." in Path(path).parts:
                raise InvalidValue(f"files of tag {self.name}", "paths inside the tag's folder", repr(path))

    def markdown(self) -> str:
        """Returns what was released and measured, as Markdown."""
        lines = [f"Released {self.date}" + (f", preset `{self.preset}`." if self.preset else "."), ""]
        if self.metrics:
            lines += header(["measured", "value", "baseline", "limit", "sample"])
            for metric in self.metrics:
                what = f"{metric.name} ({metric.note})" if metric.note else metric.name
                lines.append(row([what, *metric.texts(), metric.sample]))
            lines.append("")
        return "\n".join(
            [*lines, *(f"* `{path}` sha256 `{sha}`" for path, sha in sorted(self.files.items()))]
        )


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """Everything that is known of a model without importing its code.

    Args:
        name: The name for `zoo.load`.
        title: The name in prose.
        task: What it is for, e.g. "energy".
        kind: "set" (hits, clusters: any order), "image", or "baseline".
        summary: One sentence.
        inputs: Input tensors; empty for a baseline, which reads records.
        outputs: Output tensors; empty for a baseline.
        presets: Configurations by name.
        tags: Released weights by name.
        default_tag: The tag of `zoo.load(name)`.
        licence: SPDX identifier of code and weights.
        limits: What it cannot do, one sentence each.
        paper: title, authors, year, url.
        training_data: What the weights have seen.
        path: The card's file.
    """

    name: str
    title: str
    task: str
    kind: str
    summary: str
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    presets: Mapping[str, Preset] = dataclasses.field(default_factory=dict)
    tags: Mapping[str, Tag] = dataclasses.field(default_factory=dict)
    default_tag: str = ""
    licence: str = ""
    limits: tuple[str, ...] = ()
    paper: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    training_data: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    path: Path | None = None

    def __post_init__(self) -> None:
        if not _SNAKE.fullmatch(self.name):
            raise InvalidValue("model name", "lower-case snake letters", repr(self.name))
        if self.kind not in KINDS:
            raise InvalidValue(f"kind of {self.name}", f"one of {KINDS}", repr(self.kind))
        if self.kind != "baseline" and not (self.inputs and self.outputs and self.presets):
            raise InvalidValue(
                f"card of {self.name}", "inputs, outputs and presets", "at least one is missing"
            )
        if self.tags and self.default_tag not in self.tags:
            raise UnknownName("default_tag", self.default_tag, self.tags, where=f"the card of {self.name}")
        names = [spec.name for spec in self.inputs]
        for spec in self.inputs:
            if spec.mask_of and spec.mask_of not in names:
                raise UnknownName("mask_of", spec.mask_of, names, where=f"the card of {self.name}")
        for tag in self.tags.values():
            if tag.preset and tag.preset not in self.presets:
                raise UnknownName("preset", tag.preset, self.presets, where=f"tag {tag.name} of {self.name}")

    @property
    def default_preset(self) -> str:
        """Returns the preset of the default tag, or the first one if nothing is released yet."""
        if self.default_tag in self.tags:
            return self.tags[self.default_tag].preset
        return next(iter(self.presets), "")

    @property
    def shapes(self) -> dict[str, tuple[str | int, ...]]:
        """Returns the axes of each input and output by name."""
        return {spec.name: spec.shape for spec in (*self.inputs, *self.outputs)}

    def of_preset(self, name: str) -> ModelCard:
        """Returns the card with the input and output tensors of a preset.

        Raises:
            UnknownName: There is no such preset.
        """
        if name not in self.presets:
            raise UnknownName("preset", name, self.presets, where=f"the card of {self.name}")
        preset = self.presets[name]
        return dataclasses.replace(
            self,
            inputs=_changed(self.inputs, preset.inputs, f"{self.name}, preset {name}"),
            outputs=_changed(self.outputs, preset.outputs, f"{self.name}, preset {name}"),
        )

    def tag(self, name: str | None = None) -> Tag:
        """Returns a tag by name, or the default tag.

        Raises:
            UnknownName: There is no such tag.
        """
        wanted = name or self.default_tag
        if wanted not in self.tags:
            raise UnknownName("tag", wanted, self.tags, where=f"the card of {self.name}")
        return self.tags[wanted]

    def markdown(self) -> str:
        """Returns the card as a Markdown page."""
        parts = [f"# {self.title} (`{self.name}`)", self.summary]
        paper = ", ".join(str(self.paper[key]) for key in ("authors", "title", "year") if self.paper.get(key))
        paper += f", <{self.paper['url']}>" if self.paper.get("url") else ""
        facts = {"Task": self.task, "Kind": self.kind, "Licence": self.licence, "Paper": paper}
        parts.append("\n".join(f"* {name}: {value}" for name, value in facts.items() if value))
        parts += [*_tensor_tables("## ", self.inputs, self.outputs)]
        if self.presets:
            rows = [row([f"`{n}`", f"{p.parameters:,}", p.description]) for n, p in self.presets.items()]
            parts.append(
                "\n".join(["## Presets", "", *header(["preset", "parameters", "description"]), *rows])
            )
        for name, preset in self.presets.items():
            parts += _tensor_tables(f"### Preset `{name}`: ", preset.inputs, preset.outputs)
        for tag in self.tags.values():
            title = f"`{self.name}.{tag.name}`{' (default)' if tag.name == self.default_tag else ''}"
            parts.append(f"## Weights {title}\n\n{tag.markdown()}")
        if self.training_data:
            rows = [f"* {key.replace('_', ' ')}: {value}" for key, value in self.training_data.items()]
            parts.append("\n".join(["## Training data", "", *rows]))
        if self.limits:
            parts.append("\n".join(["## Known limits", "", *(f"* {limit}" for limit in self.limits)]))
        return "\n\n".join(parts) + "\n"


def _tensor_tables(
    heading: str, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]
) -> Iterator[str]:
    for title, specs in (("Inputs", inputs), ("Outputs", outputs)):
        if specs:
            table = header(["tensor", "shape", "dtype", "unit", "meaning"])
            for spec in specs:
                shape = ", ".join(str(size) for size in spec.shape)
                meaning = spec.description + (f" ({', '.join(spec.features)})" if spec.features else "")
                table.append(row([f"`{spec.name}`", f"[{shape}]", spec.dtype, spec.unit, meaning]))
            yield "\n".join([f"{heading}{title}", "", *table])


def _changed(
    of_card: tuple[TensorSpec, ...], of_preset: tuple[TensorSpec, ...], where: str
) -> tuple[TensorSpec, ...]:
    others = {spec.name: spec for spec in of_preset}
    known = [spec.name for spec in of_card]
    for name in others:
        if name not in known:
            raise UnknownName("tensor", name, known, where=f"the card of {where}")
    return tuple(others.get(spec.name, spec) for spec in of_card)
