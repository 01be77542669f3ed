"""Configuration of the Dynamic Reduction Network, and its presets. No TensorFlow here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from zoo.errors import InvalidValue

HIT_FEATURES = ("ieta", "iphi", "energy_gev", "noise_gev", "dead_neighbours")
EVENT_FEATURES = ("rho_gev", "leakage_gev")
DSCB_PARAMETERS = ("mu", "sigma", "alpha_left", "n_left", "alpha_right", "n_right")

_CHOICES = {
    "hit_coordinates": ("cartesian", "local"),
    "aggregation": ("sum", "mean", "max", "mean_max"),
    "readout": ("max", "multiscale"),
    "estimate": ("mode", "median"),
    "graph": ("latent", "random"),
    "density": ("crystal_ball", "gaussian"),
}
_AT_LEAST = {
    "input_layers": 1,
    "aggregation_layers": 1,
    "message_layers": 1,
    "update_layers": 0,
    "output_layers": 1,
    "hidden": 1,
    "k": 1,
    "matching_rounds": 1,
    "message_width": 0,
    "output_width": 0,
    "core_image": 0,
}


@dataclass(frozen=True)
class DRNConfig:
    """Everything that `model.build` needs; the defaults are the published CMS network."""

    input_layers: int = 4  # dense layers that embed a hit
    aggregation_layers: int = 6  # rounds of graph building, EdgeConv and pooling
    message_layers: int = 3  # dense layers of the MLP on each edge; the first costs nothing per edge
    update_layers: int = 0  # dense layers on each node after the aggregation
    output_layers: int = 2  # dense layers from the pooled vector to the parameters, the last one linear
    hidden: int = 64  # width of a node
    message_width: int = 0  # width of the edge MLP before its last layer; 0: twice `hidden`
    output_width: int = 0  # width of the output layers; 0: as wide as their input
    graph: str = "latent"  # who is near: in the space of the embedded hits, or "random" (an ablation)
    k: int = 16  # nearest neighbours, the node itself included if `self_loops`
    self_loops: bool = True  # whether a node is its own neighbour
    undirected: bool = True  # whether messages also flow from a node to those that chose it
    matching_rounds: int = 6  # rounds of mutual-best matching in each pooling
    pool_farthest: bool = True  # merge the farthest linked pair (as the public code), else the nearest
    pool_last: bool = True  # whether the last aggregation layer is followed by a pooling of its own
    hit_coordinates: str = "cartesian"  # x, y, z, E, sigma; or "local": seed's frame, gaps, fractions
    event_inputs: bool = True  # whether rho and leakage are looked at; without, both count as zero
    event_to_hits: bool = False  # whether the features of the object enter the embedding of each hit
    place_embedding: bool = False  # whether each place in the window around the seed has a learned vector
    core_image: int = 0  # side of the square around the seed among the features of the object; 0: none
    aggregation: str = "sum"  # "sum", "mean", "max" or "mean_max" over a node's messages
    residual: bool = False  # whether the input of an aggregation layer is added to its output
    readout: str = "max"  # after the last pooling; "multiscale": max and energy-weighted mean each layer
    density: str = "crystal_ball"  # of log(E_true / E_raw); "gaussian": no tails (an ablation)
    estimate: str = "mode"  # of the predicted distribution that is the energy; or "median"
    initial_sigma: float = 0.05  # sigma of log(E_true / E_raw) where an untrained network starts

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise InvalidValue(f"DRNConfig.{name}", f"one of {choices}", repr(getattr(self, name)))
        for name, least in _AT_LEAST.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise InvalidValue(f"DRNConfig.{name}", f"an integer >= {least}", repr(value))
        for name in (
            "self_loops", "undirected", "pool_farthest", "pool_last", "event_inputs", "event_to_hits",
            "place_embedding", "residual",
        ):  # fmt: skip
            if not isinstance(getattr(self, name), bool):
                raise InvalidValue(f"DRNConfig.{name}", "true or false", repr(getattr(self, name)))
        if self.place_embedding and not self.event_to_hits:
            raise InvalidValue("DRNConfig.event_to_hits", "true with place_embedding", "false")
        if self.core_image and self.core_image % 2 == 0:
            raise InvalidValue("DRNConfig.core_image", "0 or an odd number of crystals", self.core_image)
        if not 1e-4 <= self.initial_sigma <= 1.0:
            raise InvalidValue("DRNConfig.initial_sigma", "a width in [1e-4, 1]", repr(self.initial_sigma))
        if self.aggregation == "mean_max" and self.update_layers == 0:
            raise InvalidValue(
                "DRNConfig.update_layers", ">= 1 with aggregation 'mean_max'", self.update_layers
            )


CMS = DRNConfig()
"""What CMS trains and deploys: 265,368 parameters."""

TWO_LAYER = DRNConfig(input_layers=1, aggregation_layers=2, message_layers=2, output_layers=3)
"""The defaults of the public minimal code: 59,166 parameters."""

BARREL = DRNConfig(
    input_layers=2,
    aggregation_layers=2,
    message_layers=2,
    update_layers=1,
    output_layers=3,
    hidden=64,
    message_width=64,
    output_width=128,
    k=8,
    undirected=False,
    matching_rounds=4,
    pool_farthest=False,
    pool_last=False,
    hit_coordinates="local",
    event_to_hits=True,
    aggregation="mean_max",
    residual=True,
    readout="multiscale",
)
"""The network of barrel_v1: local coordinates, directed neighbours, a readout after every layer."""

WINDOW = replace(
    BARREL,
    message_layers=1,
    output_layers=4,
    message_width=0,
    output_width=256,
    k=6,
    matching_rounds=2,
    place_embedding=True,
    core_image=5,
    estimate="median",
)
"""The network of all other tags: `BARREL` with learned places in the window, an image of the core, cheaper
edges and a wider readout."""

PRESETS: Mapping[str, DRNConfig] = MappingProxyType(
    {"cms": CMS, "two_layer": TWO_LAYER, "barrel": BARREL, "window": WINDOW}
)
