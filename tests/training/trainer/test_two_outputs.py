"""A network on windows of clusters: two axes of nodes, two losses, through the one path of training."""

import csv
import json

import awkward as ak
import numpy as np
import pytest

import zoo
from training.trainer import data, run
from training.trainer.recipe import from_dict
from zoo.data.node_rows import node_rows
from zoo.errors import InvalidValue

TABLES = {
    "model": {"name": "toy_windows", "preset": "small"},
    "data": {"samples": ["toy"], "n": 256, "validation_n": 128, "shard_size": 64, "reachable_only": False},
    "optimiser": {"learning_rate": 0.05, "warmup_steps": 1},
    "fit": {"batch_size": 16, "steps": 24, "steps_per_epoch": 8, "validation_batch_size": 20},
}


def binary(label, logit):
    return np.maximum(logit, 0) - logit * label + np.log1p(np.exp(-np.abs(logit)))


def test_both_losses_are_minimised(toy_models, tmp_path):
    import keras

    recipe = from_dict(TABLES)
    result = run.run(recipe, tmp_path / "run", cache=tmp_path, processes=1, verbose=False)
    facts = json.loads((result.folder / "run.json").read_text())
    assert facts["events"]["train"]["clusters"] > 256 == facts["events"]["train"]["objects"]
    rows = list(csv.DictReader((result.folder / "log.csv").read_text().splitlines()))
    assert {"val_loss", "val_edge_logit_loss", "val_flavour_loss", "val_flavour_accuracy"} <= set(rows[0])
    assert float(rows[-1]["edge_logit_loss"]) < float(rows[0]["edge_logit_loss"])

    # val_loss is 2 x edges + 0.5 x flavour over all windows, by hand.
    network = keras.models.load_model(result.folder / "latest.keras")
    assert sorted(network.output) == ["edge_logit", "energy_gev", "flavour"]
    cached = data.prepare(recipe.data, "validation", n=128, cache=tmp_path, model="toy_windows", quiet=True)
    records = cached.records()
    found = zoo.predict(network, records, batch_size=7)
    edges = []
    for labels, logits in zip(records.clusters.in_supercluster, found.edge_logit, strict=True):
        edges.append(binary(np.asarray(labels), np.asarray(logits)).mean() if len(labels) else 0.0)
    flavour = -np.log(np.asarray(found.flavour)[np.arange(128), np.asarray(records.flavour)])
    expected = 2.0 * np.mean(edges) + 0.5 * np.mean(flavour)
    assert float(rows[-1]["val_loss"]) == pytest.approx(expected, rel=1e-4)


def test_answers_in_small_batches_are_those_of_all_at_once(toy_models):
    """`predict` cuts both axes to what a batch needs."""
    import keras

    keras.utils.set_random_seed(3)
    network = zoo.load("toy_windows", weights=None)
    events = network.network
    records = events.sample(60, 1)
    whole = network(events.to_inputs(records))
    found = zoo.predict(network, records, batch_size=5)
    for name in ("flavour", "energy_gev"):
        np.testing.assert_allclose(ak.to_numpy(found[name]), whole[name], rtol=1e-4, atol=1e-5)
    assert ak.array_equal(ak.num(found.edge_logit), ak.num(records.clusters))
    logits = node_rows(whole["edge_logit"].numpy(), ak.to_numpy(ak.num(records.clusters)), "edge_logit")
    np.testing.assert_allclose(ak.flatten(found.edge_logit), logits, rtol=1e-4, atol=1e-5)


def test_of_tensors_lists_end_with_the_last_real_slot(toy_models):
    """Padding may stand anywhere; no objects at all are answered, too."""
    import keras

    keras.utils.set_random_seed(3)
    network = zoo.load("toy_windows", weights=None)
    events = network.network
    inputs = events.to_inputs(events.sample(6, 1)[2:])
    inputs["cluster_mask"][0, 0] = inputs["cluster_mask"][1, -1] = 0.0
    real = inputs["cluster_mask"] > 0
    found = zoo.predict(network, inputs, batch_size=3)
    whole = network(inputs)["edge_logit"].numpy()
    for row, logits in enumerate(found.edge_logit):
        assert len(logits) == np.flatnonzero(real[row])[-1] + 1
        np.testing.assert_allclose(logits, whole[row, : len(logits)], rtol=1e-4, atol=1e-5)
    none = zoo.predict(network, {name: values[:0] for name, values in inputs.items()})
    assert len(none) == 0 and set(none.fields) == set(found.fields)


def test_reachable_only_is_for_calorimeter_objects(toy_models):
    with pytest.raises(InvalidValue, match=r"reachable_only: expected false for clusters around a seed"):
        from_dict({**TABLES, "data": {**TABLES["data"], "reachable_only": True}})
