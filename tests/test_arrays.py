"""The bookkeeping of ragged rows."""

import numpy as np
import pytest

from zoo.arrays import first_rows, owners, places, row_splits


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, np.uint16])
def test_rows_of_several_owners(dtype):
    counts = np.array([2, 0, 3], dtype)
    for found, expected in (
        (row_splits(counts), [0, 2, 2, 5]),
        (first_rows(counts), [0, 2, 2]),
        (owners(counts), [0, 0, 2, 2, 2]),
        (places(counts), [0, 1, 0, 1, 2]),
    ):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == np.int64


def test_counts_that_exceed_their_own_type_in_sum():
    assert row_splits(np.full(10, 200, np.uint8))[-1] == 2000
    np.testing.assert_array_equal(places(np.full(2, 200, np.uint8)), [*range(200), *range(200)])


def test_no_owners_have_no_rows():
    none = np.zeros(0, np.int64)
    assert list(row_splits(none)) == [0] and not any(map(len, (first_rows(none), owners(none), places(none))))
