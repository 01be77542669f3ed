"""Sums and maxima over segments, as ONNX says them: ScatterElements with a reduction.

Not ScatterND, which is faster: ONNX Runtime runs it on several threads, and rows that meet are added in any
order or lost, so that its answers changed from call to call. tf2onnx itself pads every segment to the longest
one, which costs more than the rest of a graph network.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["HANDLERS"]

INT64 = 7  # onnx.TensorProto.INT64


def _replace(ctx: Any, node: Any, name: str, args: Any) -> None:
    """Replaces SegmentSum or SegmentMax of `[E, U]`; tf2onnx calls it for each such node."""
    from tf2onnx import utils

    def make(kind: str, *inputs: str, **attributes: Any) -> str:
        made: str = ctx.make_node(kind, list(inputs), attr=attributes, op_name_scope=name).output[0]
        return made

    def constant(value: Any, dtype: type) -> str:
        made: str = ctx.make_const(utils.make_name(name), np.asarray(value, dtype)).output[0]
        return made

    data, one = node.input[0], constant([1], np.int64)
    ids = make("Cast", node.input[1], to=INT64)
    rows = make("Add", make("ReduceMax", ids, keepdims=1), one)
    shape = make("Shape", data)
    places = make("Expand", make("Unsqueeze", ids, constant([-1], np.int64)), shape)
    width = make("Slice", shape, one, constant([2], np.int64))
    how, start = ("add", 0.0) if node.type == "SegmentSum" else ("max", np.finfo(np.float32).min)
    into = make("Expand", constant(start, np.float32), make("Concat", rows, width, axis=0))
    result = make("ScatterElements", into, places, data, axis=0, reduction=how)
    shapes, dtypes, outputs = node.output_shapes, node.output_dtypes, list(node.output)
    ctx.remove_node(node.name)
    ctx.make_node("Identity", [result], outputs=outputs, shapes=shapes, dtypes=dtypes)


HANDLERS: dict[str, tuple[Any, list[Any]]] = {kind: (_replace, []) for kind in ("SegmentSum", "SegmentMax")}
"""For `custom_op_handlers` of tf2onnx."""
