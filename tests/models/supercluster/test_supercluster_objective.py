from dataclasses import replace

import awkward as ak
import keras
import numpy as np
import pytest

from zoo.losses.set_cross_entropy import set_cross_entropy
from zoo.losses.soft_f1 import soft_f1_loss
from zoo.models.supercluster import events, objective
from zoo.models.supercluster.config import BARREL, EOY2018
from zoo.models.supercluster.model import build


@pytest.fixture(scope="module")
def records():
    return events.sample(60, 3)


def test_targets_say_what_counts(records):
    found = events.targets(records)
    for row, record in enumerate(records):
        n = len(record.clusters)
        edges = found["edge_logit"][row]
        assert edges[:n, 0].tolist() == record.clusters.in_supercluster.tolist()
        assert edges[:n, 1].tolist() == record.clusters.energy_gev.tolist()
        assert (edges[:n, 2] == 1).all() and not edges[n:].any()  # the toy's jets have no energy: nobody's
        assert found["flavour_logit"][row].argmax() == record.flavour
        assert found["energy_gev"][row] == (record.true_energy_gev if record.flavour else 0)
    jets = ak.with_field(records, np.full(len(records), 20, "f4"), "true_energy_gev")
    found = events.targets(jets)
    jet = np.asarray(records.flavour) == 0
    assert not found["edge_logit"][jet, :, 2].any() and not found["energy_gev"][jet].any()
    assert found["edge_logit"][~jet, :, 2].any()


def test_edge_loss_is_the_weighted_sum(records):
    target = events.targets(records)["edge_logit"]
    logit = np.random.default_rng(0).normal(size=target.shape[:2]).astype("f4")
    label, energy, counts = np.moveaxis(target, -1, 0)
    loss = objective.loss(EOY2018)["edge_logit"]
    expected = (
        100 * np.asarray(set_cross_entropy(label, logit, counts))
        + np.asarray(soft_f1_loss(label, logit, counts, 1.5))
        + 100 * np.asarray(soft_f1_loss(label, logit, counts * energy, 1.5))
    )
    assert float(loss(target, logit)) == pytest.approx(expected.mean(), rel=1e-5)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert float(again(target, logit)) == pytest.approx(expected.mean(), rel=1e-5)
    assert objective.loss_weights(EOY2018) == {"edge_logit": 1.0, "flavour_logit": 1.0, "energy_gev": 0.05}


def test_metrics_are_shares_of_energy():
    target = np.array([[[1, 10, 1], [0, 5, 1], [1, 4, 1], [1, 99, 0]]], "f4")
    logit = np.array([[1.0, 2.0, -1.0, 5.0]], "f4")
    precision, recall = objective.metrics(BARREL)["edge_logit"]
    for metric, value in ((precision, 10 / 15), (recall, 10 / 14)):
        assert float(metric.result()) == 0
        metric.update_state(target, logit)
        assert float(metric.result()) == pytest.approx(value)
    assert [precision.name, recall.name] == ["energy_precision", "energy_recall"]
    (error,) = objective.metrics(BARREL)["energy_gev"]
    error.update_state(np.array([10.0, 0.0, 20.0], "f4"), np.array([9.0, 5.0, 26.0], "f4"))
    assert float(error.result()) == pytest.approx(0.2)


@pytest.mark.ci
def test_a_few_steps_lower_every_loss(records):
    keras.utils.set_random_seed(1)
    config = replace(BARREL, node_layers=(16,), node_width=16, edge_layers=(16,))
    network, losses = build(config), objective.loss(config)
    model = keras.Model(network.input, {name: network.output[name] for name in losses})
    model.compile(
        keras.optimizers.Adam(3e-3), losses, loss_weights=objective.loss_weights(config),
        metrics=objective.metrics(config), jit_compile=False,
    )  # fmt: skip
    inputs, targets = events.to_inputs(records), events.targets(records)
    history = model.fit(inputs, targets, batch_size=20, epochs=8, verbose=0).history
    for name in ("loss", "edge_logit_loss", "flavour_logit_loss"):
        assert history[name][-1] < history[name][0], name
    assert all(np.isfinite(values).all() for values in history.values())
