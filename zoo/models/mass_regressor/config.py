"""Configuration of the mass regressor, and its presets. No TensorFlow here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from zoo.data.images import SIDE
from zoo.errors import InvalidValue, UnknownName

CHANNELS = ("et_gev", "ez_gev")
SEED_FEATURES = ("ieta", "iphi")
LEAST_CROP = 17  # the largest square whose moments are features


@dataclass(frozen=True)
class MassRegressorConfig:
    """Everything that `model.build` needs; the defaults are the published CMS network."""

    stem_filters: int = 16  # channels of the first convolution; 0: no convolution at all, and no stages
    stem_kernel: int = 7  # its kernel, unpadded but for `stem_padding`
    stem_padding: int = 1  # zeros on each side before it
    filters: tuple[int, ...] = (16, 32, 32)  # channels of each stage
    blocks: tuple[int, ...] = (3, 1, 3)  # residual blocks of each stage
    strides: tuple[int, ...] = (1, 2, 1)  # stride of each stage's first block
    energy_scale_gev: float = 25.0  # an energy of this size is 1 inside, without `shares`
    mass_scale_gev: float = 1.6  # a mass of this size is 1 inside
    shares: bool = False  # the network sees shares of E_T, their moments and its sum, not energies in GeV
    crop: int = SIDE  # crystals along each side that the network sees, around the seed
    pool: str = "max"  # how an image becomes a vector: "max" over it, or "flatten"
    dense: tuple[int, ...] = ()  # widths of the layers between that vector and the mass
    activation: str = "relu"  # of all layers; or "silu"

    def __post_init__(self) -> None:
        for name in ("filters", "blocks", "strides"):
            values = getattr(self, name)
            object.__setattr__(self, name, tuple(values))  # lists come from recipes
            if any(not isinstance(v, int) or isinstance(v, bool) or v < 1 for v in values):
                raise InvalidValue(f"MassRegressorConfig.{name}", "integers >= 1", values)
            if bool(values) != bool(self.stem_filters):
                raise InvalidValue(
                    f"MassRegressorConfig.{name}", "stages if there is a stem, none if there is none", values
                )
            if len(values) != len(self.filters):
                raise InvalidValue(
                    f"MassRegressorConfig.{name}", f"{len(self.filters)} stages as in filters", values
                )
        for name, least in {"stem_filters": 0, "stem_kernel": 1, "stem_padding": 0}.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise InvalidValue(f"MassRegressorConfig.{name}", f"an integer >= {least}", repr(value))
        object.__setattr__(self, "dense", tuple(self.dense))
        if any(not isinstance(v, int) or isinstance(v, bool) or v < 1 for v in self.dense):
            raise InvalidValue("MassRegressorConfig.dense", "integers >= 1", self.dense)
        for name, known in {"pool": ("max", "flatten"), "activation": ("relu", "silu")}.items():
            if getattr(self, name) not in known:
                raise UnknownName(name, getattr(self, name), known, "MassRegressorConfig")
        least = LEAST_CROP if self.shares else self.stem_kernel
        if not isinstance(self.crop, int) or not least <= self.crop <= SIDE:
            raise InvalidValue("MassRegressorConfig.crop", f"an integer from {least} to {SIDE}", self.crop)
        for name in ("energy_scale_gev", "mass_scale_gev"):
            if not getattr(self, name) > 0:
                raise InvalidValue(f"MassRegressorConfig.{name}", "above 0", getattr(self, name))
        if self.crop + 2 * self.stem_padding < self.stem_kernel:
            raise InvalidValue(
                "MassRegressorConfig.stem_kernel", "at most the padded image", self.stem_kernel
            )


CMS = MassRegressorConfig()
"""The published network (CMS-EGM-20-001): 85,459 parameters."""

BARREL = MassRegressorConfig(
    stem_filters=0,
    filters=(),
    blocks=(),
    strides=(),
    shares=True,
    crop=23,
    pool="flatten",
    dense=(384, 192, 96),
    activation="silu",
)
"""The shipped network, an eightieth of the published one's products: the seed always stands in the middle, so
each place of the image has weights of its own, and no convolution is needed."""

PRESETS: Mapping[str, MassRegressorConfig] = MappingProxyType({"cms": CMS, "barrel": BARREL})
