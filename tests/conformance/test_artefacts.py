"""Exports: the interface that the card promises, and the goldens in every runtime."""

import dataclasses
import json

import numpy as np
import pytest

import zoo
from zoo.cards.weights import tag_folder
from zoo.exporting.goldens import read_tensors
from zoo.exporting.verification import read_manifest
from zoo.exporting.verification_process import runner
from zoo.inference.traced import call


def test_goldens_in_every_runtime(name, card, golden, run, runners, agree):
    inputs, _ = golden(name)
    agree(runners(name, "keras")(inputs), run(inputs))


def test_goldens_are_finite_and_hold_the_edge_cases(exports, name, card):
    folder = exports(name)
    manifest = read_manifest(folder)
    inputs = read_tensors(folder, manifest["golden"]["inputs"])
    for values in read_tensors(folder, manifest["golden"]["outputs"]).values():
        assert np.isfinite(values).all()
    for spec in card.inputs:
        if spec.mask_of:
            assert {0, 1, 2} <= set(inputs[spec.name].sum(axis=-1).astype(int).flat)
            assert np.isnan(inputs[spec.mask_of]).any()


def test_onnx_and_frozen_graph_have_the_inputs_of_the_card(exports, name, card):
    import onnx
    import tensorflow as tf

    proto = onnx.load(exports(name) / "model.onnx")
    assert [value.name for value in proto.graph.input] == [spec.name for spec in card.inputs]
    assert [value.name for value in proto.graph.output] == [spec.name for spec in card.outputs]
    float32 = onnx.TensorProto.FLOAT
    assert all(v.type.tensor_type.elem_type == float32 for v in (*proto.graph.input, *proto.graph.output))
    assert {node.domain for node in proto.graph.node} == {""}, "an op that ONNX Runtime alone would know"
    graph = tf.compat.v1.GraphDef()
    graph.ParseFromString((exports(name) / "frozen.pb").read_bytes())
    inputs = {node.name for node in graph.node if node.op == "Placeholder"}
    assert inputs == {spec.name for spec in card.inputs}
    assert {spec.name for spec in card.outputs} <= {node.name for node in graph.node}


def test_no_artefact_names_a_folder_of_this_machine(exports, name):
    folder = exports(name)
    for path in folder.rglob("*"):
        if path.is_file():
            assert b"site-packages" not in path.read_bytes(), path


def test_manifest_names_every_tensor(exports, name, card):
    manifest = json.loads((exports(name) / "manifest.json").read_text())
    for side, specs in (("inputs", card.inputs), ("outputs", card.outputs)):
        assert [entry["name"] for entry in manifest[side]] == [spec.name for spec in specs]
        for entry in manifest[side]:
            assert entry["saved_model"] and entry["frozen"] and entry["onnx"]


@pytest.fixture
def released_folder(released):
    """The folder of a released tag."""
    card = zoo.info(released)
    return tag_folder(card, card.tag(released.partition(".")[2]))


def defaults(config_type):
    """What a configuration holds where an older release does not name a field."""
    return {field.name: field.default for field in dataclasses.fields(config_type)}


def test_a_released_tag_loads_with_its_configuration_and_answers_its_goldens(
    released, released_folder, agree
):
    manifest = read_manifest(released_folder)
    model = zoo.load(released)
    assert model.origin == released
    assert model.network.preset == manifest["preset"]
    config = model.network.config
    chosen = {field: manifest["config"].get(field, value) for field, value in defaults(type(config)).items()}
    assert set(manifest["config"]) <= set(chosen)
    assert json.loads(json.dumps(dataclasses.asdict(config))) == json.loads(json.dumps(chosen))
    inputs = read_tensors(released_folder, manifest["golden"]["inputs"])
    golden = read_tensors(released_folder, manifest["golden"]["outputs"])
    agree(golden, call(model, model.network.card, inputs), card=model.network.card)


@pytest.mark.parametrize("artefact", ["saved_model", "frozen", "onnx"])
def test_released_goldens_are_reproduced(released, released_folder, artefact, agree):
    manifest = read_manifest(released_folder)
    if not (released_folder / manifest["artefacts"][artefact]["path"]).exists():
        pytest.skip(f"{released} was installed without {artefact}")
    inputs = read_tensors(released_folder, manifest["golden"]["inputs"])
    golden = read_tensors(released_folder, manifest["golden"]["outputs"])
    agree(golden, runner(artefact, released_folder)(inputs), card=zoo.info(released))
