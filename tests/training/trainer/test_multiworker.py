import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from keras.src.backend.tensorflow import trainer

from training.trainer import multiworker
from zoo.errors import InvalidValue

ROOT = Path(__file__).parents[3]

WORKER = """
import contextlib, sys
import keras, numpy as np, tensorflow as tf
strategy = tf.distribute.MultiWorkerMirroredStrategy()
from training.trainer.multiworker import MultiWorkerModel, patched_reduction
mode, out = sys.argv[1:]
rng = np.random.default_rng(0)
x, y = rng.normal(size=(64, 3)).astype("float32"), rng.normal(size=(64, 1)).astype("float32")
kind = keras.Model if mode == "bare" else MultiWorkerModel
with strategy.scope():
    keras.utils.set_random_seed(1)
    i = keras.Input((3,))
    model = kind(i, keras.layers.Dense(1)(keras.layers.Dense(4, activation="tanh")(i)))
    model.compile(keras.optimizers.SGD(0.1), "mse")
data = tf.data.Dataset.from_tensor_slices((x, y)).repeat().batch(16, drop_remainder=True)
options = tf.data.Options()
options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
with contextlib.nullcontext() if mode == "bare" else patched_reduction():
    model.fit(data.with_options(options), steps_per_epoch=5, epochs=1, verbose=0, shuffle=False)
np.savez(out, *model.get_weights())
"""


def free_ports(n):
    probes = [socket.socket() for _ in range(n)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def run_workers(tmp_path, mode):
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(2)]}
    processes = []
    for index in range(2):
        config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        processes.append(
            subprocess.Popen(
                [sys.executable, "-W", "ignore", "-c", WORKER, mode, str(tmp_path / f"{index}.npz")],
                cwd=ROOT,
                env={**os.environ, "TF_CONFIG": config, "TF_CPP_MIN_LOG_LEVEL": "3"},
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    try:
        errors = [process.communicate(timeout=240)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    failed = [error[-2000:] for error, process in zip(errors, processes, strict=True) if process.returncode]
    if failed:
        raise RuntimeError("\n".join(failed))
    found = []
    for index in range(2):
        with np.load(tmp_path / f"{index}.npz") as content:
            found.append([content[name] for name in content.files])
    return found


def by_hand():
    """Plain gradient descent on the whole batches."""
    import keras
    import tensorflow as tf

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 3)).astype("float32"), rng.normal(size=(64, 1)).astype("float32")
    keras.utils.set_random_seed(1)
    i = keras.Input((3,))
    model = keras.Model(i, keras.layers.Dense(1)(keras.layers.Dense(4, activation="tanh")(i)))
    for step in range(5):
        rows = np.arange(16 * step, 16 * step + 16) % 64
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x[rows]) - y[rows]) ** 2)
        for variable, gradient in zip(
            model.trainable_variables, tape.gradient(loss, model.trainable_variables), strict=True
        ):
            variable.assign_sub(0.1 * gradient)
    return model.get_weights()


@pytest.mark.slow
def test_two_workers_do_plain_gradient_descent(tmp_path):
    first, second = run_workers(tmp_path, "ours")
    for a, b, c in zip(first, second, by_hand(), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(a, c, atol=1e-6)


@pytest.mark.slow
@pytest.mark.xfail(
    strict=True, raises=RuntimeError, reason="Keras issue 20585: when this passes, drop multiworker.py"
)
def test_bare_fit_with_two_workers(tmp_path):
    run_workers(tmp_path, "bare")


def test_an_untested_keras_is_refused():
    multiworker.check_keras()
    with pytest.raises(InvalidValue, match=r"3\.15.*Received: 9\.9\.1"):
        multiworker.check_keras("9.9.1")


def test_the_patch_is_taken_back():
    before = trainer.reduce_per_replica
    with pytest.raises(ZeroDivisionError), multiworker.patched_reduction():
        assert trainer.reduce_per_replica is not before
        raise ZeroDivisionError
    assert trainer.reduce_per_replica is before
