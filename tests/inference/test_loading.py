import json
import subprocess
import sys

import awkward as ak
import keras
import numpy as np
import pytest

import zoo
from zoo.errors import ChecksumMismatch, InvalidFile, InvalidValue, UnknownName
from zoo.exporting.graphs import write_keras
from zoo.models.network import network

FRESH = """
import json, pathlib, sys
import keras, zoo
model = zoo.load("toy")
print(json.dumps([model.origin, "tensorflow_probability" in sys.modules]))
from zoo.exporting.graphs import write_keras
keras.utils.set_random_seed(3)
write_keras(zoo.load("toy", weights=None), pathlib.Path(sys.argv[1]))
"""


def test_untrained_networks_come_from_presets_with_single_fields_replaced(toy_models):
    assert zoo.load("toy", weights=None).count_params() == zoo.info("toy").presets["small"].parameters
    wide = zoo.load("toy", weights=None, preset="wide")
    assert wide.count_params() == zoo.info("toy").presets["wide"].parameters
    assert wide.origin == "toy (untrained, preset wide)"
    replaced = zoo.load("toy", weights=None, hidden=16)
    assert replaced.count_params() == wide.count_params()
    assert "hidden=16" in replaced.origin


def test_released_weights_by_name_by_tag_and_by_folder_are_the_same(toy_release):
    models = [zoo.load("toy"), zoo.load("toy.toy_v1"), zoo.load(toy_release / "saved" / "toy" / "toy_v1")]
    assert [model.origin for model in models[:2]] == ["toy.toy_v1", "toy.toy_v1"]
    for model in models[1:]:
        for a, b in zip(models[0].get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    assert not models[0].compiled


@pytest.mark.ci
def test_a_fresh_process_loads_without_tensorflow_probability_and_writes_the_same_file(toy_release, tmp_path):
    command = [sys.executable, "-c", FRESH, str(tmp_path / "there.keras")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    origin, probability = json.loads(done.stdout.splitlines()[-1])
    assert origin == "toy.toy_v1"
    assert not probability
    keras.utils.set_random_seed(3)
    write_keras(zoo.load("toy", weights=None), tmp_path / "here.keras")
    assert (tmp_path / "here.keras").read_bytes() == (tmp_path / "there.keras").read_bytes()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: zoo.load("toi"), UnknownName, "Did you mean 'toy'"),
        (lambda: zoo.load("toy.toy_v9"), UnknownName, "unknown tag 'toy_v9' in the card of toy"),
        (
            lambda: zoo.load("toy", weights=None, preset="wid"),
            UnknownName,
            "unknown preset 'wid'.*Did you mean 'wide'",
        ),
        (
            lambda: zoo.load("toy", weights=None, hiden=3),
            UnknownName,
            "unknown override 'hiden'.*Did you mean 'hidden'",
        ),
        (lambda: zoo.load("toy", weights=None, hidden=0), InvalidValue, "hidden: expected a positive number"),
        (lambda: zoo.load("toy", preset="wide"), InvalidValue, "weights=None.*Received: preset='wide'"),
        (lambda: zoo.load("toy", hidden=3), InvalidValue, "weights=None.*Received: hidden=3"),
        (lambda: zoo.load("toy.toy_v1", weights=None), InvalidValue, "a name without a tag, 'toy'"),
        (lambda: zoo.load("toy", weights="imagenet"), InvalidValue, "'default' or None"),
        (lambda: zoo.load("saved_models/toy/toy_v1"), InvalidValue, "'./saved_models/toy/toy_v1'"),
        (lambda: zoo.load("./nowhere"), InvalidFile, "is no folder"),
        (lambda: zoo.load("./nowhere", weights=None), InvalidValue, "a model's name"),
    ],
)
def test_what_cannot_be_loaded_is_explained(toy_release, call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_nothing_released_yet_is_explained(toy_models):
    with pytest.raises(InvalidValue, match="none is released yet; weights=None"):
        zoo.load("toy")


@pytest.mark.parametrize("name", ["toy", "folder"])
def test_a_changed_file_is_refused_before_it_is_opened(toy_release, monkeypatch, name):
    folder = toy_release / "saved" / "toy" / "toy_v1"
    path = folder / "model.keras"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    monkeypatch.setattr(keras.models, "load_model", lambda *_, **__: pytest.fail("the file was opened"))
    with pytest.raises(ChecksumMismatch, match=r"Expected [0-9a-f]{64}, received [0-9a-f]{64}"):
        zoo.load("toy" if name == "toy" else folder)


def test_a_missing_file_or_folder_is_named(toy_release):
    folder = toy_release / "saved" / "toy" / "toy_v1"
    (folder / "model.keras").unlink()
    with pytest.raises(InvalidFile, match=r"model.keras: is missing"):
        zoo.load("toy")
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(InvalidFile, match=r"toy.toy_v1: no such folder"):
        zoo.load("toy")


def _run(toy_release, **changes):
    """Makes of the exported toy a run folder as `python -m training` leaves it."""
    folder = toy_release / "saved" / "toy" / "toy_v1"
    digest = json.loads((folder / "manifest.json").read_text())["artefacts"]["keras"]["sha256"]
    (folder / "manifest.json").unlink()
    run = {
        "format": 1,
        "recipe": {"model": {"name": "toy", "preset": "small"}},
        "code_version": zoo.__version__,
        "files": {"model.keras": digest},
    }
    (folder / "run.json").write_text(json.dumps({**run, **changes}))
    return folder


def test_a_run_folder_loads(toy_release):
    assert zoo.load(_run(toy_release)).name == "toy"


def test_a_folder_is_gated_by_its_format_and_not_by_the_version(toy_release):
    assert zoo.load(_run(toy_release, code_version="7.0.0")).name == "toy"
    folder = toy_release / "saved" / "toy" / "toy_v1"
    run = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**run, "format": 2}))
    with pytest.raises(InvalidFile, match="has format 2; this code reads format 1"):
        zoo.load(folder)


def test_a_run_folder_that_is_not_finished_is_explained(toy_release):
    with pytest.raises(InvalidFile, match="Is the run finished"):
        zoo.load(_run(toy_release, files={}))
    (toy_release / "saved" / "toy" / "toy_v1" / "run.json").write_text("{")
    with pytest.raises(InvalidFile, match="cannot be read as JSON"):
        zoo.load(toy_release / "saved" / "toy" / "toy_v1")


def test_a_file_whose_layers_this_code_lacks_is_explained(toy_release, monkeypatch):
    def fail(*_, **__):
        raise TypeError("Could not locate class 'EdgeConvOfTomorrow'.\nlong story")

    folder = _run(toy_release)
    monkeypatch.setattr(keras.models, "load_model", fail)
    with pytest.raises(
        InvalidFile, match="cannot be read by this code: Could not locate class 'EdgeConvOfTomorrow'"
    ) as e:
        zoo.load(folder)
    assert "long story" not in str(e.value)


def test_another_backend_is_refused(toy_models, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(InvalidValue, match=r"KERAS_BACKEND=tensorflow.*Received: jax"):
        zoo.load("toy", weights=None)


def test_a_network_has_its_configuration_before_it_is_built(toy_models):
    assert network("toy", "wide").config.hidden == 16
    assert network("toy", hidden=3).config.hidden == 3
    with pytest.raises(UnknownName, match=r"unknown preset 'wild' in the card of toy. Did you mean 'wide'"):
        network("toy", "wild")


def test_a_model_without_distribution_says_so(toy_models):
    with pytest.raises(InvalidValue, match=r"a model that predicts one. Received: 'toy'"):
        zoo.distribution("toy", {})


def test_predict_keeps_the_order_and_ignores_the_batch(toy_release):
    records = network("toy").sample(40, 3)
    whole = zoo.predict("toy", records)
    model = zoo.load("toy")
    done = []
    small = zoo.predict(model, records, batch_size=3, progress=done.append)
    assert sum(done) == 40
    np.testing.assert_allclose(whole.energy_gev, small.energy_gev, rtol=1e-5)
    np.testing.assert_allclose(whole.factors, small.factors, rtol=1e-5, atol=1e-6)
    assert whole.energy_gev[0] == -1.0  # no hits
    single = zoo.predict(model, records[7:8])
    np.testing.assert_allclose(whole.energy_gev[7], single.energy_gev[0], rtol=1e-5)
    assert len(zoo.predict(model, records[:0])) == 0


def test_predict_takes_tensors(toy_release):
    toy = network("toy")
    records = toy.sample(5, 3)
    model = zoo.load("toy")
    from_tensors = zoo.predict(model, toy.to_inputs(records))
    np.testing.assert_array_equal(from_tensors.energy_gev, zoo.predict(model, records).energy_gev)


def test_outputs_become_records(toy_models):
    as_records = network("toy").to_records
    ragged = ak.Array([[1.0, 2.0], []])
    outputs = {"energy_gev": np.array([2, -1], "f4"), "dscb": np.ones((2, 6), "f4"), "charge": ragged}
    found = as_records(outputs)
    assert found.fields == list(outputs) and found[1].energy_gev == -1
    assert ak.num(found.dscb).tolist() == [6, 6] and found.charge.tolist() == ragged.tolist()
    assert np.asarray(as_records({"logit": np.zeros((2, 9, 8), "f4")}).logit).shape == (2, 9, 8)
