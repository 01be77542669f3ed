"""End-to-end mass regression of merged a -> gamma gamma decays, from images of crystals (CMS-EGM-20-001)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from zoo.data.kinds.candidates import CANDIDATES
from zoo.models.mass_regressor import events
from zoo.models.mass_regressor.config import PRESETS
from zoo.models.network import Network

if TYPE_CHECKING:
    import awkward as ak
    import keras

__all__ = ["MassRegressor"]


class MassRegressor(Network):
    """End-to-end mass regressor."""

    schema = CANDIDATES
    presets = PRESETS
    baselines = ("mass_shapes",)
    cases = events.SAMPLE_CASES

    to_inputs = staticmethod(events.to_inputs)
    validate = staticmethod(events.validate)
    sample = staticmethod(events.sample)
    targets = staticmethod(events.targets)
    weights = staticmethod(events.weights)
    augment = staticmethod(events.augment)

    def builder(self) -> Callable[[Any], keras.Model]:
        from zoo.models.mass_regressor.model import build

        return build

    def compile_arguments(self) -> dict[str, Any]:
        from zoo.models.mass_regressor.objective import loss, metrics

        return {"loss": loss(self.config), "metrics": metrics(self.config)}

    def evaluate(self, records: ak.Array, outputs: ak.Array | None, **options: Any) -> dict[str, Any]:
        from zoo.models.mass_regressor.report import evaluate

        return evaluate(records, outputs, **options)

    def card_metrics(self, report: Mapping[str, Any], sample: str) -> list[dict[str, Any]]:
        from zoo.models.mass_regressor.report import card_metrics

        return card_metrics(report, sample)
