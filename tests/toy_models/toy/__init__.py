"""A tiny model for the tests."""

from zoo.models.toy import events
from zoo.models.toy.config import PRESETS

from zoo.models.network import Network


class Toy(Network):
    schema = events.TOYS
    presets = PRESETS
    to_inputs = staticmethod(events.to_inputs)
    validate = staticmethod(events.validate)
    sample = staticmethod(events.sample)

    def builder(self):
        from zoo.models.toy.model import build

        return build
