"""A batch in chunks against the whole batch at once."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from zoo.layers.in_chunks import in_chunks

OUTPUTS = {"total": tf.TensorSpec([None], tf.float32), "pair": tf.TensorSpec([None, 2], tf.float32)}


@pytest.mark.parametrize("batch", [0, 1, 3, 4, 40])
def test_chunks_hold_similar_objects_and_answer_in_the_order_of_the_inputs(batch):
    rng = np.random.default_rng(batch)
    x, size = rng.normal(size=(batch, 5)).astype("f4"), rng.integers(0, 15, batch).astype("f4")
    seen = []

    def function(inputs):
        tf.py_function(lambda size: seen.append(size.numpy().tolist()), [inputs["size"]], [])
        total = tf.reduce_sum(inputs["x"], axis=1)
        return {"total": total, "pair": tf.stack([total, inputs["size"]], axis=1)}

    found = in_chunks(function, {"x": tf.constant(x), "size": tf.constant(size)}, size, OUTPUTS, nodes=12)
    assert found["total"].shape == (batch,) and found["pair"].shape == (batch, 2)
    np.testing.assert_allclose(found["total"], x.sum(1), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found["pair"].numpy()[:, 1], size)
    for chunk, behind in itertools.zip_longest(seen, seen[1:], fillvalue=[]):
        assert len(chunk) == 1 or len(chunk) * chunk[0] <= 12
        assert not behind or (len(chunk) + 1) * max(chunk[0], 1) > 12
    assert [entry for chunk in seen for entry in chunk] == sorted(size.tolist(), reverse=True)
