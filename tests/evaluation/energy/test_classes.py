from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from zoo.evaluation.bootstrap import ClusterBootstrap
from zoo.evaluation.energy.classes import AVERAGE, HARD, object_classes
from zoo.evaluation.energy.comparison import compare, mean_ratio
from zoo.evaluation.energy.report import information_limit


def records(n=1, **changes):
    """Objects far from gaps: 9.7 GeV in the 3x3, 0.3 GeV five crystals away, which is pile-up."""
    hits = {
        "ieta": [[13, 14, 13]] * n,
        "iphi": [[10, 10, 15]] * n,
        "energy_gev": [[9.0, 0.7, 0.3]] * n,
        "dead_neighbours": [[0, 0, 0]] * n,
        "true_energy_gev": [[9.0, 0.7, 0.0]] * n,
    } | changes.pop("hits", {})
    fields = {
        "seed_ieta": [13] * n, "seed_iphi": [10] * n, "true_energy_gev": [10.0] * n, "true_eta": [0.2] * n,
        "n_pileup": [40] * n, "pileup_photon_gev": [0.0] * n, "pdg_id": [22] * n,
    } | changes  # fmt: skip
    inner = ak.zip({name: ak.Array(values) for name, values in hits.items()}, depth_limit=2)
    columns = {name: ak.Array(values) for name, values in fields.items() if values is not None}
    return ak.zip({"hits": inner, **columns}, depth_limit=1)


def names(found, index=0):
    return {chosen.name for chosen in found if chosen.mask[index]}


def test_an_ordinary_object():
    assert names(object_classes(records())) == {AVERAGE, "pileup", "low_brem", "high_r9"}


@pytest.mark.parametrize(
    ("changes", "gained", "lost"),
    [
        ({"n_pileup": [0]}, {"no_pileup"}, {AVERAGE, "pileup"}),
        ({"true_energy_gev": [4.0]}, set(), {AVERAGE}),
        ({"true_energy_gev": [80.0]}, set(), {AVERAGE}),
        ({"seed_ieta": [25]}, {"gap", HARD, "low_r9"}, {"high_r9", "low_brem"}),
        ({"pileup_photon_gev": [1.5]}, {"pileup_photon", HARD}, set()),
        ({"pileup_photon_gev": [1.5], "n_pileup": [0]}, {"pileup_photon", "no_pileup"}, {AVERAGE, "pileup"}),
        ({"hits": {"dead_neighbours": [[0, 1, 0]]}}, {"dead_crystal", HARD}, set()),
        ({"hits": {"dead_neighbours": [[0, 0, 1]]}}, set(), set()),  # not beside the core
        ({"hits": {"energy_gev": [[9.0, 0.5, 0.5]]}}, {"low_r9"}, {"high_r9"}),  # pile-up is no brems
        ({"hits": {"true_energy_gev": [[9.0, 0.5, 0.5]]}}, set(), {"low_brem"}),
    ],
)
def test_what_makes_a_class(changes, gained, lost):
    ordinary = names(object_classes(records()))
    assert names(object_classes(records(**changes))) == (ordinary | gained) - lost


@pytest.mark.parametrize(("ieta", "iphi", "beside"), [
    (1, 10, True), (-1, 10, True), (2, 10, False), (26, 10, True), (27, 10, False), (65, 10, True),
    (13, 20, True), (13, 21, True), (13, 360, True), (13, 1, True), (13, 2, False), (13, 19, False),
])  # fmt: skip
def test_gaps_of_modules_and_supermodules(ieta, iphi, beside):
    found = names(object_classes(records(seed_ieta=[ieta], seed_iphi=[iphi])))
    assert ("gap" in found) is beside


def test_kinds_stand_apart_where_both_are_there():
    found = object_classes(records(2, pdg_id=[-11, 22]))
    assert names(found, 0) - names(found, 1) == {"electrons"} and "photons" in names(found, 1)
    assert "photons" not in {chosen.name for chosen in object_classes(records())}


def test_classes_without_their_truth_are_missing():
    bare = records(n_pileup=None, pileup_photon_gev=None, pdg_id=None)
    bare["hits"] = bare.hits[["ieta", "iphi", "energy_gev", "dead_neighbours"]]
    assert {c.name for c in object_classes(bare)} == {"high_r9", "low_r9", "dead_crystal", "gap"}


def normal_responses(scales, widths=(0.1, 0.02), n=4000):
    """Two bins of different width; each method a factor of one baseline's noise."""
    rng = np.random.default_rng(3)
    sigma = np.repeat(widths, n)
    noise = rng.normal(size=2 * n)
    found = {name: 1.0 + scale * sigma * noise for name, scale in scales.items()}
    bootstrap = ClusterBootstrap(rng.integers(0, 400, 2 * n), replicas=40)
    bins = [compare(found, {}, np.arange(k * n, (k + 1) * n), bootstrap, fit=True) for k in (0, 1)]
    return bins


def test_the_mean_ratio_is_geometric_over_bins_and_paired():
    bins = normal_responses({"bdt": 1.0, "drn": 0.9})
    found = mean_ratio(bins, "drn", "bdt")
    for measure in ("resolution", "cruijff"):
        assert found[measure]["value"] == pytest.approx(0.9, abs=0.005)
        assert found[measure]["error"] < 0.005  # the same noise in both
        assert not found[measure]["worse"]
    single = [bins[k].ratio("drn", "bdt")["resolution"]["value"] for k in (0, 1)]
    assert found["resolution"]["value"] == pytest.approx(np.sqrt(np.prod(single)), rel=1e-12)
    inverse = mean_ratio(bins, "bdt", "drn")
    for measure in ("resolution", "cruijff"):
        assert inverse[measure]["value"] * found[measure]["value"] == pytest.approx(1.0, rel=1e-9)
        assert inverse[measure]["worse"]


def test_the_error_of_the_mean_is_that_of_independent_bins():
    """Two methods with noises of their own: the log ratio of n normal widths scatters by about 1/sqrt(n)."""
    rng = np.random.default_rng(5)
    n = 8000
    responses = {name: 1.0 + 0.05 * rng.normal(size=2 * n) for name in ("a", "b")}
    bootstrap = ClusterBootstrap(np.arange(2 * n), replicas=100)
    bins = [compare(responses, {}, np.arange(k * n, (k + 1) * n), bootstrap, fit=True) for k in (0, 1)]
    one, two = bins[0].ratio("a", "b"), mean_ratio(bins, "a", "b")
    for measure in ("resolution", "cruijff"):
        assert two[measure]["error"] == pytest.approx(one[measure]["error"] / np.sqrt(2), rel=0.3)
        assert abs(two[measure]["value"] - 1.0) < 4 * two[measure]["error"]


def test_an_empty_bin_leaves_no_mean():
    responses = {"bdt": np.ones(4), "drn": np.ones(4)}
    empty = compare(responses, {}, np.arange(0), ClusterBootstrap(np.arange(4)), fit=True)
    for measure in ("resolution", "cruijff"):
        assert mean_ratio([empty], "drn", "bdt")[measure] == {"value": None, "error": None, "worse": False}
    assert mean_ratio([], "drn", "bdt")["resolution"]["value"] is None


def test_the_limit_scatters_by_its_sigma():
    true = np.full(20_000, 50.0)
    limit = information_limit(true, np.full(20_000, 0.02))
    response = np.asarray(limit.energy_gev) / true
    assert limit.limit and response.mean() == pytest.approx(1.0, abs=5e-4)
    assert response.std() == pytest.approx(0.02, rel=0.02)
    np.testing.assert_array_equal(limit.energy_gev, information_limit(true, np.full(20_000, 0.02)).energy_gev)
