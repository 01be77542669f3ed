"""Targets, the losses that put parts together, and that a few steps lower them; events to tensors."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from zoo.data.kinds.elements import ELEMENT_EVENTS
from zoo.data.records import validate as validate_records
from zoo.errors import InvalidValue
from zoo.models.mlpf import events, objective
from zoo.models.mlpf.config import FEATURES, SMALL
from zoo.models.mlpf.model import build
from zoo.models.mlpf.target_jets import target_jets


@pytest.fixture(scope="module")
def records():
    return events.sample(len(events.SAMPLE_CASES) + 20, 4)


def test_sample_holds_its_cases(records):
    validate_records(records, ELEMENT_EVENTS, truth=True)
    inputs = events.to_inputs(records)
    events.validate(inputs)
    assert inputs["element_mask"].sum(1)[:3].tolist() == [0, 1, 2]
    twice = inputs["elements"][events.SAMPLE_CASES.index("every element twice")]
    n = int(inputs["element_mask"][events.SAMPLE_CASES.index("every element twice")].sum())
    np.testing.assert_array_equal(twice[: n // 2], twice[n // 2 : n])
    assert inputs["element_mask"].sum(1).max() > 2 * SMALL.bin_size
    again, other = events.to_inputs(events.sample(8, 4)), events.to_inputs(events.sample(8, 5))
    np.testing.assert_array_equal(again["elements"][7], inputs["elements"][7, : again["elements"].shape[1]])
    assert (
        other["elements"].shape != again["elements"].shape or (other["elements"] != again["elements"]).any()
    )
    wider = events.to_inputs(records, FEATURES["cms25_dz"])["elements"]
    np.testing.assert_array_equal(wider[:, :, :25], inputs["elements"])


@pytest.mark.parametrize(
    ("column", "value", "message"), [(0, 40.0, "kind"), (1, -1.0, "pt_gev"), (16, 1e3, "px_gev")]
)
def test_bad_elements_are_refused(records, column, value, message):
    inputs = events.to_inputs(records)
    inputs["elements"][5, 0, column] = value
    with pytest.raises(InvalidValue, match=message):
        events.validate(inputs)


def test_targets_are_the_particles_of_the_elements(records):
    found = events.targets(records)
    for row, record in enumerate(records):
        elements = record.elements
        n = len(elements)
        momentum = found["momentum"][row]
        particle = np.asarray(elements.target_class) > 0
        assert found["class_logit"][row, :n, 0].tolist() == elements.target_class.tolist()
        assert found["class_logit"][row, :, 1].sum() == momentum[:, 6].sum() == n
        np.testing.assert_array_equal(momentum[:n, 5], particle)
        np.testing.assert_array_equal(momentum[:n, 0], np.asarray(elements.target_pt_gev))
        np.testing.assert_allclose(momentum[:n, 4], np.asarray(elements.target_energy_gev))
        four, jet = found["visible"][row, :, :4], found["visible"][row, :, 4]
        np.testing.assert_allclose(np.hypot(four[:n, 0], four[:n, 1]), momentum[:n, 0], rtol=1e-5, atol=1e-6)
        assert (jet[n:] == -1).all()
        size = np.maximum(momentum[:n, 0], np.asarray(elements.pt_gev))
        np.testing.assert_allclose(found["class_logit"][row, :n, 2], size)
        assert not momentum[n:].any() and not four[n:].any()


def test_jets_are_cones_around_the_hardest():
    pt = np.array([20.0, 3.0, 30.0, 4.0, 0.0, 1.0])
    eta = np.array([0.0, 0.1, 1.0, -2.0, 0.0, 1.3])
    phi = np.array([3.1, -3.1, 0.0, 0.0, 3.1, 0.2])
    assert target_jets(pt, eta, phi).tolist() == [1, 1, 0, -1, 1, 0]
    assert target_jets(pt[:0], eta[:0], phi[:0]).tolist() == []


def test_momentum_loss_by_hand():
    true = np.array([[[10, 0, 0, 1, 12, 1, 1], [1, 1, 1, 0, 2, 0, 1], [0] * 7, [5, 1, 0, 1, 9, 1, 1]]], "f4")
    found = np.array(
        [
            [
                [
                    11,
                    0.5,
                    0,
                    1,
                    12,
                ],
                [9, 9, 9, 9, 9],
                [1] * 5,
                [50, 1, 0.05, 1, 9],
            ]
        ],
        "f4",
    )
    loss = objective.MomentumLoss(pt=2.0, eta=3.0, phi=4.0, energy=5.0)
    expected = (
        2 * np.log(1.1) ** 2 / 2 + 3 * 0.1 * (0.5 - 0.05) + 2 * (np.log(10) - 0.5) + 4 * 0.05**2 / 2
    ) / 3
    assert float(loss(true, found)) == pytest.approx(expected, rel=1e-5)
    by_root = objective.MomentumLoss(pt=1.0, eta=0.0, phi=0.0, energy=0.0, pt_power=0.5)
    alike = objective.MomentumLoss(pt=1.0, eta=0.0, phi=0.0, energy=0.0)
    each, plain = (
        [float(of(true[:, [k]], found[:, [k]])) for k in range(true.shape[1])] for of in (by_root, alike)
    )
    np.testing.assert_allclose(each, plain * np.sqrt(np.minimum(true[0, :, 0], 100.0)), rtol=1e-5)
    charge = np.stack([np.ones((1, 4)), true[..., 5], true[..., 6]], -1).astype("f4")
    assert float(objective.ChargeLoss()(charge, np.zeros((1, 4), "f4"))) == pytest.approx(2 / 3)


def test_losses_do_not_change_with_padding(records):
    config = replace(SMALL, jet_weight=1.0, met_weight=0.1, density_weight=0.1, wasserstein_weight=0.1)
    losses, targets = objective.loss(config), events.targets(records)
    assert set(losses) == set(objective.loss_weights(config)) == set(targets)
    assert set(objective.loss(SMALL)) == set(objective.loss_weights(SMALL)) == set(targets) - {"visible"}
    rng = np.random.default_rng(1)
    shape = targets["charge"].shape[:2]
    for name, width in (("class_logit", 8), ("charge", 0), ("momentum", 5), ("visible", 4)):
        found = rng.normal(size=(*shape, width) if width else shape).astype("f4")
        if name == "visible":
            found *= targets["class_logit"][:, :, 1:2]  # as the network's, zeros in padding
        pads = [[(0, 0), (0, 9), (0, 0)][: v.ndim] for v in (targets[name], found)]
        fill = -1.0 if name == "visible" else 0.0
        wide = np.pad(targets[name], pads[0])
        wide[:, shape[1] :, 4:5] = fill
        whole = float(losses[name](wide, np.pad(found, pads[1])))
        assert whole == pytest.approx(float(losses[name](targets[name], found)), rel=1e-4), name
        again = keras.losses.deserialize(keras.losses.serialize(losses[name]))
        assert float(again(targets[name], found)) == pytest.approx(whole, rel=1e-4)


@pytest.mark.ci
def test_a_few_steps_lower_every_loss(records):
    keras.utils.set_random_seed(1)
    config = replace(
        SMALL, bin_size=32, width=16, class_width=16, energy_width=16, head_width=8, jet_weight=0.1,
        met_weight=0.001, density_weight=0.001, wasserstein_weight=0.001, class_pt_power=0.0,
    )  # fmt: skip  # elements count alike, as in the accuracy
    network, losses = build(config), objective.loss(config)
    model = keras.Model(network.input, {name: network.output[name] for name in losses})
    model.compile(
        keras.optimizers.Adam(3e-3), losses, loss_weights=objective.loss_weights(config),
        metrics=objective.metrics(config), jit_compile=False,
    )  # fmt: skip
    inputs, targets = events.to_inputs(records), events.targets(records)
    history = model.fit(inputs, targets, batch_size=31, epochs=12, verbose=0, shuffle=False).history
    for name in ("loss", "class_logit_loss", "momentum_loss", "momentum_log_pt_error"):
        assert history[name][-1] < history[name][0], name
    assert history["class_logit_accuracy"][-1] > history["class_logit_accuracy"][0]
    assert all(np.isfinite(values).all() for values in history.values())
