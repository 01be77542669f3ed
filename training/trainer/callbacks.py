"""What happens at the end of an epoch: logs, then results, then the backup.

The order is the safety. `Checkpoints` writes `latest.keras` and `best.keras`, the results, uncompiled;
`Backup` writes what a resumed run needs (weights, optimiser, epoch) into a folder of its own and comes last.
A process killed between any two of the writes goes on from the last backup and repeats at most one epoch;
each file is replaced by a rename, so none is ever half-written. Keras' own `BackupAndRestore` writes weights
and epoch number as two files in
place: killed between them it repeats an epoch on top of weights that already have it.
"""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

from zoo.files import replacing, write, write_json

BACKUP = "backup"
LOG = "log.csv"
MONITOR = "val_loss"


class Averaging(keras.callbacks.Callback):
    """Validates with the averaged weights, where the optimiser keeps an average.

    Must come first in the list; training goes on with the raw weights.
    """

    def __init__(self) -> None:
        super().__init__()
        self._raw: list[Any] | None = None

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        """Puts the averaged weights into the model."""
        self._raw = _to_average(self.model)

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:
        """Puts the raw weights back."""
        if self._raw is not None:
            self.model.set_weights(self._raw)
            self._raw = None


class Log(keras.callbacks.Callback):
    """Appends losses and metrics of each epoch to `log.csv`, which is closed in between.

    Args:
        folder: The run folder.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.path = folder / LOG

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Appends one row, in one write."""
        row = {"epoch": epoch, **{name: float(value) for name, value in (logs or {}).items()}}
        text = io.StringIO()
        writer = csv.DictWriter(text, list(row), lineterminator="\n")
        if not self.path.exists():
            writer.writeheader()
        writer.writerow(row)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text.getvalue())


class Checkpoints(keras.callbacks.Callback):
    """Saves the whole network, uncompiled, as `latest.keras` and, where it is the best so far, `best.keras`.

    Args:
        network: The network to save; it shares its weights with the model in training.
        folder: The run folder.
        best: Smallest validation loss so far, of a resumed run.
    """

    def __init__(self, network: keras.Model, folder: Path, best: float = math.inf) -> None:
        super().__init__()
        self.network, self.folder, self.best = network, folder, best

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Saves both files; with averaging it is the average that is saved."""
        if self.model.stop_training:  # on NaN
            return
        with averaged(self.model):
            save_keras(self.network, self.folder / "latest.keras")
        value = (logs or {}).get(MONITOR, math.nan)
        if value < self.best:
            self.best = value
            copy(self.folder / "latest.keras", self.folder / "best.keras")


class Backup(keras.callbacks.Callback):
    """Keeps what a killed run needs to go on: weights, optimiser state and number of epochs done.

    Must come last. Each backup is a folder `backup/epoch-<n>`, complete before it gets that name; older ones
    go after.

    Args:
        folder: The run folder.
        facts: Called for further numbers to be kept with the backup, e.g. the objects seen.
    """

    def __init__(self, folder: Path, facts: Callable[[int], dict[str, Any]] = lambda epoch: {}) -> None:
        super().__init__()
        self.folder, self.facts = folder / BACKUP, facts

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Writes the backup of `epoch + 1` epochs done; a loss that is NaN leaves the last good one."""
        if self.model.stop_training:
            return
        done = epoch + 1
        target = self.folder / f"epoch-{done:05d}"
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(target) as new:
            new.mkdir()
            with replacing(new / "state.weights.h5") as weights:
                self.model.save_weights(weights)
            write_json(new / "state.json", {"epochs_done": done, **self.facts(done)})
        for path in self.folder.iterdir():
            if path != target:
                shutil.rmtree(path, ignore_errors=True)


def restore(model: keras.Model, folder: Path) -> dict[str, Any]:
    """Loads the newest backup into a compiled model.

    Args:
        model: As it was when the backup was written.
        folder: The run folder.

    Returns:
        The backup's facts, `epochs_done` among them; 0 epochs where there is no backup.
    """
    backups = sorted((folder / BACKUP).glob("epoch-*"))
    if not backups:
        return {"epochs_done": 0}
    model.optimizer.build(model.trainable_variables)  # its variables must exist to be loaded
    model.load_weights(backups[-1] / "state.weights.h5")
    return dict(json.loads((backups[-1] / "state.json").read_text(encoding="utf-8")))


def trim_log(folder: Path, epochs_done: int) -> float:
    """Drops the rows of epochs that will be repeated from the CSV log.

    Args:
        folder: The run folder.
        epochs_done: Epochs that the backup holds.

    Returns:
        The smallest validation loss of the rows that are left, or infinity.
    """
    path = folder / LOG
    if not path.is_file():
        return math.inf
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    kept = [row for row in rows if (row["epoch"] or "").isdigit() and int(row["epoch"]) < epochs_done]
    kept = [row for row in kept if None not in row.values()]  # a row cut short by the kill
    if not kept:
        path.unlink()
        return math.inf
    text = io.StringIO()
    writer = csv.DictWriter(text, list(kept[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(kept)
    write(path, text.getvalue())
    return min(float(row[MONITOR]) for row in kept)


def save_keras(model: keras.Model, path: Path) -> None:
    """Saves a model as a .keras file, atomically."""
    with replacing(path) as new:
        model.save(new)


def copy(source: Path, target: Path) -> None:
    """Copies a file so that the target is never half of it."""
    write(target, source.read_bytes())


@contextmanager
def averaged(model: keras.Model) -> Iterator[None]:
    """Holds the averaged weights in the model, if its optimiser keeps an average, and the raw ones after."""
    raw = _to_average(model)
    try:
        yield
    finally:
        if raw is not None:
            model.set_weights(raw)


def _to_average(model: keras.Model) -> list[Any] | None:
    """Replaces the weights by their average and returns the raw ones; None where there is no average."""
    if not model.optimizer.use_ema or not model.optimizer.built:
        return None
    raw: list[Any] = model.get_weights()
    model.optimizer.finalize_variable_values(model.trainable_variables)
    return raw
