from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

from zoo.data.batching import BOUNDARIES, pad
from zoo.data.schema import raw_energy_gev
from zoo.data.sources import InMemory

tf = pytest.importorskip("tensorflow")


def to_inputs(records):
    offsets = np.concatenate([[0], np.cumsum(ak.to_numpy(ak.num(records.hits.ieta)))])
    energy = np.asarray(ak.to_numpy(ak.flatten(records.hits.energy_gev)))
    hits, mask = pad(energy[:, None], offsets)
    return {"hits": hits, "hit_mask": mask, "event": np.asarray(records.rho_gev)[:, None]}


def targets(records):
    return np.asarray(records.true_energy_gev)


def weights(records):
    return np.asarray(records.event_id, np.float64)


@pytest.fixture
def source(records):
    return InMemory(records, 70)


def test_training_batches_have_the_declared_shapes(source):
    from zoo.data.dataset import training_dataset

    data = training_dataset(
        source, to_inputs=to_inputs, targets=targets, batch_size=8, seed=1, output="dscb", weights=weights
    )
    inputs, target, weight = data.element_spec
    assert inputs["hits"].shape.as_list() == [8, None, 1] and inputs["event"].shape.as_list() == [8, 1]
    assert target["dscb"].shape.as_list() == [8] and weight.dtype == tf.float32
    for x, y, w in data.take(30):
        size = x["hits"].shape[1]
        assert size in BOUNDARIES and x["hit_mask"].shape == (8, size)
        assert y["dscb"].shape == (8,) and w.shape == (8,)
        longest = int(tf.reduce_max(tf.reduce_sum(x["hit_mask"], 1)))
        assert size == min(b for b in BOUNDARIES if b >= longest)


def test_inputs_and_targets_belong_together(source, records):
    from zoo.data.dataset import validation_dataset

    data = validation_dataset(source, to_inputs=to_inputs, targets=targets, batch_size=32, weights=weights)
    raw, true, event = [], [], []
    for x, y, w in data:
        raw.append(np.sum(x["hits"].numpy()[..., 0] * x["hit_mask"].numpy(), axis=1))
        true.append(y.numpy())
        event.append(w.numpy().astype(int))
    assert len(raw) == int(data.cardinality())
    order = np.concatenate(event)
    assert sorted(order) == list(range(300))
    np.testing.assert_allclose(np.concatenate(raw), raw_energy_gev(records)[order], rtol=1e-5)
    np.testing.assert_array_equal(np.concatenate(true), np.asarray(records.true_energy_gev)[order])


def test_the_same_seed_gives_the_same_data_and_skip_resumes_it(source):
    from zoo.data.dataset import training_dataset

    def first(n, **options):
        data = training_dataset(source, to_inputs=to_inputs, targets=targets, batch_size=8, seed=1, **options)
        return [y.numpy().tolist() for _, y in data.take(n)]

    assert first(40) == first(40)
    assert first(10, skip=30) == first(40)[30:]


def test_a_live_iterator_does_not_keep_the_process_from_ending():
    """An iterator in a global variable, its buffer full or not, when the interpreter ends."""
    code = (
        "import sys; sys.path.insert(0, 'tests/data'); from conftest import make_records;"
        "import numpy as np; from test_dataset import to_inputs, targets;"
        "from zoo.data.sources import InMemory; from zoo.data.dataset import training_dataset;"
        "data = training_dataset(InMemory(make_records(300)), to_inputs=to_inputs, targets=targets,"
        " batch_size=8, seed=1, prefetch=64); it = iter(data); next(it); print('done', flush=True)"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0 and "done" in done.stdout, done.stderr


def test_several_iterators_at_once(source):
    from zoo.data.dataset import training_dataset

    data = training_dataset(source, to_inputs=to_inputs, targets=targets, batch_size=8, seed=1)
    one, two = iter(data), iter(data)
    for _ in range(20):
        assert np.array_equal(next(one)[1].numpy(), next(two)[1].numpy())


def test_a_replicated_strategy_gets_even_slices(source):
    """Distribution must not shard the stream (every replica sees another part of the same batch)."""
    from zoo.data.dataset import training_dataset

    data = training_dataset(source, to_inputs=to_inputs, targets=targets, batch_size=8, seed=1)
    policy = data.options().experimental_distribute.auto_shard_policy
    assert policy == tf.data.experimental.AutoShardPolicy.DATA
