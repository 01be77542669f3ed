"""Bins of near nodes: cuts, order, weights and the graph layer, against plain NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.layers.bin_layout import BinLayout, Layout
from zoo.layers.combined_graph import CombinedGraph
from zoo.layers.distance_kernel import distance_kernel
from zoo.layers.hash_order import hash_order
from zoo.layers.real_rows import RealRows
from zoo.layers.surrounding_sums import SurroundingSums


def mask_of(counts, length=None):
    length = max(*counts, 1) if length is None else length
    return (np.arange(length) < np.asarray(counts)[:, None]).astype("f4")


def cut(counts, bin_size, length=None, padded=False):
    mask = mask_of(counts, length)
    rows, slots = RealRows()(mask)
    return Layout(*BinLayout(bin_size, padded)(mask, rows)), rows, slots


def in_bins(layout):
    """The places of each bin that is not empty."""
    total = len(layout.sets)
    return [bin[bin < total].tolist() for bin in layout.places.numpy() if (bin < total).any()]


def test_bins_share_the_nodes_of_each_set_evenly():
    counts = [0, 1, 2, 3, 4, 5, 8, 9, 13, 16, 17, 40]
    layout, *_ = cut(counts, 4)
    found = in_bins(layout)
    assert [place for bin in found for place in bin] == list(range(sum(counts)))  # none lost, none twice
    expected = [len(part) for n in counts if n for part in np.array_split(np.arange(n), -(-n // 4))]
    assert sorted(map(len, found)) == sorted(expected)
    sets = layout.sets.numpy()
    for bin in found:
        whole = counts[sets[bin[0]]]
        assert len(set(sets[bin])) == 1 and min(whole, 2) <= len(bin) <= 4
    # Slots and places are each other's inverse; the imagined node has the slot behind the last.
    flat = layout.places.numpy().ravel()
    np.testing.assert_array_equal(flat[layout.slots.numpy()[:-1]], np.arange(sum(counts)))
    assert layout.slots.numpy()[-1] == flat.size
    np.testing.assert_array_equal(layout.bins, [max(-(-counts[s] // 4), 1) for s in sets])


def test_bins_of_a_set_depend_on_nothing_else():
    alone, *_ = cut([9], 4)
    for counts, length in (([9], 30), ([9, 40], None), ([0, 9, 3], 12)):
        layout, *_ = cut(counts, 4, length)
        before = sum(counts[: counts.index(9)])
        mine = [bin for bin in in_bins(layout) if layout.sets.numpy()[bin[0]] == counts.index(9)]
        assert [[place - before for place in bin] for bin in mine] == in_bins(alone)


def test_padded_cuts_are_full_bins_and_a_rest():
    layout, *_ = cut([9, 2], 4, length=10, padded=True)
    assert in_bins(layout) == [[0, 1, 2, 3], [4, 5, 6, 7], [8], [9, 10]]
    assert layout.places.shape == (6, 4) and set(layout.bins.numpy()) == {3}
    with pytest.raises(ValueError, match="bin_size >= 2"):
        BinLayout(1)


@pytest.mark.parametrize("digits", [1, 2])
def test_order_is_by_the_nearest_half_axes(digits):
    rng = np.random.default_rng(0)
    counts = [11, 0, 3, 30]
    layout, *_ = cut(counts, 4)
    places = rng.normal(size=(sum(counts), 5)).astype("f4")
    places[3] = places[8]  # a tie
    directions = rng.normal(size=(5, 3)).astype("f4")
    order = hash_order(places, directions, layout, digits=digits).numpy()

    keys = []
    for node, (place, bins) in enumerate(zip(places, layout.bins.numpy(), strict=True)):
        used = int(np.clip((bins + digits - 1) // 2, 1, 3))
        projection = place @ directions[:, :used]
        both = np.concatenate([projection, np.full(3 - used, -1e9), -projection, np.full(3 - used, -1e9)])
        first, second = int(np.argmax(both)), 0
        if digits == 2:
            both[[first % 3, first % 3 + 3]] = -1e9
            second = int(np.argmax(both)) if used > 1 else 0
        keys.append((int(layout.sets[node]), first, second, node))
    assert order.tolist() == [key[-1] for key in sorted(keys)]


def test_a_second_digit_parts_what_one_value_holds():
    """Sectors of 45 degrees with two directions: one digit knows four of the eight."""
    angle = np.pi / 4 * np.tile(np.arange(8), 8) + 0.3
    places = np.stack([np.cos(angle), np.sin(angle)], -1).astype("f4")
    layout, *_ = cut([64], 8)
    sector = np.tile(np.arange(8), 8)
    for digits, pure in ((1, False), (2, True)):
        order = hash_order(places, np.eye(2, dtype="f4"), layout, digits=digits).numpy()
        bins = sector[order].reshape(8, 8)
        assert all(len(set(bin)) == 1 for bin in bins) is pure


@pytest.mark.parametrize("smooth", [True, False])
def test_kernel_is_its_formula_far_from_the_origin_too(smooth):
    rng = np.random.default_rng(1)
    x = (300.0 + rng.normal(size=(2, 6, 3))).astype("f4")
    x[0, 1] = x[0, 0]
    filled = np.array([[1, 1, 1, 1, 1, 0], [0] * 6], "f4")
    found = distance_kernel(x * filled[..., None], filled, smooth=smooth).numpy()
    squared = ((x[:, :, None].astype("f8") - x[:, None]) ** 2).sum(-1)
    distance = np.sqrt(squared + 1) - 1 if smooth else np.sqrt(np.maximum(squared, 1e-6))
    np.testing.assert_allclose(
        found[0, :5, :5], np.exp(-0.1 * distance)[0, :5, :5], rtol=1e-5 if smooth else 1e-3
    )
    assert not found[:, :, 5].any() and not found[1].any()


def numpy_layer(layer, x, bins, positions=None):
    """One message of the layer, bin by bin in float64; `bins` are lists of nodes."""
    elu = lambda v: np.where(v > 0, v, np.exp(np.minimum(v, 0)) - 1)  # noqa: E731
    gamma, beta = (np.asarray(w, "f8") for w in layer.norm.get_weights())
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6) * gamma + beta
    y = x
    for dense in layer.distance:
        y = elu(y @ np.asarray(dense.kernel, "f8") + np.asarray(dense.bias, "f8"))
    if positions is not None:
        y = np.concatenate([y, positions * 20.0 * np.exp(layer.log_scale.numpy())], 1)
    theta, own, gate = np.split(x @ np.asarray(layer.kernels[0], "f8"), 3, axis=1)
    gate = 1 / (1 + np.exp(-(gate + np.asarray(layer.gate_biases[0], "f8"))))
    hom = np.zeros_like(own)
    for bin in bins:
        squared = ((y[bin][:, None] - y[bin]) ** 2).sum(-1)
        near = np.exp(-0.1 * (np.sqrt(squared + 1) - 1))
        norm = 1 / np.sqrt(near.sum(1, keepdims=True) + 1e-6)
        hom[bin] = norm * (near @ (norm * theta[bin]))
    return elu(gate * hom + (1 - gate) * own)


@pytest.mark.parametrize("placed", [False, True])
def test_graph_layer_is_its_formula(placed):
    keras.utils.set_random_seed(0)
    layout, *_ = cut([13, 0, 3], 5)
    rng = np.random.default_rng(2)
    x, positions = rng.normal(size=(17, 6)).astype("f4"), rng.normal(size=(17, 2)).astype("f4")
    layer = CombinedGraph(4, distance_dim=3, distance_width=5, directions=2, position_scale=20.0)
    where = (positions,) if placed else ()
    layer(x, layout, *where)
    if placed:
        layer.log_scale.assign([0.5, -0.5])
    found = layer(x, layout, *where).numpy()[:-1]
    rows, slots = layer.bins(layer.places(layer.norm(x), *where), layout)
    bins = [bin[bin < 16] for bin in slots.numpy()]
    assert sorted(np.concatenate(bins)) == list(range(16))
    np.testing.assert_array_equal(slots.numpy().ravel()[rows.numpy()[:-1]], np.arange(16))
    full = [bin for bin in bins if len(bin)]
    expected = numpy_layer(layer, x[:-1].astype("f8"), full, positions[:-1] if placed else None)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_rounds_join_what_a_wall_parts():
    keras.utils.set_random_seed(1)
    layer = CombinedGraph(4, distance_dim=3, distance_width=5, directions=4, rounds=3, messages=2)
    single = CombinedGraph(4, distance_dim=3, distance_width=5, directions=4, messages=2)
    x = np.random.default_rng(3).normal(size=(25, 6)).astype("f4")
    for size, same in ((24, True), (4, False)):
        layout, *_ = cut([24], size)
        found = layer(x, layout)
        single(x, layout)
        weights = {weight.path.split("/", 1)[1]: weight for weight in layer.weights}
        for weight in single.weights:
            value = weights[weight.path.split("/", 1)[1]]
            weight.assign(value[:, :4] if weight.path.endswith("codebook") else value)
        assert np.allclose(found, single(x, layout), rtol=1e-4, atol=1e-5) is same
    neighbours = [set() for _ in range(24)]
    for number in range(3):
        for bin in layer.bins(layer.places(layer.norm(x)), Layout(*layout), number)[1].numpy():
            for node in bin[bin < 24]:
                neighbours[node] |= set(bin[bin < 24])
    assert max(map(len, neighbours)) > 4


def test_surrounding_sums_are_sums_within_bins():
    keras.utils.set_random_seed(4)
    counts, rng = [9, 0, 14], np.random.default_rng(5)
    positions = rng.normal(0.0, 0.1, (24, 3)).astype("f4")
    values = rng.exponential(10.0, (24, 2)).astype("f4")
    of_set = np.repeat([0, 2], [9, 14])
    squared = ((positions[:23, None].astype("f8") - positions[:23]) ** 2).sum(-1)
    layer = SurroundingSums(radii=2, directions=3, rounds=3)
    for size, whole in ((16, True), (4, False)):
        layout, *_ = cut(counts, size)
        layer(values, positions, layout)
        layer.log_scale.assign([0.2, -0.3])
        found = layer(values, positions, layout).numpy()[:-1]
        radius = np.array([0.05, 0.15]) * np.exp([0.2, -0.3])
        expected = np.concatenate(
            [np.exp(-squared / (2 * r**2)) * (of_set[:, None] == of_set) @ values[:23] for r in radius], 1
        )
        expected = np.log1p(expected)
        if whole:  # one bin a set: nothing is missed
            np.testing.assert_allclose(found, expected, rtol=1e-4)
        else:  # of several rounds some neighbours are missed, none is made up, and the own value is there
            assert (found <= expected * (1 + 1e-4)).all() and (found < 0.99 * expected).any()
            assert (found >= np.log1p(np.tile(values[:23], 2)) * (1 - 1e-4)).all()
    more = SurroundingSums(radii=2, directions=3, rounds=1)
    more(values, positions, layout)
    more.log_scale.assign([0.2, -0.3])
    more.codebook.assign(layer.codebook[:, :3])
    assert (more(values, positions, layout).numpy()[:-1] <= found + 1e-5).all()
    nothing = layer(np.zeros((1, 2), "f4"), np.zeros((1, 3), "f4"), cut([0], 4)[0])
    assert nothing.shape == (1, 4)


@pytest.mark.parametrize("counts", [[0], [1], [2, 0], [9, 1]])
def test_graph_layer_has_finite_gradients(counts):
    layout, *_ = cut(counts, 4)
    layer = CombinedGraph(3, distance_dim=2, distance_width=4, directions=1)
    x = tf.Variable(np.ones((sum(counts) + 1, 5), "f4"))  # all nodes coincide
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(x, layout)[:-1] ** 2)
    for gradient in tape.gradient(total, [x, *layer.trainable_weights]):
        assert np.isfinite(gradient).all()


def test_layers_can_be_saved_and_loaded():
    for layer in (
        CombinedGraph(4, rounds=2, legacy=False, activation="selu"),
        BinLayout(7, padded=True),
        SurroundingSums(3, 5, 1),
    ):
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
        assert again.get_config() == layer.get_config()
