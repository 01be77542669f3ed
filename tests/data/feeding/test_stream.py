from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from zoo.data.feeding.batching import assign
from zoo.data.feeding.flat import lengths, n_objects
from zoo.data.feeding.sources import InMemory
from zoo.data.feeding.stream import all_batches, training_batches
from zoo.errors import InvalidValue


def ids(batches, n):
    return [batch["event_id"].tolist() for batch in islice(batches, n)]


def test_training_batches_are_full_and_of_one_bucket(records):
    for batch in islice(training_batches(InMemory(records, 70), 8, seed=1), 100):
        assert n_objects(batch) == 8
        assert len(set(assign(lengths(batch)))) == 1


def test_the_seed_alone_decides(records):
    source = InMemory(records, 70)
    one, two, other = (ids(training_batches(source, 8, seed), 60) for seed in (1, 1, 2))
    assert one == two
    assert one != other
    assert one != ids(training_batches(source, 8, 1, first_pass=1), 60)


def test_every_object_is_seen_equally_often(records):
    """Nothing is dropped at the end of a pass: what fills no batch waits for the next one."""
    passes, size = 12, 8
    n = passes * len(records) // size
    seen = np.bincount(
        np.concatenate(ids(training_batches(InMemory(records, 70), size, 1), n)), minlength=300
    )
    # At most batch_size - 1 objects of each of the 8 buckets wait.
    assert abs(seen.sum() - passes * 300) < size
    assert seen.min() >= passes - 6 and seen.max() <= passes + 6
    assert abs(seen.mean() - passes) < 0.1


def test_a_resumed_run_sees_what_it_would_have_seen(records):
    source = InMemory(records, 70)
    whole = ids(training_batches(source, 8, 1), 90)
    for skip in (1, 37, 80):
        assert ids(training_batches(source, 8, 1, skip=skip), 10) == whole[skip : skip + 10]


def test_augmentation_changes_objects_but_neither_their_order_nor_what_a_resumed_run_sees(records):
    source = InMemory(records, 70)

    def turned(flat, rng):
        return {**flat, "seed_iphi": rng.integers(1, 361, n_objects(flat))}

    def seeds(n, **options):
        return [b["seed_iphi"].tolist() for b in islice(training_batches(source, 8, 1, **options), n)]

    assert ids(training_batches(source, 8, 1, augment=turned), 90) == ids(training_batches(source, 8, 1), 90)
    whole = seeds(90, augment=turned)
    assert whole != seeds(90)
    assert whole[:40] != whole[40:80]
    for skip in (1, 37, 80):
        assert seeds(10, augment=turned, skip=skip) == whole[skip : skip + 10]


def test_memory_is_bounded_by_the_shards(records):
    """No more than `shards_in_memory` shards are read before the first batch comes."""

    class Counting(InMemory):
        reads = 0

        def read(self, index):
            Counting.reads += 1
            return super().read(index)

    next(training_batches(Counting(records, 20), 4, 1, shards_in_memory=3))
    assert Counting.reads <= 3


def test_validation_drops_nothing_and_knows_the_places(records):
    place = []
    for batch, index in all_batches(InMemory(records, 70), 16):
        assert batch["event_id"].tolist() == index.tolist()
        place.extend(index.tolist())
    assert sorted(place) == list(range(300))


def test_a_selection_holds_everywhere(records):
    def odd(part):
        return np.asarray(part.event_id) % 2 == 1

    found = np.concatenate([b["event_id"] for b, _ in all_batches(InMemory(records, 70), 16, select=odd)])
    assert sorted(found) == list(range(1, 300, 2))
    trained = np.concatenate(ids(training_batches(InMemory(records, 70), 8, 1, select=odd), 50))
    assert set(trained % 2) == {1}
    with pytest.raises(InvalidValue, match="passes the selection"):
        next(training_batches(InMemory(records), 8, 1, select=lambda r: np.zeros(len(r), bool)))


def test_bad_sizes_are_refused(records):
    with pytest.raises(InvalidValue, match="at least 1"):
        next(training_batches(InMemory(records), 0, 1))
