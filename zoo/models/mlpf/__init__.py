"""Machine-learned particle flow: tracks and clusters of an event in, one particle or none for each out.

| module | content |
| --- | --- |
| `config` | `MLPFConfig` and its presets: `small`, `delphes` and those of the public networks |
| `model` | `build(config) -> keras.Model` |
| `element_features`, `decoding`, `head` | what that is made of, beside `zoo.layers.combined_graph` |
| `events` | records to tensors, targets, sample events, checks |
| `objective`, `target_jets` | losses, metrics; the jets that a loss is about |
| `report` | the network beside rule-based particle flow: figures, goals, plots, page |

Pata et al., arXiv:2101.08578; for CMS arXiv:2203.00330; the public code: jpata/particleflow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from zoo.arrays import Floats32
from zoo.data.kinds.elements import ELEMENT_EVENTS
from zoo.models.mlpf import events
from zoo.models.mlpf.config import PRESETS
from zoo.models.network import Network

if TYPE_CHECKING:
    import awkward as ak
    import keras
    import numpy.typing as npt

__all__ = ["MLPF"]


class MLPF(Network):
    """Machine-learned particle flow. Its report computes rule-based particle flow itself."""

    schema = ELEMENT_EVENTS
    presets = PRESETS
    cases = events.SAMPLE_CASES

    def to_inputs(self, records: ak.Array) -> dict[str, Floats32]:
        return events.to_inputs(records, self.config.feature_names)

    def validate(self, inputs: Mapping[str, npt.NDArray[Any]]) -> None:
        events.validate(inputs, self.config.feature_names)

    sample = staticmethod(events.sample)
    simulate = staticmethod(events.simulate)
    targets = staticmethod(events.targets)

    def builder(self) -> Callable[[Any], keras.Model]:
        from zoo.models.mlpf.model import build

        return build

    def compile_arguments(self) -> dict[str, Any]:
        from zoo.models.mlpf.objective import loss, loss_weights, metrics

        weights = loss_weights(self.config)
        return {"loss": loss(self.config), "metrics": metrics(self.config), "loss_weights": weights}

    def evaluate(self, records: ak.Array, outputs: ak.Array | None, **options: Any) -> dict[str, Any]:
        from zoo.models.mlpf.report import evaluate

        return evaluate(records, outputs, **options)

    def card_metrics(self, report: Mapping[str, Any], sample: str) -> list[dict[str, Any]]:
        from zoo.models.mlpf.report import card_metrics

        return card_metrics(report, sample)
