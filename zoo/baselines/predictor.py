"""The weights of a baseline that belong beside those of a network."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from zoo.registry import baselines, info

if TYPE_CHECKING:
    import awkward as ak

Predict = Callable[["ak.Array"], "ak.Array"]


def predictor(baseline: str, tag: str = "") -> Predict:
    """Returns a baseline's `predict` with the weights of a tag, or its default ones if it has no such tag.

    A network of photons, `drn.barrel_photons_v1`, is compared with the trees of the same photons.

    Args:
        baseline: Name of the baseline.
        tag: Name of the network's tag; "" for the default weights.
    """
    predict: Predict = importlib.import_module(f"zoo.baselines.{baseline}").predict
    trained = baseline in baselines() and tag in info(baseline).tags
    return functools.partial(predict, weights=tag) if trained else predict
