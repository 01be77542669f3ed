"""What must not change an answer: order of nodes, padding, batch, dirt in the padding. In every runtime."""

import numpy as np
import pytest

from zoo.goldens import extend_padding, masked_sets, node_axes, permute_nodes, select_row


def _permuted(card, inputs, rng):
    """Shuffles the slots of every axis of nodes, real and padded ones mixed."""
    for axis, mask in node_axes(card).items():
        order = np.argsort(rng.random(inputs[mask].shape), axis=-1)
        inputs = permute_nodes(card, inputs, axis, order)
    return inputs


def _per_event(card, outputs):
    """Leaves out outputs per node: they move with the nodes, and are tested with the model."""
    return {spec.name: outputs[spec.name] for spec in card.outputs if "N" not in spec.shape}


def test_order_of_nodes(card, inputs, run, agree):
    if card.kind != "set":
        pytest.skip("an image has its order")
    whole = _per_event(card, run(inputs))
    for seed in (1, 2):
        agree(whole, _per_event(card, run(_permuted(card, inputs, np.random.default_rng(seed)))))


def test_exact_ties(card, inputs, run, agree):
    """Every node twice, the copies anywhere: nothing may depend on which twin comes first."""
    doubled = inputs
    for axis in node_axes(card):
        doubled = {
            name: np.concatenate([values, values], axis=card.shapes[name].index(axis))
            if axis in card.shapes[name]
            else values
            for name, values in doubled.items()
        }
    whole = _per_event(card, run(doubled))
    agree(whole, _per_event(card, run(_permuted(card, doubled, np.random.default_rng(3)))))


def test_extra_padding(card, inputs, run, agree):
    agree(_per_event(card, run(inputs)), _per_event(card, run(extend_padding(card, inputs, 13))))


def test_batch_of_one_against_batch_of_many(card, inputs, run, agree):
    whole = run(inputs)
    rows = [0, 1, 2, 7, 11, 20]
    singles = [_per_event(card, run(select_row(card, inputs, row))) for row in rows]
    joined = {name: np.concatenate([single[name] for single in singles]) for name in singles[0]}
    agree({name: whole[name][rows] for name in joined}, joined, spread=whole)


def test_composition_of_the_batch(card, inputs, run, agree):
    whole = _per_event(card, run(inputs))
    order = np.random.default_rng(4).permutation(len(next(iter(inputs.values()))))[:15]
    part = run({name: values[order] for name, values in inputs.items()})
    agree({name: values[order] for name, values in whole.items()}, _per_event(card, part), spread=whole)


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
    agree(_per_event(card, run(inputs)), _per_event(card, run(dirty)))


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
    answer = _per_event(card, run(dirty))
    assert all(np.isfinite(values).all() for values in answer.values())
    agree(_per_event(card, runners(name, "keras")(dirty)), answer)
