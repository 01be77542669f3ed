"""Dynamic Reduction Network: energy and its uncertainty of an electron or photon from its crystals.

| module | content |
| --- | --- |
| `config` | `DRNConfig` and the presets `cms`, `two_layer`, `barrel` |
| `model` | `build(config) -> keras.Model` |
| `hit_features`, `head` | the layers that only this network has |
| `objective` | loss, metrics |
| `events` | records to tensors, targets, sample events, checks |

Gray, Klijnsma, Ghosh, arXiv:2003.08013; CMS, CMS-DP-2022-009.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from zoo.data.kinds.objects import OBJECTS
from zoo.models.drn import events
from zoo.models.drn.config import PRESETS
from zoo.models.network import Network

if TYPE_CHECKING:
    import awkward as ak
    import keras

__all__ = ["DRN"]


class DRN(Network):
    """Dynamic Reduction Network."""

    schema = OBJECTS
    presets = PRESETS
    baselines = ("linear_calibration", "bdt_regression")
    cases = events.SAMPLE_CASES

    to_inputs = staticmethod(events.to_inputs)
    validate = staticmethod(events.validate)
    sample = staticmethod(events.sample)
    targets = staticmethod(events.targets)
    augment = staticmethod(events.augment)

    def builder(self) -> Callable[[Any], keras.Model]:
        from zoo.models.drn.model import build

        return build

    def compile_arguments(self) -> dict[str, Any]:
        from zoo.models.drn.objective import loss, metrics

        return {"loss": loss(self.config), "metrics": metrics(self.config)}

    def evaluate(self, records: ak.Array, outputs: ak.Array | None, **options: Any) -> dict[str, Any]:
        from zoo.models.drn.report import evaluate

        return evaluate(records, outputs, **options)

    def card_metrics(self, report: Mapping[str, Any], sample: str) -> list[dict[str, Any]]:
        from zoo.evaluation.energy.card_metrics import card_metrics

        return card_metrics(report, sample)

    def distribution(self, outputs: Any) -> Any:
        from zoo.models.drn.distribution import distribution

        return distribution(outputs)
