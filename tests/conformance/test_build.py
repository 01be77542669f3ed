"""The network itself: its card, its presets, seeds, gradients, saving; and its events."""

import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo.cards.tensors import masked_sets
from zoo.errors import InvalidValue
from zoo.inference.predicting import check_inputs
from zoo.models.network import network

PRESETS = [
    pytest.param(name, preset, marks=() if preset == card.default_preset else pytest.mark.ci)
    for name, card in ((name, zoo.info(name)) for name in zoo.list_models())
    for preset in card.presets
]


@pytest.mark.parametrize(("model", "preset"), PRESETS)
def test_presets_have_the_parameters_and_tensors_of_the_card(model, preset, untrained):
    card = network(model, preset).card
    default = preset == card.default_preset
    built = untrained(model) if default else zoo.load(model, weights=None, preset=preset)
    assert built.count_params() == card.presets[preset].parameters
    assert built.name == model
    for tensors, specs in ((built.input, card.inputs), (built.output, card.outputs)):
        assert set(tensors) == {spec.name for spec in specs}
        for spec in specs:
            assert tensors[spec.name].shape == tuple(None if size < 0 else size for size in spec.dims)
            assert tensors[spec.name].dtype == spec.dtype


def test_the_card_lists_every_preset(name, card):
    assert set(card.presets) == set(network(name).presets)


def test_two_builds_with_one_seed_are_identical(name, untrained, build):
    first, second = untrained(name), build(name)
    assert [layer.name for layer in first.layers] == [layer.name for layer in second.layers]
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_saving_and_loading_changes_nothing(name, card, inputs, networks, runners):
    """Bit by bit; the export's `model.keras` is what was saved."""
    from zoo.inference.traced import call

    expected, received = call(networks(name), card, inputs), runners(name, "keras")(inputs)
    for key in expected:
        np.testing.assert_array_equal(expected[key], received[key])


def test_gradients_are_finite_on_edge_cases_and_dirt(name, card, golden, untrained):
    """By inputs and by weights, of the training loss's output if there is one, else of all outputs."""
    tensors, cases = golden(name)
    model = untrained(name)
    inputs = {key: tf.constant(values) for key, values in tensors.items()}
    watched = [inputs[spec.name] for spec in card.inputs if spec.dtype == "float32"]

    with tf.GradientTape() as tape:  # for one call a graph would take longer to make than it saves
        tape.watch(watched)
        total = tf.add_n([tf.reduce_sum(value) for value in model(inputs, training=True).values()])
    found = tape.gradient(total, [*watched, *model.trainable_weights])
    found = [None if gradient is None else tf.convert_to_tensor(gradient).numpy() for gradient in found]
    names = [spec.name for spec in card.inputs] + [weight.path for weight in model.trainable_weights]
    for key, gradient in zip(names, found, strict=True):
        if gradient is not None:
            bad = ~np.isfinite(gradient)
            assert not bad.any(), f"{key}: {int(bad.sum())} gradients are not finite; cases {cases}"
    assert any(gradient is not None and gradient.any() for gradient in found[len(watched) :])


def test_events_give_the_tensors_of_the_card(name, card):
    of = network(name)
    tensors = of.to_inputs(of.sample(20, 1))
    checked = check_inputs(card, tensors)
    of.validate(checked)
    assert all(values.dtype == spec.dtype for values, spec in zip(checked.values(), card.inputs, strict=True))
    for mask in masked_sets(card).values():
        assert {0, 1, 2} <= set(checked[mask].sum(axis=-1).astype(int).flat)
    again = of.to_inputs(of.sample(20, 1))
    other = of.to_inputs(of.sample(20, 2))
    assert all(np.array_equal(tensors[key], again[key]) for key in tensors)
    assert any(not np.array_equal(tensors[key], other[key]) for key in tensors)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_predict_refuses_what_is_not_finite(name, card, inputs, bad):
    for spec in card.inputs:
        dirty = {**inputs, spec.name: inputs[spec.name].copy()}
        dirty[spec.name].reshape(-1)[-1] = bad
        with pytest.raises(InvalidValue, match=spec.name):
            zoo.predict(name, dirty)  # refused before any model is built


def test_predict_keeps_the_order_of_the_records(name, card, networks):
    records = network(name).sample(30, 8)
    model = networks(name)
    whole = zoo.predict(model, records)
    assert len(whole) == 30
    backwards = zoo.predict(model, records[::-1], batch_size=7)
    for spec in card.outputs:
        if "N" not in spec.shape:
            a, b = np.asarray(whole[spec.name]), np.asarray(backwards[spec.name])[::-1]
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert len(zoo.predict(model, records[:0])) == 0
