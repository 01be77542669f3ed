"""Superclusters from a network's edge probabilities between seeds and clusters.

| module | content |
| --- | --- |
| `config` | `SuperclusterConfig` and its presets: `barrel` and those of the public networks |
| `windows` | from events of PF clusters to windows around seeds, with labels |
| `events` | windows to tensors, sample windows, checks |
| `model` | `build(config) -> keras.Model` |
| `cluster_features`, `hit_features`, `cluster_hits`, `blocks`, `head` | what that is made of |
| `objective` | targets, losses, metrics |
| `report` | edges, flavour and energy of windows, beside Mustache |
| `traversal` | from edge probabilities to superclusters |

Valsecchi for CMS, arXiv:2204.10277; the public code: DeepSuperCluster, CMSSW RecoEcal/EgammaCoreTools.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from zoo.data.kinds.clusters import WINDOWS
from zoo.models.network import Network
from zoo.models.supercluster import events
from zoo.models.supercluster.config import PRESETS

if TYPE_CHECKING:
    import awkward as ak
    import keras

__all__ = ["Supercluster"]


class Supercluster(Network):
    """Superclustering network. Its report computes Mustache itself, which has no trained weights."""

    schema = WINDOWS
    presets = PRESETS
    cases = events.SAMPLE_CASES

    to_inputs = staticmethod(events.to_inputs)
    validate = staticmethod(events.validate)
    sample = staticmethod(events.sample)
    simulate = staticmethod(events.simulate)
    targets = staticmethod(events.targets)
    augment = staticmethod(events.augment)

    def builder(self) -> Callable[[Any], keras.Model]:
        from zoo.models.supercluster.model import build

        return build

    def compile_arguments(self) -> dict[str, Any]:
        from zoo.models.supercluster.objective import loss, loss_weights, metrics

        weights = loss_weights(self.config)
        return {"loss": loss(self.config), "metrics": metrics(self.config), "loss_weights": weights}

    def evaluate(self, records: ak.Array, outputs: ak.Array | None, **options: Any) -> dict[str, Any]:
        from zoo.models.supercluster.report import evaluate

        return evaluate(records, outputs, **options)

    def card_metrics(self, report: Mapping[str, Any], sample: str) -> list[dict[str, Any]]:
        from zoo.models.supercluster.report import card_metrics

        return card_metrics(report, sample)
