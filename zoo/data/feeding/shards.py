"""A cache of simulated or converted records that knows when it is stale.

    cache = ShardCache(folder, key={"sample": "electrons", "n": 1_000_000, "seed": 1, "code": "0.1.0"})
    for index in cache.missing(20):
        cache.write(index, simulate_chunk(index))
    cache.finish(20)
    records = from_flat(cache.read(3))

A shard is an .npz file of flat arrays (`flat`) with a small JSON beside it: its sha256, the key it was made
for, its objects and showers. A job that is killed goes on where it stopped; a shard that was made
for another key or another schema, or whose bytes changed, is missing and made again. `manifest.json` says
what all of it is.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.data.feeding.flat import OFFSETS, Flat, lengths, n_objects, to_flat
from zoo.data.kinds.objects import OBJECTS
from zoo.data.kinds.schema import Schema
from zoo.errors import ChecksumMismatch, InvalidFile, InvalidValue
from zoo.files import save_npz, sha256, write_json

__all__ = ["ShardCache", "unique_showers"]

MANIFEST = "manifest.json"


class ShardCache:
    """A folder of shards for one key.

    Args:
        folder: Where the shards are; created with the first write.
        key: What determines the content: sample, configuration, seed, number, split, code version, library.
            Anything that JSON can hold. Another key makes the cache stale.
        schema: Kind of the records.

    Raises:
        InvalidValue: JSON cannot hold the key.
    """

    def __init__(self, folder: str | Path, key: Mapping[str, Any], schema: Schema = OBJECTS) -> None:
        self.folder, self.schema = Path(folder), schema
        try:
            # Through JSON once, so that tuples and lists are the same key.
            self.key: dict[str, Any] = json.loads(json.dumps(dict(key), sort_keys=True))
        except (TypeError, ValueError) as error:
            raise InvalidValue("key", "a mapping that JSON can hold", error) from error
        content = json.dumps([schema.version, self.key], sort_keys=True)
        self.key_sha256 = hashlib.sha256(content.encode()).hexdigest()
        self._checked: set[int] = set()

    def write(self, index: int, records: ak.Array | Mapping[str, npt.NDArray[Any]]) -> None:
        """Writes one shard, whole or not at all; safe from parallel processes for different indices.

        Args:
            index: Number of the shard.
            records: Records, or flat arrays.

        Raises:
            InvalidFile: The folder cannot be written or the disk is full.
        """
        flat = to_flat(records, self.schema) if isinstance(records, ak.Array) else dict(records)
        try:
            path = self._npz(index)
            save_npz(path, flat, compressed=False)
            note = {
                "key_sha256": self.key_sha256,
                "sha256": sha256(path),
                "objects": n_objects(flat),
                self.schema.nodes: int(flat[OFFSETS][-1]),
                "showers": unique_showers(flat),
            }
            write_json(self._note(index), note)
        except OSError as error:
            raise InvalidFile(
                self.folder,
                f"shard {index} could not be written ({error.strerror or error}).",
                "Free some space or choose another folder; the shards that are complete stay valid.",
            ) from error
        self._checked.add(index)
        self.__dict__.pop("manifest", None)

    def missing(self, n_shards: int) -> list[int]:
        """Indices below `n_shards` that must be made: absent, made for another key, or damaged."""
        return [index for index in range(n_shards) if not self._valid(index)]

    def finish(self, n_shards: int, **information: Any) -> dict[str, Any]:
        """Writes `manifest.json` when all shards are there.

        Args:
            n_shards: Number of shards.
            **information: More facts for the manifest.

        Returns:
            The manifest.

        Raises:
            InvalidFile: A shard is missing or damaged.
        """
        absent = self.missing(n_shards)
        if absent:
            raise InvalidFile(self.folder, f"shards {absent} of {n_shards} are missing or stale.")
        notes = [self._read_note(index) for index in range(n_shards)]
        counted = ("objects", self.schema.nodes)
        showers: dict[str, set[int]] = {}
        for note in notes:
            for library, rows in note["showers"].items():
                showers.setdefault(library, set()).update(rows)
        manifest = {
            **information,
            "schema_version": self.schema.version,
            "key": self.key,
            "key_sha256": self.key_sha256,
            "n_shards": n_shards,
            **{name: sum(note[name] for note in notes) for name in counted},
            "unique_showers": {library: len(rows) for library, rows in sorted(showers.items())},
            "shards": [{k: note[k] for k in ("sha256", *counted)} for note in notes],
        }
        try:
            write_json(self.folder / MANIFEST, manifest)
        except OSError as error:
            raise InvalidFile(self.folder, f"cannot be written ({error.strerror or error}).") from error
        self.__dict__.pop("manifest", None)
        return manifest

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The manifest; `InvalidFile` if it is absent or was made for another key."""
        content = _read_json(self.folder / MANIFEST)
        if content is None:
            raise InvalidFile(
                self.folder / MANIFEST, "no manifest: the cache is not complete.", "Make it again."
            )
        if content.get("key_sha256") != self.key_sha256:
            changed = _difference(content.get("key", {}), self.key)
            raise InvalidFile(
                self.folder, f"the cache is stale: {changed}.", "Make it again, or ask for what it holds."
            )
        return content

    @property
    def complete(self) -> bool:
        """All shards are there, made for this key, and undamaged."""
        content = _read_json(self.folder / MANIFEST)
        if content is None or content.get("key_sha256") != self.key_sha256:
            return False
        return not self.missing(int(content["n_shards"]))

    def __len__(self) -> int:
        """Number of shards of the complete cache."""
        return int(self.manifest["n_shards"])

    def read(self, index: int) -> Flat:
        """Reads one shard; its checksum is verified the first time.

        Args:
            index: Number of the shard.

        Returns:
            Flat arrays.

        Raises:
            InvalidFile: There is no such shard, or it was made for another key.
            ChecksumMismatch: Its bytes changed.
        """
        note, path = self._read_note(index), self._npz(index)
        if not note or not path.is_file():
            raise InvalidFile(path, "no such shard.", "Make the cache again.")
        if note["key_sha256"] != self.key_sha256:
            raise InvalidFile(path, "this shard was made for another key.", "Make the cache again.")
        if index not in self._checked:
            received = sha256(path)
            if received != note["sha256"]:
                raise ChecksumMismatch(path, note["sha256"], received)
            self._checked.add(index)
        try:
            with np.load(path, allow_pickle=False) as content:
                return {name: content[name] for name in content.files}
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise InvalidFile(path, f"damaged ({error}).", "Make the cache again.") from error

    def read_showers(self) -> dict[str, set[int]]:
        """Library rows that occur, by library ("11", "22"): to prove that two samples share none."""
        showers: dict[str, set[int]] = {}
        for index in range(len(self)):
            for library, rows in self._read_note(index)["showers"].items():
                showers.setdefault(library, set()).update(rows)
        return showers

    def _npz(self, index: int) -> Path:
        return self.folder / f"shard_{index:05d}.npz"

    def _note(self, index: int) -> Path:
        return self.folder / f"shard_{index:05d}.json"

    def _read_note(self, index: int) -> dict[str, Any]:
        return _read_json(self._note(index)) or {}

    def _valid(self, index: int) -> bool:
        note, path = self._read_note(index), self._npz(index)
        if note.get("key_sha256") != self.key_sha256 or not path.is_file():
            return False
        if index not in self._checked:
            if sha256(path) != note["sha256"]:
                return False
            self._checked.add(index)
        return True


def unique_showers(flat: Mapping[str, npt.NDArray[Any]]) -> dict[str, list[int]]:
    """Library rows of the leading showers in flat arrays, by library; of two showers where both are named.

    Args:
        flat: Flat arrays, with or without `shower_row` and `shower_pdg_id`, and the same of a second shower;
            or with `collision_row`.

    Returns:
        "11", "22" or "collisions" -> sorted rows.
    """
    if "collision_row" in flat:
        rows = np.unique(flat["collision_row"])
        return {"collisions": [int(row) for row in rows if row >= 0]}
    if "shower_row" not in flat or "shower_pdg_id" not in flat or not len(lengths(flat)):
        return {}
    kinds = [prefix for prefix in ("", "second_") if f"{prefix}shower_row" in flat]
    libraries = np.abs(np.concatenate([flat[f"{prefix}shower_pdg_id"] for prefix in kinds]))
    rows_of = np.concatenate([flat[f"{prefix}shower_row"] for prefix in kinds])
    found = {str(lib): np.unique(rows_of[libraries == lib]) for lib in np.unique(libraries)}
    return {library: [int(row) for row in rows if row >= 0] for library, rows in found.items()}


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None  # absent or damaged: to be made again
    return content if isinstance(content, dict) else None


def _difference(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    names = [name for name in sorted({*there, *wanted}) if there.get(name) != wanted.get(name)]
    if not names:
        return "it was written for another schema"
    return "; ".join(f"{n} is {there.get(n)!r}, wanted {wanted.get(n)!r}" for n in names[:3])
