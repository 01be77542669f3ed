"""Fixtures that several test folders share: a tiny model outside the package, exported and released once a
session."""

import os
import shutil
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if "PYTEST_XDIST_WORKER" in os.environ:  # its threads would wait for those of the other workers
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

TOY_MODELS = Path(__file__).parent / "toy_models"
CONFORMANCE = Path(__file__).parent / "conformance"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Keeps a file's tests in one process, and a model's of the conformance suite, which share its export."""
    for item in items:
        group = str(item.path)
        if CONFORMANCE in item.path.parents:
            of = getattr(item, "callspec", None)
            name = of.params.get("name", of.params.get("released", "")) if of else ""
            group = f"conformance of {name.partition('.')[0]}"
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture
def toy_models(monkeypatch):
    """Lets the registry find the model "toy" for one test."""
    monkeypatch.setenv("ZOO_MODELS", str(TOY_MODELS))
    return TOY_MODELS


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """The cache of simulated events that the trainings of all tests share."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def toy_release_source(tmp_path_factory):
    """Exports the toy once and records it as the tag toy_v1 of a card in a temporary folder."""
    import keras

    import zoo
    from training.release.card_tags import record_tag
    from zoo.files import checksums

    root = tmp_path_factory.mktemp("toy_release")
    shutil.copytree(TOY_MODELS, root / "models", ignore=shutil.ignore_patterns("__pycache__"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_MODELS", str(root / "models"))
        keras.utils.set_random_seed(7)
        model = zoo.load("toy", weights=None)
        folder = root / "saved" / "toy" / "toy_v1"
        zoo.export(model, folder, tag="toy_v1")
        record_tag(
            root / "models" / "toy" / "card.toml",
            "toy_v1",
            checksums(folder, ["model.keras", "manifest.json"]),
            [{"name": "width", "value": 0.01, "error": 0.001, "baseline": 0.02, "baseline_name": "raw sum"}],
            preset="small",
            date="2026-01-01",
        )
    return root


@pytest.fixture
def toy_release(toy_release_source, tmp_path, monkeypatch):
    """A copy of the released toy that a test may damage: models/toy, saved/toy/toy_v1."""
    root = tmp_path / "release"
    shutil.copytree(toy_release_source, root)
    monkeypatch.setenv("ZOO_MODELS", str(root / "models"))
    monkeypatch.setenv("ZOO_SAVED_MODELS", str(root / "saved"))
    return root
