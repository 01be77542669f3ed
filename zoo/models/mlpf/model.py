"""The MLPF network as a functional Keras model.

elements -> clean -> canonical order -> rows -> features -> two stacks of graph layers, for the class and for
the momentum -> heads -> particles, one for each element, in the order in which the elements came.

With `legacy` it is the public network of 2022 (Pata et al., arXiv:2101.08578, arXiv:2203.00330), weight for
weight:

| | public | default |
| --- | --- | --- |
| order of the elements | decides where bins are cut | canonical |
| number of bins | from the padded size, so that padding changes answers | from the real elements |
| size of the bins | full ones, and a rest | balanced |
| hash | one digit | two, the second for what one value holds alone |
| distance | with a cusp at 0 | smooth |
| energies around an element | not known as sums | added up by kind, where the preset says so |
| learned space | starts without any place | eta and phi stand beside it, where the preset says so |
| outputs of the regression stack | twice in the input of its heads | once |
| class logits | twice, of energy and pT | once |
| pT, E, direction | three answers, sines that are none | one momentum, the mass of the class |
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import keras

from zoo.layers.bin_layout import BinLayout
from zoo.layers.canonical_order import CanonicalOrder
from zoo.layers.combined_graph import CombinedGraph
from zoo.layers.flat_dense import FlatDense
from zoo.layers.real_rows import RealRows, ToRows
from zoo.layers.surrounding_sums import SurroundingSums
from zoo.layers.trim_padding import TrimPadding
from zoo.models.mlpf.config import MLPFConfig
from zoo.models.mlpf.decoding import DecodingHeads
from zoo.models.mlpf.element_features import CleanElements, ElementFeatures, FacePosition, KindEnergies
from zoo.models.mlpf.head import LegacyParticle, Particle, ParticleOutput

Tensor: TypeAlias = "keras.KerasTensor"
EPSILON = 1e-3  # of the normalisation before the heads, as in the public network
ORDER = ("pt_gev", "energy_gev", "eta")  # first keys of the canonical order


class Stack(NamedTuple):
    """What a stack of graph layers gives to the heads: its pieces, each once, and how often they count."""

    pieces: list[Tensor]
    copies: list[int]


def build(config: MLPFConfig) -> keras.Model:
    """Builds the network with fresh weights.

    Args:
        config: The configuration; presets stand in `zoo.models.mlpf.config`.

    Returns:
        A model "mlpf" from a dict of `elements` [B, N, F] (`config.feature_names`) and `element_mask` [B, N]
        to a dict of `class_logit` and `class_probability` [B, N, C] (`config.classes`), `charge` [B, N],
        `momentum` [B, N, 5] (pT GeV, eta, sin phi, cos phi, E GeV) and `visible` [B, N, 4] (px, py, pz, E in
        GeV, times the probability of not being "none").
    """
    elements = keras.Input((None, len(config.feature_names)), name="elements", dtype="float32")
    element_mask = keras.Input((None,), name="element_mask", dtype="float32")

    # === Clean, in canonical order, real ones as rows ===
    nodes, mask = CleanElements(name="clean")(elements, element_mask)
    order = None
    if not config.legacy:
        keys = [config.feature_names.index(name) for name in ORDER]
        nodes, mask, order = CanonicalOrder(keys, descending=keys[:2], name="canonical_order")(nodes, mask)
        nodes, mask = TrimPadding(name="trim_padding")(nodes, mask)
    rows, slots = RealRows(name="element_rows")(mask)
    nodes = ToRows(name="element_values")(nodes, rows, slots)
    layout = BinLayout(config.bin_size, padded=config.legacy, name="bins")(mask, rows)
    positions = FacePosition(config.features, name="positions")(nodes)

    # === Features, graph layers ===
    encoded = ElementFeatures(config.features, config.legacy, name="features")(nodes)
    if config.energy_radii:
        energies = KindEnergies(config.features, name="energies")(nodes)
        around = SurroundingSums(config.energy_radii, config.directions, name="energies_around")
        encoded = _joined([encoded, around(energies, positions, layout)], "features_and_sums")
    if config.encoding_width:
        encoded = _dense(encoded, config.encoding_width, config, "encoding_0")
        encoded = _dense(encoded, config.width, config, "encoding_1")
    where = (layout, positions if config.position_scale else None)
    id_stack = _stack(encoded, where, config.id_layers, config, "id_graph", copies=1)
    copies = 2 if config.legacy else 1
    regression = _stack(encoded, where, config.regression_layers, config, "regression_graph", copies=copies)

    # === Heads ===
    x = _joined(id_stack.pieces, "id_input")
    x = keras.layers.LayerNormalization(epsilon=EPSILON, name="id_norm")(x)
    small = config.head_width
    logits, charge = _heads(
        x,
        [
            ("class", config.class_width, config.class_layers, len(config.classes)),
            ("charge", small, 2, 1),
        ],
        (),
        config,
        "id_heads",
    )
    known = keras.ops.stop_gradient(logits)
    x = keras.layers.Concatenate(name="direction_input")([x, known])
    eta, phi = _heads(x, [("eta", small, 2, 1), ("phi", small, 2, 2)], (), config, "direction_heads")
    pieces = [x, *regression.pieces]
    x = _joined(pieces, "momentum_input")
    if config.legacy:
        stretches = _public_stretches(pieces, [1, *regression.copies], known.shape[-1])
        energy, pt = _heads(
            x,
            [("energy", config.energy_width, 2, 1), ("pt", small, 2, 2)],
            stretches,
            config,
            "momentum_heads",
        )
        particle = LegacyParticle(config.features, name="particle")(nodes, charge, eta, phi, energy, pt)
    else:
        (momentum,) = _heads(x, [("momentum", config.energy_width, 2, 1)], (), config, "momentum_heads")
        particle = Particle(config.features, name="particle")(nodes, logits, charge, eta, phi, momentum)

    # === Answers ===
    places = () if order is None else (order,)
    logit, probability, charge, momentum, visible = ParticleOutput(name="particle_output")(
        logits, *particle, element_mask, rows, slots, *places
    )
    return keras.Model(
        {"elements": elements, "element_mask": element_mask},
        {
            "class_logit": logit,
            "class_probability": probability,
            "charge": charge,
            "momentum": momentum,
            "visible": visible,
        },
        name="mlpf",
    )


def _dense(x: Tensor, width: int, config: MLPFConfig, name: str) -> Tensor:
    return FlatDense(width, activation=config.activation, name=name)(x)


def _stack(
    x: Tensor,
    where: tuple[list[Tensor], Tensor | None],
    layers: int,
    config: MLPFConfig,
    name: str,
    *,
    copies: int,
) -> Stack:
    """Applies graph layers `name_0`, `name_1`, ...; each output counts `copies` times for the heads."""
    pieces = [x] if config.skip else []
    for number in range(layers):
        y = CombinedGraph(
            config.width,
            config.distance_dim,
            config.distance_width,
            config.distance_layers,
            config.directions,
            config.rounds,
            config.messages,
            config.activation,
            config.legacy,
            config.position_scale,
            name=f"{name}_{number}",
        )(x, *where)
        if config.dropout:
            y = keras.layers.Dropout(config.dropout, name=f"{name}_{number}_dropout")(y)
        x = keras.layers.Add(name=f"{name}_{number}_sum")([x, y]) if config.update == "additive" else y
        pieces.append(x)
    if config.update == "additive":
        return Stack([x], [1])
    return Stack(pieces, [1] * int(config.skip) + [copies] * layers)


def _public_stretches(pieces: list[Tensor], copies: list[int], classes: int) -> list[tuple[int, int]]:
    """Returns `DecodingHeads.stretches` of the public network: all as often as they count, logits twice."""
    stretches: list[tuple[int, int]] = []
    offset = 0
    for piece, times in zip(pieces, copies, strict=True):
        width = piece.shape[-1]
        if not stretches:  # normalised output of the id stack, then the logits
            stretches += [(0, width - classes), (width - classes, classes)]
        else:
            stretches += [(offset, width)] * times
        offset += width
    return [*stretches, stretches[1]]


def _heads(
    x: Tensor,
    heads: list[tuple[str, int, int, int]],
    stretches: tuple[()] | list[tuple[int, int]],
    config: MLPFConfig,
    name: str,
) -> list[Tensor]:
    logits: list[Tensor] = DecodingHeads(heads, stretches, config.activation, config.dropout, name=name)(x)
    return logits


def _joined(pieces: list[Tensor], name: str) -> Tensor:
    return pieces[0] if len(pieces) == 1 else keras.layers.Concatenate(name=name)(pieces)
