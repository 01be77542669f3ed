"""Superclusters as training objects."""

import numpy as np
import pytest

from training.trainer import data
from training.trainer.recipe import Data
from training.trainer.superclustered import SPECTRA, simulate
from zoo.data.feeding.flat import to_flat
from zoo.data.records import raw_energy_gev, validate
from zoo.errors import InvalidValue, UnknownName

ELECTRONS = Data(samples=("electrons@mustache",), n=30, pileup_free_fraction=1.0, shard_size=30)


def test_objects_are_superclusters_of_the_particle():
    objects = data.make_shard(ELECTRONS, "test", 0, 30, "drn")
    validate(objects)
    assert len(objects) == 30 and set(objects.pdg_id) == {11} and set(objects.n_pileup) == {0}
    true = np.asarray(objects.true_energy_gev) / np.cosh(np.asarray(objects.true_eta))
    spectrum = SPECTRA["electrons"]
    assert spectrum.min_et_gev <= true.min() and true.max() <= spectrum.max_et_gev
    ratio = raw_energy_gev(objects) / np.asarray(objects.true_energy_gev)
    assert 0.85 < np.median(ratio) < 1.0
    assert len(set(objects.event_id)) == 30
    again = to_flat(data.make_shard(ELECTRONS, "test", 0, 30, "drn"))
    assert all(np.array_equal(values, again[name]) for name, values in to_flat(objects).items())


def test_the_cache_knows_what_made_the_superclusters(tmp_path, monkeypatch):
    """Another superclustering, here one with other cuts, has another probe."""
    from training.trainer import superclustered
    from zoo.baselines.mustache import MustacheConfig
    from zoo.reconstruction.superclustering import Superclustering

    def probe():
        events = data.prepare(ELECTRONS, "test", n=5, cache=tmp_path, model="drn", processes=1, quiet=True)
        return events.facts["key"]["probe"]

    before = probe()
    assert probe() == before
    narrow = Superclustering(MustacheConfig(dphi_saturation=0.01, dphi_cutoff=0.01))
    monkeypatch.setattr(superclustered, "open_superclustering", lambda chosen: narrow)
    assert probe() != before


def test_what_does_not_exist():
    with pytest.raises(UnknownName, match="Did you mean 'electrons@mustache'"):
        simulate("electron@mustache", 5, 1, split="test", pileup=False)
    with pytest.raises(UnknownName, match="Did you mean 'mustache'"):
        simulate("electrons@mustach", 5, 1, split="test", pileup=False)
    with pytest.raises(InvalidValue, match="none of single hits"):
        simulate("electrons@mustache", 5, 1, split="test", pileup=False, truth=True)
