"""`Network`: everything that belongs to one network of the zoo, from records to the report.

A network is a folder with a `card.toml` and a package whose `__init__.py` holds one subclass of `Network`.
`network(name, preset)` makes the object; predicting, training, tuning, export, release,
evaluation and the conformance tests take it and nothing else of the model.

`builder` and `compile_arguments` alone import Keras: reading, evaluating and predicting in another runtime
load no TensorFlow.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from zoo import models
from zoo.arrays import Floats32
from zoo.cards.registry import info, only_subclass, search_path, split_name
from zoo.errors import InvalidValue, UnknownName

if TYPE_CHECKING:
    import awkward as ak
    import keras
    import numpy as np
    import numpy.typing as npt

    from zoo.cards.card import ModelCard
    from zoo.data.feeding.flat import Flat
    from zoo.data.kinds.schema import Schema

    Arrays = dict[str, npt.NDArray[Any]]

__all__ = ["Network", "network"]


def network(name: str, preset: str = "", **overrides: Any) -> Network:
    """Returns a network by name: what belongs to it, in one configuration. No TensorFlow is imported.

    Args:
        name: The model, or model and tag ("drn.barrel_v1"), whose preset is meant if none is given.
        preset: One of the card's presets.
        **overrides: Single fields of the preset's configuration to replace.

    Raises:
        UnknownName: There is no such model, tag, preset or field; the nearest names are listed.
        InvalidValue: It is a baseline.
        InvalidFile: Its package does not hold one subclass of `Network`.
    """
    card = info(name)
    if card.kind == "baseline":
        expected = f"a network; use zoo.baselines.{card.name}.predict(records)"
        raise InvalidValue("model", expected, repr(name))
    for folder in search_path()[1:]:
        if str(folder) not in models.__path__:
            models.__path__.append(str(folder))
    tag = split_name(name)[1]
    preset = preset or (card.tag(tag).preset if tag else "")
    found: Network = only_subclass(Network, card, f"zoo.models.{card.name}")(card, preset, overrides)
    return found


class Network(ABC):
    """One network in one configuration.

    Args:
        card: The model's card.
        preset: Name of a preset, the default one if empty.
        overrides: Single fields of the preset to be replaced.

    Attributes:
        card: The card; its inputs and outputs are those of the preset.
        preset: Name of the preset.
        config: The configuration, a frozen dataclass.
        schema: The kind of records that it reads.
        presets: Configurations by name, those of the card.
        baselines: Trained baselines of its report, the strongest last.
        cases: What the first events of `sample` are.

    Raises:
        UnknownName: No such preset or field; the nearest names are listed.
    """

    schema: ClassVar[Schema]
    presets: ClassVar[Mapping[str, Any]]
    baselines: ClassVar[tuple[str, ...]] = ()
    cases: ClassVar[tuple[str, ...]] = ()

    def __init__(self, card: ModelCard, preset: str = "", overrides: Mapping[str, Any] | None = None) -> None:
        self.preset = preset or card.default_preset
        if self.preset not in self.presets:
            raise UnknownName("preset", self.preset, self.presets, where=f"the card of {card.name}")
        self.config = _replaced(self.presets[self.preset], overrides or {}, card.name)
        self.card = card.of_preset(self.preset)

    @property
    def name(self) -> str:
        """Name in the registry."""
        return self.card.name

    @property
    def folder(self) -> Path:
        """Folder of the model's sources and card."""
        if self.card.path is None:
            raise InvalidValue(f"card of {self.name}", "one that was read from a file", "one made in memory")
        return self.card.path.parent

    # === Records and tensors ===

    @abstractmethod
    def to_inputs(self, records: ak.Array) -> Arrays:
        """Turns records into the input tensors of the card, padded to the longest record."""

    @abstractmethod
    def validate(self, inputs: Mapping[str, npt.NDArray[Any]]) -> None:
        """Checks input tensors beyond what the card says.

        Raises:
            InvalidValue: What was expected and what came, for the first thing that is wrong.
        """

    @abstractmethod
    def sample(self, n: int, seed: int) -> ak.Array:
        """Makes small events quickly, for tests and goldens: the edge cases of `cases` first."""

    def to_records(self, outputs: Mapping[str, ak.Array | npt.NDArray[Any]]) -> ak.Array:
        """Turns outputs into records, one field an output: a number, or lists as deep as it has axes.

        Args:
            outputs: By the names of the card: `[B, ...]`; those per node may be jagged.
        """
        import awkward as ak

        return ak.zip(
            {name: ak.from_regular(values, axis=None) for name, values in outputs.items()}, depth_limit=1
        )

    # === Training ===

    def simulate(self, sample: str, n: int, seed: int, *, split: str, pileup: bool, truth: bool) -> ak.Array:
        """Simulates records of `schema`, for training; here any sample of `zoo.simulation` of that kind.

        Args:
            sample: Name of a sample.
            n: Number of records, or of events where each makes any number of records.
            seed: Same seed, same records.
            split: "train", "validation" or "test".
            pileup: Whether there is any, where the sample has it.
            truth: Whether to keep all particles and their deposits.

        Raises:
            UnknownName: No such sample of this kind.
        """
        from zoo.simulation.samples import simulate_kind

        return simulate_kind(self.schema, sample, n, seed, split=split, pileup=pileup, truth=truth)

    def targets(self, records: ak.Array) -> Arrays:
        """Computes the target of each output that has a loss, `[B, ...]` by the output's name."""
        raise InvalidValue("training", "a network with targets", repr(self.name))

    def weights(self, records: ak.Array) -> Floats32 | None:
        """Computes the weight of each record in the loss, `[B]`, or None: all count the same."""
        return None

    def augment(self, flat: Flat, rng: np.random.Generator) -> Flat:
        """Puts flat arrays of some records under a random symmetry of the detector; here none."""
        return flat

    @abstractmethod
    def builder(self) -> Callable[[Any], keras.Model]:
        """Imports the function that builds the network of a configuration, with fresh weights.

        The import registers the layers that a `.keras` file of this network names.
        """

    def build(self) -> keras.Model:
        """Builds the network with fresh weights; its inputs and outputs are those of the card.

        The model's attribute `network` is this object.
        """
        model = self.builder()(self.config)
        model.network = self
        return model

    def compile_arguments(self) -> dict[str, Any]:
        """Returns `loss`, `metrics` and, of several losses, `loss_weights` by output, for `Model.compile`."""
        raise InvalidValue("training", "a network with a loss", repr(self.name))

    # === What users do with the answers ===

    def evaluate(
        self,
        records: ak.Array,
        outputs: ak.Array | None,
        *,
        out: str | Path,
        baselines: Mapping[str, ak.Array] | None = None,
        metadata: Mapping[str, Any] | None = None,
        progress: Callable[[str, float], None] | None = None,
        replicas: int = 100,
    ) -> dict[str, Any]:
        """Writes the report of predictions beside those of baselines on the same records.

        Args:
            records: Records with truth, in the order of the predictions.
            outputs: What `zoo.predict` returned; None, where a report allows it, for the baselines alone.
            out: Folder of the report; an older report there is replaced.
            baselines: Name -> predictions.
            metadata: Facts about the sample for the page.
            progress: Called with a text and the fraction done.
            replicas: Bootstrap replicas.

        Returns:
            The content of report.json.

        Raises:
            InvalidValue: No truth, or another number of predictions than of records.
            InvalidFile: The folder cannot be written.
        """
        raise InvalidValue("evaluate", "a network with a report", repr(self.name))

    def card_metrics(self, report: Mapping[str, Any], sample: str) -> list[dict[str, Any]]:
        """Picks the metrics of a card from a report.

        Args:
            report: What `evaluate` returned.
            sample: The events in words.

        Returns:
            One table for each metric, with the fields of `zoo.cards.card.Metric`.
        """
        raise InvalidValue("card_metrics", "a network with a report", repr(self.name))

    def distribution(self, outputs: Any) -> Any:
        """Turns outputs into distributions of the physical quantity.

        Raises:
            InvalidValue: The network predicts none.
        """
        raise InvalidValue("distribution", "a model that predicts one", repr(self.name))


def _replaced(config: Any, overrides: Mapping[str, Any], name: str) -> Any:
    fields = [field.name for field in dataclasses.fields(config)]
    for field in overrides:
        if field not in fields:
            raise UnknownName("override", field, fields, where=f"the configuration of {name}")
    return dataclasses.replace(config, **overrides)
