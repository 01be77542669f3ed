"""Branch maps: how the fields of the records are called in somebody's own ntuple.

A small TOML file, one line a field:

    tree = "ntuple/photons"

    [fields]
    "hits.energy_gev" = { branch = "rechit_e", factor = 0.001 }   # stored in MeV
    "hits.ieta" = "rechit_ieta"
    "hits.noise_gev" = { constant = 0.08 }
    true_eta = { branch = "gen_eta", optional = true }

`factor` turns their unit into ours. A field that is `optional` is left out where the file lacks its branch;
truth and provenance are optional by nature. A `constant` stands for a branch that nobody stored.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.data.kinds.objects import OBJECTS
from zoo.data.kinds.schema import Schema
from zoo.errors import InvalidFile, InvalidValue, UnknownName

__all__ = ["Branch", "BranchMap", "kind_of_map", "own_map", "read_branch_map"]

_KEYS = ("branch", "factor", "optional", "constant")


@dataclass(frozen=True)
class Branch:
    """Where one field comes from.

    Attributes:
        branch: Name of the branch; "" where `constant` is given.
        factor: Their unit times this factor is our unit.
        optional: The field is left out where the file lacks the branch.
        constant: A number that stands for a branch nobody stored.
    """

    branch: str = ""
    factor: float = 1.0
    optional: bool = False
    constant: float | None = None


@dataclass(frozen=True)
class BranchMap:
    """Names of tree and branches for the fields of the records.

    Attributes:
        tree: Path of the TTree in the file.
        fields: Field -> where it comes from.
        schema: Kind of the records.
    """

    tree: str
    fields: Mapping[str, Branch]
    schema: Schema = OBJECTS

    def __post_init__(self) -> None:
        for name, entry in self.fields.items():
            if name not in self.schema.by_name:
                raise UnknownName("field", name, self.schema.by_name, "the branch map")
            if (entry.branch == "") == (entry.constant is None):
                raise InvalidValue(f"branch map entry {name!r}", "either a branch or a constant", entry)
        for needed in self.schema.fields:
            derived = needed.name in ("seed_ieta", "seed_iphi")  # the hottest hit, where no branch is given
            if needed.role == "input" and not derived and needed.name not in self.fields:
                raise InvalidValue(
                    f"branch map entry {needed.name!r}",
                    f"a branch or a constant ({needed.meaning})",
                    "no entry",
                )

    def present(self, branches: Iterable[str], where: str) -> dict[str, Branch]:
        """Entries that a file can serve.

        Args:
            branches: Names of the branches in the file.
            where: Name of the file, for the error.

        Returns:
            Field -> branch, without the optional ones that the file lacks.

        Raises:
            UnknownName: A branch that is not optional is not in the file; lists the nearest ones.
        """
        names = list(branches)
        known = set(names)
        found: dict[str, Branch] = {}
        for name, entry in self.fields.items():
            if entry.constant is not None or entry.branch in known:
                found[name] = entry
            elif not entry.optional:
                raise UnknownName(
                    "branch", entry.branch, names, f"{where} (tree {self.tree!r}, field {name!r})"
                )
        return found


def own_map(schema: Schema = OBJECTS) -> BranchMap:
    """The branch map of the files that this project writes."""
    fields = {f.name: Branch(f.branch, optional=f.role != "input") for f in schema.fields}
    return BranchMap(schema.name, fields, schema)


def read_branch_map(path: str | Path, schema: Schema = OBJECTS) -> BranchMap:
    """Reads a branch map from a TOML file.

    Args:
        path: The file.
        schema: Kind of the records.

    Returns:
        The map; truth and provenance fields are optional unless the file says `optional = false`.

    Raises:
        InvalidFile: The file is missing or not TOML.
        UnknownName: A key or a field that does not exist.
    """
    try:
        with open(path, "rb") as stream:
            content = tomllib.load(stream)
    except OSError as error:
        raise InvalidFile(path, f"the branch map cannot be read ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidFile(path, f"not a TOML file ({error}).") from error
    for key in content:
        if key not in ("tree", "fields"):
            raise UnknownName("key", key, ("tree", "fields"), str(path))
    entries = content.get("fields", {})
    if not isinstance(entries, dict):
        raise InvalidValue(f"{path}: fields", "a table of field = branch", entries)
    return BranchMap(
        str(content.get("tree", schema.name)),
        {name: _entry(path, name, value, schema) for name, value in entries.items()},
        schema,
    )


def kind_of_map(path: str | Path, kinds: Iterable[Schema]) -> Schema:
    """Returns which kind of records a branch map describes, by the fields that it names.

    Args:
        path: The TOML file.
        kinds: The candidates.

    Raises:
        InvalidFile: The file is missing or not TOML.
        InvalidValue: It fits none of them, or several; says what is wrong for each.
    """
    verdicts = {}
    for kind in kinds:
        try:
            read_branch_map(path, kind)
            verdicts[kind] = "fits"
        except (UnknownName, InvalidValue) as error:
            verdicts[kind] = str(error)
    fitting = [kind for kind, verdict in verdicts.items() if verdict == "fits"]
    if len(fitting) != 1:
        expected = f"the fields of exactly one kind, {' or '.join(kind.title for kind in verdicts)}"
        verdict = "; ".join(f"{kind.title}: {text}" for kind, text in verdicts.items())
        raise InvalidValue(f"branch map {path}", expected, verdict)
    return fitting[0]


def _entry(path: str | Path, name: str, value: Any, schema: Schema) -> Branch:
    by_nature = name in schema.by_name and schema.by_name[name].role != "input"
    if isinstance(value, str):
        return Branch(value, optional=by_nature)
    if not isinstance(value, dict):
        raise InvalidValue(f"{path}: {name}", "a branch name or a table", value)
    for key in value:
        if key not in _KEYS:
            raise UnknownName("key", key, _KEYS, f"{path}, field {name!r}")
    for key in ("factor", "constant"):
        if key in value and (isinstance(value[key], bool) or not isinstance(value[key], int | float)):
            raise InvalidValue(f"{path}: {name}.{key}", "a number", repr(value[key]))
    constant = value.get("constant")
    return Branch(
        branch=str(value.get("branch", "")),
        factor=float(value.get("factor", 1.0)),
        optional=bool(value.get("optional", by_nature)),
        constant=None if constant is None else float(constant),
    )
