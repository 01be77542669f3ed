"""A run: events, network, fit, checkpoints. The one path of the command line, the tests and the tuning.

    result = run(read("drn"), Path("runs/drn-001"))

| in the run folder | what it is |
| --- | --- |
| `run.json` | resolved recipe, versions, seeds, events, times, objects seen, checksums |
| `best.keras`, `latest.keras` | the network after its best and its last epoch, uncompiled |
| `model.keras`, `check.npz` | at the end: the best network, and what it answers on a few fixed events |
| `backup/` | what `--resume` needs |
| `log.csv`, `tensorboard/` | losses and metrics of each epoch |
"""

from __future__ import annotations

import importlib.util
import math
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from training.trainer import data, distribute, run_record
from training.trainer.recipe import Recipe, from_dict
from training.trainer.run_record import RUNS
from training.trainer.start_weights import start_from
from zoo.data.feeding.batching import choose_boundaries
from zoo.data.feeding.flat import lengths
from zoo.errors import InvalidFile, InvalidValue
from zoo.files import checksums, save_npz
from zoo.inference.loading import network_of
from zoo.version import __version__

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

N_CHECK = 32  # events whose answers are kept with a run
_ANY_SIZE = 1 << 30  # nodes of the one bucket of objects that are not padded
_AHEAD = 8  # shards whose objects are shuffled together


@dataclass(frozen=True)
class RunResult:
    """What a run ends with."""

    folder: Path
    steps: int  # optimiser steps
    objects_seen: int  # every object counts each time that it is seen
    best_val_loss: float  # mean of the network's loss over the validation objects


def run(
    recipe: Recipe,
    out: Path,
    *,
    resume: bool = False,
    processes: int = 2,
    cache: Path = RUNS / "cache",
    accept_other_code: bool = False,
    verbose: bool | None = None,
) -> RunResult:
    """Trains a network by a recipe, or goes on with a run that was interrupted.

    Args:
        recipe: The recipe; of a resumed run the one in its folder.
        out: The run folder.
        resume: Go on with the run in `out`.
        processes: Processes that simulate events.
        cache: Folder of simulated events, shared by all runs.
        accept_other_code: Resume although the network's sources have changed.
        verbose: Progress bars; by default where standard output is a terminal.

    Returns:
        The result.

    Raises:
        InvalidFile: `out` cannot be written, holds a run already, or holds none to resume.
        InvalidValue: The run is of other code or of another recipe, a setting does not fit the strategy, or
            the weights to start from do not fit the network.
    """
    if recipe.fit.strategy == "multiworker":
        out = distribute.worker_folder(out)
    bars = sys.stdout.isatty() if verbose is None else verbose
    if recipe.fit.start and not resume:  # what does not fit must not wait for the simulation to end
        start_from(recipe.network().build(), recipe.fit.start)
    facts = _open(recipe, out, resume, accept_other_code)
    if facts["status"] == "finished":
        return _result(out, facts)
    session = run_record.Session(facts, out)
    session.record["strategy"] = recipe.fit.strategy
    session.save()

    events = {
        split: data.prepare(
            recipe.data,
            split,
            n=n,
            cache=cache,
            model=recipe.model,
            processes=processes,
            known=facts.get("events", {}).get(split),
            quiet=not bars,
        )
        for split, n in (("train", recipe.data.n), ("validation", recipe.data.validation_n))
    }
    unique = data.check_disjoint(*events.values())
    session.record["simulation_cpu_seconds"] = round(run_record.cpu_seconds() - session.start_cpu, 1)
    session.save(events={split: one.facts for split, one in events.items()}, unique_showers=unique)

    network = _fit(recipe, out, events, session, bars)
    _finish(recipe, out, network, session)
    return _result(out, facts)


def compile_model(
    recipe: Recipe, chosen: tf.distribute.Strategy | None = None
) -> tuple[keras.Model, keras.Model]:
    """Builds the network and the compiled model that trains it.

    Args:
        recipe: The recipe.
        chosen: A strategy whose scope to build in.

    Returns:
        The network (all outputs, uncompiled) and the model with the outputs that have a loss; they share
        weights. The model's `loss` and `val_loss` are the mean over objects of the objective's loss, of
        several the sum with the objective's weights, and nothing else. (Keras' `val_<output>_loss` beside a
        sum are means over batches.)
    """
    import keras

    of = recipe.network()
    kind = keras.Model
    if recipe.fit.strategy == "multiworker":
        from training.trainer.multiworker import MultiWorkerModel as kind
    keras.utils.set_random_seed(recipe.fit.seed)
    with distribute.scope(chosen):
        network = of.build()
        if recipe.fit.start:
            start_from(network, recipe.fit.start)
        arguments = of.compile_arguments()
        outputs = {name: network.output[name] for name in arguments["loss"]}
        model = kind(network.input, outputs, name=f"{recipe.model}_training")
        model.compile(optimizer=optimiser(recipe), jit_compile=False, **arguments)
    return network, model


def optimiser(recipe: Recipe) -> keras.optimizers.Optimizer:
    """Returns the recipe's optimiser and schedule: linear warm-up, then a cosine to the end of the run."""
    import keras

    from training.trainer.clipping import ClippedAdamW, ClippedMuon

    chosen, steps = recipe.optimiser, recipe.fit.total_steps
    warmup = min(chosen.warmup_steps, steps // 4)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else chosen.learning_rate,
        decay_steps=max(1, steps - warmup),
        alpha=chosen.final_learning_rate / chosen.learning_rate,
        warmup_target=chosen.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    settings: dict[str, Any] = {
        "largest_norm": chosen.clipnorm or None,
        "learning_rate": schedule,
        "weight_decay": chosen.weight_decay,
        "use_ema": chosen.ema_momentum > 0,
        "ema_momentum": chosen.ema_momentum or 0.99,
    }
    if chosen.name == "muon":
        layers = [f"(^|/){re.escape(name)}/" for name in chosen.adamw_layers]
        made = ClippedMuon(exclude_layers=layers, adam_weight_decay=chosen.weight_decay, **settings)
    else:
        made = ClippedAdamW(**settings)
    made.exclude_from_weight_decay(var_names=["bias"])
    return made


def datasets(
    recipe: Recipe, events: Mapping[str, data.Events], *, skip: int = 0
) -> tuple[tf.data.Dataset, tf.data.Dataset]:
    """Returns the endless training data and the finite validation data.

    Args:
        recipe: The recipe.
        events: "train" and "validation".
        skip: Steps that were taken before: a resumed run sees what it would have seen.
    """
    from zoo.data.feeding.dataset import training_dataset, validation_dataset

    of = recipe.network()
    losses = of.compile_arguments()["loss"]  # may leave out an output that has a target
    shapes = of.card.shapes
    sized = any("N" in shape for shape in shapes.values())  # an image has one size, however many hits
    common: dict[str, Any] = {
        "to_inputs": of.to_inputs,
        "targets": lambda records: {n: v for n, v in of.targets(records).items() if n in losses},
        "weights": of.weights,
        "shapes": shapes,
        "boundaries": choose_boundaries(lengths(events["train"].read(0))) if sized else (_ANY_SIZE,),
        "select": data.reachable if recipe.data.reachable_only else None,
    }
    train = training_dataset(
        events["train"],
        batch_size=recipe.fit.batch_size,
        seed=recipe.fit.seed,
        skip=skip,
        augment=of.augment,
        shards_in_memory=_AHEAD,
        **common,
    )
    return train, validation_dataset(
        events["validation"], batch_size=recipe.fit.validation_batch_size, **common
    )


def recipe_of(folder: Path) -> Recipe:
    """Returns the recipe that a run folder was made by."""
    return from_dict(run_record.read_run(folder)["recipe"], str(folder / run_record.RUN_JSON))


def _open(recipe: Recipe, out: Path, resume: bool, accept_other_code: bool) -> dict[str, Any]:
    """Returns the content of `run.json`, new or of the run to go on with."""
    if resume:
        facts = run_record.read_run(out)
        run_record.check_code(facts, out, accept_other_code=accept_other_code)
        if _without_strategy(as_json(recipe_of(out))) != _without_strategy(as_json(recipe)):
            raise InvalidValue(
                f"{out}: recipe", "that of the run (a resumed run keeps its recipe)", "another one"
            )
        run_record.prepare_folder(out)
        for half in out.glob(".*"):  # what a killed process was writing
            if half.is_dir():
                shutil.rmtree(half)
        return facts
    run_record.prepare_folder(out)
    if (out / run_record.RUN_JSON).exists():
        raise InvalidFile(out, "holds a run already.", "Go on with --resume, or choose another --out.")
    return {
        "format": run_record.FORMAT,
        "model": recipe.model,
        "status": "running",
        "code_version": __version__,
        "fingerprint": run_record.fingerprint(recipe.model),
        "recipe": as_json(recipe),
        "seeds": {"data": recipe.data.seed, "fit": recipe.fit.seed},
    }


def _fit(
    recipe: Recipe, out: Path, events: Mapping[str, data.Events], session: run_record.Session, bars: bool
) -> keras.Model:
    """Fits the network and leaves the best epoch's weights in `best.keras`."""
    import contextlib

    import keras

    from training.trainer import callbacks

    chosen = distribute.strategy(recipe.fit.strategy)
    network, model = compile_model(recipe, chosen)
    distribute.check_fit(
        model, distribute.replicas(chosen), batch_size=recipe.fit.batch_size, drop_remainder=True
    )
    with distribute.scope(chosen):
        done = int(callbacks.restore(model, out)["epochs_done"])
    best = callbacks.trim_log(out, done)
    steps = recipe.fit.epoch_steps
    train, validation = datasets(recipe, events, skip=done * steps)

    def progress(epoch: int, logs: Mapping[str, float] | None = None) -> None:
        if model.stop_training:
            return
        seen = (epoch + 1) * steps
        session.save(
            parameters=network.count_params(),
            epochs_done=epoch + 1,
            steps=seen,
            objects_seen=seen * recipe.fit.batch_size,
        )

    watchers = [callbacks.Averaging()] if recipe.optimiser.ema_momentum else []
    watchers += [
        keras.callbacks.TerminateOnNaN(),
        callbacks.Log(out),
        *_tensorboard(out),
        callbacks.Checkpoints(network, out, best),
        keras.callbacks.LambdaCallback(on_epoch_end=progress),
        callbacks.Backup(out),
    ]
    patch: Any = contextlib.nullcontext()
    if recipe.fit.strategy == "multiworker":
        from training.trainer.multiworker import patched_reduction

        patch = patched_reduction()
    with patch:
        model.fit(
            train,
            steps_per_epoch=steps,
            epochs=recipe.fit.epochs,
            initial_epoch=done,
            validation_data=validation,
            callbacks=watchers,
            verbose=1 if bars else 2,
            shuffle=False,  # the stream shuffles
        )
    if model.stop_training:
        raise InvalidValue(
            "loss",
            "a finite number (lower learning_rate or clipnorm; --resume goes on from the last good epoch)",
            "NaN",
        )
    session.run["optimiser_steps"] = int(model.optimizer.iterations.numpy())
    return network


def _finish(recipe: Recipe, out: Path, network: keras.Model, session: run_record.Session) -> None:
    """Leaves `model.keras`, the answers of `check.npz`, and the closed `run.json`."""
    from training.trainer import callbacks

    if not (out / "best.keras").is_file():
        raise InvalidValue(
            "val_loss",
            "a finite number in some epoch (lower optimiser.learning_rate, see log.csv)",
            "NaN in each",
        )
    network.load_weights(out / "best.keras")
    write_check(network, out / "check.npz")
    callbacks.copy(out / "best.keras", out / "model.keras")
    best = callbacks.trim_log(out, sys.maxsize)
    session.save(
        status="finished",
        finished=run_record.now(),
        best_val_loss=best,
        files=checksums(out, ("model.keras", "check.npz")),
    )


def write_check(model: keras.Model, path: Path) -> None:
    """Keeps what a network answers on a few fixed events, to be compared by whoever loads it later."""
    outputs = check_outputs(model)
    save_npz(path, outputs, compressed=False)


def check_outputs(model: keras.Model) -> dict[str, np.ndarray]:
    """Returns a network's answers on its own fixed sample events."""
    of = network_of(model)
    inputs = of.to_inputs(of.sample(N_CHECK, 0))
    return {name: np.asarray(value) for name, value in model(inputs, training=False).items()}


def _tensorboard(out: Path) -> list[keras.callbacks.Callback]:
    import keras

    if importlib.util.find_spec("tensorboard") is None:
        print("tensorboard is not installed: the losses go to log.csv alone (pip install 'reco-zoo[tune]')")
        return []
    return [keras.callbacks.TensorBoard(out / "tensorboard", write_graph=False)]


def _result(out: Path, facts: Mapping[str, Any]) -> RunResult:
    return RunResult(out, facts["steps"], facts["objects_seen"], facts.get("best_val_loss", math.nan))


def as_json(recipe: Recipe) -> dict[str, Any]:
    """Returns the tables of a recipe as JSON reads them back."""
    tables = recipe.to_dict()
    return {
        name: {key: list(v) if isinstance(v, tuple) else v for key, v in t.items()}
        for name, t in tables.items()
    }


def _without_strategy(tables: Mapping[str, Any]) -> dict[str, Any]:
    """A run may go on with another number of devices; everything else is fixed."""
    return {**tables, "fit": {key: value for key, value in tables["fit"].items() if key != "strategy"}}
