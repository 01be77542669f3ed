"""Training on several devices: the strategy, and the guard against settings that go wrong without a word.

With one device use no strategy. On one host `MirroredStrategy` and `fit` work, as long as these settings are
right; each of them, wrong, either crashes with a message about something else or trains on a wrong gradient:

| setting | what happens under R > 1 replicas (TensorFlow 2.21, Keras 3.15) |
| --- | --- |
| last batch kept (`drop_remainder=False`) | wrong gradient: each replica counts 1/R, whatever its size |
| batch % R != 0 | the same, or a crash on the first batch |
| `BatchNormalization(synchronized=False)` | averages differ between the replicas; NaN from an empty one |
| `steps_per_execution > 1` | crash |
| `jit_compile=True` | crash |
| `gradient_accumulation_steps` | crash |
| `clipnorm`, `global_clipnorm`, `clipvalue` | wrong gradient: each replica clips its own part |
"""

from __future__ import annotations

import contextlib
import json
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.errors import InvalidValue, UnknownName

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

STRATEGIES = ("none", "mirrored", "multiworker")


def strategy(name: str) -> tf.distribute.Strategy | None:
    """Returns the tf.distribute strategy of a name.

    Args:
        name: "none" (one device), "mirrored" (all devices of this host: GPUs, or else logical CPUs) or
            "multiworker" (several hosts, described by the environment variable TF_CONFIG).

    Returns:
        The strategy; None for "none".

    Raises:
        UnknownName: There is no such strategy.
    """
    if name not in STRATEGIES:
        raise UnknownName("strategy", name, STRATEGIES)
    if name == "none":
        return None
    import tensorflow as tf

    if name == "multiworker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def worker_folder(out: Path) -> Path:
    """Returns the run folder of this process: `out`, but a folder inside for each worker after the first."""
    task = json.loads(os.environ.get("TF_CONFIG", "{}")).get("task", {})
    index = int(task.get("index", 0))
    return out / f"worker-{index}" if index else out


def scope(chosen: tf.distribute.Strategy | None) -> AbstractContextManager[Any]:
    """Returns the scope in which model and optimiser are made; an empty one without a strategy."""
    return contextlib.nullcontext() if chosen is None else chosen.scope()


def replicas(chosen: tf.distribute.Strategy | None) -> int:
    """Returns the number of replicas that share a batch."""
    return 1 if chosen is None else int(chosen.num_replicas_in_sync)


def check_fit(model: keras.Model, n_replicas: int, *, batch_size: int, drop_remainder: bool) -> None:
    """Refuses every setting under which `fit` on several replicas crashes or trains on a wrong gradient.

    Args:
        model: The compiled model.
        n_replicas: Replicas that share a batch; 1 is always right.
        batch_size: Objects in a batch, all replicas together.
        drop_remainder: Whether the training data leave out a batch that is not full.

    Raises:
        InvalidValue: Says the setting, its value, and the cure.
    """
    if n_replicas <= 1:
        return
    where = f"on {n_replicas} replicas"
    if batch_size % n_replicas:
        near = max(n_replicas, round(batch_size / n_replicas) * n_replicas)
        raise InvalidValue(
            "batch_size", f"a multiple of {n_replicas} {where} (cure: --set batch_size={near})", batch_size
        )
    if not drop_remainder:
        raise InvalidValue(
            "drop_remainder",
            f"True {where}: else a part batch gives a wrong gradient (cure: batch(..., drop_remainder=True))",
            drop_remainder,
        )
    for layer in _layers(model):
        if type(layer).__name__ == "BatchNormalization" and not layer.synchronized:
            raise InvalidValue(
                f"layer {layer.name}: synchronized",
                f"True {where} (cure: BatchNormalization(synchronized=True), or LayerNormalization)",
                layer.synchronized,
            )
    if model.steps_per_execution > 1:
        raise InvalidValue(
            "steps_per_execution",
            f"1 {where} (cure: compile(steps_per_execution=1))",
            model.steps_per_execution,
        )
    if model.jit_compile is True:
        raise InvalidValue("jit_compile", f"not True {where} (cure: compile(jit_compile=False))", True)
    accumulation = getattr(model.optimizer, "gradient_accumulation_steps", None)
    if accumulation:
        raise InvalidValue(
            "gradient_accumulation_steps",
            f"None {where} (cure: a larger batch_size instead)",
            accumulation,
        )
    for name in ("clipnorm", "global_clipnorm", "clipvalue"):
        if getattr(model.optimizer, name, None):
            raise InvalidValue(
                name,
                f"None {where}: Keras clips each replica's part (cure: training.trainer.clipping)",
                getattr(model.optimizer, name),
            )


def _layers(model: Any) -> list[Any]:
    """Returns all layers of a model, those held by other layers too."""
    import keras

    found: list[Any] = []
    waiting = list(model.layers)
    while waiting:
        layer = waiting.pop()
        if isinstance(layer, (list, tuple)):
            waiting.extend(layer)
        elif isinstance(layer, dict):
            waiting.extend(layer.values())
        elif isinstance(layer, keras.Layer) and not any(layer is other for other in found):
            found.append(layer)
            waiting.extend(getattr(layer, "layers", []))
            waiting.extend(value for name, value in vars(layer).items() if not name.startswith("_"))
    return found
