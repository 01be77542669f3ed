"""Chains side by side on a few hundred events: the numbers are those of the chains themselves."""

import json

import numpy as np
import pytest

from training.__main__ import main
from training.contest.chains import chain_contest
from training.trainer.superclustered import events_of
from zoo.data.cluster_truth import match_superclusters
from zoo.errors import InvalidValue
from zoo.reconstruction.chain import reconstruct
from zoo.reconstruction.superclustering import find_superclusters


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    chains = ["mustache+raw", "mustache_tuned+raw", "mustache+bdt", "mustache+linear_calibration"]
    out = tmp_path_factory.mktemp("contest") / "chain"
    assert chain_contest(out, chains, n=300, resonances=60, seed=3, processes=1) == out / "chain.md"
    return out


def test_figures_are_those_of_the_chain(folder):
    facts = json.loads((folder / "chain.json").read_text())
    events = events_of("electrons", 300, 3, split="test")
    superclusters = find_superclusters(events, "mustache").superclusters
    hardest = match_superclusters(events, superclusters)[1]
    event = np.flatnonzero(hardest >= 0)
    true = np.asarray(events.groups.energy_gev[:, 0])
    et = true / np.cosh(np.asarray(events.groups.eta[:, 0]))
    middle = facts["kinds"]["raw"]["bins"][3]
    inside = (et[event] >= 25) & (et[event] < 50)
    assert middle["low"] == 25 and middle["objects"] <= inside.sum()
    response = superclusters.raw_energy_gev[hardest[event]][inside] / true[event][inside]
    figures = middle["chains"]["mustache+raw"]
    if middle["objects"] == inside.sum():
        assert figures["median"]["value"] == pytest.approx(np.median(response))
    assert figures["left"]["value"] > 0 and figures["resolution_ratio"]["value"] >= 1.0
    seen = facts["found"]["mustache"][3]
    assert seen["efficiency"]["value"] == pytest.approx(inside.sum() / ((et >= 25) & (et < 50)).sum())
    assert seen["pieces"]["value"] >= 1.0
    energies = reconstruct(events, superclustering="mustache", energy="raw").superclusters.energy_gev
    np.testing.assert_allclose(
        np.sort(np.concatenate(energies.to_list())), np.sort(superclusters.raw_energy_gev), rtol=1e-6
    )


def test_trees_are_compared_with_trees(folder):
    found = json.loads((folder / "chain.json").read_text())["kinds"]
    assert found["raw"]["baseline"] in ("mustache+raw", "mustache_tuned+raw")
    assert found["calibrated"]["baseline"] == "mustache+bdt"
    for row in found["calibrated"]["bins"]:
        both = [row["chains"][f"mustache+{energy}"] for energy in ("bdt", "linear_calibration")]
        assert min(one["resolution_ratio"]["value"] for one in both) == 1.0
    mass = json.loads((folder / "chain.json").read_text())["mass"]
    assert next(iter(mass)) == "mustache+bdt" and mass["mustache+bdt"]["ratio"]["value"] == 1.0
    assert mass["mustache+raw"]["pairs"] == 30 and 70 < mass["mustache+raw"]["median_gev"]["value"] < 91.19
    page = (folder / "chain.md").read_text()
    assert "mustache+linear_calibration" in page and "left half-width" in page
    for kind in ("raw", "calibrated"):
        assert (folder / kind / "index.html").is_file()


def test_what_cannot_be_compared_is_refused(tmp_path, capsys):
    with pytest.raises(InvalidValue, match="superclustering\\+energy"):
        chain_contest(tmp_path / "out", ["mustache"], n=10)
    with pytest.raises(InvalidValue, match="a classical one"):
        chain_contest(tmp_path / "out", ["supercluster.barrel_v1+raw"], n=10)
    assert main(["chain", "mustach+raw", "mustache+raw", "--out", str(tmp_path / "out"), "--n", "10"]) == 2
    assert "mustache" in capsys.readouterr().err
