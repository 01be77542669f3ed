"""Rows of real nodes, from lists and from padded arrays."""

import awkward as ak
import numpy as np
import pytest

from zoo.data.node_rows import node_rows
from zoo.errors import InvalidValue

COUNTS = np.array([2, 0, 3])


@pytest.mark.parametrize("features", [(), (4,)])
def test_padded_and_jagged_are_one(features):
    rows = np.random.default_rng(1).random((5, *features)).astype("float32")
    padded = np.full((3, 4, *features), 9.0, "float32")
    padded[np.arange(4) < COUNTS[:, None]] = rows
    lists = ak.unflatten(rows, COUNTS)
    for values in (padded, lists, ak.from_regular(lists, axis=None)):
        found = node_rows(values, COUNTS, "energy")
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, rows)


def test_no_objects():
    assert node_rows(np.zeros((0, 0, 5)), np.zeros(0, int), "energy").shape == (0, 5)


@pytest.mark.parametrize(
    ("counts", "words"), [([2, 0], "2 lists"), ([2, 1, 3], "object 1: expected at least 1 nodes")]
)
def test_too_few(counts, words):
    with pytest.raises(InvalidValue, match=words):
        node_rows(ak.Array([[1.0, 2.0], [], [3.0, 4.0, 5.0]]), np.array(counts), "energy")
