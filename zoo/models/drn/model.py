"""The Dynamic Reduction Network as a functional Keras model.

hits -> clean -> canonical order -> features -> embedding -> (neighbours -> EdgeConv -> pooling) x L ->
readout -> head.
"""

from __future__ import annotations

import keras

from zoo.layers.canonical_order import CanonicalOrder
from zoo.layers.edge_conv import EdgeConv
from zoo.layers.fan_in_uniform import FanInUniform
from zoo.layers.flat_dense import FlatDense
from zoo.layers.graph_pooling import GraphPooling
from zoo.layers.knn import NearestNeighbours
from zoo.layers.masked_reductions import MaskedPooling
from zoo.layers.sanitize import Sanitize, SanitizeFeatures
from zoo.layers.trim_padding import TrimPadding
from zoo.models.drn.config import DSCB_PARAMETERS, EVENT_FEATURES, HIT_FEATURES, DRNConfig
from zoo.models.drn.head import CorrectedEnergy, CrystalBallHead
from zoo.models.drn.hit_features import CartesianFeatures, HitEnergy, LocalFeatures
from zoo.models.drn.places import CoreImage, PlaceEmbedding
from zoo.models.drn.random_space import RandomSpace

ENERGY = HIT_FEATURES.index("energy_gev")


def dense(units: int, fan_in: int, activation: str | None, name: str) -> keras.layers.Dense:
    """Returns a dense layer with PyTorch's default initialisation."""
    return FlatDense(
        units,
        activation=activation,
        kernel_initializer=FanInUniform(fan_in),
        bias_initializer=FanInUniform(fan_in),
        name=name,
    )


def _stack(x: keras.KerasTensor, widths: list[int], name: str) -> keras.KerasTensor:
    """Applies dense layers with ELU, called `name_0`, `name_1`, ..."""
    for number, width in enumerate(widths):
        x = dense(width, x.shape[-1], "elu", f"{name}_{number}")(x)
    return x


def _message_widths(config: DRNConfig) -> list[int]:
    """Returns the widths of the edge MLP: wide, and `hidden` at last."""
    wide = config.message_width or 2 * config.hidden
    return [wide] * (config.message_layers - 1) + [config.hidden]


def _embed(
    nodes: keras.KerasTensor, whole: keras.KerasTensor, place: list[keras.KerasTensor], config: DRNConfig
) -> keras.KerasTensor:
    """Embeds each hit, with the features of its object if the configuration says so."""
    widths = [config.hidden] * config.input_layers
    if config.event_to_hits:
        fan_in = nodes.shape[-1] + whole.shape[-1]
        context = dense(config.hidden, fan_in, None, "embed_event")(whole)
        context = keras.layers.Reshape((1, config.hidden), name="embed_event_row")(context)
        nodes = keras.layers.Add(name="embed_sum")(
            [dense(config.hidden, fan_in, None, "embed_hit")(nodes), context, *place]
        )
        nodes = keras.layers.Activation("elu", name="embed_0")(nodes)
        widths = widths[1:]
    return keras.layers.Identity(name="embedding")(
        _stack(nodes, widths, "embed_hit" if config.event_to_hits else "embed")
    )


def _read(
    nodes: keras.KerasTensor, mask: keras.KerasTensor, weight: keras.KerasTensor, name: str
) -> list[keras.KerasTensor]:
    """Returns the max and the energy-weighted mean over the nodes."""
    return [
        MaskedPooling("max", name=f"{name}_max")(nodes, mask),
        MaskedPooling("mean", name=f"{name}_mean")(nodes, weight),
    ]


def build(config: DRNConfig) -> keras.Model:
    """Builds the network with fresh weights.

    Args:
        config: The configuration; presets stand in `zoo.models.drn.config`.

    Returns:
        A model "drn" from a dict of `hits` [B, N, 5] (ieta, iphi, energy GeV, noise GeV, dead neighbours),
        `hit_mask` [B, N] and `event` [B, 2] (rho GeV, leakage GeV) to a dict of `energy_gev` [B],
        `sigma_gev` [B] and `dscb` [B, 6]. The layers "embedding" (a node per hit) and "readout" (a vector
        per object) are there for feature extraction.
    """
    hits = keras.Input((None, len(HIT_FEATURES)), name="hits", dtype="float32")
    hit_mask = keras.Input((None,), name="hit_mask", dtype="float32")
    event = keras.Input((len(EVENT_FEATURES),), name="event", dtype="float32")

    # === Clean, sorted by falling energy, scaled ===
    clean, mask = Sanitize(positive_feature=ENERGY, name="sanitize")(hits, hit_mask)
    clean, mask, _ = CanonicalOrder(keys=[ENERGY], descending=[ENERGY], name="canonical_order")(clean, mask)
    clean, mask = TrimPadding(name="trim_padding")(clean, mask)
    clean_event = SanitizeFeatures(name="sanitize_event")(event)
    if not config.event_inputs:
        clean_event = keras.layers.Rescaling(0.0, name="no_event")(clean_event)
    weight, raw_energy = HitEnergy(name="hit_energy")(clean)
    features = CartesianFeatures if config.hit_coordinates == "cartesian" else LocalFeatures
    nodes, whole = features(name="features")(clean, mask, clean_event)

    if config.core_image:
        image = CoreImage(config.core_image, name="core_image")(clean, mask)
        whole = keras.layers.Concatenate(name="whole")([whole, image])

    # === Embedding ===
    place = []
    if config.place_embedding:
        place = [PlaceEmbedding(config.hidden, name="place_embedding")(clean, mask)]
    nodes = _embed(nodes, whole, place, config)

    # === Graph: link, convolve, merge ===
    scales = _read(nodes, mask, weight, "embedding") if config.readout == "multiscale" else []
    for layer in range(config.aggregation_layers):
        space = nodes if config.graph == "latent" else RandomSpace(layer, name=f"random_space_{layer}")(mask)
        receiver, sender, adjacency = NearestNeighbours(
            config.k, config.self_loops, config.undirected, name=f"neighbours_{layer}"
        )(space, mask)
        messages = EdgeConv(_message_widths(config), config.aggregation, name=f"edge_conv_{layer}")(
            nodes, receiver, sender
        )
        messages = _stack(messages, [config.hidden] * config.update_layers, f"update_{layer}")
        nodes = keras.layers.Add(name=f"residual_{layer}")([nodes, messages]) if config.residual else messages
        if config.readout == "multiscale":
            scales += _read(nodes, mask, weight, f"layer_{layer}")
        if config.pool_last or layer + 1 < config.aggregation_layers:
            nodes, mask, weight = GraphPooling(
                config.matching_rounds, config.pool_farthest, config.self_loops, name=f"pooling_{layer}"
            )(nodes, adjacency, mask, weight)

    # === Readout and head ===
    if config.readout == "max":
        scales = [MaskedPooling("max", name="pool_max")(nodes, mask)]
    vector = keras.layers.Concatenate(name="readout")([*scales, whole])
    width = config.output_width or vector.shape[-1]
    vector = _stack(vector, [width] * (config.output_layers - 1), "output")
    parameters = dense(len(DSCB_PARAMETERS), vector.shape[-1], None, "parameters")(vector)
    dscb = CrystalBallHead(config.initial_sigma, config.density, name="dscb")(parameters)
    energy, sigma = CorrectedEnergy(config.estimate, name="corrected_energy")(raw_energy, dscb)

    return keras.Model(
        {"hits": hits, "hit_mask": hit_mask, "event": event},
        {"energy_gev": energy, "sigma_gev": sigma, "dscb": dscb},
        name="drn",
    )
