"""Shapes of images and the trees on them, trained by the command's own path on toys."""

import csv
import json

import awkward as ak
import numpy as np
import pytest

from training.baselines import mass_shapes as trainer
from training.trainer import run_record
from zoo.baselines import mass_shapes
from zoo.baselines.image_shapes import NAMES, image_shapes
from zoo.data.feeding.flat import from_flat, to_flat
from zoo.data.kinds.candidates import CANDIDATES
from zoo.errors import InvalidFile
from zoo.files import sha256
from zoo.models.mass_regressor.events import augment, sample

pytest.importorskip("lightgbm")

TOYS = {
    "samples": ("toy",), "n": 3000, "validation_n": 1000, "shard_size": 1000, "trials": 2, "objects": 1500,
    "search.rounds": 20, "forest.rounds": 60, "test_samples": (),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("mass_shapes")
    return trainer.train(TOYS, out=root / "run", processes=1, cache=root / "cache")


def test_shapes_by_hand():
    records = sample(20, 1)[:3]  # nothing, one crystal, two of one energy side by side in phi
    found = [dict(zip(NAMES, row, strict=True)) for row in image_shapes(records)]
    assert found[0]["et_gev"] == 0 and np.isnan(found[0]["mass_3x3_gev"])
    assert found[1]["r9"] == found[1]["e1_over_e9"] == 1 and found[1]["major_3x3"] == 0
    two = found[2]
    assert two["e2_over_e1"] == 1 and two["e1_over_e9"] == 0.5 and two["s4"] == 1
    assert two["phi_phi_5x5"] == pytest.approx(0.25) and two["eta_eta_5x5"] == 0
    assert two["major_5x5"] == pytest.approx(0.25) and two["minor_5x5"] == pytest.approx(0, abs=1e-7)
    assert two["mass_3x3"] == pytest.approx(two["et_gev"] * 0.0174 * 0.5, rel=1e-5)
    assert two["sigma_iphi_iphi"] == pytest.approx(0.5) and two["sigma_ieta_ieta"] == 0


def test_mirror_images_have_the_same_shapes():
    records = sample(60, 2)
    inside = records[(np.abs(np.asarray(records.seed_ieta)) > 20) & (np.arange(60) > 13)]
    mirrored = from_flat(augment(to_flat(inside, CANDIDATES), np.random.default_rng(0)))
    assert (np.asarray(mirrored.seed_ieta) != np.asarray(inside.seed_ieta)).any()
    whole = [name for name in NAMES if not name.startswith(("n_hits", "e11x11", "et_gev"))]
    columns = [NAMES.index(name) for name in whole]
    np.testing.assert_allclose(
        image_shapes(mirrored)[:, columns], image_shapes(inside)[:, columns], rtol=2e-3, atol=1e-4
    )


def test_the_run_and_its_answers(folder):
    facts = run_record.read_run(folder)
    assert facts["status"] == "finished" and facts["model"] == "mass_shapes"
    for name, expected in facts["files"].items():
        assert sha256(folder / name) == expected
    with (folder / "trials.csv").open() as file:
        scores = [float(row["score"]) for row in csv.DictReader(file)]
    assert len(scores) == 2 and facts["forest"]["validation_loss"] < min(scores) + 0.02
    records = sample(1000, 77)
    mass, label = (
        np.asarray(x) for x in (mass_shapes.predict(records, folder).mass_gev, records.label_mass_gev)
    )
    there = np.arange(1000) >= 14
    plain = np.abs(label - np.median(label))[there].mean()
    assert np.abs(mass - label)[there].mean() < 0.4 * plain
    assert mass[0] == -1.0  # no energy
    alone = mass_shapes.predict(records[20:23], folder).mass_gev
    np.testing.assert_array_equal(np.asarray(alone), mass[20:23])


def test_damaged_weights(folder, tmp_path):
    for name in mass_shapes.FILES:
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "inputs.json").write_text(json.dumps({"inputs": list(NAMES[:-1])}))
    with pytest.raises(InvalidFile, match="mass_3x3_gev"):
        mass_shapes.load(tmp_path)
    (tmp_path / "inputs.json").write_text("nothing")
    with pytest.raises(InvalidFile, match="not the weights"):
        mass_shapes.predict(sample(2, 0), tmp_path / ".." / tmp_path.name)


def test_dirty_hits_count_as_none():
    records = sample(16, 3)[14:]
    energy = ak.where(
        ak.local_index(records.hits.energy_gev) == 1, np.float32(np.nan), records.hits.energy_gev
    )
    dirty = ak.with_field(records, ak.with_field(records.hits, energy, "energy_gev"), "hits")
    assert np.isfinite(image_shapes(dirty)[:, NAMES.index("r9")]).all()
