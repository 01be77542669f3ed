"""The only file that touches private or version-dependent Keras API.

Everything else in the library uses the public API of Keras 3 and registers its classes through `register`,
so that a change in Keras is mended here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras

__all__ = ["PACKAGE", "check_backend", "register"]

PACKAGE = "zoo"
"""The registered name of a class is "zoo>Name" in every saved file, whatever module it lives in."""

_Class = TypeVar("_Class", bound=type)


def register(name: str) -> Callable[[_Class], _Class]:
    """Registers a class for saving under "zoo>`name`", so that files survive a move of the class.

    Args:
        name: The name in saved files; never changed once weights are released.

    Returns:
        A class decorator.
    """
    found: Callable[[_Class], _Class] = keras.saving.register_keras_serializable(PACKAGE, name)
    return found


def check_backend() -> None:
    """Demands the TensorFlow backend, which the layers are written for.

    Raises:
        RuntimeError: Keras was imported with another backend.
    """
    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(
            "the zoo needs Keras with the TensorFlow backend: expected KERAS_BACKEND=tensorflow before the "
            f"first import of keras. Received: {keras.backend.backend()!r}"
        )


check_backend()
