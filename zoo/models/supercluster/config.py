"""Configuration of the superclustering network, and its presets. No TensorFlow here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from zoo.errors import InvalidValue

CLUSTER_FEATURES = ("ieta", "iphi", "energy_gev", "eta", "phi", "is_seed")
HIT_FEATURES = ("ieta", "iphi", "energy_gev", "dead_neighbours")
WINDOW_FEATURES = ("rho_gev", "leakage_gev")
FLAVOURS = ("jet", "electron", "photon")

_CHOICES = {
    "network": ("graph", "transformer"),
    "features": ("eoy2018", "acat22", "run3", "local"),
    "energy_gate": ("logit", "probability"),
    "activation": ("elu", "selu", "relu", "silu"),
}
_AT_LEAST = {
    "hit_convolution": 0, "convolution_power": 1, "hit_width": 1, "node_width": 1, "coordinate_attention": 1,
    "coordinates": 1, "edge_attention": 1, "flavour_attention": 1, "energy_attention": 1, "hit_blocks": 1,
    "hit_heads": 1, "hit_feed_forward": 1, "blocks": 1, "heads": 1, "feed_forward": 1, "accumulator": 1,
}  # fmt: skip
_WEIGHTS = (
    "edge_weight", "soft_f1_weight", "energy_soft_f1_weight", "flavour_weight", "energy_weight",
)  # fmt: skip


@dataclass(frozen=True)
class SuperclusterConfig:
    """Everything that `model.build` and `objective` need; the defaults are the EOY_2018 network of CMS."""

    network: str = "graph"  # learned graph and self-attention, or "transformer"
    features: str = "eoy2018"  # of clusters, hits and windows; see `cluster_features`, `hit_features`
    hit_width: int = 25  # of the vector that the hits of a cluster become
    hit_convolution: int = 3  # power of the highway convolution on the hits; 0: none
    node_layers: tuple[int, ...] = (256, 128, 128, 64)  # dense layers on each cluster
    node_width: int = 64  # of a cluster behind them, and in every layer that follows
    coordinate_attention: int = 10  # width of the self-attention that places the clusters
    coordinates: int = 3  # dimensions of the space in which clusters are near each other
    convolution_power: int = 3  # power of the highway convolution on the clusters
    edge_attention: int = 64  # width of the self-attention of the edge head
    edge_layers: tuple[int, ...] = (256, 128, 128, 64)  # dense layers of the edge head
    flavour_attention: int = 64  # width of the self-attention of the flavour head
    flavour_layers: tuple[int, ...] = (128, 64, 64)  # dense layers of the flavour head
    energy_attention: int = 64  # width of the self-attention of the energy head
    energy_layers: tuple[int, ...] = (256, 128, 128, 64)  # dense layers of the energy head
    energy_gate: str = "logit"  # what of the edge multiplies a cluster in the energy head; "probability"
    activation: str = "elu"  # of all layers
    dropout: float = 0.01  # in training
    # network "transformer" alone
    hit_blocks: int = 2  # transformer blocks on the hits
    hit_heads: int = 1  # their heads
    hit_feed_forward: int = 64  # width of their dense layers
    blocks: int = 5  # transformer blocks on the clusters
    heads: int = 8  # their heads
    feed_forward: int = 1024  # width of their dense layers
    accumulator: int = 128  # width of the dense layer on each cluster before it is averaged
    # loss
    edge_weight: float = 100.0  # of the cross-entropy of the edges, the mean over a window's clusters
    soft_f1_weight: float = 1.0  # of 1 - F1 of the edges of a window
    energy_soft_f1_weight: float = 100.0  # the same with each cluster counting by its energy
    soft_f1_beta: float = 1.5  # above 1: a lost cluster costs more than a wrong one
    flavour_weight: float = 1.0  # of the cross-entropy of the flavour
    energy_weight: float = 0.05  # of Huber and quantile loss of the energy
    energy_power: float = 0.0  # the energy's error is (E - E_true) / E_true^power; 0: in GeV
    energy_huber: float = 5.0  # where the Huber loss becomes linear, in the unit of the error

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise InvalidValue(
                    f"SuperclusterConfig.{name}", f"one of {choices}", repr(getattr(self, name))
                )
        for name, least in _AT_LEAST.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise InvalidValue(f"SuperclusterConfig.{name}", f"an integer >= {least}", repr(value))
        for name in ("node_layers", "edge_layers", "flavour_layers", "energy_layers"):
            value = getattr(self, name)
            if not isinstance(value, tuple) or not all(isinstance(n, int) and n >= 1 for n in value):
                raise InvalidValue(f"SuperclusterConfig.{name}", "a tuple of integers >= 1", repr(value))
        for width, heads in (("node_width", "heads"), ("hit_width", "hit_heads")):
            if self.network == "transformer" and getattr(self, width) % getattr(self, heads):
                expected = f"a divisor of {width}, {getattr(self, width)}"
                raise InvalidValue(f"SuperclusterConfig.{heads}", expected, getattr(self, heads))
        for name in (*_WEIGHTS, "energy_power"):
            if not 0.0 <= getattr(self, name) < float("inf"):
                raise InvalidValue(f"SuperclusterConfig.{name}", "0 or more", getattr(self, name))
        for name in ("soft_f1_beta", "energy_huber"):
            if not 0.0 < getattr(self, name) < float("inf"):
                raise InvalidValue(f"SuperclusterConfig.{name}", "above 0", getattr(self, name))
        if not 0.0 <= self.dropout < 1.0:
            raise InvalidValue("SuperclusterConfig.dropout", "a fraction in [0, 1)", self.dropout)


EOY2018 = SuperclusterConfig()
"""The network of CMSSW's EOY_2018 file: 388,758 parameters, as there."""

ACAT22 = replace(EOY2018, features="acat22")
"""The baseline of 2022, 15 cluster and 6 window features: 387,966 parameters, as the public table says.

Its published training configuration has a wider `coordinate_attention` of 15, which makes 389,071.
"""

SIMPLE_RECHITS = replace(
    ACAT22,
    hit_width=10,
    hit_convolution=0,
    convolution_power=1,
    node_layers=(128, 128),
    edge_layers=(64, 64),
    flavour_layers=(32, 32),
    energy_layers=(32, 32),
)
"""No graph on the hits and thinner layers: 168,860 parameters, as the public table says."""

TRANSFORMER = SuperclusterConfig(
    network="transformer",
    features="run3",
    hit_width=16,
    node_layers=(256, 128),
    node_width=128,
    edge_layers=(256, 256),
    flavour_layers=(128, 128),
    energy_layers=(128, 128),
    activation="selu",
    dropout=0.02,
    flavour_weight=0.8,
    energy_weight=0.0,
)
"""The transformer of Run 3, its seventh version as described; no public count is known to compare with.

The reference trains its energy head with weight 0: give `energy_weight` to get an answer from it.
"""

BARREL = SuperclusterConfig(
    features="local",
    hit_width=16,
    hit_convolution=0,
    node_layers=(128, 96),
    node_width=64,
    coordinate_attention=16,
    coordinates=4,
    convolution_power=1,
    edge_attention=64,
    edge_layers=(96, 48),
    flavour_attention=32,
    flavour_layers=(48,),
    energy_attention=32,
    energy_layers=(48,),
    energy_gate="probability",
    dropout=0.0,
    edge_weight=1.0,
    soft_f1_weight=0.01,
    energy_soft_f1_weight=1.0,
    flavour_weight=0.2,
    energy_weight=1.0,
    energy_power=1.0,
    energy_huber=0.1,
)
"""The shipped network for the barrel: features relative to the seed, logarithms, no graph on the hits."""

PRESETS: Mapping[str, SuperclusterConfig] = MappingProxyType(
    {
        "barrel": BARREL,
        "eoy2018": EOY2018,
        "acat22": ACAT22,
        "simple_rechits": SIMPLE_RECHITS,
        "transformer": TRANSFORMER,
    }
)
