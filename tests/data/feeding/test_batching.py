from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.data.feeding.batching import (
    BOUNDARIES,
    assign,
    bucketed_batches,
    choose_boundaries,
    pad,
    padded_length,
)
from zoo.errors import InvalidValue

sizes = st.lists(st.integers(0, 200), min_size=1, max_size=60).map(np.array)


@given(sizes)
def test_padding_keeps_every_node_in_its_place(counts):
    offsets = np.concatenate([[0], np.cumsum(counts)])
    flat = np.arange(2 * offsets[-1], dtype=np.float32).reshape(-1, 2) + 1
    dense, mask = pad(flat, offsets)
    assert dense.shape == (len(counts), max(counts.max(), 1), 2)
    assert np.array_equal(mask.sum(1), counts)
    for row, (start, stop) in enumerate(pairwise(offsets)):
        assert np.array_equal(dense[row, : stop - start], flat[start:stop])
        assert not dense[row, stop - start :].any()


def test_padding_never_truncates():
    with pytest.raises(InvalidValue, match="at least the longest set, 4"):
        pad(np.zeros(4), np.array([0, 4]), length=3)
    dense, mask = pad(np.ones(4, np.float32), np.array([0, 0, 4]), length=6)
    assert dense.shape == (2, 6) and mask.dtype == np.float32


@given(sizes, st.integers(1, 20), st.one_of(st.none(), st.integers(0, 5)))
def test_nothing_is_dropped_and_a_batch_has_one_bucket(counts, batch_size, seed):
    batches = bucketed_batches(counts, batch_size, seed)
    assert sorted(np.concatenate(batches)) == list(range(len(counts)))
    for batch in batches:
        assert len(batch) <= batch_size
        assert len(set(assign(counts[batch]))) == 1
        assert padded_length(int(counts[batch].max())) >= counts[batch].max()


def test_batches_depend_on_the_seed_alone():
    counts = np.random.default_rng(0).integers(1, 100, 500)
    one, two, other = (bucketed_batches(counts, 16, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_drop_remainder_gives_full_batches():
    counts = np.random.default_rng(0).integers(1, 100, 500)
    assert {len(b) for b in bucketed_batches(counts, 16, 1, drop_remainder=True)} == {16}


def test_the_full_window_and_longer_objects_have_buckets():
    assert BOUNDARIES[-1] == 5 * 29
    assert padded_length(145) == 145 and padded_length(0) == 8
    assert padded_length(146) == 290
    assert assign(np.array([0, 8, 9, 145, 146])).tolist() == [0, 0, 1, 7, 8]


def test_boundaries_must_increase():
    for wrong in ((), (0, 8), (8, 8), (16, 8)):
        with pytest.raises(InvalidValue, match="positive, increasing"):
            assign(np.array([1]), wrong)
    with pytest.raises(InvalidValue, match="batch_size"):
        bucketed_batches(np.array([1]), 0)


def padding(counts, boundaries):
    return sum(padded_length(int(n), boundaries) for n in counts)


def test_chosen_boundaries_are_the_best_ones():
    counts = np.random.default_rng(3).integers(1, 41, 200)
    chosen = choose_boundaries(counts, n_buckets=3)
    assert chosen[-1] >= counts.max() and all(b % 8 == 0 for b in chosen) and len(chosen) <= 3
    multiples = [8, 16, 24, 32]
    rivals = [(a, b, 40) for a in multiples for b in multiples if a < b]
    assert padding(counts, chosen) == min(padding(counts, rival) for rival in rivals)
    assert choose_boundaries(np.array([], int)) == (8,)
    assert choose_boundaries(np.array([0, 0])) == (8,)
