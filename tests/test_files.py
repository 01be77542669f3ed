"""Files and folders are there whole or not at all."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

from zoo.errors import InvalidFile
from zoo.files import checksums, folder_sha256, open_npz, replacing, save_npz, sha256, write, write_json


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "file.txt"
    write(path, "é before\n")
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_text_and_bytes_replace_a_file(old):
    assert old.read_bytes() == "é before\n".encode()
    write(old, b"after")
    assert old.read_bytes() == b"after" and names(old.parent) == ["file.txt"]


def test_others_may_read_what_is_written(old):
    mask = os.umask(0o022)
    os.umask(mask)
    assert old.stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file_and_nothing_else(old, error):
    with pytest.raises(error), replacing(old) as new:
        assert new.name == old.name and new.parent.parent == old.parent and not new.exists()
        new.write_text("half")
        raise error
    assert old.read_text(encoding="utf-8") == "é before\n" and names(old.parent) == ["file.txt"]


def test_a_folder_replaces_a_folder(tmp_path):
    target = tmp_path / "report"
    for content in ("one", "two"):
        with replacing(target) as new:
            new.mkdir()
            (new / content).write_text("")
    assert names(target) == ["two"] and names(tmp_path) == ["report"]


def test_a_folder_that_cannot_be_put_in_place_leaves_the_old_one(tmp_path, monkeypatch):
    target, real = tmp_path / "report", os.replace
    target.mkdir()
    (target / "one").write_text("")

    def fail(source, destination):
        if Path(source).name == "report" and Path(source).parent != tmp_path:
            raise OSError("no space left on device")
        real(source, destination)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"), replacing(target) as new:
        new.mkdir()
    assert names(target) == ["one"] and names(tmp_path) == ["report"]


def test_a_file_never_replaces_a_folder(tmp_path):
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    with pytest.raises(OSError):
        write(tmp_path / "folder", "text")
    assert names(tmp_path / "folder") == ["inside"] and names(tmp_path) == ["folder"]


def test_json_may_hold_numpy_and_paths(tmp_path):
    write_json(tmp_path / "a.json", {"n": np.int64(3), "x": np.ones(2), "where": Path("a/b")})
    assert json.loads((tmp_path / "a.json").read_text()) == {"n": 3, "x": [1.0, 1.0], "where": "a/b"}
    with pytest.raises(TypeError, match="object has no JSON form"):
        write_json(tmp_path / "a.json", {"what": object()})


@pytest.mark.parametrize("compressed", [True, False])
def test_arrays_come_back(tmp_path, compressed):
    path = tmp_path / "made" / "pool.npz"
    assert save_npz(path, {"x": np.arange(3)}, compressed=compressed) == path.stat().st_size
    with open_npz(path, "a pool", "zoo.pool") as file:
        np.testing.assert_array_equal(file["x"], [0, 1, 2])
    with pytest.raises(InvalidFile, match="is not a pool"), open_npz(path, "a pool", "zoo.pool") as file:
        file["y"]
    with pytest.raises(InvalidFile, match="writes it"), open_npz(tmp_path / "no", "", "zoo.pool"):
        pass


def test_checksums(old):
    digest = hashlib.sha256("é before\n".encode()).hexdigest()
    assert sha256(old) == digest and checksums(old.parent, ["file.txt"]) == {"file.txt": digest}
    line = f"{digest}  file.txt\n"
    assert folder_sha256(old.parent) == hashlib.sha256(line.encode()).hexdigest()
    with pytest.raises(InvalidFile, match="cannot be read"):
        sha256(old.parent / "absent")
