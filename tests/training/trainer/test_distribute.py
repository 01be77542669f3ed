import json
import subprocess
import sys
from pathlib import Path

import pytest

from training.trainer import distribute
from training.trainer.recipe import OPTIMISERS
from zoo.errors import InvalidValue, UnknownName

ROOT = Path(__file__).parents[3]

TWO_DEVICES = """
import sys
import numpy as np
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
tf.config.experimental.enable_op_determinism()
sys.path[:0] = ["tests"]
from pathlib import Path
from tiny_runs import tiny
from training.trainer import data, distribute, run

for optimiser in sys.argv[2:]:
    recipe = tiny(**{"steps": 20, "steps_per_epoch": 20, "optimiser.name": optimiser})
    sizes = {"train": recipe.data.n, "validation": recipe.data.validation_n}
    settings = {"cache": Path(sys.argv[1]), "model": recipe.model, "processes": 1, "quiet": True}
    events = {split: data.prepare(recipe.data, split, n=n, **settings) for split, n in sizes.items()}
    weights, losses = [], []
    for name in ("none", "mirrored"):
        chosen = distribute.strategy(name)
        assert distribute.replicas(chosen) == {"none": 1, "mirrored": 2}[name]
        network, model = run.compile_model(recipe, chosen)
        replicas = distribute.replicas(chosen)
        distribute.check_fit(model, replicas, batch_size=recipe.fit.batch_size, drop_remainder=True)
        train, validation = run.datasets(recipe, events)
        history = model.fit(
            train, steps_per_epoch=20, epochs=1, validation_data=validation, verbose=0, shuffle=False)
        assert int(model.optimizer.iterations.numpy()) == 20
        weights.append([np.array(w) for w in model.get_weights()])
        losses.append(history.history["val_loss"][0])
    worst = max(float(np.max(np.abs(a - b))) for a, b in zip(*weights))
    print(optimiser, "WORST", worst, "LOSSES", *losses)
    assert worst < 1e-5 and abs(losses[0] - losses[1]) < 1e-5
"""


@pytest.mark.ci
def test_two_devices_end_with_the_weights_of_one(tmp_path):
    """20 steps of the DRN on two logical CPU devices and on one: the same weights to 1e-5."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TWO_DEVICES, str(tmp_path), *OPTIMISERS],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert all(f"{optimiser} WORST" in done.stdout for optimiser in OPTIMISERS)


def model(layer=None, **settings):
    import keras

    x = keras.Input((3,))
    y = keras.layers.Dense(2)(x)
    if layer is not None:
        y = layer(y)
    built = keras.Model(x, y)
    optimiser = settings.pop("optimizer", "sgd")
    built.compile(optimiser, "mse", **settings)
    return built


def check(built, replicas=2, batch_size=8, drop_remainder=True):
    distribute.check_fit(built, replicas, batch_size=batch_size, drop_remainder=drop_remainder)


def test_good_settings_pass():
    check(model())
    check(model(), replicas=1, batch_size=7, drop_remainder=False)  # one device has no such rules


def test_batch_not_divisible_by_the_replicas():
    with pytest.raises(InvalidValue, match=r"multiple of 3 on 3 replicas.*batch_size=9.*Received: 8"):
        check(model(), replicas=3)


def test_partial_batches():
    with pytest.raises(InvalidValue, match="drop_remainder=True"):
        check(model(), drop_remainder=False)


def test_unsynchronised_batch_normalisation():
    import keras

    with pytest.raises(InvalidValue, match="synchronized=True"):
        check(model(keras.layers.BatchNormalization()))
    check(model(keras.layers.BatchNormalization(synchronized=True)))
    inside = keras.Sequential([keras.layers.Dense(2), keras.layers.BatchNormalization()])
    with pytest.raises(InvalidValue, match="synchronized"):
        check(model(inside))

    class Block(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.parts = [keras.layers.BatchNormalization()]

        def call(self, x):
            return self.parts[0](x)

    with pytest.raises(InvalidValue, match="synchronized"):
        check(model(Block()))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("steps_per_execution", 2),
        ("jit_compile", True),
        ("gradient_accumulation_steps", 2),
        ("global_clipnorm", 1.0),
        ("clipvalue", 0.5),
    ],
)
def test_settings_that_crash_or_train_wrongly(setting, value):
    import keras

    if setting in ("steps_per_execution", "jit_compile"):
        built = model(**{setting: value})
    else:
        built = model(optimizer=keras.optimizers.SGD(**{setting: value}))
    with pytest.raises(InvalidValue, match=f"{setting}.*cure.*{value}"):
        check(built)


def test_each_worker_has_its_own_folder(monkeypatch):
    assert distribute.worker_folder(Path("run")) == Path("run")
    for index, folder in ((0, "run"), (2, "run/worker-2")):
        monkeypatch.setenv("TF_CONFIG", json.dumps({"task": {"type": "worker", "index": index}}))
        assert distribute.worker_folder(Path("run")) == Path(folder)


def test_unknown_strategy():
    assert distribute.strategy("none") is None
    with pytest.raises(UnknownName, match="mirrored"):
        distribute.strategy("miror")
