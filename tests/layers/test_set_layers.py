"""Order, cleaning, reductions, ragged input, initialisation: the layers that know nothing of graphs."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.layers.canonical_order import CanonicalOrder, restore_order
from zoo.layers.fan_in_uniform import FanInUniform
from zoo.layers.flat_dense import FlatDense
from zoo.layers.masked_reductions import MaskedPooling
from zoo.layers.ragged import flat_to_dense
from zoo.layers.sanitize import Sanitize, SanitizeFeatures
from zoo.layers.standardize import Standardize
from zoo.layers.trim_padding import TrimPadding


def ties(rng, batch=16, n=9, features=3):
    """Nodes with small integers as features, for ties of every depth; ragged masks, an empty object."""
    nodes = rng.integers(0, 3, (batch, n, features)).astype("f4")
    mask = (np.arange(n) < rng.integers(0, n + 1, batch)[:, None]).astype("f4")
    mask[0] = 0
    return nodes * mask[..., None], mask


@pytest.mark.parametrize(("keys", "descending"), [((), ()), ((1,), (1,)), ((2, 0), (0,))])
def test_canonical_order_is_lexicographic_and_undoes_any_permutation(keys, descending):
    rng = np.random.default_rng(0)
    nodes, mask = ties(rng)
    layer = CanonicalOrder(keys=keys, descending=descending)
    sorted_nodes, sorted_mask, _ = layer(nodes, mask)
    order = [*keys, *(f for f in range(3) if f not in keys)]
    for row, real in enumerate(mask.sum(1).astype(int)):
        rows = [tuple(-v[f] if f in descending else v[f] for f in order) for v in nodes[row, :real]]
        got = [
            tuple(-v[f] if f in descending else v[f] for f in order) for v in sorted_nodes.numpy()[row, :real]
        ]
        assert got == sorted(rows)
        assert sorted_mask.numpy()[row].tolist() == [1] * real + [0] * (len(mask[row]) - real)
    shuffle = np.argsort(rng.random(mask.shape), axis=1)
    moved = np.take_along_axis(nodes, shuffle[..., None], 1)
    again, again_mask, permutation = layer(moved, np.take_along_axis(mask, shuffle, 1))
    np.testing.assert_array_equal(again, sorted_nodes)
    np.testing.assert_array_equal(again_mask, sorted_mask)
    np.testing.assert_array_equal(restore_order(again, permutation), moved)


def test_sanitize_masks_what_carries_no_information():
    hits = np.ones((1, 7, 2), "f4")
    hits[0, 1, 0], hits[0, 2, 1], hits[0, 3, 1], hits[0, 4, 1], hits[0, 5, 0] = np.nan, np.inf, 0, -2, 1e30
    hits[0, 6] = np.nan
    mask = np.array([[1, 1, 1, 1, 1, 1, 0]], "f4")
    clean, kept = Sanitize(positive_feature=1)(hits, mask)
    assert kept.numpy().tolist() == [[1, 0, 0, 0, 0, 1, 0]]
    np.testing.assert_array_equal(clean[0, 5], [1e6, 1])
    assert np.isfinite(clean).all() and not clean.numpy()[0, [1, 2, 3, 4, 6]].any()
    clean, kept = Sanitize()(hits, np.array([[1, 1, 1, 1, np.nan, 0.2, 0]], "f4"))
    assert kept.numpy().tolist() == [[1, 0, 0, 1, 0, 0, 0]]


def test_sanitize_keeps_one_slot_and_cleans_features():
    clean, kept = Sanitize()(np.zeros((3, 0, 2), "f4"), np.zeros((3, 0), "f4"))
    assert clean.shape == (3, 1, 2) and kept.shape == (3, 1) and not kept.numpy().any()
    values = SanitizeFeatures()(np.array([[np.nan, np.inf, -np.inf, -1e30, 2.5]], "f4"))
    assert values.numpy().tolist() == [[0, 0, 0, -1e6, 2.5]]


def test_trim_padding_cuts_to_the_longest_and_keeps_one_slot():
    nodes, mask = np.ones((2, 6, 1), "f4"), np.array([[1, 1, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0]], "f4")
    cut, cut_mask = TrimPadding()(nodes, mask)
    assert cut.shape == (2, 3, 1) and cut_mask.numpy().tolist() == [[1, 1, 0], [1, 1, 1]]
    assert TrimPadding()(nodes, 0 * mask)[1].shape == (2, 1)


@pytest.mark.parametrize("mode", MaskedPooling.MODES)
def test_reductions_see_real_nodes_only(mode):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3, 5, 2)).astype("f4") - 3
    mask = np.array([[1, 1, 0, 0, 0], [1, 1, 1, 1, 1], [0] * 5], "f4")
    result = MaskedPooling(mode)(x, mask).numpy()
    reduce = {"max": np.max, "mean": np.mean, "sum": np.sum}[mode]
    np.testing.assert_allclose(result[:2], [reduce(x[0, :2], 0), reduce(x[1], 0)], rtol=1e-6)
    assert not result[2].any()
    with tf.GradientTape() as tape:
        nodes = tf.constant(x)
        tape.watch(nodes)
        total = tf.reduce_sum(MaskedPooling(mode)(nodes, mask))
    gradient = tape.gradient(total, nodes).numpy()
    assert np.isfinite(gradient).all() and not gradient[mask == 0].any()


def test_mean_takes_weights():
    x, weight = np.array([[[1.0], [5.0]]], "f4"), np.array([[3.0, 1.0]], "f4")
    assert float(MaskedPooling("mean")(x, weight)[0, 0]) == 2.0


def test_standardize_scales_and_keeps_its_constants():
    layer = Standardize([1.0, 0.0], [2.0, 4.0])
    np.testing.assert_allclose(layer(np.array([[3.0, 2.0]], "f4")), [[1.0, 0.5]])
    assert Standardize.from_config(layer.get_config()).scale == [2.0, 4.0]
    with pytest.raises(ValueError, match="no scale of zero"):
        Standardize([0.0], [0.0])


def test_flat_hits_become_dense_and_bad_splits_fail():
    hits = np.arange(8, dtype="f4").reshape(4, 2)
    dense, mask = flat_to_dense(tf.constant(hits), tf.constant([0, 1, 1, 4], tf.int64))
    assert mask.numpy().tolist() == [[1, 0, 0], [0, 0, 0], [1, 1, 1]]
    np.testing.assert_array_equal(dense[2], hits[1:])
    assert not dense.numpy()[mask.numpy() == 0].any()
    empty, mask = flat_to_dense(tf.zeros([0, 2]), tf.constant([0, 0, 0], tf.int64))
    assert empty.shape == (2, 1, 2) and not mask.numpy().any()
    for splits in ([0, 3, 1, 4], [1, 2, 4], [0, 2, 3]):
        with pytest.raises(tf.errors.InvalidArgumentError):
            flat_to_dense(tf.constant(hits), tf.constant(splits, tf.int64))


def test_initialiser_has_the_bounds_of_pytorch_and_obeys_the_global_seed():
    values = FanInUniform()((400, 50)).numpy()
    assert np.abs(values).max() <= 0.05 and values.std() == pytest.approx(0.05 / np.sqrt(3), rel=0.02)
    assert np.abs(FanInUniform(100)((50,)).numpy()).max() <= 0.1
    keras.utils.set_random_seed(3)
    first = [FanInUniform()((3, 3)).numpy() for _ in range(2)]
    keras.utils.set_random_seed(3)
    second = [FanInUniform()((3, 3)).numpy() for _ in range(2)]
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first[0], first[1])


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4), (0, 3, 4)])
@pytest.mark.parametrize("activation", [None, "elu"])
def test_flat_dense_is_dense_with_the_same_weights_and_gradients(shape, activation):
    x = tf.constant(np.random.default_rng(0).normal(size=shape).astype("f4"))
    plain, flat = keras.layers.Dense(5, activation=activation), FlatDense(5, activation=activation)
    plain.build(shape)
    flat.build(shape)
    flat.set_weights([np.asarray(weight) + 0.1 for weight in plain.get_weights()])
    plain.set_weights(flat.get_weights())
    found = []
    for layer in (plain, flat):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = layer(x)
            total = tf.reduce_sum(value**2)
        found.append([value, *tape.gradient(total, [x, *layer.trainable_weights])])
    for expected, own in zip(*found, strict=True):
        np.testing.assert_allclose(own, expected, rtol=1e-5, atol=1e-5)
