from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from zoo.errors import InvalidValue
from zoo.evaluation.binning import Variable, energy_variables, equal_population, r9


def one_object(**changes):
    fields = {
        "hits": {
            "ieta": [[1, -1, 2, 3, 1]],
            "iphi": [[1, 360, 1, 1, 2]],
            "energy_gev": [[10.0, 2.0, 3.0, 4.0, 1.0]],
        },
        "seed_ieta": [1], "seed_iphi": [1], "rho_gev": [12.0], "leakage_gev": [2.0],
        "true_energy_gev": [20.0], "true_eta": [0.0087], "true_phi": [0.0087],
    }  # fmt: skip
    fields |= changes
    hits = ak.zip({name: ak.Array(values) for name, values in fields.pop("hits").items()}, depth_limit=2)
    return ak.zip({"hits": hits, **{n: ak.Array(v) for n, v in fields.items()}}, depth_limit=1)


def test_r9_crosses_ieta_zero_and_iphi_360():
    """Neighbours of (1, 1): (-1, 360) and (2, 1) and (1, 2) count, (3, 1) does not: 16 of 20 GeV."""
    assert r9(one_object())[0] == pytest.approx(16 / 20)


def test_r9_of_an_object_without_hits_is_zero():
    empty = ak.Array([[1.0]])[:, :0]
    hits = {"ieta": ak.values_astype(empty, int), "iphi": ak.values_astype(empty, int), "energy_gev": empty}
    assert r9(one_object(hits=hits))[0] == 0.0


def test_all_variables_of_the_report():
    found = {v.name: v for v in energy_variables(one_object())}
    assert set(found) >= {
        "et",
        "abs_eta",
        "rho",
        "r9",
        "h_over_e",
        "eta_in_crystal",
        "phi_in_crystal",
        "n_hits",
    }
    assert found["et"].values[0] == pytest.approx(20 / np.cosh(0.0087))
    assert found["n_hits"].values[0] == 5
    assert found["h_over_e"].values[0] == pytest.approx(0.1)
    assert found["eta_in_crystal"].values[0] == pytest.approx(0.0, abs=1e-6)  # the middle of a crystal
    assert found["phi_in_crystal"].values[0] == pytest.approx(0.0, abs=0.01)
    assert found["gap_eta"].values[0] == 0.5 and found["gap_phi"].values[0] == 0.5
    far = {v.name: v for v in energy_variables(one_object(seed_ieta=[-13], seed_iphi=[10]))}
    assert far["gap_eta"].values[0] == 12.5 and far["gap_phi"].values[0] == 9.5


def test_the_impact_point_is_that_of_the_primary_at_the_face():
    particles = ak.zip({"phi": ak.Array([[0.0175, 2.0]])}, depth_limit=2)
    bent = ak.with_field(one_object(), particles, "particles")
    value = {v.name: v for v in energy_variables(bent)}["phi_in_crystal"].values[0]
    assert value == pytest.approx(0.0175 / (2 * np.pi / 360) - 1 - 0.5)


def test_bins_hold_their_lower_edge_and_the_last_both():
    variable = Variable("x", "x", "", np.array([-1.0, 0.0, 1.0, 1.5, 2.0, 2.1, np.nan]), (0.0, 1.0, 2.0))
    assert variable.bins().tolist() == [-1, 0, 1, 1, 1, -1, -1]
    with pytest.raises(InvalidValue, match="increasing"):
        Variable("x", "x", "", np.zeros(1), (0.0, 0.0))


def test_equal_population_handles_ties():
    x = np.random.default_rng(0).random(10_000)
    edges = equal_population(x, 5)
    counts = np.histogram(x, edges)[0]
    assert len(counts) == 5 and counts.sum() == 10_000 and np.ptp(counts) < 20
    tied = np.concatenate([np.zeros(6_000), x[:4_000] + 1])
    counts = np.histogram(tied, equal_population(tied, 5))[0]
    assert counts[0] == 6_000 and len(counts) == 5 and np.ptp(counts[1:]) < 20
    assert equal_population(np.zeros(10)) == (-0.5, 0.5)
    assert len(equal_population([])) == 2
    assert np.histogram(np.array([1, 1, 2, 2, 2, 3]), equal_population([1, 1, 2, 2, 2, 3]))[0].sum() == 6
