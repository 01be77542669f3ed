"""docs/adding_a_model.md, taken at its word: its files, added to a copy of the tree, are a model in full."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "adding_a_model.md").read_text(encoding="utf-8")
ADDED = dict(re.findall(r"^File: `([^`\n]+)`\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
COMMANDS = "".join(re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)).splitlines()
COPIED = (
    "pyproject.toml", "README.md", "zoo", "training", "tuning", "tests/conftest.py", "tests/test_imports.py",
    "tests/cards/test_cards.py", "tests/conformance",
)  # fmt: skip
LINKED = ("zoo/simulation/library", "saved_models/linear_calibration")  # large or read only

TRAIN_AND_PREDICT = """
import sys
import numpy as np
import zoo
from training.__main__ import main
from zoo.models.network import network

assert main(sys.argv[1:]) == 0
trained = zoo.load("./runs/quick")
untrained = zoo.load("shower_mean", weights=None, preset="standard", hidden=8)
parameters = zoo.info("shower_mean").presets["standard"].parameters
assert trained.count_params() == parameters > untrained.count_params()
found = zoo.predict(trained, network("shower_mean").sample(200, 3))
assert np.asarray(found.energy_gev)[0] == -1  # no hits
# The toy's raw energy is 0.95 of the true one: the fit has found the factor, log(1 / 0.95) = 0.0513.
median = np.median(np.asarray(found.log_ratio)[1:])
assert abs(median - 0.0513) < 0.02, median
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the tree, its large files linked, with the files of the page added."""
    tree = tmp_path_factory.mktemp("tree")
    for name in COPIED:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", "library"))
        else:
            shutil.copy(ROOT / name, tree / name)
    for name in LINKED:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).symlink_to(ROOT / name)
    for name, content in ADDED.items():
        assert not (tree / name).exists()
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(content, encoding="utf-8")
    return tree


@pytest.fixture(scope="module")
def python(tree):
    """Runs Python in the tree; gives what it prints."""

    def run(*arguments):
        settings = {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
        environment = {key: value for key, value in os.environ.items() if not key.startswith("ZOO_")}
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tree, env={**environment, **settings}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{shlex.join(arguments)}\n{done.stdout[-3000:]}"
        return done.stdout

    return run


def words(command):
    """Returns the arguments of Python for a command line of the page."""
    program, *arguments = shlex.split(command)
    return ["-m", "zoo", *arguments] if program == "zoo" else arguments


def training():
    return next(command for command in COMMANDS if command.startswith("python -m training shower_mean"))


def test_the_page_adds_a_folder_a_recipe_and_a_space():
    folders = {str(Path(name).parent) for name in ADDED}
    assert folders == {"zoo/models/shower_mean", "training/recipes", "tuning/spaces"}
    files = {Path(name).name for name in ADDED if name.startswith("zoo/models/")}
    assert files == {
        "card.toml",
        "config.py",
        "model.py",
        "objective.py",
        "events.py",
        "report.py",
        "__init__.py",
    }


@pytest.mark.ci
def test_its_code_has_the_style_of_the_project(python):
    pytest.importorskip("ruff", reason="the extra `dev` brings ruff")
    files = [name for name in ADDED if name.endswith(".py")]
    python("-m", "ruff", "check", "--no-cache", *files)
    python("-m", "ruff", "format", "--no-cache", "--check", *files)
    python("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_imports.py")


@pytest.mark.ci
def test_it_is_found_trained_and_predicts(python):
    assert "shower_mean" in python("-m", "zoo", "list", "--task", "energy", "--kind", "set")
    python("-c", TRAIN_AND_PREDICT, *words(training())[2:], "--processes", "1")


@pytest.mark.slow
def test_every_command_of_the_page_works_and_nothing_else_is_touched(tree, python):
    """The conformance tests, a release and a search among them."""
    shutil.rmtree(tree / "runs", ignore_errors=True)
    before = {path: path.read_bytes() for path in tree.rglob("*") if path.suffix in (".py", ".toml")}
    said = {command: python(*words(command)) for command in COMMANDS}
    assert "verified" in said["zoo verify exported/"]
    assert re.search(r"\d+ passed", next(text for command, text in said.items() if "conformance" in command))
    assert "| `shower_mean.example_v1` | 641 |" in (tree / "README.md").read_text(encoding="utf-8")
    assert "effective resolution" in python("-m", "zoo", "info", "--markdown", "shower_mean.example_v1")
    python("-c", "import zoo; assert zoo.load('shower_mean').origin == 'shower_mean.example_v1'")
    changed = [path for path, content in before.items() if path.read_bytes() != content]
    assert changed == [tree / "zoo/models/shower_mean/card.toml"]
