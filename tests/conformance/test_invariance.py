"""What must not change an answer: order of nodes, padding, batch, dirt in the padding. In every runtime.

Outputs per node move with the nodes, and have zeros behind them.
"""

import numpy as np
import pytest

from zoo.cards.tensors import masked_sets, node_axes
from zoo.exporting.goldens import extend_padding, fit_padding, permute_nodes, select_row

QUICK_RUNTIMES = ("keras", "onnx")  # of two makers; the others run a graph of TensorFlow, as Keras does


def _sizes(card, inputs):
    return {axis: inputs[mask].shape[-1] for axis, mask in node_axes(card).items()}


def _orders(card, inputs, seed):
    """An order of every axis of nodes, real and padded ones mixed."""
    rng = np.random.default_rng(seed)
    return {
        axis: np.argsort(rng.random(inputs[mask].shape), axis=-1) for axis, mask in node_axes(card).items()
    }


def _permuted(card, tensors, orders):
    for axis, order in orders.items():
        tensors = permute_nodes(card, tensors, axis, order)
    return tensors


def test_order_of_nodes(card, inputs, run, agree):
    if card.kind != "set":
        pytest.skip("an image has its order")
    whole = run(inputs)
    for seed in (1, 2):
        orders = _orders(card, inputs, seed)
        agree(_permuted(card, whole, orders), run(_permuted(card, inputs, orders)))


def test_exact_ties(card, inputs, run, agree):
    """Every node twice, the copies anywhere: nothing may depend on which twin comes first.

    Twins may change places: outputs per node are compared in order of their values.
    """

    def sorted_nodes(outputs):
        return {k: np.sort(v, axis=1) if "N" in card.shapes[k] else v for k, v in outputs.items()}

    doubled = inputs
    for axis in node_axes(card):
        doubled = {
            name: np.concatenate([values, values], axis=card.shapes[name].index(axis))
            if axis in card.shapes[name]
            else values
            for name, values in doubled.items()
        }
    moved = _permuted(card, doubled, _orders(card, doubled, 3))
    agree(sorted_nodes(run(doubled)), sorted_nodes(run(moved)))


def test_extra_padding(card, inputs, run, agree):
    wide = extend_padding(card, inputs, 13)
    agree(fit_padding(card, run(inputs), _sizes(card, wide)), run(wide))


def test_batch_of_one_against_batch_of_many(card, inputs, run, agree):
    whole = run(inputs)
    rows = [0, 1, 2, 7, 11, 20]
    sizes = _sizes(card, inputs)
    singles = [fit_padding(card, run(select_row(card, inputs, row)), sizes) for row in rows]
    joined = {name: np.concatenate([single[name] for single in singles]) for name in singles[0]}
    agree({name: whole[name][rows] for name in joined}, joined, spread=whole)


def test_composition_of_the_batch(card, inputs, run, agree):
    whole = run(inputs)
    order = np.random.default_rng(4).permutation(len(next(iter(inputs.values()))))[:15]
    part = run({name: values[order] for name, values in inputs.items()})
    agree({name: values[order] for name, values in whole.items()}, part, spread=whole)


def test_few_nodes_and_none(card, inputs, run):
    sets = masked_sets(card)
    for keep in (0, 1, 2):
        few = dict(inputs)
        for name, mask in sets.items():
            few[mask] = inputs[mask] * (np.cumsum(inputs[mask], axis=-1) <= keep)
            few[name] = inputs[name] * few[mask][..., None]
        for answer in (run(few), run({name: values[:1] for name, values in few.items()})):
            for name, values in answer.items():
                assert np.isfinite(values).all(), f"{name} with {keep} nodes"
                if keep == 0 and name in ("energy_gev", "sigma_gev"):
                    np.testing.assert_array_equal(values, -1.0)


def test_no_slot_at_all(card, inputs, run):
    """Sets of length zero, as a client without padding would send them."""
    for axis in node_axes(card):
        empty = {
            name: v[:3][tuple(slice(0 if letter == axis else None) for letter in card.shapes[name])]
            for name, v in inputs.items()
        }
        for name, values in run(empty).items():
            assert np.isfinite(values).all(), name


def test_every_call_gives_the_same_answer(inputs, run):
    """Bit by bit, on as many threads as the runtime takes: sums in any order would differ by rounding."""
    first = run(inputs)
    for _ in range(20):
        again = run(inputs)
        assert all(np.array_equal(again[name], values) for name, values in first.items())


@pytest.mark.parametrize("dirt", [np.nan, np.inf, -np.inf, 1e30])
def test_dirt_in_padded_slots_changes_nothing(card, inputs, run, agree, dirt):
    dirty = extend_padding(card, inputs, 2)
    for name, mask in masked_sets(card).items():
        dirty[name][dirty[mask] == 0] = dirt
    agree(run(inputs), fit_padding(card, run(dirty), _sizes(card, inputs)))


@pytest.mark.parametrize("dirt", [np.nan, np.inf, -np.inf])
def test_dirt_in_real_slots_gives_a_finite_answer(card, inputs, run, runners, name, agree, dirt):
    """NaN and infinity in one feature of one node or of the event; all runtimes give the same answer."""
    rng = np.random.default_rng(6)
    dirty = dict(inputs)
    for spec in card.inputs:
        if spec.mask_of or spec.dtype != "float32":
            continue
        values = dirty[spec.name] = inputs[spec.name].copy()
        for row in range(1, len(values)):
            where = [row, *(int(rng.integers(size)) for size in values.shape[1:])]
            if spec.name in masked_sets(card):
                real = np.argwhere(inputs[masked_sets(card)[spec.name]][row] > 0)
                if not len(real):
                    continue
                where[1:-1] = rng.choice(real).tolist()
            values[tuple(where)] = dirt
    answer = run(dirty)
    assert all(np.isfinite(values).all() for values in answer.values())
    agree(runners(name, "keras")(dirty), answer)
