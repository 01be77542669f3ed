"""Builds the C++ client against the TensorFlow of this Python and runs its tests, apps and goldens.

A toy model with the interface of a set model (two signatures, a frozen graph, a manifest, goldens) stands in
for a real one, so that the client is tested where no weights are; every released tag is verified too.
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import zoo

ROOT = Path(__file__).resolve().parents[1]
CPP = ROOT / "cpp"
RELEASED = sorted(path.parent for path in ROOT.glob("saved_models/*/*/manifest.json"))
DEFAULT = [folder for folder in RELEASED if zoo.info(folder.parent.name).default_tag == folder.name]
UNIT_TESTS = ("json", "npy", "tensor", "manifest")
APPS = ("minimal", "verify_golden", "run_objects", "time_model")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the client is built against the Linux wheel")


def run(command, expect=0, **environment):
    """Runs a program; returns stdout and stderr together."""
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        env={"TF_CPP_MIN_LOG_LEVEL": "2", **os.environ, **environment},
    )
    assert done.returncode == expect, f"{command} gave {done.returncode}, not {expect}:\n{done.stdout}"
    return done.stdout


def tensorflow_folder():
    """The folder of the TensorFlow package, without importing it."""
    return Path(next(iter(importlib.util.find_spec("tensorflow").submodule_search_locations)))


def build_folder(tmp_path_factory):
    """A folder that survives between runs, one for each TensorFlow, compiler and place of the checkout."""
    key = hashlib.sha256(
        f"{CPP} {tensorflow_folder()} {shutil.which('c++')} {shutil.which('cmake')}".encode()
    )
    folder = CPP / "build" / f"pytest-{key.hexdigest()[:8]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "writable").touch()
    except OSError:
        return tmp_path_factory.mktemp("cpp_build")
    return folder


def compile_directly(folder, compiler):
    """What CMakeLists.txt does, for machines without CMake."""
    tensorflow = tensorflow_folder()
    link = [f"-L{tensorflow}", "-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2", "-pthread"]
    link += ["-fuse-ld=gold"] if shutil.which("ld.gold") else []  # GNU ld takes 10 s for each program
    for name in (*APPS, *(f"test_{part}" for part in (*UNIT_TESTS, "model"))):
        source = CPP / ("tests" if name.startswith("test_") else "apps") / f"{name}.cpp"
        needs_tensorflow = name.removeprefix("test_") not in UNIT_TESTS
        run(
            [
                compiler,
                "-std=c++17",
                "-O0" if name.startswith("test_") else "-O1",
                "-Wall",
                "-Wextra",
                "-Werror",
            ]
            + [f"-I{CPP / 'include'}", "-isystem", tensorflow / "include", source, "-o", folder / name]
            + ([*link, f"-Wl,-rpath,{tensorflow}"] if needs_tensorflow else [])
        )


@pytest.fixture(scope="session")
def binaries(tmp_path_factory):
    """The folder of the compiled apps and tests."""
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler (c++, g++, clang++) on the PATH")
    if not (tensorflow_folder() / "libtensorflow_cc.so.2").exists():
        pytest.skip(f"{tensorflow_folder()} has no libtensorflow_cc.so.2: not a Linux wheel")
    folder = build_folder(tmp_path_factory)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs at once must not write one build
        if shutil.which("cmake") is None:
            compile_directly(folder, compiler)
        else:
            generator = ["-G", "Ninja"] if shutil.which("ninja") else []
            # -O1 compiles faster than the -O2 of a release and still finds what -Wall looks for.
            options = [f"-DPython3_EXECUTABLE={sys.executable}", "-DCMAKE_CXX_FLAGS_RELEASE=-O1"]
            run(["cmake", "-S", CPP, "-B", folder, *options, *generator])
            run(["cmake", "--build", folder, "--parallel", str(os.cpu_count() or 1)])
    return folder


def toy_functions(tf):
    """A network of 16 units over masked hits, as three functions: padded, flat and frozen (named nodes)."""
    random = np.random.default_rng(7)
    first = tf.Variable(random.normal(size=(5, 16)).astype("float32"))
    last = tf.Variable(random.normal(size=(18, 6)).astype("float32"))

    def forward(hits, hit_mask, event):
        hits = tf.where(tf.math.is_nan(hits), 0.0, hits) * hit_mask[:, :, None]
        latent = (
            tf.nn.tanh(tf.einsum("bnf,fh->bnh", hits / (1.0 + tf.abs(hits)), first)) * hit_mask[:, :, None]
        )
        summed = tf.concat([tf.reduce_sum(latent, axis=1), event / (1.0 + tf.abs(event))], axis=1)
        dscb = tf.nn.sigmoid(tf.matmul(summed, last))
        raw = tf.reduce_sum(hits[:, :, 2], axis=1)
        energy = tf.where(raw > 0.0, raw * tf.exp(dscb[:, 0]), -1.0)
        return {
            "energy_gev": energy,
            "sigma_gev": tf.where(raw > 0.0, energy * dscb[:, 1], -1.0),
            "dscb": dscb,
        }

    hits, mask = (
        tf.TensorSpec([None, None, 5], tf.float32, "hits"),
        tf.TensorSpec([None, None], tf.float32, "hit_mask"),
    )
    event, rows = tf.TensorSpec([None, 2], tf.float32, "event"), tf.TensorSpec([None, 5], tf.float32, "hits")
    splits = tf.TensorSpec([None], tf.int64, "row_splits")

    class Toy(tf.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = first, last

        @tf.function(input_signature=[hits, mask, event])
        def serving_default(self, hits, hit_mask, event):
            return forward(hits, hit_mask, event)

        @tf.function(input_signature=[rows, splits, event])
        def flat(self, hits, row_splits, event):
            ragged = tf.RaggedTensor.from_row_splits(hits, row_splits, validate=True)
            mask = tf.sequence_mask(ragged.row_lengths(), dtype=tf.float32)
            return forward(ragged.to_tensor(shape=[None, None, 5]), mask, event)

        @tf.function(
            input_signature=[
                tf.TensorSpec(spec.shape, spec.dtype, f"in_{spec.name}") for spec in (hits, mask, event)
            ]
        )
        def frozen(self, hits, hit_mask, event):
            named = {"hits": hits, "hit_mask": hit_mask, "event": event}
            named = {name: tf.identity(value, name=name) for name, value in named.items()}
            return {name: tf.identity(value, name=name) for name, value in forward(**named).items()}

    return Toy()


def toy_events(n=7, longest=9, seed=3):
    """Padded inputs with a full object, an empty one, NaN in a padded slot and slots in any order."""
    random = np.random.default_rng(seed)
    mask = (random.random((n, longest)) < 0.6).astype("float32")
    mask[0], mask[1] = 1, 0
    hits = np.stack(
        [
            random.integers(1, 86, (n, longest)),
            random.integers(1, 361, (n, longest)),
            random.exponential(5.0, (n, longest)),
            np.full((n, longest), 0.15),
            random.integers(0, 3, (n, longest)),
        ],
        axis=-1,
    ).astype("float32")
    hits[mask == 0] = 0
    hits[1, 0] = np.nan
    return {"hits": hits, "hit_mask": mask, "event": random.random((n, 2)).astype("float32") * 20}


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """The folder of a toy tag: SavedModel, frozen graph, goldens, manifest."""
    import tensorflow as tf
    from tensorflow.core.protobuf import saved_model_pb2
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    folder = tmp_path_factory.mktemp("toy") / "toy_v1"
    module, inputs = toy_functions(tf), toy_events()
    outputs = {name: value.numpy() for name, value in module.serving_default(**inputs).items()}
    signatures = {"serving_default": module.serving_default, "flat": module.flat}
    tf.saved_model.save(module, str(folder / "saved_model"), signatures=signatures)
    frozen = convert_variables_to_constants_v2(module.frozen.get_concrete_function())
    (folder / "frozen.pb").write_bytes(frozen.graph.as_graph_def().SerializeToString())
    proto = saved_model_pb2.SavedModel.FromString((folder / "saved_model/saved_model.pb").read_bytes())
    definitions = proto.meta_graphs[0].signature_def
    names = {
        key: {
            "inputs": {name: info.name for name, info in sorted(definitions[key].inputs.items())},
            "outputs": {name: info.name for name, info in sorted(definitions[key].outputs.items())},
        }
        for key in ("serving_default", "flat")
    }
    golden = {"inputs": {}, "outputs": {}, "cases": ["full", "empty", *(f"random {i}" for i in range(5))]}
    for kind, arrays in (("inputs", inputs), ("outputs", outputs)):
        (folder / "golden" / kind).mkdir(parents=True)
        for name, array in arrays.items():
            golden[kind][name] = f"golden/{kind}/{name}.npy"
            np.save(folder / golden[kind][name], array)
    manifest = {
        "format": 1,
        "model": "toy",
        "tag": "toy_v1",
        "signatures": names,
        "golden": golden,
        "tolerance": 1e-5,
        "artefacts": {
            "saved_model": {"path": "saved_model", "sha256": ""},
            "frozen": {"path": "frozen.pb", "sha256": ""},
        },
    }
    for kind, arrays in (("inputs", inputs), ("outputs", outputs)):
        manifest[kind] = [
            {
                "name": name,
                "dtype": "float32",
                "shape": [-1, *((-1, *array.shape[2:]) if name.startswith("hit") else array.shape[1:])],
                "unit": "GeV",
                "saved_model": names["serving_default"][kind][name],
                "frozen": name,
            }
            for name, array in arrays.items()
        ]
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))
    return folder


def write_objects(folder, inputs):
    """Padded inputs as the files that run_objects reads."""
    folder.mkdir()
    real = inputs["hit_mask"] > 0
    np.save(folder / "hits.npy", inputs["hits"][real])
    np.save(folder / "row_splits.npy", np.concatenate([[0], np.cumsum(real.sum(axis=1))]).astype("int64"))
    np.save(folder / "event.npy", inputs["event"])
    return folder


def copy_with(source, target, change):
    """A copy of a tag's folder whose manifest is changed by a function."""
    shutil.copytree(source, target)
    manifest = json.loads((target / "manifest.json").read_text())
    change(manifest)
    (target / "manifest.json").write_text(json.dumps(manifest))
    return target


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


def toy_reference(tf, toy, inputs):
    """Python's own answer from the SavedModel on disk."""
    signature = tf.saved_model.load(str(toy / "saved_model")).signatures["serving_default"]
    outputs = signature(**{name: tf.constant(value) for name, value in inputs.items()})
    return {name: value.numpy() for name, value in outputs.items()}


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
    found = json.loads(run([binaries / "time_model", toy, tmp_path]))
    assert found["calls"] == 2 and 0 < found["cpu_ms_p10"] <= found["cpu_ms"]
    (tmp_path / "2" / "event.npy").unlink()
    assert "event.npy" in run([binaries / "time_model", toy, tmp_path], expect=2)


def with_saved_model(folder):
    if "saved_model" not in json.loads((folder / "manifest.json").read_text())["artefacts"]:
        pytest.skip(f"{folder.name} has no SavedModel")
    return folder


@pytest.mark.skipif(not RELEASED, reason="no saved_models/*/*/manifest.json in this checkout")
@pytest.mark.parametrize("folder", RELEASED, ids=lambda path: f"{path.parent.name}.{path.name}")
def test_goldens_of_a_released_tag(binaries, folder):
    """Through every artefact."""
    assert "all outputs agree" in run([binaries / "verify_golden", with_saved_model(folder)])


@pytest.mark.skipif(not DEFAULT, reason="no weights are released in this checkout")
@pytest.mark.parametrize("folder", DEFAULT, ids=lambda path: path.parent.name)
def test_client_with_a_released_network(binaries, folder):
    """Batching, wrong input and four threads, with the default tag: they depend on the graph alone."""
    assert "passed" in run([binaries / "test_model"], ZOO_TEST_MODEL=str(with_saved_model(folder)))
