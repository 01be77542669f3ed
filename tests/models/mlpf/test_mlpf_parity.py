"""The `legacy` network against numbers that the public TensorFlow code wrote."""

from pathlib import Path

import keras
import numpy as np
import pytest

from zoo.layers.bin_layout import Layout
from zoo.models.mlpf.config import MLPFConfig
from zoo.models.mlpf.decoding import DecodingHeads
from zoo.models.mlpf.model import build

FIXTURE = Path(__file__).resolve().parents[4] / "shared" / "parity" / "mlpf_public_net.npz"
CONFIG = MLPFConfig(
    legacy=True, bin_size=16, distance_dim=8, distance_width=12, width=24, id_layers=2, regression_layers=2,
    class_width=32, energy_width=32,
)  # fmt: skip
GRAPHS = {"cg_id_0": "id_graph_0", "cg_id_1": "id_graph_1", "cg_reg_0": "regression_graph_0",
          "cg_reg_1": "regression_graph_1"}  # fmt: skip
HEADS = {"cls": ("id_heads", "class"), "charge": ("id_heads", "charge"), "eta": ("direction_heads", "eta"),
         "phi": ("direction_heads", "phi"), "energy": ("momentum_heads", "energy"),
         "pt": ("momentum_heads", "pt")}  # fmt: skip


@pytest.fixture(scope="module")
def public():
    if not FIXTURE.is_file():
        pytest.skip("mlpf_public_net.npz is not in ../shared/parity")
    with np.load(FIXTURE) as file:
        return dict(file)


def load_weights(model, public):
    """Gives the network the public weights; every one is used once."""
    left = {name.removeprefix("w/"): values for name, values in public.items() if name.startswith("w/")}
    projections = [name for name in left if name.endswith("lsh_projections:0")]
    for theirs, ours in GRAPHS.items():
        layer, root = model.get_layer(ours), f"pf_net_dense/{theirs}/{theirs}"
        layer.norm.set_weights([left.pop(f"{root}_layernorm1/{name}:0") for name in ("gamma", "beta")])
        for number, dense in enumerate(layer.distance):
            name = f"{theirs}_ffn_dist_dense_{number}"
            dense.set_weights([left.pop(f"{name}/kernel:0"), left.pop(f"{name}/bias:0")])
        parts = [left.pop(f"{root}_msg_0/{name}:0") for name in ("theta", "w_h", "w_t")]
        layer.kernels[0].assign(np.concatenate(parts, axis=1))
        layer.gate_biases[0].assign(left.pop(f"{root}_msg_0/b_t:0"))
        (name,) = [name for name in projections if f"/{theirs}/" in name]
        layer.codebook.assign(left.pop(name))
    root = "pf_net_dense/output_decoding/output_layernorm"
    model.get_layer("id_norm").set_weights([left.pop(f"{root}/gamma:0"), left.pop(f"{root}/beta:0")])
    for theirs, (layer, head) in HEADS.items():
        heads = model.get_layer(layer)
        for number in range(3):
            heads.kernels[head][number].assign(left.pop(f"ffn_{theirs}_dense_{number}/kernel:0"))
            heads.biases[head][number].assign(left.pop(f"ffn_{theirs}_dense_{number}/bias:0"))
    assert not left


@pytest.fixture(scope="module")
def model(public):
    network = build(CONFIG)
    load_weights(network, public)
    return network


def close(found, expected, name):
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4, err_msg=name)


def test_answers_are_those_of_the_public_network(public, model):
    elements = public["X"]
    mask = (elements[:, :, 0] != 0).astype("f4")
    found = {name: np.asarray(value) for name, value in
             model({"elements": elements, "element_mask": mask}).items()}  # fmt: skip
    close(found["class_logit"], public["out/cls"], "class_logit")
    close(found["charge"], public["out/charge"][:, :, 0], "charge")
    for column, name in enumerate(("pt", "eta", "sin_phi", "cos_phi", "energy")):
        close(found["momentum"][:, :, column], public[f"out/{name}"][:, :, 0], name)


def test_bins_adjacency_and_layers_are_those_of_the_public_network(public, model):
    elements = public["X"]
    real = elements[:, :, 0] != 0
    inputs = {"elements": elements, "element_mask": real.astype("f4")}
    names = [name for ours in GRAPHS.values() for name in (ours,)]
    inner = keras.Model(
        model.input,
        {
            "rows": model.get_layer("element_rows").output[0],
            "layout": model.get_layer("bins").output,
            "encoded": model.get_layer("features").output,
            **{name: model.get_layer(name).output for name in names},
        },
    )(inputs)
    rows = inner["rows"].numpy()[:-1]
    count, size = real.shape[1], CONFIG.bin_size
    for theirs, ours in GRAPHS.items():
        layer = model.get_layer(ours)
        before = inner["encoded"] if ours.endswith("_0") else inner[ours[:-1] + "0"]
        places = layer.places(layer.norm(before))
        bin_rows, slots = layer.bins(places, Layout(*inner["layout"]))
        near = layer.near(places, bin_rows, slots).numpy()
        close(inner[ours].numpy()[:-1], public[f"dbg/{theirs}/enc"][real], f"{ours} output")
        close(places.numpy()[:-1], public[f"dbg/{theirs}/dist"][real], f"{ours} places")

        # Ours names rows of real elements; theirs has the padding behind them, by its index.
        node = np.append(rows, -1)[slots.numpy()].reshape(len(elements), -1)
        for event, permutation in enumerate(node):
            padding = np.flatnonzero(~real[event])
            assert (permutation >= 0).sum() == count - len(padding)
            whole = np.concatenate([permutation[permutation >= 0] - event * count, padding])
            np.testing.assert_array_equal(whole, public[f"dbg/{theirs}/bins"][event].ravel(), err_msg=ours)
        filled = (slots.numpy() < len(rows)).astype("f4")
        expected = public[f"dbg/{theirs}/dm"].reshape(-1, size, size)
        close(near * filled[:, :, None], expected, f"{ours} adjacency")


def test_an_input_given_twice_is_folded_exactly(public, model):
    """The heads' first layer on the public input, in which outputs and logits stand twice."""
    layer = model.get_layer("momentum_heads")
    rng = np.random.default_rng(0)
    pieces = [rng.normal(size=(5, width)).astype("f4") for width in (100, 8, 52, 24, 24)]
    once = np.concatenate(pieces, axis=1)
    twice = np.concatenate([*pieces[:3], *(pieces[3],) * 2, *(pieces[4],) * 2, pieces[1]], axis=1)
    plain = DecodingHeads(layer.heads, activation=layer.activation)
    plain.build(twice.shape)
    plain.set_weights(layer.get_weights())
    for folded, whole in zip(layer(once), plain(twice), strict=True):
        np.testing.assert_allclose(folded, whole, rtol=1e-4, atol=1e-4)
