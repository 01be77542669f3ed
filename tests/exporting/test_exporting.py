import json
import shutil

import numpy as np
import pytest

import zoo
from zoo.errors import InvalidFile, InvalidValue
from zoo.exporting.goldens import extend_padding, golden_inputs, read_tensors, select_row
from zoo.exporting.verification import compare, read_manifest, verify
from zoo.exporting.verification_process import runner
from zoo.files import sha256
from zoo.models.network import network


@pytest.fixture
def folder(toy_release):
    return toy_release / "saved" / "toy" / "toy_v1"


def test_the_folder_holds_what_the_manifest_says(folder):
    names = {path.relative_to(folder).as_posix() for path in folder.iterdir()}
    assert names == {"model.keras", "saved_model", "frozen.pb", "model.onnx", "golden", "manifest.json"}
    manifest = read_manifest(folder)
    assert (manifest["model"], manifest["tag"], manifest["preset"]) == ("toy", "toy_v1", "small")
    assert manifest["config"] == {"hidden": 8}
    assert manifest["code_version"] == zoo.__version__
    hits, mask, event = manifest["inputs"]
    assert hits["shape"] == [-1, -1, 3] and mask["shape"] == [-1, -1] and event["shape"] == [-1, 1]
    assert mask["mask_of"] == "hits" and "mask_of" not in hits and "mask_of" not in event
    assert hits["saved_model"] == "serving_default_hits:0"
    assert [entry["frozen"] for entry in manifest["inputs"]] == ["hits", "hit_mask", "event"]
    assert sorted(manifest["signatures"]["flat"]["inputs"]) == ["event", "hits", "row_splits"]
    assert {entry["dtype"] for entry in manifest["inputs"] + manifest["outputs"]} == {"float32"}


def test_the_interface_of_the_frozen_graph_and_of_onnx(folder):
    import onnx
    import tensorflow as tf

    graph = tf.compat.v1.GraphDef()
    graph.ParseFromString((folder / "frozen.pb").read_bytes())
    nodes = {node.name: node for node in graph.node}
    inputs = [node.name for node in graph.node if node.op == "Placeholder"]
    assert sorted(inputs) == ["event", "hit_mask", "hits"]
    assert all(nodes[name].attr["dtype"].type == tf.float32.as_datatype_enum for name in inputs)
    assert nodes["energy_gev"].op == nodes["factors"].op == "Identity"
    assert not any("Variable" in node.op or "PyFunc" in node.op for node in graph.node)
    proto = onnx.load(folder / "model.onnx")
    assert [value.name for value in proto.graph.input] == ["hits", "hit_mask", "event"]
    assert [value.name for value in proto.graph.output] == ["energy_gev", "factors"]
    assert {node.domain for node in proto.graph.node} == {""}
    dims = [axis.dim_param or axis.dim_value for axis in proto.graph.input[0].type.tensor_type.shape.dim]
    assert dims == ["B", "N", 3]
    metadata = {entry.key: entry.value for entry in proto.metadata_props}
    assert metadata["tag"] == "toy_v1" and json.loads(metadata["config"]) == {"hidden": 8}


def test_no_artefact_holds_a_path_of_the_machine(folder):
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"site-packages" not in content, path
            assert str(folder.parent).encode() not in content, path


def test_goldens_hold_the_edge_cases(folder):
    manifest = read_manifest(folder)
    inputs = read_tensors(folder, manifest["golden"]["inputs"])
    outputs = read_tensors(folder, manifest["golden"]["outputs"])
    counts = inputs["hit_mask"].sum(axis=1)
    assert {0, 1, 2} <= set(counts.astype(int))
    assert np.isnan(inputs["hits"]).any() and np.isinf(inputs["hits"]).any()
    assert len(manifest["golden"]["cases"]) == len(counts)
    for values in outputs.values():
        assert np.isfinite(values).all() and len(values) == len(counts)
    assert outputs["energy_gev"][0] == -1.0


def test_a_compiled_model_is_written_without_its_optimiser(toy_models, tmp_path):
    import keras

    from zoo.exporting.graphs import write_keras

    model = zoo.load("toy", weights=None)
    model.compile("adam", {"energy_gev": "mse"})
    write_keras(model, tmp_path / "a.keras")
    loaded = keras.models.load_model(tmp_path / "a.keras")
    assert not loaded.compiled
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_model_that_is_not_its_card_is_refused(toy_models, tmp_path):
    import keras

    x = keras.Input((3,), name="x")
    model = keras.Model({"x": x}, {"y": keras.layers.Dense(1)(x)}, name="toy")
    with pytest.raises(InvalidValue, match="the inputs of its card"):
        zoo.export(model, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_exporting_again_replaces_an_earlier_export(toy_release, folder, monkeypatch):
    from zoo.exporting import graphs

    monkeypatch.setattr(graphs, "write_onnx", lambda graph, card, path, metadata: path.write_bytes(b"x"))
    (folder / "stale.txt").write_text("x")
    zoo.export(zoo.load("toy"), folder, tag="toy_v2")
    assert read_manifest(folder)["tag"] == "toy_v2"
    assert not (folder / "stale.txt").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["toy_v1"]


@pytest.mark.ci
def test_verify_reloads_everything_in_fresh_processes(folder):
    report = verify(folder)
    assert report.ok, str(report)
    asked = {(check.artefact, check.how) for check in report.checks}
    assert {artefact for artefact, _ in asked} == {"files", "keras", "saved_model", "flat", "frozen", "onnx"}
    assert ("onnx", "one by one") in asked and ("frozen", "more padding") in asked
    assert "verified" in str(report)


def test_verify_refuses_a_changed_file_without_opening_it(folder, monkeypatch):
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("the file was opened"))
    with (folder / "model.onnx").open("ab") as file:
        file.write(b"x")
    report = verify(folder)
    assert not report.ok
    assert "model.onnx: sha256 mismatch" in str(report)


def _rewrite_golden(folder, change):
    manifest = read_manifest(folder)
    path = manifest["golden"]["outputs"]["energy_gev"]
    values = np.load(folder / path)
    np.save(folder / path, change(values))
    manifest["golden"]["sha256"][path] = sha256(folder / path)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_verify_lists_a_row_that_differs_with_its_margin(folder):
    def change(values):
        values[5] *= 1.001
        return values

    _rewrite_golden(folder, change)
    report = verify(folder, artefacts=["onnx"])
    assert not report.ok
    flips = {flip for check in report.checks for flip in check.flips}
    assert {flip.case for flip in flips} == {"event 5"}
    assert all(flip.output == "energy_gev" and 10 < flip.margin < 1000 for flip in flips)
    assert "event 5" in str(report)


def test_verify_says_why_an_artefact_does_not_load(folder):
    manifest = read_manifest(folder)
    (folder / "model.onnx").write_bytes(b"no onnx")
    manifest["artefacts"]["onnx"]["sha256"] = sha256(folder / "model.onnx")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    report = verify(folder, artefacts=["onnx"])
    assert not report.ok
    assert "fails in a fresh process" in str(report)


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "is no valid JSON"), ("{}", "lacks model"), (None, "cannot be read")],
)
def test_a_folder_without_a_good_manifest(tmp_path, content, message):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(InvalidFile, match=message):
        verify(tmp_path)


def test_another_format_is_refused(folder):
    manifest = {**read_manifest(folder), "format": 2}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InvalidFile, match="has format 2; this code reads format 1"):
        verify(folder)


def test_goldens_are_never_unpickled(folder):
    path = folder / "golden" / "inputs" / "hits.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InvalidFile, match=r"no readable .npy file"):
        read_tensors(folder, {"hits": "golden/inputs/hits.npy"})


def test_compare_counts_in_units_of_the_tolerance():
    a = np.array([1.0, 2.0, 3.0], np.float32)
    allowed = 1e-5 * (3.0 + a.astype(float).std())
    b = a.astype(np.float64) + np.array([0, 0, 0.5 * allowed])
    largest, flips = compare({"x": a}, {"x": b.astype(np.float32)}, tolerance=1e-5, cases=["a", "b", "c"])
    assert not flips and 0.4 < largest < 0.6
    largest, flips = compare({"x": a}, {"x": a * np.float32(1.001)}, tolerance=1e-5, cases=["a", "b", "c"])
    assert [flip.case for flip in flips] == ["a", "b", "c"] and largest > 30
    _, flips = compare(
        {"x": a}, {"x": np.array([1, np.nan, 3], np.float32)}, tolerance=1e-5, cases=["a", "b", "c"]
    )
    assert [flip.case for flip in flips] == ["b"]
    _, flips = compare({"x": a}, {"x": a[:2]}, tolerance=1e-5, cases=["a", "b", "c"])
    assert len(flips) == 3
    _, flips = compare({"x": a}, {}, tolerance=1e-5, cases=["a", "b", "c"])
    assert len(flips) == 3


def test_nodes_share_their_spread():
    """The second node is 0 but in one row, where it is small: its own spread would allow nothing."""
    a = np.array([[1.0, 0.0], [5.0, 0.0], [3.0, 1e-3]], np.float32)
    b = a + np.array([[0, 0], [0, 0], [0, 1e-6]], np.float32)
    settings = {"tolerance": 1e-5, "cases": ["a", "b", "c"]}
    assert compare({"x": a}, {"x": b}, **settings)[1]
    assert not compare({"x": a}, {"x": b}, **settings, leading={"x": 2})[1]


def test_padding_does_not_narrow_the_spread():
    """Nodes of 1 and 3, and any number of zeros."""
    a = np.zeros((2, 50), np.float32)
    a[:, 0] = 1.0, 3.0
    b = a + np.float32(1.9e-5) * (a > 0)  # 1e-5 (1 + 1) is allowed
    largest, flips = compare({"x": a}, {"x": b}, tolerance=1e-5, cases=["a", "b"], leading={"x": 2})
    assert not flips and largest == pytest.approx(0.95, abs=0.02)
    # a node that is 0 here, and not in another output, is none of padding
    y = np.zeros_like(a)
    y[:, :25] = 1.0
    x = {"x": a, "y": y}
    assert compare(x, {"x": b, "y": y}, tolerance=1e-5, cases=["a", "b"], leading={"x": 2, "y": 2})[1]


def test_flat_signature_checks_its_row_splits(folder):
    import tensorflow as tf

    signature = tf.saved_model.load(str(folder / "saved_model")).signatures["flat"]
    hits, event = tf.zeros([3, 3]), tf.zeros([2, 1])
    with pytest.raises(tf.errors.InvalidArgumentError):
        signature(hits=hits, event=event, row_splits=tf.constant([0, 2, 5], tf.int64))
    with pytest.raises(tf.errors.InvalidArgumentError):
        signature(hits=hits, event=event, row_splits=tf.constant([0, 4, 3], tf.int64))
    empty = signature(hits=hits[:0], event=event, row_splits=tf.constant([0, 0, 0], tf.int64))
    np.testing.assert_array_equal(empty["energy_gev"], [-1, -1])


def test_onnx_of_the_manifest_answers_single_rows(folder):
    manifest = read_manifest(folder)
    card = zoo.info("toy")
    inputs = read_tensors(folder, manifest["golden"]["inputs"])
    outputs = read_tensors(folder, manifest["golden"]["outputs"])
    run = runner("onnx", folder)
    longer = run(extend_padding(card, inputs, 11))
    np.testing.assert_allclose(longer["energy_gev"], outputs["energy_gev"], rtol=1e-5, atol=1e-5)
    for row in (0, 1, 7):
        single = run(select_row(card, inputs, row))
        np.testing.assert_allclose(
            single["energy_gev"], outputs["energy_gev"][row : row + 1], rtol=1e-5, atol=1e-5
        )


def test_golden_inputs_are_seeded(toy_models):
    toy = network("toy")
    (a, cases), (b, _) = golden_inputs(toy), golden_inputs(toy)
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])
    assert len(set(cases)) == len(cases)


def test_a_copied_folder_verifies_as_well(folder, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    report = verify(moved, artefacts=["onnx"])
    assert report.ok, str(report)
