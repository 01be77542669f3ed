from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

from zoo.data.feeding.batching import BOUNDARIES, pad
from zoo.data.feeding.sources import InMemory
from zoo.data.kinds.clusters import WINDOWS
from zoo.data.records import raw_energy_gev

tf = pytest.importorskip("tensorflow")


def to_inputs(records):
    offsets = np.concatenate([[0], np.cumsum(ak.to_numpy(ak.num(records.hits.ieta)))])
    energy = np.asarray(ak.to_numpy(ak.flatten(records.hits.energy_gev)))
    hits, mask = pad(energy[:, None], offsets)
    return {"hits": hits, "hit_mask": mask, "event": np.asarray(records.rho_gev)[:, None]}


def targets(records):
    return {"energy": np.asarray(records.true_energy_gev)}


MAKES = {
    "to_inputs": to_inputs,
    "targets": targets,
    "shapes": {"hits": ("B", "N", 1), "hit_mask": ("B", "N"), "event": ("B", 1), "energy": ("B",)},
}


def weights(records):
    return np.asarray(records.event_id, np.float64)


@pytest.fixture
def source(records):
    return InMemory(records, 70)


def test_training_batches_have_the_declared_shapes(source):
    from zoo.data.feeding.dataset import training_dataset

    data = training_dataset(source, **MAKES, batch_size=8, seed=1, weights=weights)
    inputs, target, weight = data.element_spec
    assert inputs["hits"].shape.as_list() == [8, None, 1] and inputs["event"].shape.as_list() == [8, 1]
    assert target["energy"].shape.as_list() == [8] and weight.dtype == tf.float32
    for x, y, w in data.take(30):
        size = x["hits"].shape[1]
        assert size in BOUNDARIES and x["hit_mask"].shape == (8, size)
        assert y["energy"].shape == (8,) and w.shape == (8,)
        longest = int(tf.reduce_max(tf.reduce_sum(x["hit_mask"], 1)))
        assert size == min(b for b in BOUNDARIES if b >= longest)


def test_inputs_and_targets_belong_together(source, records):
    from zoo.data.feeding.dataset import validation_dataset

    data = validation_dataset(source, **MAKES, batch_size=32, weights=weights)
    raw, true, event = [], [], []
    for x, y, w in data:
        raw.append(np.sum(x["hits"].numpy()[..., 0] * x["hit_mask"].numpy(), axis=1))
        true.append(y["energy"].numpy())
        event.append(w.numpy().astype(int))
    assert len(raw) == int(data.cardinality())
    order = np.concatenate(event)
    assert sorted(order) == list(range(300))
    np.testing.assert_allclose(np.concatenate(raw), raw_energy_gev(records)[order], rtol=1e-5)
    np.testing.assert_array_equal(np.concatenate(true), np.asarray(records.true_energy_gev)[order])


def window_inputs(records):
    """The energies of the clusters [B, N], and of the hits of each cluster [B, N, H]."""
    size = max(int(ak.max(ak.num(records.clusters), initial=0)), 1)
    of = zip(records.hits.cluster, records.hits.energy_gev, strict=True)
    hits = ak.Array([[energy[owner == number] for number in range(size)] for owner, energy in of])
    deep = max(int(ak.max(ak.num(hits, axis=2))), 1)
    clusters = ak.fill_none(ak.pad_none(records.clusters.energy_gev, size, clip=True), 0.0)
    return {
        "clusters": ak.to_numpy(clusters),
        "hits": ak.to_numpy(ak.fill_none(ak.pad_none(hits, deep, axis=2, clip=True), 0.0)),
    }


def window_targets(records):
    """The label and the energy of each cluster [B, N, 2], the flavour [B, 3]."""
    size = max(int(ak.max(ak.num(records.clusters), initial=0)), 1)
    labels = ak.to_numpy(ak.fill_none(ak.pad_none(records.clusters.in_supercluster, size, clip=True), 0.0))
    node = np.stack([labels, window_inputs(records)["clusters"]], axis=-1)
    return {"edge": node, "flavour": np.eye(3)[np.asarray(records.flavour)]}


WINDOW_MAKES = {
    "to_inputs": window_inputs,
    "targets": window_targets,
    "shapes": {"clusters": ("B", "N"), "hits": ("B", "N", "H"), "edge": ("B", "N"), "flavour": ("B", 3)},
    "boundaries": (4, 8),
}


@pytest.mark.parametrize("batch_size", [None, 8])
def test_axes_with_letters_are_padded_alike_in_inputs_and_targets(windows, batch_size):
    """Clusters to their bucket, the hits of a cluster to a size that few batches share; nothing is lost."""
    from zoo.data.feeding.dataset import training_dataset, validation_dataset

    source = InMemory(windows, 70, WINDOWS)
    if batch_size:
        data = training_dataset(source, **WINDOW_MAKES, batch_size=batch_size, seed=1).take(40)
    else:
        data = validation_dataset(source, **WINDOW_MAKES, batch_size=32)
    x, y = data.element_spec
    assert x["hits"].shape.as_list() == [batch_size, None, None]
    assert x["clusters"].shape.as_list() == [batch_size, None]
    assert y["edge"].shape.as_list() == [batch_size, None, 2] and y["flavour"].shape.as_list() == [
        batch_size,
        3,
    ]
    energy = 0.0
    for x, y in data:
        n, h = x["hits"].shape[1:]
        assert n in (4, 8) and h in BOUNDARIES and x["clusters"].shape[1] == y["edge"].shape[1] == n
        np.testing.assert_array_equal(y["edge"][..., 1], x["clusters"])
        assert not np.any(x["hits"].numpy().sum(2)[x["clusters"].numpy() == 0.0])
        energy += float(tf.reduce_sum(x["hits"]))
    if batch_size is None:
        assert energy == pytest.approx(float(ak.sum(windows.hits.energy_gev)), rel=1e-4)


def test_the_same_seed_gives_the_same_data_and_skip_resumes_it(source):
    from zoo.data.feeding.dataset import training_dataset

    def first(n, **options):
        data = training_dataset(source, **MAKES, batch_size=8, seed=1, **options)
        return [y["energy"].numpy().tolist() for _, y in data.take(n)]

    assert first(40) == first(40)
    assert first(10, skip=30) == first(40)[30:]


@pytest.mark.ci
def test_a_live_iterator_does_not_keep_the_process_from_ending():
    """An iterator in a global variable, its buffer full or not, when the interpreter ends."""
    code = (
        "import sys; sys.path[:0] = ['tests/data', 'tests/data/feeding']; from conftest import make_records;"
        "import numpy as np; from test_dataset import MAKES;"
        "from zoo.data.feeding.sources import InMemory;"
        "from zoo.data.feeding.dataset import training_dataset;"
        "data = training_dataset(InMemory(make_records(300)), **MAKES,"
        " batch_size=8, seed=1, prefetch=64); it = iter(data); next(it); print('done', flush=True)"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0 and "done" in done.stdout, done.stderr


def test_several_iterators_at_once(source):
    from zoo.data.feeding.dataset import training_dataset

    data = training_dataset(source, **MAKES, batch_size=8, seed=1)
    one, two = iter(data), iter(data)
    for _ in range(20):
        assert np.array_equal(next(one)[1]["energy"].numpy(), next(two)[1]["energy"].numpy())


def test_a_replicated_strategy_gets_even_slices(source):
    """Distribution must not shard the stream (every replica sees another part of the same batch)."""
    from zoo.data.feeding.dataset import training_dataset

    data = training_dataset(source, **MAKES, batch_size=8, seed=1)
    policy = data.options().experimental_distribute.auto_shard_policy
    assert policy == tf.data.experimental.AutoShardPolicy.DATA
