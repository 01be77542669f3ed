"""Golden inputs: what every exported artefact, in every language, must reproduce.

Rows are events of the network's own `sample` (its edge cases included), then copies of one of them with
the node order reversed, NaN and infinity in a real slot, and rubbish in the padding; of an image copies with
NaN, infinity and a negative value. NumPy only.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo.arrays import Bools, Ints
from zoo.cards.card import ModelCard
from zoo.cards.tensors import Tensors, masked_sets, node_axes
from zoo.errors import InvalidFile
from zoo.models.network import Network

__all__ = [
    "extend_padding",
    "fit_padding",
    "golden_inputs",
    "permute_nodes",
    "read_tensors",
    "select_row",
    "write_tensors",
]


def golden_inputs(
    network: Network, records: Any = None, *, n: int = 24, seed: int = 20
) -> tuple[Tensors, list[str]]:
    """Returns golden inputs and a name for each row.

    Args:
        network: The network.
        records: Events to use instead of `network.sample(n, seed)`.
        n: Number of sampled events.
        seed: Their seed.

    Returns:
        Input tensors with B rows, and B names.
    """
    card = network.card
    inputs: Tensors = dict(network.to_inputs(network.sample(n, seed) if records is None else records))
    inputs = {spec.name: np.asarray(inputs[spec.name], spec.dtype) for spec in card.inputs}
    rows = len(inputs[card.inputs[0].name])
    named = list(network.cases[:rows]) if records is None else []
    names = named + [f"event {row}" for row in range(len(named), rows)]
    sets = masked_sets(card)
    inputs = extend_padding(card, inputs, 3)  # so that every row has padding to dirty
    dirty: list[tuple[str, Tensors]] = []
    for spec in card.inputs:
        if spec.name not in sets or spec.dtype != "float32":
            continue
        mask = inputs[sets[spec.name]] > 0
        row = int(np.argmax(mask.sum(axis=tuple(range(1, mask.ndim)))))
        if mask[row].sum() < 2:
            continue
        one: Tensors = {name: values[row : row + 1].copy() for name, values in inputs.items()}
        axis = card.shapes[sets[spec.name]][-1]
        cases = [("in reversed order", permute_nodes(card, one, axis, _reversed(mask[row : row + 1])))]
        for case, changed in _dirty(mask[row], one[spec.name][0]):
            cases.append((case, {**one, spec.name: changed[None]}))
        dirty += [(f"event {row}: {spec.name} {case}", changed) for case, changed in cases]
    if card.kind == "image":
        dirty += _dirty_images(inputs)
    parts = [inputs, *(copy for _, copy in dirty)]
    joined = {name: np.ascontiguousarray(np.concatenate([part[name] for part in parts])) for name in inputs}
    return joined, names + [case for case, _ in dirty]


def _dirty_images(inputs: Tensors) -> list[tuple[str, Tensors]]:
    """Returns copies of the brightest image, each with one broken value in the place of its largest."""
    found: list[tuple[str, Tensors]] = []
    for name, values in inputs.items():
        if values.ndim < 3:
            continue
        row = int(np.argmax(values.sum(axis=tuple(range(1, values.ndim)))))
        for case, broken in (("NaN", np.nan), ("infinity", np.inf), ("a negative value", -5.0)):
            one: Tensors = {key: array[row : row + 1].copy() for key, array in inputs.items()}
            one[name].flat[np.argmax(one[name])] = broken
            found.append((f"event {row}: {name} with {case}", one))
    return found


def _dirty(mask: Bools, values: npt.NDArray[Any]) -> list[tuple[str, npt.NDArray[Any]]]:
    """Returns copies of the nodes [..., F] of a row: with NaN, with infinity, with rubbish in the padding."""
    where = np.argwhere(mask)
    nan, inf, padding = (values.copy() for _ in range(3))
    nan[(*where[0], -1)] = np.nan
    inf[(*where[len(where) // 2], -1)] = np.inf
    padding[~mask] = np.where(np.arange((~mask).sum())[:, None] % 2, np.nan, 1e30)
    return [
        ("with NaN in a real slot", nan),
        ("with infinity in a real slot", inf),
        ("with NaN and 1e30 in the padding", padding),
    ]


def _reversed(mask: Bools) -> Ints:
    """Returns the order [..., N] that reverses the real nodes and leaves the padding where it is."""
    order = np.broadcast_to(np.arange(mask.shape[-1]), mask.shape).copy()
    for index in np.ndindex(mask.shape[:-1]):
        order[index][mask[index]] = np.flatnonzero(mask[index])[::-1]
    return order


def permute_nodes(
    card: ModelCard,
    inputs: Mapping[str, npt.NDArray[Any]],
    axis: str | int,
    order: npt.NDArray[np.integer[Any]],
) -> Tensors:
    """Returns inputs or outputs with the nodes along one axis in another order, in every tensor that has it.

    Args:
        card: The model's card.
        inputs: Tensors by name.
        axis: Letter of the axis, e.g. "N".
        order: `[B, ..., N]`, the shape of the axis' mask: place i gets node `order[..., i]`.

    Returns:
        Tensors by name.
    """
    moved: Tensors = {}
    for name, values in inputs.items():
        shape = card.shapes[name]
        if axis in shape:
            wide = order.reshape(order.shape + (1,) * (values.ndim - order.ndim))
            values = np.take_along_axis(values, wide, axis=shape.index(axis))
        moved[name] = np.asarray(values)
    return moved


def extend_padding(card: ModelCard, inputs: Mapping[str, npt.NDArray[Any]], more: int) -> Tensors:
    """Returns inputs with `more` empty slots behind every set; a model's answer must not change."""
    sizes = {axis: inputs[mask].shape[-1] + more for axis, mask in node_axes(card).items()}
    return fit_padding(card, inputs, sizes)


def fit_padding(
    card: ModelCard, tensors: Mapping[str, npt.NDArray[Any]], sizes: Mapping[str | int, int]
) -> Tensors:
    """Returns inputs or outputs with other numbers of slots: zeros behind, or the last ones cut.

    Args:
        card: The model's card.
        tensors: Tensors by name.
        sizes: Number of slots along each axis of nodes, by its letter.

    Returns:
        Tensors by name.
    """
    fitted: Tensors = {}
    for name, values in tensors.items():
        wanted = [sizes.get(axis, size) for axis, size in zip(card.shapes[name], values.shape, strict=True)]
        cut = values[tuple(slice(size) for size in wanted)]
        fitted[name] = np.pad(cut, [(0, size - had) for size, had in zip(wanted, cut.shape, strict=True)])
    return fitted


def select_row(card: ModelCard, inputs: Mapping[str, npt.NDArray[Any]], row: int) -> Tensors:
    """Returns one row as a batch of one, without padding (one slot stays if there is no real node)."""
    one: Tensors = {name: values[row : row + 1] for name, values in inputs.items()}
    sizes = {}
    for axis, mask in node_axes(card).items():
        real = np.flatnonzero((one[mask] > 0).reshape(-1, one[mask].shape[-1]).any(axis=0))
        sizes[axis] = int(real[-1]) + 1 if len(real) else 1
    return fit_padding(card, one, sizes)


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
