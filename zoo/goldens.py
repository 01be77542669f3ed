"""Golden inputs: what every exported artefact, in every language, must reproduce.

Rows are events of the model's own `events.sample` (its edge cases included), then copies of one of them with
the node order reversed, NaN and infinity in a real slot, and rubbish in the padding. NumPy only.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo.cards import ModelCard, TensorSpec
from zoo.errors import InvalidFile
from zoo.registry import model_module

__all__ = [
    "Tensors",
    "extend_padding",
    "golden_inputs",
    "masked_sets",
    "read_tensors",
    "select_row",
    "write_tensors",
]

Tensors = dict[str, npt.NDArray[Any]]


def masked_sets(card: ModelCard) -> dict[str, str]:
    """Returns the mask of each set input: {"hits": "hit_mask"}."""
    return {spec.mask_of: spec.name for spec in card.inputs if spec.mask_of}


def golden_inputs(
    card: ModelCard, records: Any = None, *, n: int = 24, seed: int = 20
) -> tuple[Tensors, list[str]]:
    """Returns golden inputs and a name for each row.

    Args:
        card: The model's card.
        records: Events to use instead of `events.sample(n, seed)`.
        n: Number of sampled events.
        seed: Their seed.

    Returns:
        Input tensors with B rows, and B names.
    """
    events = model_module(card.name, "events")
    inputs: Tensors = dict(events.to_inputs(events.sample(n, seed) if records is None else records))
    inputs = {spec.name: np.asarray(inputs[spec.name], spec.dtype) for spec in card.inputs}
    rows = len(inputs[card.inputs[0].name])
    named = list(getattr(events, "SAMPLE_CASES", ()))[:rows] if records is None else []
    names = named + [f"event {row}" for row in range(len(named), rows)]
    sets = masked_sets(card)
    inputs = extend_padding(card, inputs, 3)  # so that every row has padding to dirty
    dirty: list[tuple[str, Tensors]] = []
    for spec in card.inputs:
        if spec.name not in sets or spec.dtype != "float32":
            continue
        mask = inputs[sets[spec.name]] > 0
        row = int(np.argmax(mask.sum(axis=1)))
        count = int(mask[row].sum())
        if count < 2:
            continue
        for case, changed in _dirty(spec, mask[row], inputs[spec.name][row], count):
            copy = {name: values[row : row + 1].copy() for name, values in inputs.items()}
            copy[spec.name][0] = changed
            dirty.append((f"event {row}: {spec.name} {case}", copy))
    parts = [inputs, *(copy for _, copy in dirty)]
    joined = {name: np.ascontiguousarray(np.concatenate([part[name] for part in parts])) for name in inputs}
    return joined, names + [case for case, _ in dirty]


def _dirty(
    spec: TensorSpec, mask: npt.NDArray[np.bool_], values: npt.NDArray[Any], count: int
) -> list[tuple[str, npt.NDArray[Any]]]:
    """Returns copies of one row [N, F]: reversed, with NaN, with infinity, with rubbish in the padding."""
    where = np.flatnonzero(mask)
    reverse, nan, inf, padding = (values.copy() for _ in range(4))
    reverse[where] = values[where[::-1]]
    nan[where[0], -1] = np.nan
    inf[where[count // 2], -1] = np.inf
    padding[~mask] = np.where(np.arange((~mask).sum())[:, None] % 2, np.nan, 1e30)
    return [
        ("in reversed order", reverse),
        ("with NaN in a real slot", nan),
        ("with infinity in a real slot", inf),
        ("with NaN and 1e30 in the padding", padding),
    ]


def extend_padding(card: ModelCard, inputs: Mapping[str, npt.NDArray[Any]], more: int) -> Tensors:
    """Returns inputs with `more` empty slots behind every set; a model's answer must not change."""
    sets = masked_sets(card)
    longer: Tensors = {}
    for name, values in inputs.items():
        if name in sets or name in sets.values():
            width = [(0, 0), (0, more)] + [(0, 0)] * (values.ndim - 2)
            longer[name] = np.pad(values, width)
        else:
            longer[name] = np.asarray(values)
    return longer


def select_row(card: ModelCard, inputs: Mapping[str, npt.NDArray[Any]], row: int) -> Tensors:
    """Returns one row as a batch of one, without padding (one slot stays if there is no real node)."""
    one: Tensors = {name: values[row : row + 1] for name, values in inputs.items()}
    for name, mask_name in masked_sets(card).items():
        real = np.flatnonzero(one[mask_name][0] > 0)
        keep = int(real[-1]) + 1 if len(real) else 1
        one[name], one[mask_name] = one[name][:, :keep], one[mask_name][:, :keep]
    return one


def write_tensors(folder: Path, tensors: Mapping[str, npt.NDArray[Any]]) -> None:
    """Writes each tensor as `<name>.npy` (little endian, C order, format 1.0: forty lines read it in C++)."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in tensors.items():
        with (folder / f"{name}.npy").open("wb") as file:
            np.lib.format.write_array(file, np.ascontiguousarray(values), version=(1, 0), allow_pickle=False)


def read_tensors(folder: Path, paths: Mapping[str, str]) -> Tensors:
    """Reads tensors back; never unpickles.

    Args:
        folder: Folder that the paths start from.
        paths: Path of each tensor.

    Returns:
        The tensors by name.

    Raises:
        InvalidFile: A file is missing or no plain .npy.
    """
    tensors: Tensors = {}
    for name, path in paths.items():
        try:
            tensors[name] = np.load(folder / path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise InvalidFile(folder / path, f"is no readable .npy file ({error}).") from error
    return tensors
