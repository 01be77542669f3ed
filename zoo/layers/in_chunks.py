"""A large batch in chunks of objects of similar size."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tensorflow as tf

NODES = 768  # in a chunk, with padding: its messages stay near the core, and the loop costs little


def in_chunks(
    function: Callable[[dict[str, tf.Tensor]], Mapping[str, tf.Tensor]],
    inputs: Mapping[str, tf.Tensor],
    size: tf.Tensor,
    outputs: Mapping[str, tf.TensorSpec],
    nodes: int = NODES,
) -> dict[str, tf.Tensor]:
    """Applies a function of a batch to chunks of it, the largest objects first.

    Dense tensors are padded to the largest object beside them: where sizes vary as those of showers do, the
    matrices of all pairs of nodes are eight times as large as they need be. Objects are sorted by size, so
    that each chunk holds similar ones, few large or many small ones. The function must cut its own padding
    (`TrimPadding`), and its answer for an object must not depend on the others.

    Args:
        function: From inputs to outputs, by name; all have the batch as first axis.
        inputs: By name.
        size: float `[B]`, the number of nodes of each object.
        outputs: Shape and type of each output, the first axis None, the others known.
        nodes: Largest number of nodes in a chunk, padding counted, unless one object alone has more.

    Returns:
        The outputs of all objects, in the order of the inputs.
    """
    batch = tf.shape(size)[0]
    falling, order = tf.math.top_k(size, k=batch)
    fitting = tf.maximum(tf.cast(nodes / tf.maximum(falling, 1.0), tf.int32), 1)  # objects of this size

    def step(start: tf.Tensor, done: dict[str, tf.Tensor]) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        end = start + fitting[start]
        rows = order[start:end]
        answer = function({name: tf.gather(value, rows) for name, value in inputs.items()})
        place = tf.expand_dims(rows, 1)
        done = {name: tf.tensor_scatter_nd_update(done[name], place, answer[name]) for name in outputs}
        return end, done

    empty = {
        name: tf.zeros(tf.concat([[batch], spec.shape[1:]], axis=0), spec.dtype)
        for name, spec in outputs.items()
    }
    invariants = (tf.TensorShape([]), {name: spec.shape for name, spec in outputs.items()})
    _, done = tf.while_loop(
        lambda start, _: start < batch, step, (tf.constant(0), empty), invariants, parallel_iterations=1
    )
    answers: dict[str, tf.Tensor] = done
    return answers
