"""sdist -> wheel -> a clean environment: what a user gets from the package index."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("build", reason="the extra `dev` brings build")
pytest.importorskip("hatchling", reason="the extra `dev` brings hatchling")

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "zoo")

LOAD = """
import json, zoo, numpy as np
from zoo.exporting.goldens import read_tensors
from zoo.inference.traced import call
from zoo.cards.weights import tag_folder
card = zoo.info("toy")
folder = tag_folder(card, card.tag())
model = zoo.load("toy")
manifest = json.loads((folder / "manifest.json").read_text())
golden = read_tensors(folder, manifest["golden"]["outputs"])
answer = call(model, card, read_tensors(folder, manifest["golden"]["inputs"]))
same = all(np.allclose(golden[name], answer[name], rtol=1e-5, atol=1e-6) for name in golden)
print(json.dumps([zoo.__file__, model.origin, zoo.list_models(), zoo.__version__, same]))
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory, toy_release_source):
    """A copy of the repository with one more model, released with weights."""
    source = tmp_path_factory.mktemp("package") / "source"
    source.mkdir()
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(
                ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__", "saved_models")
            )
        elif (ROOT / part).is_file():
            shutil.copy(ROOT / part, source / part)
        else:
            (source / part).write_text("")
    for path in ROOT.glob(
        "zoo/*/*/card.toml"
    ):  # the released weights of the other models have tests of their own
        card = source / path.relative_to(ROOT)
        card.write_text(card.read_text(encoding="utf-8").split("\n[tags.")[0] + "\n", encoding="utf-8")
    shutil.copytree(toy_release_source / "models" / "toy", source / "zoo" / "models" / "toy")
    shutil.copytree(toy_release_source / "saved", source / "saved_models")
    return source


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (sdist,) = out.glob("*.tar.gz")
    (wheel,) = out.glob("*.whl")
    with tarfile.open(sdist) as archive:
        assert any(name.endswith("saved_models/toy/toy_v1/model.keras") for name in archive.getnames())
    return wheel


def test_the_wheel_holds_the_library_and_the_default_weights_alone(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"zoo"}
    assert "zoo/models/drn/card.toml" in names and "zoo/simulation/library/showers.bin" in names
    weights = {name.removeprefix("zoo/saved_models/toy/toy_v1/") for name in names if "saved_models" in name}
    assert {
        "model.keras",
        "manifest.json",
        "golden/inputs/hits.npy",
        "golden/outputs/energy_gev.npy",
    } <= weights
    assert not [name for name in weights if name.endswith((".onnx", ".pb"))]
    assert not [name for name in names if "__pycache__" in name]


@pytest.mark.ci
def test_the_wheel_loads_in_a_clean_environment(wheel, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:  # what pip does for a pure wheel, without asking an index
        archive.extractall(site)
    import numpy

    # The dependencies come from this environment, behind the wheel; a .pth file inside them is not followed,
    # so the checkout that may be installed there cannot be found.
    (site / "dependencies.pth").write_text(str(Path(numpy.__file__).parents[1]) + "\n")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ZOO_", "PYTHON"))}
    command = [str(tmp_path / "venv" / "bin" / "python"), "-c", LOAD]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    file, origin, models, version, same = json.loads(done.stdout.splitlines()[-1])
    assert Path(file).is_relative_to(site)
    assert origin == "toy.toy_v1"
    assert {"drn", "toy"} <= set(models)
    assert version == wheel.name.split("-")[1]
    assert same
