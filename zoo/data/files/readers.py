"""Reads records from ROOT files: own files as they are, others through a branch map.

Errors name the file and what is wrong with it: missing, not ROOT, truncated (how many bytes are there and
how many the header promises), records of another kind, another tree, another branch (with the nearest
names), values in the wrong unit.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.data.files.branch_maps import Branch, BranchMap, own_map, read_branch_map
from zoo.data.files.writers import METADATA_KEY
from zoo.data.kinds.objects import OBJECTS
from zoo.data.kinds.schema import Field, Schema
from zoo.data.records import KINDS, assemble, cast, validate
from zoo.errors import InvalidFile, InvalidValue, UnknownName, ZooError

__all__ = ["count_objects", "iterate_root", "kind_of_file", "open_root", "read_metadata", "read_root"]


def read_root(
    path: str | Path,
    branch_map: BranchMap | str | Path | None = None,
    entry_start: int | None = None,
    entry_stop: int | None = None,
    *,
    schema: Schema = OBJECTS,
    truth: bool = True,
    check: bool = True,
) -> ak.Array:
    """Reads records from a ROOT file.

    Args:
        path: The file.
        branch_map: How the fields are called there: a map, the TOML file of one, or None for own files.
        entry_start: First entry, 0 by default.
        entry_stop: One past the last entry, all by default.
        schema: Kind of the records; a `BranchMap` knows its own.
        truth: Also read the truth that the file has.
        check: Validate every value (finite, within the unit ranges of the field table).

    Returns:
        Records [B] with the dtypes of the schema.

    Raises:
        InvalidFile: The file is missing, truncated, not ROOT, or holds records of another kind.
        UnknownName: No such tree or branch; lists the nearest ones.
        InvalidValue: The values do not fit the schema.
    """
    with _open_tree(path, branch_map, schema) as tree:
        return tree.read(entry_start, entry_stop, truth, check)


def iterate_root(
    path: str | Path,
    step: int = 10_000,
    branch_map: BranchMap | str | Path | None = None,
    *,
    schema: Schema = OBJECTS,
    truth: bool = True,
    check: bool = True,
) -> Iterator[ak.Array]:
    """Yields the records of a ROOT file in order, `step` objects at a time; arguments as `read_root`."""
    if step < 1:
        raise InvalidValue("step", "at least 1 object", step)
    with _open_tree(path, branch_map, schema) as tree:
        for start in range(0, len(tree), step):
            yield tree.read(start, start + step, truth, check)


def count_objects(
    path: str | Path, branch_map: BranchMap | str | Path | None = None, schema: Schema = OBJECTS
) -> int:
    """Number of objects in a ROOT file."""
    with _open_tree(path, branch_map, schema) as tree:
        return len(tree)


def kind_of_file(path: str | Path) -> Schema:
    """Returns which kind of records a ROOT file of this project holds.

    Raises:
        InvalidFile: The file is missing, truncated, not ROOT, or of another origin.
    """
    with open_root(path) as file:
        trees = [name for name, kind in file.classnames(cycle=False).items() if kind == "TTree"]
    found = next((KINDS[name] for name in trees if name in KINDS), None)
    if found is None:
        held = f"holds the trees {', '.join(trees)}" if trees else "holds no tree"
        raise InvalidFile(path, f"{held}, none of {', '.join(KINDS)}.", "Own ntuples need a branch map.")
    return found


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Metadata that `write_root` put into a file: sample, seed, split, configuration, versions.

    Args:
        path: The file.

    Returns:
        The metadata; empty for a ROOT file of another origin.

    Raises:
        InvalidFile: The file is missing, truncated, not ROOT, or its metadata is damaged.
    """
    with open_root(path) as file:
        if METADATA_KEY not in file.keys(cycle=False):
            return {}
        try:
            content = json.loads(str(file[METADATA_KEY]))
        except ValueError as error:
            raise InvalidFile(path, f"{METADATA_KEY} is not JSON ({error}).") from error
    if not isinstance(content, dict):
        raise InvalidFile(path, f"{METADATA_KEY} is not a JSON object.")
    return content


@contextmanager
def open_root(path: str | Path) -> Iterator[Any]:
    """Opens a ROOT file and turns every failure to read it into `InvalidFile`."""
    import uproot

    path = Path(path)
    _check_header(path)
    try:
        with uproot.open(path) as file:
            yield file
    except (ZooError, GeneratorExit, KeyboardInterrupt):
        raise
    except Exception as error:  # damaged bytes end in errors of struct, zlib, lzma, numpy, uproot ...
        text = (str(error).strip().splitlines() or [""])[0]
        raise InvalidFile(path, f"damaged or not readable ({type(error).__name__}: {text}).") from error


@contextmanager
def _open_tree(
    path: str | Path, branch_map: BranchMap | str | Path | None, schema: Schema
) -> Iterator[_Tree]:
    if isinstance(branch_map, BranchMap):
        chosen = branch_map
    else:
        chosen = own_map(schema) if branch_map is None else read_branch_map(branch_map, schema)
    with open_root(path) as file:
        trees = [name for name, kind in file.classnames(cycle=False).items() if kind == "TTree"]
        if chosen.tree not in trees:
            found = next((KINDS[name] for name in trees if name in KINDS), None)
            if found and chosen.tree == chosen.schema.name:
                words = f"{found.title} (tree {found.name!r}), not {chosen.schema.title} ({chosen.tree!r})"
                raise InvalidFile(path, f"holds {words}.")
            raise UnknownName("tree", chosen.tree, trees, str(path))
        tree = file[chosen.tree]
        keys = tree.keys(recursive=True)
        names = [*keys, *(key.rsplit("/", 1)[1] for key in keys if "/" in key)]
        yield _Tree(path, tree, chosen.present(names, str(path)), chosen.schema)


def _check_header(path: Path) -> None:
    """Reads the first bytes of a file: the magic word, and the length that the file should have."""
    try:
        with open(path, "rb") as stream:
            head = stream.read(32)
        size = path.stat().st_size
    except FileNotFoundError as error:
        raise InvalidFile(path, "no such file.") from error
    except OSError as error:
        raise InvalidFile(path, f"cannot be read ({error.strerror}).") from error
    if head[:4] != b"root" or len(head) < 24:
        raise InvalidFile(path, f"not a ROOT file (it starts with {head[:4]!r}, expected b'root').")
    version = struct.unpack(">i", head[4:8])[0]
    end = struct.unpack(">q", head[12:20])[0] if version >= 1_000_000 else struct.unpack(">i", head[12:16])[0]
    if size < end:
        raise InvalidFile(path, f"truncated: {size} bytes of {end}.", "Copy or write it again.")


@dataclass(frozen=True)
class _Tree:
    """An open tree, and where each field of the records comes from."""

    path: str | Path
    tree: Any
    entries: dict[str, Branch]
    schema: Schema

    def __len__(self) -> int:
        return int(self.tree.num_entries)

    def read(self, start: int | None, stop: int | None, truth: bool, check: bool) -> ak.Array:
        """Records of the entries start to stop."""
        fields = self.schema.by_name
        columns = {
            name: self._column(fields[name], entry, start, stop)
            for name, entry in self.entries.items()
            if entry.constant is None and (truth or fields[name].role != "truth")
        }
        self._fill_constants(columns)
        if "seed_ieta" in fields:
            _fill_seed(columns)
        try:
            records = assemble({name: cast(values, fields[name]) for name, values in columns.items()})
            if check:
                validate(records, self.schema, truth=None if truth else False)
        except InvalidValue as error:
            raise InvalidValue(str(self.path), "records as in the data format", error) from error
        return records

    def _column(self, field: Field, entry: Branch, start: int | None, stop: int | None) -> ak.Array:
        values = self.tree[entry.branch].array(entry_start=start, entry_stop=stop, library="ak")
        depth = 2 if field.collection else 1
        if values.ndim != depth or ak.fields(values):
            shape = "one list of numbers per object" if depth == 2 else "one number per object"
            raise InvalidValue(f"{field.name} (branch {entry.branch!r})", shape, values.type)
        if entry.factor != 1.0:
            values = values * np.float64(entry.factor)
        return values

    def _fill_constants(self, columns: dict[str, ak.Array]) -> None:
        """Adds what nobody stored, in the shape of a column of the same collection."""
        read = {self.schema.by_name[name].collection: values for name, values in columns.items()}
        for name, entry in self.entries.items():
            if entry.constant is None:
                continue
            collection = self.schema.by_name[name].collection
            if not collection and read:
                count = len(next(iter(read.values())))
                columns[name] = ak.Array(np.full(count, entry.constant, np.float64))
            elif collection in read:
                columns[name] = ak.full_like(read[collection], entry.constant, dtype=np.float64)
            else:
                raise InvalidValue(f"branch map entry {name!r}", f"a branch of its {collection}", "none")


def _fill_seed(columns: dict[str, ak.Array]) -> None:
    """Takes the crystal with the highest energy as seed where the file names none."""
    for axis in ("ieta", "iphi"):
        if f"seed_{axis}" not in columns:
            hottest = ak.argmax(columns["hits.energy_gev"], axis=1, keepdims=True)
            index = columns[f"hits.{axis}"][hottest]
            columns[f"seed_{axis}"] = ak.Array(_plain(ak.fill_none(ak.flatten(index), 1)))


def _plain(values: ak.Array) -> npt.NDArray[Any]:
    return np.asarray(ak.to_numpy(values))
