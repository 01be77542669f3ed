"""Every network of the registry, in every runtime: built, exported and loaded once a session.

A new model is tested without a test being written. An untrained network is used where no weights are
released.
"""

import functools
import json

import numpy as np
import pytest

import zoo
from zoo.exporting.goldens import golden_inputs
from zoo.exporting.verification import compare
from zoo.exporting.verification_process import runner
from zoo.models.network import network

MODELS = zoo.list_models()
RELEASED = [f"{name}.{tag}" for name in MODELS for tag in zoo.info(name).tags]
EXPORTED = list({zoo.info(name).kind: name for name in reversed(MODELS)}.values())
"""One network of each kind, which `make test` exports; `make ci` exports the others."""
RUNTIMES = ("keras", "saved_model", "flat", "frozen", "onnx")
TOLERANCE = 1e-5


def pytest_generate_tests(metafunc):
    if "name" in metafunc.fixturenames:
        quick = EXPORTED if "exports" in metafunc.fixturenames else MODELS
        metafunc.parametrize("name", the_rest_in_ci(MODELS, quick), scope="session")
    if "runtime" in metafunc.fixturenames:
        quick = getattr(metafunc.module, "QUICK_RUNTIMES", RUNTIMES)
        metafunc.parametrize("runtime", the_rest_in_ci(RUNTIMES, quick), scope="session")
    if "released" in metafunc.fixturenames:
        default = [f"{name}.{zoo.info(name).default_tag}" for name in MODELS]
        metafunc.parametrize("released", the_rest_in_ci(RELEASED, default), scope="session")


def the_rest_in_ci(values, quick):
    """Marks the values that `make test` leaves to `make ci`."""
    return [pytest.param(value, marks=() if value in quick else pytest.mark.ci) for value in values]


@pytest.fixture(scope="session")
def build():
    """Builds the untrained network of a model by name."""

    def untrained(name):
        import keras

        keras.utils.set_random_seed(11)
        return zoo.load(name, weights=None)

    return untrained


@pytest.fixture(scope="session")
def untrained(build):
    """Gives the untrained network of a model by name, built once."""
    return functools.cache(build)


@pytest.fixture(scope="session")
def networks(untrained):
    """Gives the network of a model that is exported, with weights if any are released."""
    return functools.cache(lambda name: zoo.load(name) if zoo.info(name).tags else untrained(name))


@pytest.fixture(scope="session")
def exports(networks, tmp_path_factory):
    """Gives the exported folder of a model by name."""

    @functools.cache
    def export(name):
        folder = tmp_path_factory.mktemp("exports") / name
        return zoo.export(networks(name), folder, tag="")

    return export


@pytest.fixture(scope="session")
def runners(exports):
    """Gives the function that runs a model in a runtime, on dense inputs."""
    return functools.cache(lambda name, runtime: runner(runtime, exports(name)))


@pytest.fixture
def card(name):
    return zoo.info(name)


@pytest.fixture
def run(name, runtime, runners, exports):
    signatures = json.loads((exports(name) / "manifest.json").read_text())["signatures"]
    if runtime == "flat" and "flat" not in signatures:
        pytest.skip(f"{name} has no single set")
    return runners(name, runtime)


@pytest.fixture(scope="session")
def clean_inputs():
    """Gives clean inputs of a model: its edge cases and some ordinary events."""

    @functools.cache
    def inputs(name):
        tensors = network(name).to_inputs(network(name).sample(24, 5))
        return {key: np.asarray(values) for key, values in tensors.items()}

    return inputs


@pytest.fixture
def inputs(name, clean_inputs):
    return {key: values.copy() for key, values in clean_inputs(name).items()}


@pytest.fixture(scope="session")
def golden():
    return functools.cache(lambda name: golden_inputs(network(name)))


@pytest.fixture
def agree(request):
    """Asserts |a - b| <= 1e-5 (|a| + std(a)) for every output; `spread` gives the std of few rows."""

    def check(expected, received, spread=None, card=None):
        card = card or request.getfixturevalue("card")
        leading = {spec.name: sum(isinstance(axis, str) for axis in spec.shape) for spec in card.outputs}
        rows = len(next(iter(expected.values())))
        names = [f"row {row}" for row in range(rows)]
        largest, flips = compare(
            expected, received, tolerance=TOLERANCE, cases=names, spread=spread, leading=leading
        )
        assert not flips, f"largest difference {largest:.2f} of the tolerance: {flips[:5]}"

    return check
