"""Bad input of the public API: each mistake is one clear error, and leaves nothing half-written."""

import errno
import os

import numpy as np
import pytest

import zoo
from zoo.cards.registry import network
from zoo.errors import InvalidFile, InvalidValue, UnknownName, ZooError
from zoo.inference.predicting import check_inputs
from zoo.inference.predictions_file import write_predictions


@pytest.fixture
def tensors(toy_models):
    toy = network("toy")
    return toy.to_inputs(toy.sample(4, 1))


def _changed(tensors, **changes):
    return {**{name: values.copy() for name, values in tensors.items()}, **changes}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            lambda t: {"hits": t["hits"].astype("U4")},
            InvalidValue,
            "dtype of hits: expected float32. Received: <U4",
        ),
        (lambda t: {"hits": t["hits"].astype(object)}, InvalidValue, "dtype of hits"),
        (lambda t: {"hits": t["hits"].astype(complex)}, InvalidValue, "dtype of hits"),
        (lambda t: {"hits": t["hits"][..., :2]}, InvalidValue, r"shape of hits: expected \[B, N, 3\]"),
        (lambda t: {"hits": t["hits"][0]}, InvalidValue, "shape of hits"),
        (lambda t: {"event": t["event"][:3]}, InvalidValue, "shape of event.*B = 4 as in hits"),
        (lambda t: {"hit_mask": t["hit_mask"][:, :-1]}, InvalidValue, "shape of hit_mask.*N = .* as in hits"),
        (lambda t: {"hitz": t["hits"]}, UnknownName, "unknown input tensor 'hitz'.*Did you mean 'hits'"),
        (
            lambda t: {"event": np.full((4, 1), np.nan)},
            InvalidValue,
            r"event\[0, 0\] \(rho_gev\).*Received: nan",
        ),
        (lambda t: {"event": np.full((4, 1), np.inf)}, InvalidValue, "a finite number. Received: inf"),
    ],
)
def test_wrong_tensors(tensors, change, error, message):
    with pytest.raises(error, match=message):
        zoo.predict("toy", _changed(tensors, **change(tensors)))


def test_a_missing_tensor(tensors):
    del tensors["event"]
    with pytest.raises(InvalidValue, match=r"the tensors hits, hit_mask, event. Received: no 'event'"):
        zoo.predict("toy", tensors)


def test_float64_and_integers_are_converted(tensors):
    checked = check_inputs(zoo.info("toy"), _changed(tensors, hits=tensors["hits"].astype("f8")))
    assert checked["hits"].dtype == np.float32


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_hit_that_is_not_finite_is_refused_by_predict(toy_models, bad):
    import awkward as ak

    records = network("toy").sample(6, 1)
    energy = ak.where(ak.local_index(records.hits.energy_gev) == 1, np.float32(bad), records.hits.energy_gev)
    hits = ak.with_field(records.hits, energy, "energy_gev")
    with pytest.raises(InvalidValue, match=r"hits\[2, 1, 2\] \(energy_gev\): expected a finite number"):
        zoo.predict("toy", ak.with_field(records, hits, "hits"))


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, True])
def test_wrong_batch_sizes(tensors, batch_size):
    with pytest.raises(InvalidValue, match="batch_size: expected an integer >= 1"):
        zoo.predict("toy", tensors, batch_size)


def test_something_else_than_records(toy_models):
    with pytest.raises(InvalidValue, match="records, a ROOT file, or a dict"):
        zoo.predict("toy", 5)


def test_bad_files_are_refused_before_a_model_is_loaded(toy_models, tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.inference.loading.load", lambda *_: pytest.fail("a model was loaded"))
    with pytest.raises(InvalidFile, match="no such file"):
        zoo.predict("toy", tmp_path / "missing.root")
    (tmp_path / "foreign.root").write_bytes(b"not ROOT at all" * 10)
    with pytest.raises(InvalidFile, match=r"foreign.root"):
        zoo.predict("toy", tmp_path / "foreign.root")


def _full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("stage", ["write_keras", "write_saved_model", "write_frozen", "write_onnx"])
def test_a_full_disk_leaves_nothing_behind(toy_models, tmp_path, monkeypatch, stage):
    from zoo.exporting import graphs

    model = zoo.load("toy", weights=None)
    for other in ("write_keras", "write_saved_model", "write_frozen", "write_onnx"):
        monkeypatch.setattr(
            graphs, other, lambda model, *_: None
        )  # quick: only the stage of interest matters
    monkeypatch.setattr(graphs, stage, _full)
    with pytest.raises(
        InvalidFile, match=r"cannot be written .No space left on device.*Nothing was left behind"
    ):
        zoo.export(model, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_failing_export_keeps_the_earlier_one(toy_release, tmp_path, monkeypatch):
    from zoo.exporting import graphs

    folder = toy_release / "saved" / "toy" / "toy_v1"
    before = sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*"))
    monkeypatch.setattr(graphs, "write_keras", _full)
    with pytest.raises(InvalidFile):
        zoo.export(zoo.load("toy"), folder)
    assert sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*")) == before
    assert [path.name for path in folder.parent.iterdir()] == ["toy_v1"]


def test_unwritable_output_folders(toy_models, tmp_path):
    model = zoo.load("toy", weights=None)
    (tmp_path / "file").write_text("x")
    for out, message in (
        (tmp_path / "file", "is a file"),
        (tmp_path / "file" / "out", "cannot be written"),
    ):
        with pytest.raises(InvalidFile, match=message):
            zoo.export(model, out)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(InvalidFile, match="not empty and no earlier export"):
        zoo.export(model, tmp_path / "mine")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "mine"]


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind the superuser")
def test_a_folder_without_permission(toy_models, tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InvalidFile, match="Permission denied"):
            zoo.export(zoo.load("toy", weights=None), tmp_path / "out")
    finally:
        tmp_path.chmod(0o700)


def test_predictions_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    import awkward as ak
    import uproot

    found = ak.zip({"energy_gev": np.arange(3, dtype="f4"), "dscb": np.ones((3, 6), "f4")}, depth_limit=1)
    path = write_predictions(tmp_path / "p.root", found, {"model": "toy"}, sizes={"dscb": 6})
    with uproot.open(path) as file:
        tree = file["predictions"].arrays(library="np")
    np.testing.assert_array_equal(tree["energy_gev"], [0, 1, 2])
    assert tree["dscb"].shape == (3, 6)
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", _full)
    with pytest.raises(InvalidFile, match="No space left"):
        write_predictions(path, found)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["p.root"]
    with pytest.raises(InvalidFile):
        write_predictions(tmp_path / "nowhere" / "p.root", found)


def test_every_error_of_the_zoo_is_a_zoo_error():
    assert issubclass(InvalidFile, ZooError) and issubclass(InvalidFile, OSError)
    assert issubclass(InvalidValue, ValueError) and issubclass(UnknownName, LookupError)
