"""Rows of real nodes, attention and highway convolution on them: against plain NumPy, set by set."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.layers.flat_dense import FlatDense
from zoo.layers.highway_convolution import HighwayConvolution
from zoo.layers.pairwise import pairwise_distance
from zoo.layers.real_rows import RealRows, gather_rows, to_rows, to_sets
from zoo.layers.sanitize import usable
from zoo.layers.self_attention import SelfAttention

MASKS = [
    [[1, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]],
    [[0, 1, 0, 1], [1, 0, 0, 0]],  # padding in between
    [[0, 0], [0, 0]],
    [[1]],
]


def some(mask, features=3, seed=0):
    mask = np.asarray(mask, "f4")
    nodes = np.random.default_rng(seed).normal(size=(*mask.shape, features)).astype("f4")
    return tf.constant(nodes), tf.constant(mask), *RealRows()(mask)


@pytest.mark.parametrize("mask", MASKS)
def test_rows_are_the_real_nodes_and_go_back(mask):
    nodes, mask, rows, slots = some(mask)
    real = mask.numpy() > 0
    values = to_rows(nodes, rows, slots)
    np.testing.assert_array_equal(values, np.concatenate([nodes.numpy()[real], np.zeros((1, 3))]))
    assert int(rows[-1]) == mask.numpy().size and (slots.numpy()[~real] == real.sum()).all()
    np.testing.assert_array_equal(to_sets(values, rows, slots), nodes * mask[:, :, None])
    # Whatever the imagined row holds stays outside.
    np.testing.assert_array_equal(to_sets(values + 1.0, rows, slots), (nodes + 1.0) * mask[:, :, None])


@pytest.mark.parametrize("mask", MASKS)
def test_gradients_of_rows_are_those_of_a_gather(mask):
    nodes, mask, rows, slots = some(mask)
    weight = tf.random.normal(tf.concat([tf.shape(rows), [3]], axis=0))
    sets = tf.random.normal(tf.shape(nodes))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([nodes, weight])
        forth = tf.reduce_sum(to_rows(nodes, rows, slots) * weight)
        back = tf.reduce_sum(to_sets(weight, rows, slots) * sets)
    real = mask.numpy() > 0
    expected = np.zeros(nodes.shape, "f4")
    expected[real] = weight.numpy()[:-1]
    np.testing.assert_array_equal(tape.gradient(forth, nodes), expected)
    upstream = np.concatenate([sets.numpy()[real], np.zeros((1, 3))])
    np.testing.assert_array_equal(tape.gradient(back, weight), upstream)


def test_gathered_rows_have_a_dense_gradient():
    values, index = tf.constant([[1.0], [2.0], [3.0]]), tf.constant([2, 0, 2], tf.int64)
    with tf.GradientTape() as tape:
        tape.watch(values)
        total = tf.reduce_sum(gather_rows(values, index) * tf.constant([[1.0], [10.0], [100.0]]))
    gradient = tape.gradient(total, values)
    assert isinstance(gradient, tf.Tensor)
    np.testing.assert_array_equal(gradient, [[10.0], [0.0], [101.0]])


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("mask", MASKS)
def test_attention_is_that_of_each_set_alone(mask, heads):
    nodes, mask, rows, slots = some(mask, 5)
    layer = SelfAttention(6, heads)
    found = to_sets(layer(to_rows(nodes, rows, slots), rows, slots, mask), rows, slots).numpy()
    assert np.isfinite(found).all()
    for row, real in enumerate(mask.numpy() > 0):
        query, key, value = np.split(nodes.numpy()[row, real] @ layer.kernel.numpy(), 3, axis=-1)
        parts = []
        for q, k, v in zip(*(np.split(part, heads, axis=-1) for part in (query, key, value)), strict=True):
            logits = q @ k.T / np.sqrt(6 / heads)
            weight = np.exp(logits - logits.max(axis=-1, keepdims=True, initial=-9.0))
            parts.append(weight @ v / weight.sum(axis=-1, keepdims=True))
        np.testing.assert_allclose(found[row, real], np.concatenate(parts, axis=-1), rtol=1e-5, atol=1e-5)
        assert not found[row, ~real].any()


def test_attention_refuses_heads_that_do_not_divide():
    with pytest.raises(ValueError, match="divide units"):
        SelfAttention(6, 4)


@pytest.mark.parametrize("power", [1, 3])
@pytest.mark.parametrize("mask", MASKS)
def test_highway_convolution_is_its_formula(mask, power):
    nodes, mask, rows, slots = some(mask, 4)
    places = np.random.default_rng(1).normal(size=(*mask.shape, 2)).astype("f4")
    distance = pairwise_distance(tf.constant(places))
    layer = HighwayConvolution(3, power, "tanh")
    found = to_sets(layer(to_rows(nodes, rows, slots), distance, rows, slots, mask), rows, slots).numpy()
    kernel, gate_kernel = np.split(layer.kernel.numpy().astype("f8"), 2, axis=1)
    for row, real in enumerate(mask.numpy() > 0):
        x, place = nodes.numpy()[row, real].astype("f8"), places[row, real].astype("f8")
        near = np.exp(-np.linalg.norm(place[:, None] - place[None], axis=-1))
        norm = near.sum(axis=1, keepdims=True) ** (-power / 2)
        own = x @ kernel
        gate = 1 / (1 + np.exp(-(x @ gate_kernel + layer.gate_bias.numpy())))
        expected = gate * np.tanh(near**power @ (own * norm) * norm) + (1 - gate) * own
        np.testing.assert_allclose(found[row, real], expected, rtol=1e-4, atol=1e-5)
        assert not found[row, ~real].any()


def test_distance_of_nodes_that_coincide_has_a_finite_gradient():
    x = tf.constant([[[1.0, 2.0], [1.0, 2.0], [4.0, 6.0]]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        distance = pairwise_distance(x)
        total = tf.reduce_sum(distance)
    np.testing.assert_allclose(distance[0], [[0, 0, 5], [0, 0, 5], [5, 5, 0]], atol=2e-6)
    # Two coincide at 5 from the third; each pair counts twice.
    np.testing.assert_allclose(
        tape.gradient(total, x)[0], [[-1.2, -1.6], [-1.2, -1.6], [2.4, 3.2]], rtol=1e-5
    )


def test_dense_without_bias():
    layer = FlatDense(2, use_bias=False, activation="relu")
    x = np.array([[1.0, -2.0]], "f4")
    np.testing.assert_allclose(layer(x), np.maximum(x @ layer.kernel.numpy(), 0), rtol=1e-6)
    assert layer.count_params() == 4


def test_usable_takes_any_rank():
    hits = np.array([[1.0, 2.0], [np.nan, 2.0], [1.0, 0.0], [1.0, np.inf]], "f4")
    values, kept = usable(hits, positive_feature=1)
    assert kept.numpy().tolist() == [1, 0, 0, 0] and np.isfinite(values).all()


def test_layers_can_be_saved_and_loaded():
    for layer in (SelfAttention(4, 2), HighwayConvolution(4, 3, "selu")):
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
        assert again.get_config() == layer.get_config()
