"""A training recipe: one TOML file, read into a frozen dataclass, with every key checked.

    recipe = read("drn").override({"hidden": 32, "learning_rate": 5e-4})
    recipe.config()      # the network's own frozen dataclass

A name given to `override` (the command line's `--set`) may be a field of any block of the recipe or of the
network's configuration. A name that is in two blocks (`seed`) is written with its block: `data.seed`,
`fit.seed`.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from training.trainer.distribute import STRATEGIES
from zoo.data.kinds.objects import OBJECTS
from zoo.errors import InvalidFile, InvalidValue, UnknownName
from zoo.models.network import Network, network

RECIPES = Path(__file__).parents[1] / "recipes"
OPTIMISERS = ("adamw", "muon")

Block = TypeVar("Block")


@dataclass(frozen=True)
class Data:
    """Which events a network or baseline sees: the same block gives the same events."""

    # names of `zoo.simulation.samples.SAMPLES`, superclusters such as "electrons@mustache", or "toy"
    samples: tuple[str, ...] = ("electrons", "photons")
    test_samples: tuple[str, ...] = ()  # of the test split alone; `samples` if none are named
    n: int = 200_000  # training objects, all samples together
    validation_n: int = 20_000  # validation objects, all samples together
    test_n: int = 40_000  # objects of the test split, all samples together
    seed: int = 1  # of the simulation; training, validation and test draw from disjoint streams of it
    pileup_free_fraction: float = 0.2  # share simulated without pile-up: the second set of the samples
    reachable_only: bool = True  # leave out raw/E outside (0.5, 2): no bounded correction reaches those
    shard_size: int = 5_000  # objects in a file: what an interrupted simulation loses at most

    def __post_init__(self) -> None:
        _positive(self, "n", "validation_n", "test_n", "shard_size")
        _within(self, "pileup_free_fraction", 0.0, 1.0)
        if not self.samples:
            raise InvalidValue("data.samples", "at least one sample", self.samples)


@dataclass(frozen=True)
class Optimiser:
    """AdamW or Muon, with a cosine from `learning_rate` to `final_learning_rate` after a linear warm-up."""

    name: str = "adamw"  # or "muon", for the matrices
    adamw_layers: tuple[str, ...] = ()  # under "muon": layers by name whose matrices take AdamW's steps
    learning_rate: float = 1e-3  # at the top of the schedule
    final_learning_rate: float = 1e-7  # at its end
    warmup_steps: int = 200  # linear, from zero
    weight_decay: float = 1e-2  # decoupled; biases are left out
    clipnorm: float = 1.0  # of the whole gradient; 0 switches it off
    ema_momentum: float = 0.0  # of the averaged weights that are validated and saved; 0 switches it off

    def __post_init__(self) -> None:
        if self.name not in OPTIMISERS:
            raise UnknownName("optimiser", self.name, OPTIMISERS)
        _positive(self, "learning_rate")
        _within(self, "final_learning_rate", 0.0, self.learning_rate)
        _within(self, "ema_momentum", 0.0, 0.99999)
        for name in ("warmup_steps", "weight_decay", "clipnorm"):
            _within(self, name, 0, float("inf"))


@dataclass(frozen=True)
class Fit:
    """How long, in which portions, from which seed."""

    batch_size: int = 256  # objects in a step, all replicas together
    steps: int = 4_000  # optimiser steps; rounded down to whole epochs
    steps_per_epoch: int = 200  # two to three minutes: what a killed run loses at most
    validation_batch_size: int = 256  # changes no result
    seed: int = 1  # initial weights and order of the data
    start: str = ""  # whose weights to start from: a tag or the folder of a run; fresh ones if empty
    strategy: str = "none"  # none | mirrored | multiworker

    def __post_init__(self) -> None:
        _positive(self, "batch_size", "steps", "steps_per_epoch", "validation_batch_size")
        if self.strategy not in STRATEGIES:
            raise UnknownName("strategy", self.strategy, STRATEGIES)

    @property
    def epochs(self) -> int:
        """Number of epochs: as many whole ones as fit into `steps`, at least one."""
        return max(1, self.steps // self.steps_per_epoch)

    @property
    def epoch_steps(self) -> int:
        """Steps of one epoch; fewer than `steps_per_epoch` only in a run shorter than that."""
        return min(self.steps, self.steps_per_epoch)

    @property
    def total_steps(self) -> int:
        """Steps that are really taken."""
        return self.epochs * self.epoch_steps


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights of a network."""

    model: str  # folder under zoo/models
    preset: str  # named configuration of that model
    overrides: Mapping[str, Any] = field(default_factory=dict)  # single fields of the configuration replaced
    data: Data = field(default_factory=Data)
    optimiser: Optimiser = field(default_factory=Optimiser)
    fit: Fit = field(default_factory=Fit)

    def __post_init__(self) -> None:
        schema = self.network().schema  # a bad preset or field must not wait for the simulation to end
        if self.data.reachable_only and schema != OBJECTS:
            raise InvalidValue("data.reachable_only", f"false for {schema.title} ({self.model})", True)

    def network(self) -> Network:
        """Returns the network: the preset with the overrides applied.

        Raises:
            UnknownName: No such model, preset or field.
        """
        preset = network(self.model, self.preset)
        known = [item.name for item in dataclasses.fields(preset.config)]
        values = {}
        for key, value in self.overrides.items():
            if key not in known:
                raise UnknownName("field", key, known, f"the configuration of {self.model}")
            values[key] = _like(getattr(preset.config, key), value, f"{self.model}.{key}")
        return network(self.model, self.preset, **values) if values else preset

    def config(self) -> Any:
        """Returns the network's configuration."""
        return self.network().config

    def override(self, values: Mapping[str, Any]) -> Recipe:
        """Returns the recipe with single fields replaced, wherever they live.

        Args:
            values: Field -> value. A field is written bare, or with its block: "data.seed", "model.hidden".

        Raises:
            UnknownName: No block has that field.
            InvalidValue: Two blocks have it, or the value does not fit.
        """
        recipe = self
        for key, value in values.items():
            recipe = recipe._override_one(key, value)
        return recipe

    def to_dict(self) -> dict[str, Any]:
        """Returns plain tables, as they stand in the TOML file and in `run.json`."""
        return {
            "model": {"name": self.model, "preset": self.preset, **self.overrides},
            **{name: dataclasses.asdict(getattr(self, name)) for name in _BLOCKS},
        }

    def _override_one(self, key: str, value: Any) -> Recipe:
        fields = {name: {item.name for item in dataclasses.fields(getattr(self, name))} for name in _BLOCKS}
        fields["model"] = {item.name for item in dataclasses.fields(self.config())} | {"preset"}
        block, _, name = key.rpartition(".")
        homes = [home for home, names in fields.items() if name in names and block in ("", home)]
        if not homes:
            choices = set().union(*fields.values()) if not block else fields.get(block, set())
            names = {f"{block}.{item}" for item in choices} if block else choices
            raise UnknownName("field", key, names or fields, "the recipe or the model's configuration")
        if len(homes) > 1:
            raise InvalidValue(key, " or ".join(f"{home}.{name}" for home in homes), key)
        if homes == ["model"]:
            if name == "preset":
                return dataclasses.replace(self, preset=value)
            return dataclasses.replace(self, overrides={**self.overrides, name: value})
        old = getattr(self, homes[0])
        new = dataclasses.replace(old, **{name: _like(getattr(old, name), value, f"{homes[0]}.{name}")})
        return dataclasses.replace(self, **{homes[0]: new})


_BLOCKS = {"data": Data, "optimiser": Optimiser, "fit": Fit}


def read(name_or_path: str | Path) -> Recipe:
    """Reads a recipe by its name in `recipes/` or from a TOML file.

    Args:
        name_or_path: "drn", or a path that ends in .toml.

    Raises:
        UnknownName: No such recipe, block, field, preset or model.
        InvalidFile: The file is not TOML.
    """
    path = recipe_path(name_or_path)
    return from_dict(read_toml(path), str(path.name))


def from_dict(tables: Mapping[str, Any], where: str = "the recipe") -> Recipe:
    """Builds a recipe from its tables (the inverse of `Recipe.to_dict`)."""
    known = ["model", *_BLOCKS]
    for key in tables:
        if key not in known:
            raise UnknownName("block", key, known, where)
    model = dict(tables.get("model", {}))
    for key in ("name", "preset"):
        if key not in model:
            raise InvalidValue(f"[model] {key} of {where}", "a name", "nothing")
    blocks: dict[str, Any] = {
        key: block(cls, tables.get(key, {}), f"[{key}] of {where}") for key, cls in _BLOCKS.items()
    }
    return Recipe(model.pop("name"), model.pop("preset"), model, **blocks)


def recipe_path(name_or_path: str | Path) -> Path:
    """Returns the file of a recipe: a path is taken as it is, a name is looked up in `recipes/`."""
    path = Path(name_or_path)
    if path.suffix == ".toml":
        if not path.is_file():
            raise InvalidFile(path, "no such recipe file.")
        return path
    path = RECIPES / f"{name_or_path}.toml"
    if not path.is_file():
        raise UnknownName(
            "recipe", name_or_path, (item.stem for item in RECIPES.glob("*.toml")), "training/recipes"
        )
    return path


def read_toml(path: Path) -> dict[str, Any]:
    """Reads a TOML file, with the file's name in the error."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise InvalidFile(path, f"not a TOML file: {error}.") from error


def block(cls: type[Block], table: Mapping[str, Any], where: str) -> Block:
    """Builds one frozen dataclass of defaults from a table, every key and type checked.

    Args:
        cls: A dataclass whose fields all have defaults.
        table: Field -> value.
        where: What to call the table in an error.

    Returns:
        An instance of `cls`.
    """
    defaults = cls()
    known = [item.name for item in dataclasses.fields(defaults)]  # type: ignore[arg-type]
    values = {}
    for key, value in table.items():
        if key not in known:
            raise UnknownName("field", key, known, where)
        values[key] = _like(getattr(defaults, key), value, f"{key} in {where}")
    return dataclasses.replace(defaults, **values)  # type: ignore[type-var]


def parse_assignments(pairs: Iterable[str]) -> dict[str, Any]:
    """Parses the command line's `--set name=value` pairs; a value is TOML, or else a plain word.

    Raises:
        InvalidValue: A pair without "=".
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise InvalidValue("--set", "name=value", pair)
        try:
            values[key.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            values[key.strip()] = text
    return values


def _like(default: Any, value: Any, what: str) -> Any:
    """Returns `value` as the type of `default`, or says that it cannot be one."""
    if isinstance(default, tuple) and isinstance(value, (list, tuple)):
        return tuple(value)
    if isinstance(default, tuple) and isinstance(value, str):
        return tuple(value.split(","))
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if (
        isinstance(default, int)
        and not isinstance(default, bool)
        and isinstance(value, float)
        and value == int(value)
    ):
        return int(value)  # 1e6 is an integer to a physicist
    if default is not None and type(value) is not type(default):
        raise InvalidValue(what, f"a value of type {type(default).__name__}, like {default!r}", repr(value))
    return value


def _positive(instance: Any, *names: str) -> None:
    for name in names:
        if getattr(instance, name) <= 0:
            raise InvalidValue(name, "a positive number", getattr(instance, name))


def _within(instance: Any, name: str, low: float, high: float) -> None:
    if not low <= getattr(instance, name) <= high:
        raise InvalidValue(name, f"a number from {low:g} to {high:g}", getattr(instance, name))
