"""Configuration of the MLPF network, and its presets. No TensorFlow here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from zoo.data.elements import ELEMENT_FEATURES
from zoo.data.kinds.elements import CLASSES as CMS_CLASSES
from zoo.data.kinds.elements import ELEMENT_TYPES
from zoo.errors import InvalidValue

_SEED = ELEMENT_FEATURES.index("gsf_seed") + 1

FEATURES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cms25": ELEMENT_FEATURES,
        "cms25_dz": (*ELEMENT_FEATURES, "dz_cm"),
        "cms41": (
            *ELEMENT_FEATURES[:_SEED], "gsf_seed_dnn_1", "gsf_seed_dnn_2", "gsf_seed_dnn_3",
            "gsf_seed_dnn_4", "gsf_seed_dnn_5", *ELEMENT_FEATURES[_SEED:], "corrected_energy_error_gev",
            "vx_cm", "vy_cm", "vz_cm", "pt_error_gev", "eta_error", "phi_error", "lambda", "lambda_error",
            "theta", "theta_error",
        ),
        "delphes12": (
            "kind", "pt_gev", "eta", "sin_phi", "cos_phi", "energy_gev", "eta_outer", "sin_phi_outer",
            "cos_phi_outer", "charge", "is_muon", "is_electron",
        ),
    }
)  # fmt: skip
"""Features of an element by the name of the input; `cms25` and `cms41` are in the public code's order."""

TYPES: Mapping[str, int] = MappingProxyType(
    {name: 3 if name == "delphes12" else len(ELEMENT_TYPES) for name in FEATURES}
)
"""Number of element types, `none` (0) among them. Delphes has tracks (1) and clusters (2)."""

_DELPHES_CLASSES = ("none", "charged hadron", "neutral hadron", "photon", "electron", "muon")

CLASSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {name: _DELPHES_CLASSES if name == "delphes12" else CMS_CLASSES for name in FEATURES}
)
"""What an element can become, by the name of the input."""

_KINDS = (("track",), ("ECAL cluster",), ("HCAL cluster",), ("HF electromagnetic", "HF hadronic"))
_CMS_KINDS = tuple(tuple(ELEMENT_TYPES.index(kind) for kind in kinds) for kinds in _KINDS)

ENERGY_KINDS: Mapping[str, tuple[tuple[int, ...], ...]] = MappingProxyType(
    {name: ((1,), (2,)) if name == "delphes12" else _CMS_KINDS for name in FEATURES}
)
"""Types whose energies are added up together around each element."""

MASS_GEV: Mapping[str, float] = MappingProxyType(
    {
        "none": 0.0,
        "charged hadron": 0.13957,  # pi+
        "neutral hadron": 0.49761,  # K0_L
        "HF hadron": 0.13957,
        "HF electromagnetic": 0.0,
        "photon": 0.0,
        "electron": 0.000511,
        "muon": 0.10566,
    }
)
"""Mass hypothesis of each class."""

MOMENTUM = ("pt_gev", "eta", "sin_phi", "cos_phi", "energy_gev")
"""Columns of the output `momentum`."""

VISIBLE = ("px_gev", "py_gev", "pz_gev", "energy_gev")
"""Columns of the output `visible`."""

_CHOICES = {
    "features": tuple(FEATURES),
    "update": ("concat", "additive"),
    "activation": ("elu", "selu", "relu", "silu"),
}
_AT_LEAST = {
    "bin_size": 2, "directions": 1, "rounds": 1, "distance_dim": 1, "distance_width": 1, "distance_layers": 0,
    "width": 1, "messages": 1, "id_layers": 1, "regression_layers": 1, "encoding_width": 0, "head_width": 2,
    "energy_radii": 0, "class_width": 2, "class_layers": 1, "energy_width": 2, "slices": 1,
}  # fmt: skip
_WEIGHTS = (
    "class_weight", "charge_weight", "pt_weight", "eta_weight", "phi_weight", "energy_weight", "jet_weight",
    "met_weight", "density_weight", "wasserstein_weight",
)  # fmt: skip


@dataclass(frozen=True)
class MLPFConfig:
    """Everything that `model.build` and `objective` need; the defaults are the talk's tuned table."""

    features: str = "cms25"  # of an element; see `FEATURES`
    legacy: bool = False  # the public network with its quirks; see `zoo.models.mlpf.model`
    # graph layers
    bin_size: int = 256  # most elements in a bin
    directions: int = 100  # random directions of a hash: half the public code's max_num_bins
    rounds: int = 1  # hashes, each with directions of its own, in every graph layer
    distance_dim: int = 128  # dimensions of the learned space
    position_scale: float = 0.0  # of eta and phi at the ECAL's face beside that space, at first; 0: not there
    energy_radii: int = 0  # within which energies around each element are added up, by kind; 0: they are not
    distance_width: int = 32  # of the dense layers that place an element there
    distance_layers: int = 2  # their number, without the last one
    width: int = 256  # of an element behind a graph layer
    messages: int = 1  # in each graph layer
    id_layers: int = 4  # graph layers for the class
    regression_layers: int = 4  # graph layers for the momentum
    encoding_width: int = 0  # of a dense layer on each element before the graph layers; 0: none
    update: str = "concat"  # heads see the outputs of all graph layers, or "additive": their sum
    skip: bool = True  # with "concat", heads see the features of the element too
    # heads: two dense layers, the second half as wide, and a linear one
    class_width: int = 1024  # of the class
    class_layers: int = 2  # dense layers of the class, each half as wide as the one before
    energy_width: int = 1024  # of the energy, or of the momentum
    head_width: int = 64  # of the others
    activation: str = "elu"  # of all layers
    dropout: float = 0.0  # behind graph layers and in heads, in training
    # loss
    class_weight: float = 100.0  # of the focal loss
    focal_gamma: float = 2.0  # its exponent
    focal_alpha: float = 0.25  # weight of the right class against the others
    class_pt_power: float = 0.0  # an element's class counts as this power of its pT
    charge_weight: float = 1.0  # of the squared error of the charge
    pt_weight: float = 1.0  # of the Huber loss of log pT
    eta_weight: float = 1.0  # of eta
    phi_weight: float = 1.0  # of sin phi and of cos phi
    energy_weight: float = 1.0  # of log E
    momentum_huber: float = 1.0  # where the loss of log pT and log E becomes linear
    angle_huber: float = 0.1  # where that of eta, sin phi and cos phi does
    pt_power: float = 0.0  # a particle's momentum counts as this power of its pT
    jet_weight: float = 0.0  # of the momenta of the target's jets
    met_weight: float = 0.0  # of the vector sum of transverse momenta
    density_weight: float = 0.0  # of the transverse momentum per area
    wasserstein_weight: float = 0.0  # of the sliced Wasserstein distance
    slices: int = 64  # its number of directions

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise InvalidValue(f"MLPFConfig.{name}", f"one of {choices}", repr(getattr(self, name)))
        for name, least in _AT_LEAST.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise InvalidValue(f"MLPFConfig.{name}", f"an integer >= {least}", repr(value))
        if self.class_width >> (self.class_layers - 1) < 1:
            raise InvalidValue(
                "MLPFConfig.class_layers", "few enough to halve class_width", self.class_layers
            )
        for name in (*_WEIGHTS, "focal_gamma", "class_pt_power", "pt_power", "position_scale"):
            if not 0.0 <= getattr(self, name) < float("inf"):
                raise InvalidValue(f"MLPFConfig.{name}", "0 or more", getattr(self, name))
        for name in ("momentum_huber", "angle_huber"):
            if not 0.0 < getattr(self, name) < float("inf"):
                raise InvalidValue(f"MLPFConfig.{name}", "above 0", getattr(self, name))
        if not 0.0 <= self.focal_alpha <= 1.0:
            raise InvalidValue("MLPFConfig.focal_alpha", "from 0 to 1", self.focal_alpha)
        if not 0.0 <= self.dropout < 1.0:
            raise InvalidValue("MLPFConfig.dropout", "a fraction in [0, 1)", self.dropout)
        for name in ("position_scale", "energy_radii"):
            if self.legacy and getattr(self, name):
                raise InvalidValue(f"MLPFConfig.{name}", "0 in the public network", getattr(self, name))
        if self.legacy and self.rounds > 1:
            raise InvalidValue("MLPFConfig.rounds", "1 in the public network", self.rounds)
        if self.update == "additive" and not self.encoding_width:
            raise InvalidValue("MLPFConfig.encoding_width", "1 or more, to add up outputs of one width", 0)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Features of an element."""
        return FEATURES[self.features]

    @property
    def classes(self) -> tuple[str, ...]:
        """What an element can become."""
        return CLASSES[self.features]

    @property
    def types(self) -> int:
        """Number of element types."""
        return TYPES[self.features]


NOV2022 = MLPFConfig(legacy=True)
"""The MLPF talk's tuned table with the heads of the public code of its month: 7,209,351 trainable parameters.

With the codebook of the hashes, 102,400 numbers that are not trained: 7,311,751.
"""

OCT2022 = replace(NOV2022, class_width=64, energy_width=64)
"""The same table with the heads of the last public configuration before the talk: 2,060,391 + 102,400."""

ACAT2022 = replace(
    NOV2022,
    features="cms41",
    bin_size=100,
    distance_dim=64,
    distance_width=128,
    width=1024,
    messages=2,
    id_layers=3,
    regression_layers=3,
    encoding_width=1024,
    update="additive",
    skip=False,
    class_width=512,
    class_layers=3,
    energy_width=256,
    head_width=256,
    class_weight=1.0,
)
"""CMS's model of ACAT 2022, not that of the table: 42,535,439 + 38,400 = 42,573,839, as published."""

SMALL = MLPFConfig(
    bin_size=128,
    directions=16,
    distance_dim=16,
    position_scale=100.0,
    energy_radii=2,
    width=64,
    id_layers=2,
    regression_layers=2,
    class_width=64,
    energy_width=64,
    head_width=32,
    class_pt_power=0.5,
    pt_power=0.5,  # makes exp of the mean logarithm the mean of a log-normal spread
    pt_weight=2.0,
    eta_weight=10.0,
    phi_weight=10.0,
    energy_weight=2.0,
)
"""The network to ship: the corrected one, with about 100,000 weights, at most 1 MFLOP for an element."""

DELPHES = replace(SMALL, features="delphes12")
"""The same for tracks and towers of Delphes (EDM4hep files): 12 features, six classes."""

PRESETS: Mapping[str, MLPFConfig] = MappingProxyType(
    {"small": SMALL, "delphes": DELPHES, "nov2022": NOV2022, "oct2022": OCT2022, "acat2022": ACAT2022}
)
