"""Configuration of the toy."""

from dataclasses import dataclass

from zoo.errors import InvalidValue


@dataclass(frozen=True)
class ToyConfig:
    """Configuration."""

    hidden: int = 8  # width

    def __post_init__(self):
        if self.hidden < 1:
            raise InvalidValue("hidden", "a positive number", self.hidden)


PRESETS = {"small": ToyConfig(), "wide": ToyConfig(hidden=16)}
