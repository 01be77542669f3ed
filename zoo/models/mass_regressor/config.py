"""Configuration of the mass regressor, and its presets. No TensorFlow here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from zoo.data.images import SIDE
from zoo.errors import InvalidValue

CHANNELS = ("et_gev", "ez_gev")
SEED_FEATURES = ("ieta", "iphi")


@dataclass(frozen=True)
class MassRegressorConfig:
    """Everything that `model.build` needs; the defaults are the published CMS network."""

    stem_filters: int = 16  # channels of the first convolution
    stem_kernel: int = 7  # its kernel, unpadded but for `stem_padding`
    stem_padding: int = 1  # zeros on each side before it
    filters: tuple[int, ...] = (16, 32, 32)  # channels of each stage
    blocks: tuple[int, ...] = (3, 1, 3)  # residual blocks of each stage
    strides: tuple[int, ...] = (1, 2, 1)  # stride of each stage's first block
    energy_scale_gev: float = 25.0  # an energy of this size is 1 inside
    mass_scale_gev: float = 1.6  # a mass of this size is 1 inside

    def __post_init__(self) -> None:
        for name in ("filters", "blocks", "strides"):
            values = getattr(self, name)
            object.__setattr__(self, name, tuple(values))  # lists come from recipes
            if not values or any(not isinstance(v, int) or isinstance(v, bool) or v < 1 for v in values):
                raise InvalidValue(f"MassRegressorConfig.{name}", "integers >= 1", values)
            if len(values) != len(self.filters):
                raise InvalidValue(
                    f"MassRegressorConfig.{name}", f"{len(self.filters)} stages as in filters", values
                )
        for name, least in {"stem_filters": 1, "stem_kernel": 1, "stem_padding": 0}.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise InvalidValue(f"MassRegressorConfig.{name}", f"an integer >= {least}", repr(value))
        for name in ("energy_scale_gev", "mass_scale_gev"):
            if not getattr(self, name) > 0:
                raise InvalidValue(f"MassRegressorConfig.{name}", "above 0", getattr(self, name))
        if SIDE + 2 * self.stem_padding < self.stem_kernel:
            raise InvalidValue(
                "MassRegressorConfig.stem_kernel", "at most the padded image", self.stem_kernel
            )


CMS = MassRegressorConfig()
"""The published network (CMS-EGM-20-001): 85,459 parameters."""

PRESETS: Mapping[str, MassRegressorConfig] = MappingProxyType({"cms": CMS})
