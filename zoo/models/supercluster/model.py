"""The superclustering network as a functional Keras model.

clusters, hits -> clean -> canonical order -> features -> hits of a cluster: attention, mean -> dense ->
clusters of a window: learned graph, highway convolution, attention -> edge, flavour and energy heads.

Clusters and hits are rows of real ones, never of padding, but where they look at each other.
"""

from __future__ import annotations

import keras

from zoo.layers.canonical_order import CanonicalOrder
from zoo.layers.highway_convolution import HighwayConvolution
from zoo.layers.pairwise import PairwiseDistance
from zoo.layers.real_rows import GatherRows, ToRows, ToSets
from zoo.layers.sanitize import Sanitize, SanitizeFeatures
from zoo.layers.self_attention import SelfAttention
from zoo.layers.trim_padding import TrimPadding
from zoo.models.supercluster.blocks import (
    Sets,
    Tensor,
    attention_block,
    dense,
    dropped,
    normalised,
    pooled,
    sets_of,
    stack,
    transformer_block,
)
from zoo.models.supercluster.cluster_features import ClusterFeatures
from zoo.models.supercluster.cluster_hits import ClusterHits
from zoo.models.supercluster.config import (
    CLUSTER_FEATURES,
    FLAVOURS,
    HIT_FEATURES,
    WINDOW_FEATURES,
    SuperclusterConfig,
)
from zoo.models.supercluster.head import EdgeOutput, EnergyOutput, FlavourOutput, SelectedEnergy
from zoo.models.supercluster.hit_features import HitDistance, HitFeatures

ENERGY, IS_SEED = CLUSTER_FEATURES.index("energy_gev"), CLUSTER_FEATURES.index("is_seed")
HIT_ENERGY = HIT_FEATURES.index("energy_gev")


def build(config: SuperclusterConfig) -> keras.Model:
    """Builds the network with fresh weights.

    Args:
        config: The configuration; presets stand in `zoo.models.supercluster.config`.

    Returns:
        A model "supercluster" from a dict of `clusters` [B, N, 6] (ieta, iphi, energy GeV, eta, phi,
        is_seed), `cluster_mask` [B, N], `hits` [B, N, H, 4] (ieta, iphi, energy x fraction GeV, dead
        neighbours), `hit_mask` [B, N, H] and `window` [B, 2] (rho GeV, leakage GeV) to a dict of
        `edge_probability` and `edge_logit` [B, N], `flavour_probability` and `flavour_logit` [B, 3],
        `energy_gev` and `energy_factor` [B].
    """
    clusters = keras.Input((None, len(CLUSTER_FEATURES)), name="clusters", dtype="float32")
    cluster_mask = keras.Input((None,), name="cluster_mask", dtype="float32")
    hits = keras.Input((None, None, len(HIT_FEATURES)), name="hits", dtype="float32")
    hit_mask = keras.Input((None, None), name="hit_mask", dtype="float32")
    window = keras.Input((len(WINDOW_FEATURES),), name="window", dtype="float32")

    # === Clean, the seed first, then by falling energy ===
    clean, kept = Sanitize(positive_feature=ENERGY, name="sanitize")(clusters, cluster_mask)
    nodes, mask, order = CanonicalOrder(
        keys=[IS_SEED, ENERGY], descending=[IS_SEED, ENERGY], name="canonical_order"
    )(clean, kept)
    nodes, mask = TrimPadding(name="trim_padding")(nodes, mask)
    sets = sets_of(mask, "cluster_rows")
    clean_window = SanitizeFeatures(name="sanitize_window")(window)

    # === Hits of each cluster become one vector ===
    *groups, place = ClusterHits(name="cluster_hits")(hits, hit_mask, order, sets.rows, sets.slots)
    node_rows = ToRows(name="cluster_values")(nodes, sets.rows, sets.slots)
    hit_network, found = _hit_network(config), []
    for name, group in (("few", groups[:3]), ("many", groups[3:])):
        of_group = GatherRows(name=f"clusters_{name}_hits")(node_rows, group[2])
        found.append(hit_network([*group[:2], of_group]))
    hit_vector, shape = (
        GatherRows(name=name)(keras.layers.Concatenate(axis=0, name=f"{name}_groups")(list(parts)), place)
        for name, parts in zip(("hit_vector", "hit_shape"), zip(*found, strict=True), strict=True)
    )

    # === Clusters ===
    features, summary = ClusterFeatures(config.features, name="cluster_features")(nodes, mask, clean_window)
    features = ToRows(name="cluster_feature_rows")(features, sets.rows, sets.slots)
    x = keras.layers.Concatenate(name="cluster")([features, shape, hit_vector])
    x = stack(x, config.node_layers, config.node_width, config, "node", linear=False)
    x = normalised(x, "node_norm")
    # === Clusters of a window look at each other ===
    context = _graph if config.network == "graph" else _transformer
    both = keras.layers.Concatenate(name="context")([x, context(x, sets, config)])

    # === Heads ===
    edge = stack(both, config.edge_layers, 1, config, "edge", linear=True)
    selected, chosen = SelectedEnergy(name="selected_energy")(edge, nodes, mask, sets.rows, sets.slots)
    heads = _attention_heads if config.network == "graph" else _mean_heads
    flavour, energy = heads(both, edge, hit_vector, summary, sets, config)
    if config.features == "local":
        energy = keras.layers.Concatenate(name="energy_input")([energy, chosen, summary])
    flavour = stack(flavour, config.flavour_layers, len(FLAVOURS), config, "flavour", linear=True)
    factor = stack(energy, config.energy_layers, 1, config, "energy", linear=True)

    # === Answers ===
    edge_logit, edge_probability = EdgeOutput(name="edge_output")(
        edge, cluster_mask, order, sets.rows, sets.slots
    )
    flavour_logit, flavour_probability = FlavourOutput(name="flavour_output")(flavour, mask)
    energy_factor, energy = EnergyOutput(name="energy_output")(factor, selected)
    return keras.Model(
        {
            "clusters": clusters,
            "cluster_mask": cluster_mask,
            "hits": hits,
            "hit_mask": hit_mask,
            "window": window,
        },
        {
            "edge_probability": edge_probability,
            "flavour_probability": flavour_probability,
            "energy_gev": energy,
            "edge_logit": edge_logit,
            "flavour_logit": flavour_logit,
            "energy_factor": energy_factor,
        },
        name="supercluster",
    )


def _hit_network(config: SuperclusterConfig) -> keras.Model:
    """Builds the network from the hits of each cluster to a vector [R, U], 0 without hits, and its shape."""
    hits = keras.Input((None, len(HIT_FEATURES)), name="crystals", dtype="float32")
    mask = keras.Input((None,), name="crystal_mask", dtype="float32")
    clusters = keras.Input((len(CLUSTER_FEATURES),), name="cluster", dtype="float32")
    crystals, real, _ = CanonicalOrder(
        keys=[HIT_ENERGY], descending=[HIT_ENERGY], name="canonical_order_hits"
    )(hits, mask)
    features, shape = HitFeatures(config.features, name="hit_features")(crystals, real, clusters)
    sets = sets_of(real, "hit_rows")
    x = ToRows(name="hit_feature_rows")(features, sets.rows, sets.slots)
    if config.network == "transformer":
        for number in range(config.hit_blocks):
            x = transformer_block(
                x, sets, config.hit_width, config.hit_heads, config.hit_feed_forward, config, f"hits_{number}"
            )
        x = stack(x, (config.hit_width,), config.hit_width, config, "hits_dense", linear=False)
        return keras.Model(
            [hits, mask, clusters], [pooled(x, sets, "mean", "hits_mean"), shape], name="hit_network"
        )
    if config.hit_convolution:
        distance = HitDistance(name="hit_distance")(crystals, real, clusters)
        x = HighwayConvolution(
            config.hit_width, config.hit_convolution, config.activation, name="hits_convolution"
        )(x, distance, *sets)
    x = SelfAttention(config.hit_width, name="hits_attention")(x, *sets)
    x = dropped(x, config, "hits_attention")
    if config.hit_convolution:
        x = normalised(x, "hits_norm_0")
    more = stack(x, (config.hit_width,), config.hit_width, config, "hits_dense", linear=False)
    x = normalised(keras.layers.Add(name="hits_sum")([x, more]), "hits_norm_1")
    return keras.Model(
        [hits, mask, clusters], [pooled(x, sets, "mean", "hits_mean"), shape], name="hit_network"
    )


def _graph(x: Tensor, sets: Sets, config: SuperclusterConfig) -> Tensor:
    """Returns what each cluster learns from the others: places in a learned space, near ones, attention."""
    place = SelfAttention(config.coordinate_attention, name="coordinates_attention")(x, *sets)
    place = dense(place, config.coordinate_attention, config.activation, "coordinates_0")
    place = dense(place, config.coordinates, None, "coordinates_1")
    distance = PairwiseDistance(name="distance")(ToSets(name="coordinates")(place, sets.rows, sets.slots))
    near = HighwayConvolution(
        config.node_width, config.convolution_power, config.activation, name="convolution"
    )(x, distance, *sets)
    near = normalised(dropped(near, config, "convolution"), "convolution_norm")
    return attention_block(near, sets, config.edge_attention, config, "context")


def _attention_heads(
    both: Tensor, edge: Tensor, hits: Tensor, summary: Tensor, sets: Sets, config: SuperclusterConfig
) -> tuple[Tensor, Tensor]:
    """Returns a vector for the flavour and one for the energy, [B, U]: attention, sum over clusters."""
    flavour = attention_block(both, sets, config.flavour_attention, config, "flavour_block")
    flavour = keras.layers.Concatenate(name="flavour_input")(
        [summary, pooled(flavour, sets, "sum", "flavour_sum")]
    )
    flavour = dropped(normalised(flavour, "flavour_norm"), config, "flavour_norm")
    gate = edge
    if config.energy_gate == "probability":
        gate = keras.layers.Activation("sigmoid", name="energy_gate")(edge)
    energy = keras.layers.Concatenate(name="energy_nodes")([hits, both])
    energy = normalised(keras.layers.Multiply(name="energy_gated")([energy, gate]), "energy_norm")
    energy = attention_block(energy, sets, config.energy_attention, config, "energy_block")
    return flavour, dropped(pooled(energy, sets, "sum", "energy_sum"), config, "energy_sum")


def _transformer(x: Tensor, sets: Sets, config: SuperclusterConfig) -> Tensor:
    """Returns what each cluster learns from the others in a stack of transformer blocks."""
    for number in range(config.blocks):
        x = transformer_block(
            x, sets, config.node_width, config.heads, config.feed_forward, config, f"transformer_{number}"
        )
    return x


def _mean_heads(
    both: Tensor, edge: Tensor, hits: Tensor, summary: Tensor, sets: Sets, config: SuperclusterConfig
) -> tuple[Tensor, Tensor]:
    """As `_attention_heads`, with dense layers and the mean over clusters."""
    everywhere = keras.layers.Reshape((1, summary.shape[-1]), name="summary_row")(summary)
    real = keras.layers.Reshape((-1, 1), name="real")(sets.mask)
    everywhere = keras.layers.Multiply(name="summary_everywhere")([everywhere, real])
    everywhere = ToRows(name="summary_rows")(everywhere, sets.rows, sets.slots)
    vectors = []
    for name, parts in (("flavour", [both, everywhere, edge]), ("energy", [both, edge, hits])):
        x = normalised(keras.layers.Concatenate(name=f"{name}_nodes")(parts), f"{name}_norm")
        x = stack(x, (config.accumulator,), config.node_width, config, f"{name}_accumulator", linear=True)
        vectors.append(pooled(x, sets, "mean", f"{name}_mean"))
    return vectors[0], vectors[1]
