import dataclasses

import numpy as np
import pytest

from training.trainer import data
from training.trainer.recipe import Data
from zoo.errors import InvalidValue, UnknownName
from zoo.models.network import network

TOY = Data(samples=("toy",), n=600, validation_n=200, shard_size=200, seed=3)


def prepare(cache, chosen=TOY, split="train", n=600, **more):
    return data.prepare(chosen, split, n=n, cache=cache, model="drn", processes=1, quiet=True, **more)


@pytest.fixture
def made(monkeypatch):
    """Numbers of the shards that are simulated."""
    numbers, make_shard = [], data.make_shard

    def count(chosen, split, index, *others):
        numbers.append(index)
        return make_shard(chosen, split, index, *others)

    monkeypatch.setattr(data, "make_shard", count)
    return numbers


def test_shards_are_made_once(tmp_path, made):
    events = prepare(tmp_path)
    assert len(events) == 3 and events.facts["objects"] == 600
    again = prepare(tmp_path)
    assert made == [0, 1, 2] and again.facts == events.facts
    for index in range(3):
        for name, values in events.read(index).items():
            np.testing.assert_array_equal(values, again.read(index)[name])


def test_a_larger_sample_keeps_the_shards(tmp_path, made):
    prepare(tmp_path)
    larger = prepare(tmp_path, n=1000)
    assert made == [0, 1, 2, 3, 4] and len(larger) == 5
    assert len(prepare(tmp_path, n=400)) == 2


def test_an_interrupted_simulation_goes_on(tmp_path, made, monkeypatch):
    make_shard = data.make_shard

    def interrupted(chosen, split, index, *others):
        if index == 1:
            raise KeyboardInterrupt
        return make_shard(chosen, split, index, *others)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(data, "make_shard", interrupted)
        prepare(tmp_path)
    assert prepare(tmp_path).facts["objects"] == 600
    assert made == [0, 1, 2]


def test_shards_splits_and_seeds_differ(tmp_path):
    train = prepare(tmp_path)
    others = [
        train.read(1),
        prepare(tmp_path, split="validation").read(0),
        prepare(tmp_path, dataclasses.replace(TOY, seed=4)).read(0),
    ]
    first = train.read(0)["true_energy_gev"]
    for other in others:
        assert not np.array_equal(first, other["true_energy_gev"])


def test_a_run_keeps_its_events_when_the_simulation_changes(tmp_path, monkeypatch):
    events = prepare(tmp_path)
    drn = network("drn")
    sample = drn.sample
    monkeypatch.setattr(type(drn), "sample", staticmethod(lambda n, seed: sample(n, seed + 1)))
    assert prepare(tmp_path, known=events.facts).facts["folder"] == events.facts["folder"]
    assert prepare(tmp_path).facts["folder"] != events.facts["folder"]
    next((tmp_path / events.facts["folder"]).glob("*.npz")).unlink()
    with pytest.raises(InvalidValue, match="other events"):
        prepare(tmp_path, known=events.facts)


def test_ingredients_of_a_shard():
    both = Data(samples=("electrons", "photons"), pileup_free_fraction=0.2)
    made = {(part.sample, part.pileup): part.n for part in data.parts(both, 5000)}
    assert made == {
        ("electrons", True): 2000,
        ("electrons", False): 500,
        ("photons", True): 2000,
        ("photons", False): 500,
    }
    assert len(data.parts(dataclasses.replace(both, pileup_free_fraction=0.0), 100)) == 2


def test_simulated_shard_is_a_fair_sample_and_its_splits_share_no_shower(tmp_path):
    small = Data(n=200, validation_n=200, test_n=200, shard_size=200, seed=1)
    events = [prepare(tmp_path, small, split, 200) for split in data.SPLITS]
    for one in events:
        flat = one.read(0)
        kinds = np.abs(flat["pdg_id"])
        assert (kinds == 11).sum() == (kinds == 22).sum() == 100
        assert (flat["n_pileup"] == 0).sum() == 40
        assert flat["n_pileup"][flat["n_pileup"] > 0].min() >= 20
    assert sum(data.check_disjoint(*events).values()) > 100
    with pytest.raises(InvalidValue, match="none in two splits"):
        data.check_disjoint(events[0], events[0])


def test_unknown_names(tmp_path):
    with pytest.raises(UnknownName, match="validation"):
        prepare(tmp_path, split="valid")
    with pytest.raises(UnknownName, match="electrons"):
        prepare(tmp_path, dataclasses.replace(TOY, samples=("electron",)))


def test_the_test_split_may_have_samples_of_its_own(tmp_path):
    chosen = Data(samples=("electrons",), test_samples=("photons",), pileup_free_fraction=1.0, shard_size=20)
    events = prepare(tmp_path, chosen, "test", 20)
    assert events.facts["key"]["samples"] == ["photons"]
    assert set(events.read(0)["pdg_id"]) == {22}
