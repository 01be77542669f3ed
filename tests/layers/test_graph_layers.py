"""Neighbours, EdgeConv and pooling against slow reference code, and what they must not depend on."""

import numpy as np
import pytest
import tensorflow as tf

from zoo.layers.edge_conv import EdgeConv
from zoo.layers.graph_pooling import ALONE, GraphPooling, match_pairs
from zoo.layers.knn import NearestNeighbours
from zoo.layers.pairwise import pairwise_squared_distance


def objects(seed=0, batch=12, n=11, features=4, integers=False):
    """Objects with 0, 1, 2 and more nodes; small integers give ties and twins."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 3, (batch, n, features)) if integers else rng.normal(size=(batch, n, features))
    counts = rng.integers(0, n + 1, batch)
    counts[:4] = (0, 1, 2, n)
    mask = (np.arange(n) < counts[:, None]).astype("f4")
    return (x * mask[..., None]).astype("f4"), mask, counts


def reference_neighbours(x, count, k, include_self):
    lists = []
    for i in range(count):
        distance = ((x[:count].astype("f8") - x[i]) ** 2).sum(-1)
        distance[i] = -1 if include_self else np.inf
        order = sorted(range(count), key=lambda j: (distance[j], j))
        lists.append([j for j in order if np.isfinite(distance[j])][:k])
    return lists


def test_distance_is_the_sum_of_squared_differences():
    rng = np.random.default_rng(0)
    for scale, offset in ((1.0, 0.0), (1e-3, 10.0), (1e3, 1e4)):
        x = (rng.normal(size=(4, 20, 64)) * scale + offset).astype("f4")
        x[:, 7] = x[:, 3]
        wide = x.astype("f8")
        expected = ((wide[:, :, None] - wide[:, None]) ** 2).sum(-1)
        got = pairwise_squared_distance(x).numpy()
        np.testing.assert_array_equal(got, got.transpose(0, 2, 1))
        np.testing.assert_allclose(
            got, expected, rtol=2e-7, atol=1e-13 * float(np.square(wide).sum(-1).max()) * 64
        )


def neighbours_of(receiver, sender, shape):
    """Returns the senders of each node of each object; checks the order and the last, imagined edge."""
    batch, n = shape
    pairs = list(zip(receiver.numpy().tolist(), sender.numpy().tolist(), strict=True))
    assert pairs == sorted(set(pairs)) and pairs[-1] == (batch * n, batch * n)
    lists = [[[] for _ in range(n)] for _ in range(batch)]
    for i, j in pairs[:-1]:
        assert i // n == j // n
        lists[i // n][i % n].append(j % n)
    return lists


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("integers", [True, False])
@pytest.mark.parametrize("k", [1, 4, 30])
def test_neighbours_are_the_nearest_with_ties_by_index(k, include_self, integers):
    x, mask, counts = objects(integers=integers)
    receiver, sender, adjacency = NearestNeighbours(k, include_self)(x, mask)
    found = neighbours_of(receiver, sender, mask.shape)
    for row, count in enumerate(counts):
        expected = reference_neighbours(x[row], count, k, include_self)
        edges = np.zeros((x.shape[1],) * 2)
        for i in range(x.shape[1]):
            assert found[row][i] == (sorted(expected[i]) if i < count else [])
            edges[i, found[row][i]] = 1
        union = np.maximum(edges, edges.T) * (1 - np.eye(x.shape[1]))
        np.testing.assert_array_equal(adjacency.numpy()[row], union)


@pytest.mark.parametrize("include_self", [True, False])
def test_undirected_edges_are_the_union_without_duplicates(include_self):
    x, mask, counts = objects(1)
    receiver, sender, _ = NearestNeighbours(3, include_self, undirected=True)(x, mask)
    found = neighbours_of(receiver, sender, mask.shape)
    for row, count in enumerate(counts):
        lists = reference_neighbours(x[row], count, 3, include_self)
        union = {(i, j) for i, js in enumerate(lists) for j in js}
        union |= {(j, i) for i, j in union}
        assert {(i, j) for i, js in enumerate(found[row]) for j in js} == union


def test_objects_without_nodes_have_no_edges():
    x, mask = np.zeros((2, 3, 4), "f4"), np.zeros((2, 3), "f4")
    receiver, sender, adjacency = NearestNeighbours(2)(x, mask)
    assert receiver.numpy().tolist() == sender.numpy().tolist() == [6] and not adjacency.numpy().any()
    for aggregation in EdgeConv.AGGREGATIONS:
        result = EdgeConv([5], aggregation)(x, receiver, sender).numpy()
        assert result.shape[:2] == (2, 3) and not result.any()


@pytest.mark.parametrize("aggregation", EdgeConv.AGGREGATIONS)
@pytest.mark.parametrize("units", [[5], [7, 6, 5]])
@pytest.mark.parametrize("undirected", [True, False])
def test_edge_conv_is_the_unfactored_formula(units, aggregation, undirected):
    x, mask, counts = objects(2)
    receiver, sender, _ = NearestNeighbours(4, True, undirected)(x, mask)
    found = neighbours_of(receiver, sender, mask.shape)
    layer = EdgeConv(units, aggregation)
    result = layer(x, receiver, sender).numpy()
    for row, count in enumerate(counts):
        for i in range(x.shape[1]):
            if i >= count:
                assert not found[row][i] and not result[row, i].any()
                continue
            message = np.stack(
                [np.concatenate([x[row, i], x[row, j] - x[row, i]]) for j in found[row][i]]
            ).astype("f8")
            for kernel, bias in zip(layer.kernels, layer.biases, strict=True):
                message = message @ kernel.numpy() + bias.numpy()
                message = np.where(message > 0, message, np.expm1(message))
            parts = {"sum": [message.sum(0)], "mean": [message.mean(0)], "max": [message.max(0)]}
            parts["mean_max"] = parts["mean"] + parts["max"]
            np.testing.assert_allclose(
                result[row, i], np.concatenate(parts[aggregation]), rtol=1e-4, atol=1e-5
            )


@pytest.mark.parametrize("aggregation", EdgeConv.AGGREGATIONS)
def test_the_gradient_of_edge_conv_is_that_of_the_plain_formula(aggregation):
    """Its own gradients of gather and bias against TensorFlow's, of the same formula in plain operations."""
    x, mask, _ = objects(5)
    receiver, sender, _ = NearestNeighbours(4, True, undirected=True)(x, mask)
    layer = EdgeConv([7, 6], aggregation)
    layer.build(x.shape)
    weights = np.random.default_rng(0).normal(size=(*x.shape[:2], 12 if aggregation == "mean_max" else 6))

    def plain(nodes):
        nodes = tf.pad(tf.reshape(nodes, [-1, x.shape[2]]), [[0, 1], [0, 0]])
        own, other = tf.gather(nodes, receiver), tf.gather(nodes, sender)
        message = tf.concat([own, other - own], axis=-1)
        for kernel, bias in zip(layer.kernels, layer.biases, strict=True):
            message = tf.nn.elu(message @ tf.convert_to_tensor(kernel) + tf.convert_to_tensor(bias))
        parts = {"mean": tf.math.segment_mean, "max": tf.math.segment_max, "sum": tf.math.segment_sum}
        parts = [parts[name](message, receiver)[:-1] for name in aggregation.split("_")]
        return tf.reshape(tf.concat(parts, axis=-1), weights.shape)

    found = []
    for function in (lambda nodes: layer(nodes, receiver, sender), plain):
        nodes = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(nodes)
            total = tf.reduce_sum(function(nodes) * weights.astype("f4"))
        found.append(tape.gradient(total, [nodes, *layer.trainable_weights]))
    for own, expected in zip(*found, strict=True):
        scale = np.abs(tf.convert_to_tensor(expected)).max()
        np.testing.assert_allclose(tf.convert_to_tensor(own), expected, atol=2e-6 * scale)


def test_edge_conv_counts_the_weights_of_the_published_layer():
    layer = EdgeConv([128, 128, 64])
    layer.build((None, None, 64))
    assert layer.count_params() == 41_280


def reference_matching(score, count, rounds):
    partner, free = list(range(len(score))), set(range(count))
    for _ in range(rounds):
        best = {}
        for i in free:
            choices = [(-score[i][j], j) for j in free if j != i and score[i][j] > -1e29]
            if choices:
                best[i] = min(choices)[1]
        pairs = [(i, j) for i, j in best.items() if best.get(j) == i]
        for i, j in pairs:
            partner[i] = j
            free.discard(i)
    return partner


@pytest.mark.parametrize("integers", [True, False])
@pytest.mark.parametrize("farthest", [True, False])
def test_pooling_is_mutual_best_matching_on_the_normalised_cut(farthest, integers):
    x, mask, counts = objects(3, integers=integers)
    weight = mask * np.arange(1, 12, dtype="f4")
    *_, adjacency = NearestNeighbours(4)(x, mask)
    pooled, pooled_mask, pooled_weight = GraphPooling(3, farthest)(x, adjacency, mask, weight)
    left = []
    for row, count in enumerate(counts):
        edges = adjacency.numpy()[row]
        inverse = 1 / (edges.sum(1) + 1)
        distance = np.sqrt(((x[row][:, None].astype("f8") - x[row][None]) ** 2).sum(-1))
        cut = (distance * (inverse[:, None] + inverse[None])).astype("f4")
        score = np.where(edges > 0, cut if farthest else -cut, -1e30)
        partner = reference_matching(score, count, 3)
        clusters = [(i, partner[i]) for i in range(count) if partner[i] >= i]
        left.append(len(clusters))
        np.testing.assert_array_equal(pooled_mask.numpy()[row].sum(), len(clusters))
        for slot, (i, j) in enumerate(clusters):
            np.testing.assert_array_equal(pooled.numpy()[row, slot], np.maximum(x[row, i], x[row, j]))
            assert pooled_weight.numpy()[row, slot] == weight[row, i] + (weight[row, j] if j != i else 0)
        assert (
            not pooled.numpy()[row, len(clusters) :].any()
            and not pooled_weight.numpy()[row, len(clusters) :].any()
        )
    assert pooled.shape[1] == max(left)


def test_every_round_matches_something_under_ties():
    for n in (2, 3, 5, 8, 33):
        score = np.where(np.eye(n), np.float32(ALONE), np.float32(1.0))[None]
        partner = match_pairs(tf.constant(score), n).numpy()[0]
        assert (partner == np.arange(n)).sum() == n % 2
        assert (partner[partner] == np.arange(n)).all()


def test_pooling_keeps_one_slot_of_empty_objects_and_passes_gradients():
    x, mask = np.zeros((2, 3, 2), "f4"), np.zeros((2, 3), "f4")
    pooled, pooled_mask, _ = GraphPooling()(x, np.zeros((2, 3, 3), "f4"), mask, mask)
    assert pooled.shape == (2, 1, 2) and not pooled_mask.numpy().any()
    x, mask, _ = objects(4)
    nodes = tf.Variable(x)
    with tf.GradientTape() as tape:
        receiver, sender, adjacency = NearestNeighbours(4)(nodes, mask)
        messages = EdgeConv([3])(nodes, receiver, sender)
        pooled, *_ = GraphPooling()(messages, adjacency, mask, mask)
        total = tf.reduce_sum(pooled**2)
    gradient = tf.convert_to_tensor(tape.gradient(total, nodes)).numpy()
    assert np.isfinite(gradient).all() and gradient[mask > 0].any()


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="k=0"):
        NearestNeighbours(0)
    with pytest.raises(ValueError, match="aggregation='median'"):
        EdgeConv([3], "median")
    with pytest.raises(ValueError, match=r"units=\[\]"):
        EdgeConv([])
    with pytest.raises(ValueError, match="rounds=0"):
        GraphPooling(0)
