"""Training on several hosts: the two overrides that `Model.fit` needs under MultiWorkerMirroredStrategy.

Plain `fit` fails there (Keras issue 20585, open): before the first step Keras reduces a whole batch across
the workers to learn its shape, and after each step it reduces a scalar loss along an axis that it does not
have. The two overrides below take this worker's own part of the batch, and reduce a scalar as one. With them
two workers end with the weights of plain gradient descent on the whole batch.

Both touch private names of `keras.src.backend.tensorflow.trainer`, so they are tied to the Keras releases on
which `tests/training/trainer/test_multiworker.py` was run, and refuse others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras.src.backend.tensorflow import trainer as _trainer

from zoo.errors import InvalidValue

TESTED = ("3.15",)  # Keras releases that the two-process test passed on


class MultiWorkerModel(keras.Model):
    """A functional model whose `fit` works with several workers; use inside `patched_reduction`."""

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        strategy = self.distribute_strategy
        if iterator is not None:  # shapes from this worker's own part of the batch
            for _, _, batches in iterator:
                data_batch = keras.tree.map_structure(
                    lambda value: strategy.experimental_local_results(value)[0], next(batches)
                )
                break
        with strategy.scope():
            self._symbolic_build(data_batch=data_batch)


@contextmanager
def patched_reduction() -> Iterator[None]:
    """Replaces Keras' reduction over replicas by one that takes scalars, for as long as it is entered.

    Raises:
        InvalidValue: This Keras is none of those that the overrides were tested on.
    """
    check_keras()
    original = _trainer.reduce_per_replica

    def reduce_per_replica(values: Any, strategy: Any, reduction: str) -> Any:
        if reduction in ("auto", "mean"):
            return keras.tree.map_structure(lambda value: strategy.reduce("MEAN", value, axis=None), values)
        return original(values, strategy, reduction)

    _trainer.reduce_per_replica = reduce_per_replica
    try:
        yield
    finally:
        _trainer.reduce_per_replica = original


def check_keras(version: str = keras.__version__) -> None:
    """Refuses a Keras whose private names may have moved."""
    if version.rpartition(".")[0] not in TESTED:
        raise InvalidValue(
            "Keras for multi-worker training",
            f"{' or '.join(f'{release}.x' for release in TESTED)} (the overrides use private names; run "
            "tests/training/trainer/test_multiworker.py with the new release, then add it to TESTED)",
            version,
        )
