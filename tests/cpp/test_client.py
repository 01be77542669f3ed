"""The C++ client: its unit tests, its apps, and the goldens of every released tag through every artefact."""

import json
import re
import shutil
import sys

import numpy as np
import pytest
from programs import CPP, UNIT_TESTS, run
from toy_tag import copy_with, toy_events, toy_reference, write_objects

import zoo

ROOT = CPP.parent
RELEASED = sorted(path.parent for path in ROOT.glob("saved_models/*/*/manifest.json"))
DEFAULT = [folder for folder in RELEASED if zoo.info(folder.parent.name).default_tag == folder.name]
QUICK = list({zoo.info(folder.parent.name).kind: folder for folder in reversed(DEFAULT)}.values())
"""One network of each kind, in `make test`; the others in `make ci`."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the client is built against the Linux wheel")


@pytest.mark.parametrize("part", UNIT_TESTS)
def test_formats(binaries, part):
    assert "passed" in run([binaries / f"test_{part}"])


def test_model(binaries, toy):
    assert "passed" in run([binaries / "test_model"], ZOO_TEST_MODEL=str(toy))


def test_model_is_skipped_without_a_folder(binaries):
    assert "ZOO_TEST_MODEL" in run([binaries / "test_model"], expect=77, ZOO_TEST_MODEL="")


def test_numpy_files_both_ways(binaries, toy, tmp_path):
    """NumPy reads what C++ wrote, C++ reads version 2 of the format, and both runtimes agree."""
    objects = write_objects(tmp_path / "objects", toy_events(n=40, seed=5))
    with (objects / "event.npy").open("r+b") as file:
        event = np.load(file)
        file.seek(0)
        np.lib.format.write_array(file, event, version=(2, 0))
    for name, extra in {
        "flat": [],
        "padded": ["--signature", "serving_default", "--batch", 16],
        "frozen": ["--backend", "frozen", "--batch", 7, "--streams", 3],
    }.items():
        report = run(
            [binaries / "run_objects", toy, objects, tmp_path / name, "--json", tmp_path / "t.json", *extra]
        )
        assert "40 objects" in report
        timing = json.loads((tmp_path / "t.json").read_text())
        assert timing["objects"] == 40 and timing["objects_per_s"] > 0
        assert timing["p95_ms"] >= timing["median_ms"] > 0
    import tensorflow as tf

    inputs = toy_events(n=40, seed=5)
    expected = toy_reference(tf, toy, inputs)
    for name in ("flat", "padded", "frozen"):
        for output, values in expected.items():
            received = np.load(tmp_path / name / f"{output}.npy")
            assert received.dtype == np.float32
            assert np.all(np.abs(received - values) <= 1e-5 * (np.abs(values) + values.std())), (name, output)
    assert expected["energy_gev"][1] == np.load(tmp_path / "flat" / "energy_gev.npy")[1] == -1


def test_run_objects_compares(binaries, toy, tmp_path):
    """Equal outputs pass; one object off by 1e-3 fails unless flips are allowed, and is named."""
    objects = write_objects(tmp_path / "objects", toy_events(n=20, seed=6))
    command = [binaries / "run_objects", toy, objects, tmp_path / "out"]
    run(command)
    assert "agrees" in run([*command[:3], "-", "--compare", tmp_path / "out"])
    energy = np.load(tmp_path / "out/energy_gev.npy")
    energy[12] *= 1.001
    np.save(tmp_path / "out/energy_gev.npy", energy)
    report = run([*command[:3], "-", "--compare", tmp_path / "out"], expect=1)
    assert "object 12 differs" in report and "DIFFERS" in report
    assert "agrees" in run([*command[:3], "-", "--compare", tmp_path / "out", "--flips", 0.05])


def test_run_objects_without_objects(binaries, toy, tmp_path):
    objects = write_objects(tmp_path / "objects", {k: v[:0] for k, v in toy_events().items()})
    run([binaries / "run_objects", toy, objects, tmp_path / "out"])
    assert np.load(tmp_path / "out/dscb.npy").shape == (0, 6)


def test_verify_golden(binaries, toy):
    report = run([binaries / "verify_golden", toy])
    assert report.count("agrees") == 9, report  # three interfaces, three outputs


def test_verify_golden_finds_a_difference(binaries, toy, tmp_path):
    folder = shutil.copytree(toy, tmp_path / "changed")
    golden = np.load(folder / "golden/outputs/dscb.npy")
    golden[3, 2] += 1e-3
    np.save(folder / "golden/outputs/dscb.npy", golden)
    report = run([binaries / "verify_golden", folder], expect=1)
    assert report.count("DIFFERS") == 3 and "row 3: random 1" in report and "FAILED" in report


BROKEN = {
    "no folder": (None, ["no such folder"]),
    "other format": (lambda m: m.update(format=7), ["manifest.json.format", "expected 1", "7"]),
    "missing key": (lambda m: m.pop("outputs"), ["unknown key 'outputs'", "inputs"]),
    "dtype": (lambda m: m["inputs"][0].update(dtype="int32"), ["inputs[0].dtype", "int32"]),
    "artefact gone": (lambda m: m["artefacts"]["saved_model"].update(path="gone"), ["gone", "missing"]),
    "not a SavedModel": (lambda m: m["artefacts"]["saved_model"].update(path="golden"), ["not a SavedModel"]),
    "foreign graph": (
        lambda m: m["artefacts"]["frozen"].update(path="manifest.json"),
        ["importing the graph"],
    ),
    "node": (
        lambda m: m["signatures"]["serving_default"]["inputs"].update(hits="serving_default_input_1:0"),
        ["'hits' as 'serving_default_input_1:0'", "different exports"],
    ),
    "node index": (
        lambda m: m["signatures"]["serving_default"]["outputs"].update(dscb="StatefulPartitionedCall:99"),
        ["'dscb'", "different exports"],
    ),
    "shape": (lambda m: m["inputs"][0].update(shape=[-1, -1, 4]), ["'hits'", "[?, ?, 4]", "[?, ?, 5]"]),
    "no golden": (lambda m: m["golden"]["inputs"].pop("event"), ["golden input 'event'", "hit_mask"]),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_folder(binaries, toy, tmp_path, case):
    change, words = BROKEN[case]
    folder = tmp_path / "broken" if change is None else copy_with(toy, tmp_path / "broken", change)
    report = run([binaries / "verify_golden", folder], expect=2)
    assert "error: " in report and all(word in report for word in words), report


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--thread", 2], ["unknown option 'thread'", "Did you mean 'threads'"]),
        (["--threads", "two"], ["--threads", "a number", "two"]),
        (["--threads"], ["--threads", "a value"]),
    ],
)
def test_wrong_option(binaries, toy, arguments, words):
    report = run([binaries / "verify_golden", toy, *arguments], expect=2)
    assert all(word in report for word in words), report


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("hits", np.zeros((4, 5)), ["hits.npy", "'<f8'"]),
        ("hits", np.zeros((4, 4), "f4"), ["hits", ", 5]", "[4, 4]"]),
        ("row_splits", np.array([0, 3, 2, 4]), ["row_splits"]),
        ("row_splits", np.array([0, 2, 2, 99]), ["hits", "[99, 5]"]),
        ("event", np.zeros((1, 2), "f4"), ["event", "[3, 2]", "[1, 2]"]),
    ],
)
def test_wrong_objects(binaries, toy, tmp_path, name, array, words):
    objects = write_objects(tmp_path / "objects", toy_events(n=3))
    np.save(objects / f"{name}.npy", array)
    report = run([binaries / "run_objects", toy, objects, "-"], expect=2)
    assert "error: " in report and all(word in report for word in words), report


def test_example_in_readme_is_the_one_that_compiles(binaries, toy):
    example = (CPP / "apps/minimal.cpp").read_text()
    assert example in (CPP / "README.md").read_text()
    assert re.search(r"^\d+\.\d+ \+- \d+\.\d+ GeV", run([binaries / "minimal", toy]), re.MULTILINE)


def test_time_model(binaries, toy, tmp_path):
    """Each folder is a call, the first one warms up; batches may differ in every size."""
    for number, size in enumerate((2, 3, 5)):
        inputs = toy_events(n=size, longest=4 + number)
        for name, values in inputs.items():
            (tmp_path / f"{number}").mkdir(exist_ok=True)
            np.save(tmp_path / f"{number}" / f"{name}.npy", values)
    report = run([binaries / "time_model", toy, tmp_path])  # TensorFlow's notes too
    found = json.loads(next(line for line in report.splitlines() if line.startswith("{")))
    assert found["calls"] == 2 and 0 < found["cpu_ms_p10"] <= found["cpu_ms"]
    (tmp_path / "2" / "event.npy").unlink()
    assert "event.npy" in run([binaries / "time_model", toy, tmp_path], expect=2)


def with_saved_model(folder):
    if "saved_model" not in json.loads((folder / "manifest.json").read_text())["artefacts"]:
        pytest.skip(f"{folder.name} has no SavedModel")
    return folder


@pytest.mark.skipif(not RELEASED, reason="no saved_models/*/*/manifest.json in this checkout")
@pytest.mark.parametrize(
    "folder",
    [pytest.param(folder, marks=() if folder in QUICK else pytest.mark.ci) for folder in RELEASED],
    ids=lambda path: f"{path.parent.name}.{path.name}",
)
def test_goldens_of_a_released_tag(binaries, folder):
    """Through every artefact."""
    assert "all outputs agree" in run([binaries / "verify_golden", with_saved_model(folder)])


@pytest.mark.ci
@pytest.mark.skipif(not DEFAULT, reason="no weights are released in this checkout")
@pytest.mark.parametrize("folder", DEFAULT, ids=lambda path: path.parent.name)
def test_client_with_a_released_network(binaries, folder):
    """Batching, wrong input and four threads, with the default tag: they depend on the graph alone."""
    assert "passed" in run([binaries / "test_model"], ZOO_TEST_MODEL=str(with_saved_model(folder)))
