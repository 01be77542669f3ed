"""Where a run starts that does not start from fresh weights."""

from __future__ import annotations

import numpy as np

import zoo
from training.recipe import Recipe
from zoo.errors import InvalidValue
from zoo.registry import model_module


def start_weights(recipe: Recipe) -> list[np.ndarray]:
    """Returns the weights that a recipe starts from.

    Raises:
        UnknownName, InvalidFile: No such tag, or no finished run in that folder.
        InvalidValue: They are of another model or of other sizes.
    """
    source = zoo.load(recipe.fit.start)
    wanted = model_module(recipe.model, "model").build(recipe.config())
    if source.name != wanted.name:
        raise InvalidValue("fit.start", f"a network {wanted.name}", f"{recipe.fit.start}, a {source.name}")
    shapes, others = ([tuple(one.shape) for one in network.weights] for network in (wanted, source))
    if shapes != others:
        raise InvalidValue(
            "fit.start",
            f"weights of the recipe's configuration ({wanted.count_params():,} in {len(shapes)} arrays)",
            f"{recipe.fit.start} ({source.count_params():,} in {len(others)})",
        )
    weights: list[np.ndarray] = source.get_weights()
    return weights
