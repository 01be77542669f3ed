"""The network: what must not change an answer, few elements and none, dirt, momenta, sizes, saving, ONNX."""

import itertools
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks.mlpf import card_of, event
from zoo.data.kinds.elements import ELEMENT_TYPES
from zoo.errors import InvalidValue
from zoo.exporting.graphs import write_frozen, write_keras, write_onnx
from zoo.models.mlpf import events
from zoo.models.mlpf.config import (
    ACAT2022,
    DELPHES,
    ENERGY_KINDS,
    FEATURES,
    MASS_GEV,
    NOV2022,
    OCT2022,
    SMALL,
    MLPFConfig,
)
from zoo.models.mlpf.element_features import FacePosition, KindEnergies
from zoo.models.mlpf.model import build

TINY = replace(
    SMALL, bin_size=8, directions=3, distance_dim=4, distance_width=6, width=8, class_width=8, energy_width=8,
    head_width=4, id_layers=2, regression_layers=1,
)  # fmt: skip
PUBLIC = {"legacy": True, "position_scale": 0.0, "energy_radii": 0}
SIZES = (1, 2, 200, 255, 256, 257, 1000, 6400)


def fresh(config, seed=3):
    keras.utils.set_random_seed(seed)
    model = build(config)
    return answers_of(model), model


def answers_of(model):
    return lambda inputs: {name: value.numpy() for name, value in model(inputs, training=False).items()}


@pytest.fixture(scope="module")
def inputs():
    return events.to_inputs(events.sample(len(events.SAMPLE_CASES) + 5, 2))


@pytest.fixture(scope="module")
def network():
    return fresh(TINY)[0]


@pytest.fixture(scope="module")
def answer(network, inputs):
    return network(inputs)


def agree(found, expected, tolerance=1e-5):
    for name, values in expected.items():
        scale = np.abs(values) + values.std()
        bad = np.abs(found[name] - values) > tolerance * scale
        assert not bad.any(), f"{name}: {bad.sum()} of {bad.size}, {np.abs(found[name] - values).max()}"


def test_order_of_elements_moves_answers_with_them(inputs, network, answer):
    order = np.argsort(np.random.default_rng(1).random(inputs["element_mask"].shape), axis=1)
    moved = {
        name: np.take_along_axis(v, order[..., None] if v.ndim == 3 else order, 1)
        for name, v in inputs.items()
    }
    distinct = np.ones(len(order), bool)
    distinct[events.SAMPLE_CASES.index("every element twice")] = False  # twins may change places
    found = network(moved)
    for name, values in answer.items():
        index = order.reshape(order.shape + (1,) * (values.ndim - 2))
        expected = np.take_along_axis(values, index, 1)
        agree({name: found[name][distinct]}, {name: expected[distinct]})
        agree({name: np.sort(found[name][~distinct], 1)}, {name: np.sort(expected[~distinct], 1)})


def test_padding_and_its_content_change_nothing(inputs, network, answer):
    n = inputs["element_mask"].shape[1]
    wider = {name: np.pad(v, [(0, 0), (0, 45), (0, 0)][: v.ndim]) for name, v in inputs.items()}
    wider["elements"][wider["element_mask"] == 0] = np.nan
    found = network(wider)
    agree({name: values[:, :n] for name, values in found.items()}, answer)
    for name, values in found.items():
        assert not values[wider["element_mask"] == 0].any(), name


def test_the_rest_of_the_batch_changes_nothing(inputs, network, answer):
    for row in (1, 3, 10, 12):
        n = int(inputs["element_mask"][row].sum())
        alone = network({name: values[row : row + 1, :n] for name, values in inputs.items()})
        for name, values in answer.items():
            np.testing.assert_allclose(alone[name][0], values[row, :n], rtol=1e-5, atol=1e-6, err_msg=name)


def test_the_public_binning_depends_on_padding(network):
    """What the default cures: with bins from the padded size the same event is answered differently."""
    one = event(40)
    wide = {name: np.pad(v, [(0, 0), (0, 41), (0, 0)][: v.ndim]) for name, v in one.items()}
    public, _ = fresh(replace(TINY, **PUBLIC))
    off = [
        np.abs(run(wide)["class_logit"][:, :40] - run(one)["class_logit"]).max() for run in (public, network)
    ]
    assert off[0] > 1e-3 and off[1] < 1e-5


def test_few_elements_and_none(network, answer):
    for name, values in answer.items():
        assert np.isfinite(values).all(), name
        assert not values[0].any()  # the event without elements
    none = {"elements": np.zeros((2, 0, 25), "f4"), "element_mask": np.zeros((2, 0), "f4")}
    assert {values.shape[:2] for values in network(none).values()} == {(2, 0)}


def test_no_element_is_dropped_at_any_size(network):
    for n in (1, 2, 7, 8, 9, 16, 17, 63, 65):
        probability = network(event(n))["class_probability"]
        np.testing.assert_allclose(probability.sum(-1), 1.0, rtol=1e-5)


def test_unreadable_elements_are_answered(inputs, network):
    """NaN and infinities count as 0, and a type that there is not as no type; the element stays."""
    dirty = {name: values.copy() for name, values in inputs.items()}
    clean = {name: values.copy() for name, values in inputs.items()}
    for row, (column, dirt) in enumerate([(0, np.nan), (1, np.inf), (4, -np.inf), (20, np.nan)], start=6):
        dirty["elements"][row, 1, column], clean["elements"][row, 1, column] = dirt, 0.0
    dirty["elements"][3, 0, 0] = clean["elements"][3, 0, 0] = 99.0
    found, expected = network(dirty), network(clean)
    for name, values in found.items():
        assert np.isfinite(values).all()
        np.testing.assert_array_equal(values, expected[name])
    assert (found["class_probability"].sum(-1)[inputs["element_mask"] > 0] > 0.999).all()
    dirty["elements"][:] = np.nan
    for values in network(dirty).values():
        assert np.isfinite(values).all()


def test_momentum_is_one_four_vector_on_the_unit_circle(inputs, answer):
    real = inputs["element_mask"] > 0
    pt, eta, sine, cosine, energy = np.moveaxis(answer["momentum"][real].astype("f8"), -1, 0)
    np.testing.assert_allclose(sine**2 + cosine**2, 1.0, rtol=1e-5)
    best = 1 + answer["class_logit"][real][:, 1:].argmax(-1)
    mass = np.array([MASS_GEV[name] for name in TINY.classes])[best]
    np.testing.assert_allclose(energy, np.sqrt((pt * np.cosh(eta)) ** 2 + mass**2), rtol=1e-5)
    chance = 1.0 - answer["class_probability"][real][:, 0]
    four = np.stack([pt * cosine, pt * sine, pt * np.sinh(eta), energy], -1) * chance[:, None]
    np.testing.assert_allclose(answer["visible"][real], four, rtol=1e-4, atol=1e-5)
    assert (pt > 0).all() and (np.abs(answer["charge"]) <= 1).all()


def place(eta, phi):
    return 1.75 * np.sin(eta / 1.75), 1.75 * np.cos(eta / 1.75), np.sin(phi), np.cos(phi)


def test_tracks_stand_where_they_reach_the_calorimeter():
    names = FEATURES["cms25"]
    elements = np.zeros((3, len(names)), "f4")
    for row, (eta, phi, eta_ecal, phi_ecal) in enumerate([(1, 2, 0, 0), (1, 2, 1.5, -3), (5, 2, 0, 0)]):
        for name, value in {"eta": eta, "phi": phi, "eta_ecal": eta_ecal, "phi_ecal": phi_ecal}.items():
            elements[row, names.index(name)] = value
    expected = [place(1, 2), place(1.5, -3), place(5, 2)]
    np.testing.assert_allclose(FacePosition()(elements), expected, atol=1e-6)
    names = FEATURES["delphes12"]
    elements = np.zeros((2, len(names)), "f4")
    for name, value in {"eta": 1, "cos_phi": 1, "eta_outer": 2, "sin_phi_outer": [0, -1]}.items():
        elements[:, names.index(name)] = value
    found = FacePosition("delphes12")(elements)
    np.testing.assert_allclose(found, [place(1, 0), place(2, -np.pi / 2)], atol=1e-6)


def test_energies_stand_in_the_column_of_their_kind():
    names = FEATURES["cms25"]
    elements = np.zeros((12, len(names)), "f4")
    elements[:, names.index("kind")], elements[:, names.index("energy_gev")] = np.arange(12), 3.0
    found = KindEnergies()(elements).numpy()
    kinds = {"track": 0, "ECAL cluster": 1, "HCAL cluster": 2, "HF electromagnetic": 3, "HF hadronic": 3}
    for number, kind in enumerate(ELEMENT_TYPES):
        expected = np.zeros(4)
        if kind in kinds:
            expected[kinds[kind]] = 3.0
        np.testing.assert_array_equal(found[number], expected, err_msg=kind)


def test_gradients_are_finite_and_reach_every_weight(inputs):
    _, model = fresh(replace(TINY, rounds=2))
    tensors = {name: tf.constant(values) for name, values in inputs.items()}
    with tf.GradientTape() as tape:
        tape.watch(tensors["elements"])
        answers = model(tensors, training=True)
        total = tf.add_n([tf.reduce_mean(tf.math.log(1.0 + tf.abs(v))) for v in answers.values()])
    found = tape.gradient(total, [tensors["elements"], *model.trainable_weights])
    for weight, gradient in zip([None, *model.trainable_weights], found, strict=True):
        assert np.isfinite(gradient).all() and np.any(gradient), weight


@pytest.mark.parametrize(
    ("config", "trainable", "every"),
    [
        (NOV2022, 7_209_351, 7_311_751),
        (OCT2022, 2_060_391, 2_162_791),
        (ACAT2022, 42_535_439, 42_573_839),
    ],
)
def test_public_networks_have_their_published_size(config, trainable, every):
    model = build(config)
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == trainable
    assert model.count_params() == every


def operations(config):
    """Floating-point operations for one element in full bins, 2 for a multiplication with an addition."""
    kinds, places, b = len(ENERGY_KINDS[config.features]), 4, config.bin_size
    encoded = len(config.feature_names) + 14 + config.energy_radii * kinds
    total = 2 * (places * config.directions + b * (places + 2) + config.energy_radii * b * kinds)
    for layers in (config.id_layers, config.regression_layers):
        x = encoded
        for _ in range(layers):
            widths = [x, *[config.distance_width] * config.distance_layers, config.distance_dim]
            total += sum(a * c for a, c in itertools.pairwise(widths))
            dim = config.distance_dim + places
            total += config.rounds * (dim * config.directions + b * (dim + 2))
            for _ in range(config.messages):
                total += 3 * x * config.width + config.rounds * b * config.width
                x = config.width
    _, model = fresh(config)
    heads = [model.get_layer(name) for name in ("id_heads", "direction_heads", "momentum_heads")]
    total += sum(
        int(np.prod(kernel.shape)) for layer in heads for ks in layer.kernels.values() for kernel in ks
    )
    return 2 * total, model.count_params()


def test_small_presets_are_small():
    for config in (SMALL, DELPHES):
        work, parameters = operations(config)
        assert work < 1e6 and 85_000 < parameters < 120_000


def test_saving_and_loading_changes_nothing(inputs, tmp_path):
    network, model = fresh(replace(TINY, dropout=0.1))
    write_keras(model, tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    again = answers_of(loaded)(inputs)
    for name, values in network(inputs).items():
        np.testing.assert_array_equal(again[name], values)


def test_twelve_features_of_delphes():
    rng = np.random.default_rng(2)
    angle = rng.uniform(-np.pi, np.pi, (2, 20))
    elements = np.zeros((2, 20, 12), "f4")
    elements[..., 0], elements[..., 1] = rng.integers(1, 3, (2, 20)), rng.exponential(5.0, (2, 20))
    elements[..., 3], elements[..., 4] = np.sin(angle), np.cos(angle)
    elements[..., 5] = elements[..., 1]
    inputs = {"elements": elements, "element_mask": np.ones((2, 20), "f4")}
    for legacy in (False, True):
        network, _ = fresh(replace(TINY, features="delphes12", **(PUBLIC if legacy else {})))
        found = network(inputs)
        assert found["class_logit"].shape == (2, 20, 6)
        assert all(np.isfinite(values).all() for values in found.values())
    # The direction comes from its sine and cosine.
    zero = fresh(replace(TINY, features="delphes12"))[1]
    for name in ("phi", "eta", "momentum"):
        layer = zero.get_layer("momentum_heads" if name == "momentum" else "direction_heads")
        layer.kernels[name][-1].assign(tf.zeros_like(layer.kernels[name][-1]))
    momentum = answers_of(zero)(inputs)["momentum"]
    np.testing.assert_allclose(momentum[..., 0], elements[..., 1], rtol=1e-5)
    np.testing.assert_allclose(momentum[..., 2:4], elements[..., 3:5], atol=1e-5)


def share_off(found, expected):
    """Share of elements whose logits differ: a hash that flips by rounding moves elements between bins."""
    off = np.abs(found["class_logit"] - expected["class_logit"]).max(-1)
    return np.mean(off > 1e-3 * expected["class_logit"].std())


def onnx_session(config, folder, seed=3):
    onnxruntime = pytest.importorskip("onnxruntime")
    _, model = fresh(config, seed)
    card = card_of(config)
    graph = write_frozen(model, card, folder / "frozen.pb")
    write_onnx(graph, card, folder / "model.onnx", {"model": "mlpf"})
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = str(folder / "model.onnx")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [spec.name for spec in card.outputs]

    def run(tensors):
        return dict(zip(names, session.run(names, tensors), strict=True))

    return run, answers_of(model)


@pytest.mark.ci
def test_onnx_is_right_for_every_number_of_elements(inputs, tmp_path):
    """At sizes beside multiples of the bin, too, at which the public export drops elements."""
    run, network = onnx_session(replace(TINY, rounds=2), tmp_path)
    for n in SIZES:
        found, expected = run(event(n)), network(event(n))
        np.testing.assert_allclose(found["class_probability"].sum(-1), 1.0, rtol=1e-5)
        assert share_off(found, expected) <= (0.0 if n < 1000 else 0.02), n
    agree(run(inputs), network(inputs), 1e-4)
    empty = {"elements": np.full((1, 3, 25), np.nan, "f4"), "element_mask": np.zeros((1, 3), "f4")}
    assert not any(values.any() for values in run(empty).values())


@pytest.mark.ci
def test_onnx_of_the_public_network_drops_nothing(tmp_path):
    run, network = onnx_session(replace(TINY, **PUBLIC), tmp_path)
    for n in (7, 9, 30):
        agree(run(event(n)), network(event(n)), 1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("config", [NOV2022, replace(NOV2022, legacy=False), SMALL])
def test_onnx_of_real_size(config, tmp_path):
    run, network = onnx_session(config, tmp_path)
    for n in SIZES:
        found, expected = run(event(n)), network(event(n))
        np.testing.assert_allclose(found["class_probability"].sum(-1), 1.0, rtol=1e-5)
        assert share_off(found, expected) < 0.02, n


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("features", "cms15", "'cms25'"),
        ("bin_size", 1, ">= 2"),
        ("update", "concatenate", "'additive'"),
        ("dropout", 1.0, "a fraction"),
        ("met_weight", -1.0, "0 or more"),
        ("angle_huber", 0.0, "above 0"),
        ("focal_alpha", 1.5, "from 0 to 1"),
        ("class_layers", 12, "halve class_width"),
    ],
)
def test_a_bad_value_is_named(field, value, message):
    with pytest.raises(InvalidValue, match=f"MLPFConfig.{field}.*{message}"):
        MLPFConfig(**{field: value})


def test_fields_that_exclude_each_other():
    with pytest.raises(InvalidValue, match=r"rounds.*public"):
        MLPFConfig(legacy=True, rounds=2)
    with pytest.raises(InvalidValue, match=r"energy_radii.*public"):
        MLPFConfig(legacy=True, energy_radii=1)
    with pytest.raises(InvalidValue, match=r"position_scale.*public"):
        MLPFConfig(legacy=True, position_scale=1.0)
    with pytest.raises(InvalidValue, match="encoding_width"):
        MLPFConfig(update="additive")
