"""A recipe and a space as Keras Tuner sees them; the only file, with `search`, that knows Keras Tuner.

Keras Tuner keeps the mean over the executions of a trial and the checkpoint of the best one, not the single
values. So each execution is appended to a CSV file of its own process as soon as it ends.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras

from training.trainer import data, run
from training.trainer.callbacks import MONITOR
from training.trainer.recipe import Recipe
from zoo.errors import InvalidValue, require

kt = require("keras_tuner", extra="tune")

COLUMNS = (  # of an execution's row; what follows them is what the space drew
    "trial",
    "execution",
    MONITOR,
    "last_val_loss",
    "epochs",
    "initial_epoch",
    "steps",
    "seed",
    "parameters",
    "seconds",
)

Space = Callable[[Any], dict[str, Any]]


class RecipeHyperModel(kt.HyperModel):  # type: ignore[name-defined]
    """Builds and fits the network of a recipe with the overrides that a space draws.

    Args:
        recipe: What every trial starts from; its steps are those of the longest trial.
        space: Draws the overrides; their names are checked against the recipe and the configuration.
        events: "train" and "validation", the same for all trials.
        log: CSV file of this process.
        verbose: Keras' verbosity.
    """

    def __init__(
        self, recipe: Recipe, space: Space, events: Mapping[str, data.Events], log: Path, verbose: int = 2
    ) -> None:
        super().__init__(name=recipe.model)
        self.recipe, self.space, self.events, self.log, self.verbose = recipe, space, events, log, verbose
        self.trial, self.execution = "", 0

    def start_trial(self, trial: str) -> None:
        """Tells which trial the next executions belong to."""
        self.trial, self.execution = trial, 0

    def chosen(self, hp: Any) -> Recipe:
        """Returns the recipe of a trial."""
        recipe = self.recipe.override(self.space(hp))
        epochs = int(hp.values.get("tuner/epochs", recipe.fit.epochs))  # Hyperband's trials are shorter
        # Each execution starts from other weights and sees the data in another order.
        seed = recipe.fit.seed + self.execution
        fit = dataclasses.replace(recipe.fit, steps=epochs * recipe.fit.epoch_steps, seed=seed)
        return dataclasses.replace(recipe, fit=fit)

    def build(self, hp: Any) -> keras.Model:
        """Returns the compiled model of a trial, its optimiser built: a promoted trial keeps its state."""
        _, model = run.compile_model(self.chosen(hp))
        model.optimizer.build(model.trainable_variables)
        return model

    def fit(self, hp: Any, model: keras.Model, *_: Any, **settings: Any) -> keras.callbacks.History:
        """Fits one execution and logs it."""
        recipe = self.chosen(hp)
        steps = recipe.fit.epoch_steps
        first = int(settings.get("initial_epoch", 0))
        train, validation = run.datasets(recipe, self.events, skip=first * steps)
        start = time.monotonic()
        history = model.fit(
            train,
            steps_per_epoch=steps,
            epochs=recipe.fit.epochs,
            initial_epoch=first,
            validation_data=validation,
            callbacks=[*settings.get("callbacks", []), keras.callbacks.TerminateOnNaN()],
            verbose=self.verbose,
            shuffle=False,
        )
        losses = history.history.get(MONITOR, [])
        values = (
            self.trial,
            self.execution,
            f"{min(losses, default=math.nan):.6f}",
            f"{losses[-1] if losses else math.nan:.6f}",
            recipe.fit.epochs,
            first,
            recipe.fit.total_steps,
            recipe.fit.seed,
            model.count_params(),
            f"{time.monotonic() - start:.1f}",
        )
        row = {**dict(zip(COLUMNS, values, strict=True)), **self.space(hp)}
        _append(self.log, row)
        self.execution += 1
        return history

    def check_objective(self, name: str) -> None:
        """Makes sure, on one batch, that the objective will be there after an epoch.

        Raises:
            InvalidValue: It will not; says which names will.
        """
        _, model = run.compile_model(self.recipe)
        _, validation = run.datasets(self.recipe, self.events)
        found = [f"val_{key}" for key in model.evaluate(validation.take(1), verbose=0, return_dict=True)]
        if name not in found:
            raise InvalidValue("objective", f"one of {', '.join(found)}", name)


def _append(path: Path, row: Mapping[str, Any]) -> None:
    """Appends a row in one write, the header before the first."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(row), lineterminator="\n")
    if not path.exists():
        writer.writeheader()
    writer.writerow(row)
    with path.open("a", encoding="utf-8") as file:
        file.write(text.getvalue())
