"""The whole network: its size, what its answer must not depend on, gradients, files, the objective."""

from dataclasses import replace

import awkward as ak
import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.exporting.verification import compare
from zoo.models.drn import events, objective
from zoo.models.drn.config import BARREL, CMS, TWO_LAYER
from zoo.models.drn.events import SAMPLE_CASES
from zoo.models.drn.model import build

SMALL = {
    "barrel": replace(BARREL, hidden=12, message_width=12, output_width=12),
    "cms": replace(CMS, hidden=8, aggregation_layers=3),
}
N_EVENTS = len(SAMPLE_CASES) + 14


@pytest.fixture(scope="module", params=list(SMALL))
def network(request):
    keras.utils.set_random_seed(5)
    model = build(SMALL[request.param])

    @tf.function(
        input_signature=[{name: tf.TensorSpec(x.shape, tf.float32) for name, x in model.input.items()}]
    )
    def answer(inputs):
        return model(inputs, training=False)

    return model, lambda inputs: {name: value.numpy() for name, value in answer(inputs).items()}


@pytest.fixture(scope="module")
def inputs():
    return events.to_inputs(events.sample(N_EVENTS, 2))


def agree(one, other, tolerance=1e-5, rows=slice(None)):
    for name, value in one.items():
        scale = np.abs(value) + value.std(axis=0)
        difference = np.abs(value - other[name])[rows]
        assert (difference <= tolerance * scale[rows] + 1e-7).all(), (name, difference.max())


@pytest.mark.parametrize(("config", "count"), [(CMS, 265_368), (TWO_LAYER, 59_166)])
def test_published_networks_have_the_published_number_of_parameters(config, count):
    assert build(config).count_params() == count


def test_tensors_and_layers_are_named(network):
    model, _ = network
    assert model.name == "drn"
    assert {name: tensor.shape for name, tensor in model.input.items()} == {
        "hits": (None, None, 5), "hit_mask": (None, None), "event": (None, 2),
    }  # fmt: skip
    assert {name: tensor.shape for name, tensor in model.output.items()} == {
        "energy_gev": (None,), "sigma_gev": (None,), "dscb": (None, 6),
    }  # fmt: skip
    for name in ("sanitize", "canonical_order", "features", "embedding", "readout", "parameters", "dscb"):
        assert model.get_layer(name).name == name


def test_outputs_follow_their_definitions(network, inputs):
    out = network[1](inputs)
    raw = (inputs["hits"][:, :, 2] * inputs["hit_mask"]).sum(1)
    empty = raw == 0
    assert empty[SAMPLE_CASES.index("no hits")] and empty.sum() == 1
    np.testing.assert_allclose(
        out["energy_gev"][~empty], (raw * np.exp(out["dscb"][:, 0]))[~empty], rtol=1e-5
    )
    np.testing.assert_allclose(
        out["sigma_gev"][~empty], (out["dscb"][:, 1] * out["energy_gev"])[~empty], rtol=1e-5
    )
    assert out["energy_gev"][empty] == -1 and out["sigma_gev"][empty] == -1
    assert all(np.isfinite(value).all() for value in out.values())
    assert out["dscb"].std(axis=0).min() > 1e-5  # the answer does depend on the event


def test_order_of_hits_changes_nothing(network, inputs):
    shuffle = np.argsort(np.random.default_rng(0).random(inputs["hit_mask"].shape), axis=1)
    moved = {
        "hits": np.take_along_axis(inputs["hits"], shuffle[..., None], 1),
        "hit_mask": np.take_along_axis(inputs["hit_mask"], shuffle, 1),
        "event": inputs["event"],
    }
    one, other = network[1](inputs), network[1](moved)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


def test_padding_changes_nothing_whatever_stands_in_it(network, inputs):
    more = {
        "hits": np.pad(inputs["hits"], [(0, 0), (3, 9), (0, 0)]),
        "hit_mask": np.pad(inputs["hit_mask"], [(0, 0), (3, 9)]),
        "event": inputs["event"],
    }
    padding = more["hit_mask"] == 0
    more["hits"][padding] = np.random.default_rng(1).choice([np.nan, np.inf, 1e30, -5], (padding.sum(), 5))
    agree(network[1](inputs), network[1](more))


def test_company_in_the_batch_changes_nothing(network, inputs):
    together = network[1](inputs)
    for row in range(0, N_EVENTS, 3):
        alone = network[1]({name: value[row : row + 1] for name, value in inputs.items()})
        whole = {name: np.where(np.arange(N_EVENTS).reshape(-1, *[1] * (v.ndim - 1)) == row, alone[name], v)
                 for name, v in together.items()}  # fmt: skip
        agree(together, whole)


def test_objects_without_any_hit_work_alone(network):
    for n in (0, 1, 4):
        empty = {
            "hits": np.zeros((3, n, 5), "f4"),
            "hit_mask": np.zeros((3, n), "f4"),
            "event": np.ones((3, 2), "f4"),
        }
        out = network[1](empty)
        assert (out["energy_gev"] == -1).all() and np.isfinite(out["dscb"]).all()


def test_dirty_hits_are_dropped(network, inputs):
    row = N_EVENTS - 1
    one = {name: value[row : row + 1].copy() for name, value in inputs.items()}
    expected = network[1](one)
    dirty = {name: np.repeat(value, 5, axis=0) for name, value in one.items()}
    free = int(one["hit_mask"].sum())
    dirty["hit_mask"][:, free] = 1
    dirty["hits"][:, free] = (3, 3, 2.0, 0.07, 0)
    for number, (feature, value) in enumerate([(2, 0.0), (2, -4.0), (2, np.nan), (0, np.inf), (4, np.nan)]):
        dirty["hits"][number, free, feature] = value
    out = network[1](dirty)
    for name in out:
        np.testing.assert_allclose(out[name], np.repeat(expected[name], 5, axis=0), rtol=1e-5, atol=1e-6)
    dirty["event"][:, 0], dirty["event"][:, 1] = np.nan, np.inf
    assert all(np.isfinite(value).all() for value in network[1](dirty).values())


def test_gradients_are_finite_on_every_case_and_reach_every_weight(network, inputs):
    model, _ = network
    y = np.linspace(-0.7, 0.7, N_EVENTS).astype("f4")
    y[0] = events.OUT_OF_REACH
    with tf.GradientTape() as tape:
        loss = objective.loss(BARREL)["dscb"](y, model(inputs, training=True)["dscb"])
    gradients = tape.gradient(loss, model.trainable_variables)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.path
        assert np.isfinite(tf.convert_to_tensor(gradient)).all(), variable.path
        assert np.any(tf.convert_to_tensor(gradient) != 0), variable.path


def test_a_saved_network_answers_alike(network, inputs, tmp_path):
    model, answer = network
    model.save(tmp_path / "drn.keras")
    loaded = keras.models.load_model(tmp_path / "drn.keras")
    assert [type(layer) for layer in loaded.layers] == [type(layer) for layer in model.layers]
    again = loaded(inputs, training=False)
    agree(answer(inputs), {name: value.numpy() for name, value in again.items()}, 1e-6)


def test_one_seed_gives_one_network():
    weights = []
    for _ in range(2):
        keras.utils.set_random_seed(11)
        weights.append(build(SMALL["barrel"]).get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.ci
def test_training_lowers_the_loss():
    keras.utils.set_random_seed(2)
    records = events.sample(160, 8)[len(SAMPLE_CASES) :][:128]
    inputs, y = events.to_inputs(records), events.targets(records)
    model = build(replace(SMALL["barrel"], aggregation_layers=1))
    view = keras.Model(model.input, {"dscb": model.output["dscb"]})
    view.compile(keras.optimizers.AdamW(3e-3), loss=objective.loss(BARREL), metrics=objective.metrics(BARREL))
    history = view.fit(inputs, y, batch_size=128, epochs=20, verbose=0).history
    assert history["loss"][-1] < history["loss"][0] - 0.2
    assert set(history) == {"loss", "mode_error", "relative_width"} and history["mode_error"][-1] < 0.08


def test_targets_are_the_logarithm_of_true_over_raw():
    records = events.sample(20, 1)
    y = events.targets(records)["dscb"]
    raw = ak.to_numpy(ak.sum(records.hits.energy_gev, axis=1))
    assert y.dtype == np.float32 and y[0] == events.OUT_OF_REACH and raw[0] == 0
    np.testing.assert_allclose(y[1:], np.log(ak.to_numpy(records.true_energy_gev)[1:] / raw[1:]), atol=1e-5)
    spoilt = ak.with_field(
        records, ak.where(records.hits.energy_gev < 1, -1.0, records.hits.energy_gev), ["hits", "energy_gev"]
    )
    kept = ak.to_numpy(ak.sum(ak.where(spoilt.hits.energy_gev > 0, spoilt.hits.energy_gev, 0), axis=1))
    usable = kept > 0
    expected = np.log(ak.to_numpy(records.true_energy_gev)[usable] / kept[usable])
    np.testing.assert_allclose(events.targets(spoilt)["dscb"][usable], expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SMALL))
def test_onnx_runtime_agrees(name, tmp_path):
    tf2onnx, onnxruntime = pytest.importorskip("tf2onnx"), pytest.importorskip("onnxruntime")
    keras.utils.set_random_seed(5)
    model = build(SMALL[name])
    signature = [tf.TensorSpec(tensor.shape, tf.float32, name=key) for key, tensor in model.input.items()]

    @tf.function(input_signature=signature)
    def answer(hits, hit_mask, event):
        out = model({"hits": hits, "hit_mask": hit_mask, "event": event}, training=False)
        return {key: tf.identity(value, name=key) for key, value in out.items()}

    tf2onnx.convert.from_function(answer, signature, opset=18, output_path=str(tmp_path / "drn.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "drn.onnx"), providers=["CPUExecutionProvider"])
    names = [output.name.removesuffix(":0") for output in session.get_outputs()]
    records = events.sample(400, 9)
    inputs = events.to_inputs(records)
    ours = {k: v.numpy() for k, v in answer(**inputs).items()}
    theirs = dict(zip(names, session.run(None, inputs), strict=True))
    _, flips = compare(ours, theirs, tolerance=1e-5, cases=[str(row) for row in range(len(records))])
    # Absolute coordinates put neighbours within rounding of a tie, so a choice may flip; local ones do not.
    assert len({flip.case for flip in flips}) <= {"barrel": 0, "cms": 4}[name]
    empty = {
        "hits": np.zeros((2, 0, 5), "f4"),
        "hit_mask": np.zeros((2, 0), "f4"),
        "event": np.ones((2, 2), "f4"),
    }
    assert session.run(["energy_gev"], empty)[0].tolist() == [-1, -1]
