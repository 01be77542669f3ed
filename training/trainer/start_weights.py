"""Where a run starts that does not start from fresh weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import zoo
from zoo.errors import InvalidValue

if TYPE_CHECKING:
    import keras


def start_from(network: keras.Model, start: str) -> None:
    """Gives a network the weights of another one of the same model and sizes.

    Args:
        network: Takes the weights.
        start: A tag ("mlpf.pileup20_v1"), or the folder of a finished run.

    Raises:
        UnknownName: No such tag.
        InvalidFile: No finished run in that folder.
        InvalidValue: They are of another model, or of other sizes.
    """
    source = zoo.load(start)
    if source.name != network.name:
        raise InvalidValue("fit.start", f"a network {network.name}", f"{start}, a {source.name}")
    shapes, others = ([tuple(one.shape) for one in of.weights] for of in (network, source))
    if shapes != others:
        raise InvalidValue(
            "fit.start",
            f"weights of the recipe's configuration ({network.count_params():,} in {len(shapes)} arrays)",
            f"{start} ({source.count_params():,} in {len(others)})",
        )
    network.set_weights(source.get_weights())
