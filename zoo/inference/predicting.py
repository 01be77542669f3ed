"""`predict`: records in, records out, in the order in which they came.

Objects are sorted by size within a stretch of the input and run in batches of about one size, so that
padding stays small; a model's answer does not depend on what else is in its batch.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from zoo.arrays import Ints
from zoo.cards.card import ModelCard, TensorSpec
from zoo.cards.tensors import Tensors, masked_sets
from zoo.errors import InvalidValue, UnknownName
from zoo.inference.loading import network_of
from zoo.models.network import Network

if TYPE_CHECKING:
    import awkward as ak
    import keras

    from zoo.data.kinds.schema import Schema

__all__ = ["check_inputs", "predict"]

STRETCH = 4096  # objects that are sorted by size together


def predict(
    model: str | keras.Model,
    records: ak.Array | Mapping[str, npt.NDArray[Any]] | str | os.PathLike[str],
    batch_size: int = 64,
    *,
    branch_map: str | os.PathLike[str] | None = None,
    progress: Callable[[int], None] | None = None,
) -> ak.Array:
    """Runs a model on records.

    Args:
        model: A name for `zoo.load`, or a loaded model.
        records: Records (`zoo.data.files.readers`), a ROOT file, or a dict of the model's input tensors.
        batch_size: Objects a batch.
        branch_map: For an own ntuple: the TOML file that says which branch is which field.
        progress: Called with the number of objects done since the last call.

    Returns:
        One entry for each object, in the order of the input, with the model's outputs as fields. Outputs per
        node are jagged, a list for each object as long as its nodes (of tensors: up to its last real slot).
        An object without hits has -1 for energy and width.

    Raises:
        InvalidValue: NaN, infinity, or a wrong dtype, shape or range in the input.
        UnknownName: A missing field, branch or tensor; the nearest names are listed.
        InvalidFile: The file is missing, truncated or no ROOT file.
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise InvalidValue("batch_size", "an integer >= 1", repr(batch_size))
    network = network_of(model)
    # The input is looked at before a model is loaded: a typing error should not cost ten seconds.
    tensors = (_inputs(network, part) for part in _stretches(records, branch_map, network.schema))
    first = list(itertools.islice(tensors, 1))
    if isinstance(model, str):
        from zoo.inference.loading import load

        model = load(model)
    outputs = _outputs(model, network.card, itertools.chain(first, tensors), batch_size, progress)
    return network.to_records(outputs)


def check_inputs(card: ModelCard, inputs: Mapping[str, npt.NDArray[Any]]) -> Tensors:
    """Checks input tensors against the card.

    Args:
        card: The model's card.
        inputs: Arrays by the names of the card's inputs.

    Returns:
        The arrays in the card's dtypes.

    Raises:
        UnknownName: A tensor that the model does not take.
        InvalidValue: One is missing, has another dtype or shape, or is not finite.
    """
    names = [spec.name for spec in card.inputs]
    for name in inputs:
        if name not in names:
            raise UnknownName("input tensor", name, names, where=f"the card of {card.name}")
    sizes: dict[str | int, tuple[int, str]] = {}
    checked: Tensors = {}
    for spec in card.inputs:
        if spec.name not in inputs:
            raise InvalidValue(
                f"inputs of {card.name}", f"the tensors {', '.join(names)}", f"no {spec.name!r}"
            )
        values = np.asarray(inputs[spec.name])
        if values.dtype.kind not in "fiub" or (values.dtype.kind == "f" and spec.dtype.startswith("int")):
            raise InvalidValue(f"dtype of {spec.name}", spec.dtype, values.dtype)
        if values.ndim != len(spec.shape):
            raise InvalidValue(f"shape of {spec.name}", f"[{', '.join(map(str, spec.shape))}]", values.shape)
        for axis, size in zip(spec.shape, values.shape, strict=True):
            known, where = (
                (axis, "its card") if isinstance(axis, int) else sizes.setdefault(axis, (size, spec.name))
            )
            if size != known:
                expected = f"[{', '.join(map(str, spec.shape))}] with {axis} = {known} as in {where}"
                raise InvalidValue(f"shape of {spec.name}", expected, values.shape)
        bad = ~np.isfinite(values)
        if bad.any():
            place = tuple(int(index) for index in np.argwhere(bad)[0])
            feature = f" ({spec.features[place[-1]]})" if spec.features else ""
            raise InvalidValue(f"{spec.name}{list(place)}{feature}", "a finite number", values[place])
        checked[spec.name] = values.astype(spec.dtype)
    return checked


def _stretches(
    records: ak.Array | Mapping[str, npt.NDArray[Any]] | str | os.PathLike[str],
    branch_map: str | os.PathLike[str] | None,
    schema: Schema,
) -> Iterator[ak.Array | Mapping[str, npt.NDArray[Any]]]:
    """Yields the input in stretches; a file is never in memory as a whole."""
    if isinstance(records, (str, os.PathLike)):
        from zoo.data.files.readers import iterate_root

        chosen = None if branch_map is None else Path(branch_map)
        yield from iterate_root(Path(records), STRETCH, chosen, schema=schema, truth=False)
    elif isinstance(records, Mapping):
        yield records
    elif hasattr(records, "fields"):
        for start in range(0, len(records), STRETCH):
            yield records[start : start + STRETCH]
    else:
        raise InvalidValue(
            "records", "records, a ROOT file, or a dict of input tensors", type(records).__name__
        )


def _inputs(network: Network, stretch: Any) -> Tensors:
    inputs = stretch if isinstance(stretch, Mapping) else network.to_inputs(stretch)
    checked = check_inputs(network.card, inputs)
    network.validate(checked)
    return checked


def _outputs(
    model: keras.Model,
    card: ModelCard,
    stretches: Iterable[Tensors],
    batch_size: int,
    progress: Callable[[int], None] | None,
) -> dict[str, Any]:
    """Returns the outputs of all objects: [B, ...], those per node as jagged awkward arrays."""
    import awkward as ak

    from zoo.inference.traced import call

    none = np.zeros(0, np.int64)
    lengths = {axis: [none] for mask in masked_sets(card).values() for axis in card.shapes[mask][1:]}
    of_nodes = {spec.name: spec.shape[1] for spec in card.outputs if set(spec.shape[1:2]) & set(lengths)}
    rows = {spec.name: [_no_rows(spec, 1 + (spec.name in of_nodes))] for spec in card.outputs}
    places, done = [none], 0
    for inputs in stretches:
        for chosen, ends, batch in _batches(card, inputs, batch_size):
            for name, values in call(model, card, batch).items():
                if name in of_nodes:
                    values = values[np.arange(values.shape[1]) < ends[of_nodes[name]][:, None]]
                rows[name].append(values)
            for axis, end in ends.items():
                lengths[axis].append(end)
            places.append(done + chosen)
            if progress is not None:
                progress(len(chosen))
        done += len(inputs[card.inputs[0].name])
    back = np.argsort(np.concatenate(places), kind="stable")
    outputs: dict[str, Any] = {}
    for spec in card.outputs:
        values = np.concatenate(rows.pop(spec.name))  # frees them: events are large
        if spec.name in of_nodes:
            lists = ak.unflatten(values, np.concatenate(lengths[of_nodes[spec.name]]))
            outputs[spec.name] = ak.to_packed(lists[back])
        else:
            outputs[spec.name] = values[back]
    return outputs


def _no_rows(spec: TensorSpec, axes: int) -> npt.NDArray[Any]:
    """An output without its first axes, for no objects."""
    return np.zeros((0, *(max(size, 0) for size in spec.dims[axes:])), spec.dtype)


def _batches(
    card: ModelCard, inputs: Tensors, batch_size: int
) -> Iterator[tuple[Ints, dict[str | int, Ints], Tensors]]:
    """Yields batches of about one size: which objects, the ends of their nodes, the tensors."""
    ends = _ends(card, inputs)
    size = math.prod(ends.values(), start=np.ones(len(inputs[card.inputs[0].name]), np.int64))
    order = np.argsort(size, kind="stable")
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        of_rows = {axis: end[rows] for axis, end in ends.items()}
        keep = {axis: max(int(end.max()), 1) for axis, end in of_rows.items()}
        batch = {
            spec.name: inputs[spec.name][rows][:, *(slice(keep.get(axis)) for axis in spec.shape[1:])]
            for spec in card.inputs
        }
        yield rows, of_rows, batch


def _ends(card: ModelCard, inputs: Tensors) -> dict[str | int, Ints]:
    """Returns one past the last real slot of each row, axis of a mask -> [B]."""
    ends: dict[str | int, Ints] = {}
    for mask in masked_sets(card).values():
        real = inputs[mask] > 0
        for place, axis in enumerate(card.shapes[mask][1:], start=1):
            used = real.any(axis=tuple({*range(1, real.ndim)} - {place}))
            end = (np.arange(1, used.shape[1] + 1) * used).max(axis=1, initial=0)
            ends[axis] = np.maximum(ends.get(axis, 0), end)
    return ends
