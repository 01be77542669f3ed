"""Configuration of the toy of windows."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ToyWindowsConfig:
    """Configuration."""

    flavour_weight: float = 0.5  # of the loss of the flavour, that of the edges counting 2


PRESETS = {"small": ToyWindowsConfig()}
