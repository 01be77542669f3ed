"""Every kind of records through every form: flat arrays, shards, ROOT files; and what the kinds differ in."""

from __future__ import annotations

import dataclasses
from itertools import islice

import awkward as ak
import numpy as np
import pytest

from zoo.data.feeding.batching import assign
from zoo.data.feeding.flat import concatenate, from_flat, lengths, piece, take, to_flat
from zoo.data.feeding.shards import ShardCache
from zoo.data.feeding.sources import InMemory
from zoo.data.feeding.stream import training_batches
from zoo.data.files.branch_maps import Branch, BranchMap, own_map, read_branch_map
from zoo.data.files.readers import count_objects, iterate_root, read_metadata, read_root
from zoo.data.files.writers import write_root
from zoo.data.kinds.clusters import WINDOWS
from zoo.data.kinds.objects import OBJECTS
from zoo.data.records import KINDS, conform, field_names, get_field, validate
from zoo.errors import InvalidFile, InvalidValue, UnknownName


def equal(left: ak.Array, right: ak.Array) -> bool:
    """The same fields with the same values and types, in whatever order of the fields."""
    return set(field_names(left)) == set(field_names(right)) and all(
        ak.array_equal(ak.to_packed(get_field(left, name)), ak.to_packed(get_field(right, name)))
        for name in field_names(left)
    )


def kept(records: ak.Array, kind) -> list[str]:
    """The fields that training streams."""
    dropped = {
        f.name
        for f in kind.fields
        if f.collection and f.role != "input" and f.collection not in kind.labelled
    }
    return [name for name in field_names(records) if name not in dropped]


def same_kept(found: ak.Array, records: ak.Array, kind) -> bool:
    return set(field_names(found)) == set(kept(records, kind)) and all(
        get_field(found, name).to_list() == get_field(records, name).to_list() for name in field_names(found)
    )


def test_tables_are_sound(kind):
    assert kind.nodes in kind.collections and set(kind.labelled) <= set(kind.collections)
    assert len(kind.by_name) == len(kind.fields)
    assert all(field.into in kind.collections for field in kind.fields if field.into)
    assert len({schema.version for schema in KINDS.values()}) == len(KINDS)
    # Shards of before there were several kinds stay what they are.
    assert (OBJECTS.version, OBJECTS.name, OBJECTS.nodes) == (1, "objects", "hits")


def test_records_pass_and_wider_ones_are_cast(of_kind, kind):
    validate(of_kind, kind, truth=True)
    validate(of_kind[:0], kind, truth=True)
    leaf = kind.nodes
    wide = ak.with_field(of_kind, ak.values_astype(of_kind[leaf], np.float64), leaf)
    with pytest.raises(InvalidValue, match="dtype"):
        validate(wide, kind)
    assert equal(conform(wide, kind), of_kind)


def test_records_to_flat_and_back(of_kind, kind):
    flat = to_flat(of_kind, kind)
    assert same_kept(from_flat(flat), of_kind, kind)
    validate(from_flat(flat), kind)
    assert np.array_equal(lengths(flat), ak.num(of_kind[kind.nodes]))
    for name in kind.labelled or (kind.nodes,):
        assert np.array_equal(lengths(flat, name), ak.num(of_kind[name]))
    with pytest.raises(UnknownName, match="particles"):
        lengths(flat, "particles")
    assert len(to_flat(of_kind[:0], kind)["offsets"]) == 1


def test_flat_arrays_are_cut_gathered_and_joined_as_records_are(of_kind, kind):
    flat = to_flat(of_kind, kind)
    index = np.array([5, 0, 0, 39, 17])
    assert same_kept(from_flat(take(flat, index)), of_kind[index], kind)
    assert same_kept(from_flat(piece(flat, 7, 30)), of_kind[7:30], kind)
    assert same_kept(from_flat(piece(piece(flat, 7, 30), 2, 5)), of_kind[9:12], kind)
    joined = concatenate([take(flat, index), piece(flat, 0, 3)])
    assert same_kept(from_flat(joined), ak.concatenate([of_kind[index], of_kind[:3]]), kind)
    validate(from_flat(joined), kind)  # every index still points into its own record


def test_root_files(of_kind, kind, tmp_path):
    path = write_root(
        tmp_path / "r.root", iter([of_kind[:25], of_kind[25:]]), {"seed": 3}, schema=kind, step=9
    )
    assert equal(read_root(path, schema=kind), of_kind)
    assert equal(ak.concatenate(list(iterate_root(path, 16, schema=kind))), of_kind)
    assert count_objects(path, schema=kind) == 40
    assert read_metadata(path) == {"seed": 3, "schema_version": kind.version}
    roles = {kind.by_name[name].role for name in field_names(read_root(path, schema=kind, truth=False))}
    assert roles == {"input", "provenance"}
    for index, part in enumerate(iterate_root(path, 16, schema=kind)):
        flat, expected = to_flat(part, kind), InMemory(of_kind, 16, kind).read(index)
        assert set(flat) == set(expected) and all(np.array_equal(flat[k], expected[k]) for k in flat)


def test_a_file_of_another_kind_is_refused_with_both_names(of_kind, kind, tmp_path):
    path = write_root(tmp_path / "r.root", of_kind, schema=kind)
    for other in KINDS.values():
        if other is not kind:
            with pytest.raises(InvalidFile) as error:
                read_root(path, schema=other)
            assert f"holds {kind.title} (tree {kind.name!r})" in str(error.value)
            assert f"not {other.title} ({other.name!r})" in str(error.value)


def test_shards(of_kind, kind, tmp_path):
    cache = ShardCache(tmp_path, {"seed": 1}, kind)
    cache.write(0, of_kind[:30])
    cache.write(1, of_kind[30:])
    manifest = cache.finish(2)
    assert manifest["objects"] == 40 and manifest[kind.nodes] == ak.sum(ak.num(of_kind[kind.nodes]))
    assert same_kept(from_flat(ShardCache(tmp_path, {"seed": 1}, kind).read(1)), of_kind[30:], kind)
    for other in KINDS.values():
        assert (ShardCache(tmp_path, {"seed": 1}, other).missing(2) == []) == (other is kind)


def test_an_index_must_point_into_its_collection(of_kind, kind):
    for field in (field for field in kind.fields if field.into):
        leaf = field.leaf
        far = of_kind[field.collection][leaf] + np.int16(20)
        broken = ak.with_field(of_kind, ak.with_field(of_kind[field.collection], far, leaf), field.collection)
        with pytest.raises(InvalidValue, match=rf"{field.name}: expected indices below .* {field.into}"):
            validate(broken, kind)


def test_records_of_another_kind_are_not_flattened(of_kind, kind):
    other = OBJECTS if kind is WINDOWS else WINDOWS
    if other.nodes not in kind.collections:
        with pytest.raises(UnknownName, match=other.nodes):
            to_flat(of_kind, other)
    with pytest.raises((InvalidValue, UnknownName)):
        validate(of_kind, other)


def test_windows_are_batched_by_clusters_and_keep_their_hits(windows):
    source = InMemory(windows, 70, WINDOWS)
    for batch in islice(training_batches(source, 8, seed=1, boundaries=(2, 4, 8)), 40):
        assert len(set(assign(lengths(batch), (2, 4, 8)))) == 1
        found = from_flat(batch)
        (where,) = np.flatnonzero(np.asarray(windows.rho_gev) == found.rho_gev[0])
        for name in ("hits", "clusters"):
            assert found[name][0].to_list() == windows[name][where][found[name].fields].to_list()


def test_an_own_ntuple_of_windows(windows, tmp_path):
    """A branch map of another kind than objects: constants of a collection, no seed made up."""
    path = write_root(tmp_path / "r.root", windows, schema=WINDOWS)
    lines = [
        f'"{f.name}" = "{f.branch}"' for f in WINDOWS.fields if f.role == "input" and f.leaf != "noise_gev"
    ]
    text = 'tree = "windows"\n[fields]\n"hits.noise_gev" = { constant = 0.5 }\n' + "\n".join(lines)
    (tmp_path / "map.toml").write_text(text)
    found = read_root(path, tmp_path / "map.toml", schema=WINDOWS)
    assert set(field_names(found)) == {f.name for f in WINDOWS.fields if f.role == "input"}
    assert (
        ak.all(found.hits.noise_gev == 0.5) and ak.num(found.hits).to_list() == ak.num(windows.hits).to_list()
    )
    with pytest.raises(UnknownName, match=r"seed_ieta|unknown field"):
        read_branch_map(tmp_path / "map.toml", OBJECTS)
    nothing = {
        f.name: Branch(constant=1.0) for f in WINDOWS.fields if f.collection == "hits" and f.role == "input"
    }
    with pytest.raises(InvalidValue, match="a branch of its hits"):
        read_root(path, BranchMap("windows", {**own_map(WINDOWS).fields, **nothing}, WINDOWS))


def test_a_table_that_changes_takes_another_number(windows, tmp_path):
    ShardCache(tmp_path, {}, WINDOWS).write(0, windows)
    changed = dataclasses.replace(WINDOWS, version=max(schema.version for schema in KINDS.values()) + 1)
    assert ShardCache(tmp_path, {}, changed).missing(1) == [0]
