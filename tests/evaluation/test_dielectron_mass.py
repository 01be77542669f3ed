"""The mass of pairs of electrons, from records made by hand."""

import awkward as ak
import numpy as np
import pytest

from zoo.data.records import assemble
from zoo.errors import InvalidValue
from zoo.evaluation.dielectron_mass import compare_masses, dielectron_masses


def resonances(n, smear, seed=0, mass=91.19):
    """Both electrons of n resonances at rest, energies smeared; a soft supercluster stands before each."""
    rng = np.random.default_rng(seed)
    eta, phi = np.repeat(rng.uniform(-1, 1, n), 2), np.repeat(rng.uniform(-1, 1, n), 2)
    eta[1::2] *= -1
    phi[1::2] += np.pi - 2 * np.pi * (phi[1::2] > 0)
    energy = mass / 2 * np.exp(smear * rng.standard_normal(2 * n))
    both = np.stack([np.full(2 * n, 4.0), energy], axis=1).astype("f4")
    columns = {
        "superclusters.energy_gev": ak.from_regular(ak.Array(both)),
        "groups.eta": ak.unflatten(eta, 1),
        "groups.phi": ak.unflatten(phi, 1),
        "groups.supercluster": ak.unflatten(np.ones(2 * n, "i2"), 1),
        "event_id": np.repeat(np.arange(n), 2),
        "shower_row": rng.integers(0, 400, 2 * n),
        "shower_pdg_id": np.full(2 * n, 11),
    }
    return assemble(columns)


def test_mass_of_two_electrons_back_to_back_in_any_order():
    found = resonances(50, 0.0)
    order = np.random.default_rng(1).permutation(100)
    pairs, mass = dielectron_masses(found[order])
    np.testing.assert_allclose(mass, 91.19, rtol=1e-6)
    events = np.asarray(found.event_id)[order][pairs]
    assert (events[:, 0] == events[:, 1]).all() and sorted(events[:, 0]) == list(range(50))


def test_an_electron_without_supercluster_is_an_inefficiency_and_not_compared():
    good, bad = resonances(2000, 0.02), resonances(2000, 0.04, seed=5)
    bad = ak.with_field(bad, good.shower_row, "shower_row")
    lost = ak.Array(np.where(np.arange(4000) < 100, -1, 1).astype("i2"))[:, None]
    bad = ak.with_field(bad, ak.with_field(bad.groups, ak.from_regular(lost), "supercluster"), "groups")
    table = compare_masses({"good": good, "bad": bad}, replicas=50)
    assert table["good"]["efficiency"] == 1.0 and table["bad"]["efficiency"] == pytest.approx(0.975)
    assert table["good"]["common"] == table["bad"]["common"] == 1950
    # two energies of 2 % each: the mass has 2 % / sqrt(2)
    assert table["good"]["resolution"]["value"] == pytest.approx(0.02 / np.sqrt(2), rel=0.06)
    assert table["good"]["ratio"] == {"value": 1.0, "error": 0.0}
    assert table["bad"]["ratio"]["value"] == pytest.approx(2.0, rel=0.1)
    assert 0 < table["bad"]["ratio"]["error"] < 0.2


def test_what_is_no_pair():
    found = resonances(5, 0.01)
    with pytest.raises(InvalidValue, match="each one twice"):
        dielectron_masses(found[:9])
    with pytest.raises(InvalidValue, match="each one twice"):
        dielectron_masses(ak.with_field(found, found.event_id // 2, "event_id"))
    with pytest.raises(InvalidValue, match="one electron in each record"):
        dielectron_masses(ak.without_field(found, "groups"))
    with pytest.raises(InvalidValue, match="the same records"):
        compare_masses({"a": found, "b": found[:8]})
