from __future__ import annotations

import errno
import os
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from zoo.data.files import readers
from zoo.data.files.branch_maps import Branch, BranchMap
from zoo.data.files.readers import count_objects, iterate_root, read_metadata, read_root
from zoo.data.files.writers import write_root
from zoo.data.records import field_names, leaf_values, raw_energy_gev
from zoo.errors import InvalidFile, InvalidValue, UnknownName


def same(left: ak.Array, right: ak.Array) -> bool:
    names = field_names(left)
    return names == field_names(right) and all(
        np.array_equal(leaf_values(left, n), leaf_values(right, n))
        and leaf_values(left, n).dtype == leaf_values(right, n).dtype
        for n in names
    )


@pytest.fixture
def file(tmp_path, records):
    return write_root(tmp_path / "objects.root", records, {"sample": "electrons", "seed": 3, "split": "test"})


def test_round_trip_is_exact(file, records):
    found = read_root(file)
    assert sorted(field_names(found)) == sorted(field_names(records))
    assert all(np.array_equal(leaf_values(found, n), leaf_values(records, n)) for n in field_names(records))
    assert ak.num(found.hits.ieta).to_list() == ak.num(records.hits.ieta).to_list()


def test_metadata_travels_inside(file):
    metadata = read_metadata(file)
    assert metadata["sample"] == "electrons" and metadata["split"] == "test" and metadata["seed"] == 3
    assert metadata["schema_version"] == 1


def test_ranges_and_steps_give_the_same_objects(file):
    whole = read_root(file)
    assert same(read_root(file, entry_start=10, entry_stop=25), whole[10:25])
    steps = list(iterate_root(file, 128))
    assert [len(step) for step in steps] == [128, 128, 44]
    assert same(ak.concatenate(steps), whole)
    assert count_objects(file) == 300
    assert "true_energy_gev" not in read_root(file, truth=False).fields
    with pytest.raises(InvalidValue, match="step"):
        next(iterate_root(file, 0))


def test_chunks_are_written_as_they_come(tmp_path, make):
    chunks = [make(50, seed) for seed in range(3)]
    path = write_root(tmp_path / "chunks.root", iter(chunks), step=20)
    assert same(read_root(path), ak.concatenate(chunks)[read_root(path).fields])


def test_no_objects_and_objects_without_hits(tmp_path, make):
    assert len(read_root(write_root(tmp_path / "none.root", make(0)))) == 0
    empty = make(4, counts=[0, 0, 0, 0])
    found = read_root(write_root(tmp_path / "empty.root", empty))
    assert raw_energy_gev(found).tolist() == [0.0] * 4


def test_the_branches_are_those_that_the_documentation_names(file):
    with uproot.open(file) as opened:
        tree = opened["objects"]
        assert {"nhits", "hits_ieta", "hits_energy_gev", "particles_parent", "rho_gev"} <= set(tree.keys())
        assert tree["hits_energy_gev"].typename == "float[]"


def foreign(path, records):
    """An ntuple of somebody else: other names, MeV, no noise, no seed."""
    with uproot.recreate(path) as file:
        tree = file.mktree(
            "nt/photons",
            {"rh_e": "var * float64", "rh_ieta": "var * int32", "rh_iphi": "var * int32", "rho": "float32"},
        )
        tree.extend(
            {
                "rh_e": ak.values_astype(records.hits.energy_gev, np.float64) * 1000.0,
                "rh_ieta": ak.values_astype(records.hits.ieta, np.int32),
                "rh_iphi": ak.values_astype(records.hits.iphi, np.int32),
                "rho": np.asarray(records.rho_gev),
            }
        )
    return path


MAP = BranchMap(
    "nt/photons",
    {
        "hits.ieta": Branch("rh_ieta"),
        "hits.iphi": Branch("rh_iphi"),
        "hits.energy_gev": Branch("rh_e", factor=0.001),
        "hits.noise_gev": Branch(constant=0.08),
        "hits.dead_neighbours": Branch(constant=0),
        "rho_gev": Branch("rho"),
        "leakage_gev": Branch(constant=0.0),
        "true_energy_gev": Branch("gen_e", optional=True),
    },
)


def test_a_foreign_ntuple_through_a_map(tmp_path, records):
    found = read_root(foreign(tmp_path / "nt.root", records), MAP)
    np.testing.assert_allclose(raw_energy_gev(found), raw_energy_gev(records), rtol=1e-6)
    assert found.hits.ieta.to_list() == records.hits.ieta.to_list()
    assert np.allclose(leaf_values(found, "hits.noise_gev"), 0.08)
    assert "true_energy_gev" not in found.fields
    hottest = int(np.argmax(records.hits.energy_gev[5]))
    assert found.seed_ieta[5] == records.hits.ieta[5][hottest]  # no branch: the hottest hit


def test_a_wrong_unit_is_noticed(tmp_path, records):
    high = ak.with_field(
        records, ak.with_field(records.hits, records.hits.energy_gev * 10, "energy_gev"), "hits"
    )
    path = foreign(tmp_path / "nt.root", high)
    wrong = BranchMap(MAP.tree, {**MAP.fields, "hits.energy_gev": Branch("rh_e")})
    with pytest.raises(InvalidValue, match=r"hits\.energy_gev: expected above 0 to 7000 GeV") as error:
        read_root(path, wrong)
    assert "nt.root" in str(error.value)


def test_a_wrong_branch_and_a_wrong_tree_list_the_nearest(tmp_path, records, file):
    path = foreign(tmp_path / "nt.root", records)
    wrong = BranchMap(MAP.tree, {**MAP.fields, "hits.energy_gev": Branch("rh_energy")})
    with pytest.raises(UnknownName, match="'rh_e'"):
        read_root(path, wrong)
    with pytest.raises(UnknownName, match="nt/photons"):
        read_root(path)
    with pytest.raises(UnknownName, match=r"Valid: objects"):
        read_root(file, MAP)
    with pytest.raises(InvalidValue, match="one list of numbers per object"):
        read_root(path, BranchMap(MAP.tree, {**MAP.fields, "hits.energy_gev": Branch("rho")}))


def test_missing_foreign_and_truncated_files(tmp_path, file):
    with pytest.raises(InvalidFile, match="no such file"):
        read_root(tmp_path / "nowhere.root")
    text = tmp_path / "text.root"
    text.write_text("energy,eta\n1,2\n")
    with pytest.raises(InvalidFile, match="not a ROOT file"):
        read_root(text)
    (tmp_path / "empty.root").write_bytes(b"")
    with pytest.raises(InvalidFile, match="not a ROOT file"):
        read_metadata(tmp_path / "empty.root")
    with pytest.raises(InvalidFile):
        read_root(tmp_path)  # a folder
    content = file.read_bytes()
    cut = tmp_path / "cut.root"
    for length in (30, 200, len(content) // 2, len(content) - 1):
        cut.write_bytes(content[:length])
        with pytest.raises(InvalidFile, match=rf"truncated: {length} bytes of {len(content)}"):
            read_root(cut)


@pytest.mark.parametrize("where", [0.02, 0.3, 0.6, 0.9])
def test_damaged_bytes_end_in_a_clear_error_or_the_same_numbers(tmp_path, file, records, where):
    content = bytearray(file.read_bytes())
    start = int(where * len(content))
    content[start : start + 60] = b"\xa5" * 60
    bad = tmp_path / "bad.root"
    bad.write_bytes(bytes(content))
    try:
        read_root(bad)
    except (InvalidFile, InvalidValue, UnknownName) as error:
        assert "bad.root" in str(error)


def test_metadata_of_a_file_of_another_origin(tmp_path, records):
    assert read_metadata(foreign(tmp_path / "nt.root", records)) == {}


def test_nothing_half_written_when_the_disk_is_full(tmp_path, records, monkeypatch):
    old = write_root(tmp_path / "out.root", records[:5])
    before = old.read_bytes()

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(uproot.WritableTree, "extend", full)
    with pytest.raises(InvalidFile, match="No space left"):
        write_root(old, records)
    assert old.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["out.root"]


def test_unwritable_folders_are_refused(tmp_path, records):
    with pytest.raises(InvalidFile, match="does not exist"):
        write_root(tmp_path / "no" / "out.root", records)
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidFile):
        write_root(tmp_path / "file" / "out.root", records)
    if Path("/proc/self").is_dir():  # where not even root may make a file
        with pytest.raises(InvalidFile, match="cannot be written"):
            write_root("/proc/out.root", records)


def test_invalid_records_and_metadata_write_nothing(tmp_path, records):
    with pytest.raises(InvalidValue, match="leakage_gev"):
        write_root(tmp_path / "out.root", ak.without_field(records, "leakage_gev"))
    with pytest.raises(InvalidValue, match="metadata"):
        write_root(tmp_path / "out.root", records, {"what": object()})
    with pytest.raises(InvalidValue, match="at least one chunk"):
        write_root(tmp_path / "out.root", iter([]))
    assert list(tmp_path.iterdir()) == []


def test_module_says_what_it_offers():
    assert set(readers.__all__) <= set(dir(readers))
