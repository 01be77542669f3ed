"""The packed library: codes, file, and what packing does to the showers."""

import json
from pathlib import Path

import numpy as np
import pytest

from zoo.errors import InvalidFile
from zoo.simulation import shower_file
from zoo.simulation import shower_packing as packing
from zoo.simulation.rebinning import GRIDS
from zoo.simulation.showers import KINDS, ShowerLibrary

FOLDER = Path(__file__).parents[3] / "shared" / "showers"
MEGABYTE = 1_000_000


def toy_images(n, rng):
    """Images with the fluctuations of a shower: a gamma-distributed deposit on a falling profile, and
    zeros."""
    images = []
    for grid in GRIDS:
        axis = (np.arange(grid.cells) - (grid.cells - 1) / 2) * grid.cell_mm
        profile = np.exp(-np.hypot(axis[:, None], axis) / 8.0)
        image = rng.gamma(0.5, profile, (n, grid.cells, grid.cells)) * 100.0
        image[image < 0.05] = 0.0
        images.append(image.astype(np.float16))
    return images


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path, rng = tmp_path_factory.mktemp("unpacked"), np.random.default_rng(0)
    for kind, n in zip(KINDS, (60, 40), strict=True):
        core, fine, outer = toy_images(n, rng)
        np.savez(
            path / f"{kind}s.npz",
            energy_gev=rng.uniform(0.05, 250.0, n).astype(np.float32),
            back_gev=rng.exponential(0.1, n).astype(np.float32),
            front_gev=rng.exponential(0.01, n).astype(np.float32),
            first_interaction_mm=rng.exponential(9.0, n).astype(np.float32),
            core_mev=core,
            fine_mev=fine,
            outer_mev=outer,
        )
    return path


@pytest.fixture(scope="module")
def packed_file(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("packed") / "showers.bin"
    assert packing.pack(ShowerLibrary.from_folder(folder), out) == out.stat().st_size
    assert [file.name for file in out.parent.iterdir()] == [out.name]  # no temporary file is left
    return out


def test_codes_keep_sums_and_zeros():
    image = toy_images(20, np.random.default_rng(1))[0].astype(np.float32)
    image[3] = 0.0
    codes, scale = packing.encode(image, np.full(20, 63))
    assert codes.max() <= 63 and codes.dtype == np.uint8
    back = shower_file.decode(codes, scale)
    assert np.all(back[image == 0.0] == 0.0) and np.all(back[3] == 0.0)
    np.testing.assert_allclose(back.sum(axis=(1, 2)), image.sum(axis=(1, 2)), rtol=1e-5)


def test_passing_on_the_rounding_error_helps_sums():
    image = toy_images(50, np.random.default_rng(2))[0].astype(np.float32)
    largest = image.max(axis=(1, 2))[:, None, None]
    rounded = np.rint(63 * (image / largest) ** 0.25) ** 4
    rounded *= (image.sum(axis=(1, 2)) / rounded.sum(axis=(1, 2)))[:, None, None]
    diffused = shower_file.decode(*packing.encode(image, np.full(50, 63)))

    def worst(other):
        return np.abs((other - image)[:, 10:30, 10:30].sum(axis=(1, 2)) / image.sum(axis=(1, 2))).mean()

    assert worst(diffused) < 0.5 * worst(rounded)


def test_round_trip_through_a_file(folder, packed_file):
    raw, packed = ShowerLibrary.from_folder(folder), ShowerLibrary.from_file(packed_file)
    for kind in KINDS:
        one, two = raw.table(kind), packed.table(kind)
        for name in ("energy_gev", "back_gev", "front_gev", "first_interaction_mm", "split"):
            np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
        rows = np.array([5, 0, 17])
        for a, b in zip(one.images_gev(rows, True), two.images_gev(rows, True), strict=True):
            assert np.abs(a - b).sum() < 0.2 * a.sum()
            np.testing.assert_allclose(a.sum(axis=(1, 2)), b.sum(axis=(1, 2)), rtol=1e-4)
        assert len(two.images_gev(rows, False)) == 2


def test_command_writes_the_same_bytes(folder, packed_file, tmp_path, capsys):
    packing.main([str(folder), str(tmp_path / "again.bin")])
    assert "MB" in capsys.readouterr().out
    assert (tmp_path / "again.bin").read_bytes() == packed_file.read_bytes()


def test_damaged_file_is_an_error(packed_file, tmp_path):
    whole = packed_file.read_bytes()
    middle = len(whole) // 2
    cases = {
        "short": whole[:-1000],
        "head": whole[:40],
        "foreign": b"root" + whole[4:],
        "flipped": whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :],
    }
    for name, content in cases.items():
        path = tmp_path / f"{name}.bin"
        path.write_bytes(content)
        with pytest.raises(InvalidFile, match=name):
            library = ShowerLibrary.from_file(path)
            for kind in KINDS:
                library.table(kind)
    with pytest.raises(InvalidFile, match="no such file"):
        ShowerLibrary.from_file(tmp_path / "absent.bin")


def test_failed_write_leaves_the_old_file(folder, tmp_path, monkeypatch):
    out = tmp_path / "packed.bin"
    out.write_bytes(b"old")

    def fail(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr("os.replace", fail)
    monkeypatch.setattr(
        packing, "encode", lambda image, _: (np.zeros(image.shape, np.uint8), np.zeros(len(image)))
    )
    with pytest.raises(OSError, match="no space"):
        packing.pack(ShowerLibrary.from_folder(folder), out)
    assert out.read_bytes() == b"old" and [file.name for file in tmp_path.iterdir()] == [out.name]


def test_shipped_files_are_small_and_say_where_they_come_from():
    files = list(shower_file.SHIPPED.parent.iterdir())
    assert shower_file.SHIPPED in files
    sizes = {file.name: file.stat().st_size for file in files}
    assert sizes.pop(shower_file.SHIPPED.name) <= 40 * MEGABYTE
    assert sum(sizes.values()) <= 8 * MEGABYTE  # the pools of Pythia
    header, _ = shower_file.read_header(shower_file.SHIPPED)
    assert "Geant4 11.4.0" in header["provenance"]
    assert set(header["source_sha256"]) == set(KINDS)
    assert "/" not in json.dumps(header["provenance"])


@pytest.mark.skipif(not FOLDER.is_dir(), reason="needs the unpacked showers in ../shared/showers")
@pytest.mark.parametrize("kind", KINDS)
def test_packing_does_not_change_the_showers(kind):
    raw, packed = ShowerLibrary.from_folder(FOLDER), ShowerLibrary.shipped()
    assert shower_file.read_header(shower_file.SHIPPED)[0]["source_sha256"][kind] in raw.sha256
    rng = np.random.default_rng(3)
    rows = rng.choice(len(raw.table(kind)), 1500, replace=False)
    energy = raw.table(kind).energy_gev[rows]
    eta, phi = rng.uniform(-0.5, 0.5, (2, len(rows)))
    one, two = (library.deposit(kind == "electron", rows, energy, 0, eta, phi) for library in (raw, packed))
    for i in range(4, 9):  # any 3 x 3 sum within two crystals of the centre
        for j in range(4, 9):
            change = (two - one)[:, i : i + 3, j : j + 3].sum(axis=(1, 2)) / energy
            assert np.abs(change).max() < 0.003
    hard = energy > 2.0
    for name, (a, b) in {name: (f(one[hard]), f(two[hard])) for name, f in SHAPES.items()}.items():
        assert abs(b.mean() - a.mean()) < 0.003 * a.std(), name
        assert b.std() == pytest.approx(a.std(), rel=0.003), name
    residual_one, residual_two = (SHAPES["position"](w[hard]) - phi[hard] for w in (one, two))
    assert residual_two.std() == pytest.approx(residual_one.std(), rel=0.005)


def _sum(windows, half):
    return windows[:, 7 - half : 8 + half, 7 - half : 8 + half].sum(axis=(1, 2))


def _position(windows):
    inner = windows[:, 5:10, 5:10]
    part = np.maximum(inner / inner.sum(axis=(1, 2), keepdims=True), 1e-9)
    weight = np.maximum(4.2 + np.log(part), 0.0)
    return (weight * np.arange(-2, 3)).sum(axis=(1, 2)) / weight.sum(axis=(1, 2))


SHAPES = {
    "E1/E9": lambda w: w[:, 7, 7] / _sum(w, 1),
    "E9/E25": lambda w: _sum(w, 1) / _sum(w, 2),
    "position": _position,
}
