"""Checks of input tensors that every model's `validate` shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo.errors import InvalidValue

__all__ = ["check_tensors"]


def check_tensors(
    inputs: Mapping[str, npt.NDArray[Any]], axes: Mapping[str, Sequence[str | tuple[str, ...]]]
) -> None:
    """Checks that tensors are there, float32, of fitting shapes and finite, padding too.

    Args:
        inputs: Tensors by name; those whose name ends in "mask" hold zeros and ones.
        axes: Name -> axes: a letter is as long wherever it stands, a tuple names the last axis' features.

    Raises:
        InvalidValue: What was expected and what came, for the first thing that is wrong.
    """
    for name, wanted in axes.items():
        if name not in inputs:
            raise InvalidValue(name, "this input tensor", f"tensors {', '.join(inputs) or 'none'}")
        value = inputs[name]
        if not isinstance(value, np.ndarray) or value.dtype != np.float32:
            raise InvalidValue(name, "a float32 array", getattr(value, "dtype", type(value).__name__))
        if value.ndim != len(wanted):
            raise InvalidValue(name, f"{len(wanted)} dimensions", f"shape {value.shape}")
    sizes: dict[str, int] = {}
    for name, wanted in axes.items():
        value = inputs[name]
        shape = tuple(
            len(axis) if isinstance(axis, tuple) else sizes.setdefault(axis, size)
            for axis, size in zip(wanted, value.shape, strict=True)
        )
        if value.shape != shape:
            features = wanted[-1] if isinstance(wanted[-1], tuple) else ()
            meaning = f" with features {', '.join(features)}" if features else ""
            raise InvalidValue(name, f"shape {shape}{meaning}", f"shape {value.shape}")
    for name in axes:
        value = inputs[name]
        broken = ~np.isfinite(value)
        if broken.any():
            place = tuple(int(index) for index in np.argwhere(broken)[0])
            found = f"{value[place]} at index {place}, {int(broken.sum())} in all"
            raise InvalidValue(name, "finite numbers", found)
    for name in axes:
        if name.endswith("mask") and not np.isin(inputs[name], (0.0, 1.0)).all():
            low, high = inputs[name].min(), inputs[name].max()
            raise InvalidValue(name, "zeros and ones", f"values from {low:g} to {high:g}")
