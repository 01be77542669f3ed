"""A tiny model of windows for the tests: two outputs have a loss, two axes of nodes."""

from zoo.models.toy_windows import events
from zoo.models.toy_windows.config import PRESETS

from zoo.data.kinds.clusters import WINDOWS
from zoo.models.network import Network


class ToyWindows(Network):
    schema = WINDOWS
    presets = PRESETS
    to_inputs = staticmethod(events.to_inputs)
    validate = staticmethod(events.validate)
    sample = staticmethod(events.sample)
    targets = staticmethod(events.targets)

    def builder(self):
        from zoo.models.toy_windows.model import build

        return build

    def compile_arguments(self):
        from zoo.models.toy_windows import objective

        return {
            "loss": objective.loss(self.config),
            "loss_weights": objective.loss_weights(self.config),
            "metrics": objective.metrics(self.config),
        }
