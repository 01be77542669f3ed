from __future__ import annotations

import dataclasses
import errno
import os

import awkward as ak
import numpy as np
import pytest

from zoo.data.feeding.flat import concatenate, from_flat, lengths, n_objects, piece, take, to_flat
from zoo.data.feeding.shards import ShardCache
from zoo.data.kinds.objects import OBJECTS
from zoo.data.records import raw_energy_gev, validate
from zoo.errors import ChecksumMismatch, InvalidFile, InvalidValue

KEY = {"sample": "electrons", "seed": 1, "pileup": (20, 70)}


def test_flat_arrays_are_the_records(records):
    flat = to_flat(records)
    back = from_flat(flat)
    validate(back)
    assert np.array_equal(raw_energy_gev(back), raw_energy_gev(records))
    assert back.hits.ieta.to_list() == records.hits.ieta.to_list()
    assert back.event_id.to_list() == records.event_id.to_list()
    assert n_objects(flat) == 300 and lengths(flat).sum() == len(flat["hits.ieta"])
    assert not {"particles", "deposits"} & {name.split(".")[0] for name in flat}


def test_take_piece_and_concatenate_agree_with_awkward(records):
    flat = to_flat(records)
    index = np.array([5, 0, 0, 299, 17])
    assert from_flat(take(flat, index)).hits.energy_gev.to_list() == records[index].hits.energy_gev.to_list()
    assert from_flat(piece(flat, 40, 60)).hits.iphi.to_list() == records[40:60].hits.iphi.to_list()
    joined = from_flat(concatenate([piece(flat, 0, 100), piece(flat, 100, 300)]))
    assert ak.array_equal(joined.hits, from_flat(flat).hits)
    with pytest.raises(InvalidValue, match="the same fields"):
        concatenate([flat, {k: v for k, v in flat.items() if k != "rho_gev"}])
    with pytest.raises(InvalidValue, match="at least one"):
        concatenate([])


@pytest.fixture
def cache(tmp_path, make):
    cache = ShardCache(tmp_path / "cache", KEY)
    for index in cache.missing(3):
        cache.write(index, make(100, seed=index))
    cache.finish(3, sample="electrons")
    return cache


def reopened(cache, key=KEY):
    return ShardCache(cache.folder, key)


def test_a_complete_cache_gives_back_what_was_written(cache, make):
    fresh = reopened(cache)
    assert fresh.complete and len(fresh) == 3 and fresh.missing(3) == []
    assert np.array_equal(raw_energy_gev(from_flat(fresh.read(2))), raw_energy_gev(make(100, seed=2)))
    showers = {(int(p), int(r)) for i in range(3) for p, r in zip(
        make(100, seed=i).shower_pdg_id, make(100, seed=i).shower_row, strict=True)}  # fmt: skip
    assert sum(fresh.manifest["unique_showers"].values()) == len(showers)
    assert {(int(lib), row) for lib, rows in fresh.read_showers().items() for row in rows} == showers
    assert fresh.manifest["objects"] == 300 and fresh.manifest["sample"] == "electrons"


def test_another_key_makes_it_stale_and_says_why(cache):
    other = reopened(cache, {**KEY, "seed": 2})
    assert not other.complete and other.missing(3) == [0, 1, 2]
    with pytest.raises(InvalidFile, match="stale: seed is 1, wanted 2"):
        len(other)
    with pytest.raises(InvalidFile, match="another key"):
        other.read(0)
    assert reopened(cache, {**KEY, "pileup": [20, 70]}).complete  # a tuple or a list: the same


def test_another_schema_makes_it_stale(cache):
    other = ShardCache(cache.folder, KEY, dataclasses.replace(OBJECTS, version=99))
    assert not other.complete
    with pytest.raises(InvalidFile, match="another schema"):
        len(other)


def test_a_damaged_shard_is_noticed_and_made_again(cache, make):
    path = cache.folder / "shard_00001.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    fresh = reopened(cache)
    assert not fresh.complete
    with pytest.raises(ChecksumMismatch, match="shard_00001"):
        fresh.read(1)
    with pytest.raises(InvalidFile, match=r"shards \[1\] of 3"):
        fresh.finish(3)
    assert fresh.missing(3) == [1]
    fresh.write(1, make(100, seed=1))
    assert reopened(cache).complete


def test_a_killed_job_goes_on_where_it_stopped(tmp_path, make):
    first = ShardCache(tmp_path / "c", KEY)
    first.write(0, make(20))
    first.write(2, make(20))
    (tmp_path / "c" / ".shard_00001.npz.x").mkdir()  # what the kill left
    (tmp_path / "c" / ".shard_00001.npz.x" / "shard_00001.npz").write_bytes(b"half")
    second = ShardCache(tmp_path / "c", KEY)
    assert second.missing(4) == [1, 3] and not second.complete
    with pytest.raises(InvalidFile, match="no manifest"):
        len(second)


def test_absent_shards_and_keys_that_json_cannot_hold(cache, tmp_path):
    with pytest.raises(InvalidFile, match="no such shard"):
        cache.read(7)
    with pytest.raises(InvalidValue, match="key"):
        ShardCache(tmp_path, {"what": object()})


def test_a_full_disk_leaves_no_half_shard(cache, make, monkeypatch):
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(InvalidFile, match="No space left"):
        cache.write(3, make(10))
    monkeypatch.undo()
    assert not [p for p in cache.folder.iterdir() if p.name.startswith(".") or "00003" in p.name]
    assert reopened(cache).complete
