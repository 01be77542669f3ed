"""A baseline's recipe: the data block of a network, for the same events, and blocks of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.trainer import recipe as recipes
from training.trainer.recipe import Data
from zoo.errors import InvalidValue, UnknownName


@dataclass(frozen=True)
class BaselineRecipe:
    """What decides the weights of a baseline."""

    name: str  # of the recipe and of the baseline
    network: str  # the recipe whose events it is trained on
    data: Data
    blocks: Mapping[str, Any]  # frozen dataclasses of the baseline's own

    def to_dict(self) -> dict[str, Any]:
        """Returns plain tables, for `run.json`."""
        own = {name: dataclasses.asdict(block) for name, block in self.blocks.items()}
        return {"name": self.name, "data": {"recipe": self.network, **dataclasses.asdict(self.data)}, **own}


def read(name: str, blocks: Mapping[str, type], overrides: Mapping[str, Any]) -> BaselineRecipe:
    """Reads a baseline's recipe.

    Args:
        name: Its name in `recipes/`.
        blocks: Name -> frozen dataclass of each block of its own.
        overrides: Field -> value, written bare or with the block.

    Raises:
        UnknownName: A block or field that does not exist.
        InvalidValue: A field that is in two blocks, or a value that does not fit.
    """
    path = recipes.recipe_path(name)
    tables = recipes.read_toml(path)
    for key in tables:
        if key not in {"data", *blocks}:
            raise UnknownName("block", key, ["data", *blocks], path.name)
    data_table = dict(tables.get("data", {}))
    network = data_table.pop("recipe", "drn")
    known: dict[str, tuple[type, dict[str, Any]]] = {
        "data": (Data, {**dataclasses.asdict(recipes.read(network).data), **data_table})
    }
    known |= {block: (cls, dict(tables.get(block, {}))) for block, cls in blocks.items()}
    for key, value in overrides.items():
        wanted, _, field = key.rpartition(".")
        homes = [
            block
            for block, (cls, _) in known.items()
            if wanted in ("", block) and field in {item.name for item in dataclasses.fields(cls)}
        ]
        if not homes:
            fields = (item.name for cls, _ in known.values() for item in dataclasses.fields(cls))
            raise UnknownName("field", key, fields, f"the recipe {name}")
        if len(homes) > 1:
            raise InvalidValue(key, " or ".join(f"{home}.{field}" for home in homes), key)
        known[homes[0]][1][field] = value
    built: dict[str, Any] = {
        block: recipes.block(cls, table, f"[{block}] of {path.name}") for block, (cls, table) in known.items()
    }
    return BaselineRecipe(name, network, built.pop("data"), built)
