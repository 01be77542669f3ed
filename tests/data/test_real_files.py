from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot

from zoo.data.branch_maps import Branch, BranchMap
from zoo.data.readers import read_metadata, read_root
from zoo.data.schema import leaf_values, validate
from zoo.errors import InvalidFile, InvalidValue, UnknownName

pytestmark = pytest.mark.real

FILES = [
    "atlas_physlite_uproot-issue-123a.root",
    "delphes_gev91ee_zboson_100events.root",
    "edm4hep.root",
    "nano_tt_v15.root",
    "pfnano.root",
    "test_FCC_Winter2023.root",
]

# One NanoAOD electron as one hit, its seed crystal: no regression, but jagged branches with foreign names.
NANO = BranchMap(
    "Events",
    {
        "hits.ieta": Branch("Electron_seediEtaOriX"),
        "hits.iphi": Branch("Electron_seediPhiOriY"),
        "hits.energy_gev": Branch("Electron_pt"),
        "hits.noise_gev": Branch(constant=0.08),
        "hits.dead_neighbours": Branch(constant=0),
        "rho_gev": Branch("Rho_fixedGridRhoFastjetAll"),
        "leakage_gev": Branch(constant=0.0),
    },
)


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_format_is_refused_by_name(real, name):
    path = real(name)
    with pytest.raises(UnknownName, match="unknown tree 'objects'") as error:
        read_root(path)
    assert name in str(error.value)
    assert read_metadata(path) == {}


@pytest.mark.parametrize("name", FILES)
def test_half_of_a_real_file_is_refused(real, name, tmp_path):
    content = real(name).read_bytes()
    cut = tmp_path / name
    cut.write_bytes(content[: len(content) // 2])
    with pytest.raises(InvalidFile, match="truncated"):
        read_root(cut)


def test_a_branch_map_on_nanoaod_reads_the_numbers_that_uproot_reads(real):
    path = real("nano_tt_v15.root")
    found = read_root(path, NANO, check=False)
    with uproot.open(path) as file:
        tree = file["Events"]
        pt, rho = tree["Electron_pt"].array(), tree["Rho_fixedGridRhoFastjetAll"].array()
    assert found.hits.energy_gev.to_list() == pt.to_list()
    assert np.array_equal(np.asarray(found.rho_gev), np.asarray(rho))
    assert leaf_values(found, "hits.ieta").dtype == np.int16
    assert len(found) == 200 and ak.sum(ak.num(found.hits.ieta)) > 0
    # Endcap crystals have other indices: what this schema is not made for does not pass.
    with pytest.raises(InvalidValue, match=r"hits\.(ieta|iphi): expected"):
        validate(found)


def test_nested_branches_are_found_by_their_leaf(real):
    """EDM4hep stores `CalorimeterHits/CalorimeterHits.energy`; the leaf alone is enough."""
    kind, constant = Branch("CalorimeterHits.type"), Branch(constant=0.0)
    energy = Branch("CalorimeterHits.energy")
    new = {"hits.ieta": kind, "hits.iphi": kind, "hits.energy_gev": energy, "rho_gev": constant}
    fields = {**NANO.fields, **new}
    path = real("test_FCC_Winter2023.root")
    found = read_root(path, BranchMap("events", fields), check=False)
    with uproot.open(path) as file:
        expected = file["events"]["CalorimeterHits/CalorimeterHits.energy"].array()
    assert found.hits.energy_gev.to_list() == expected.to_list()
    wrong = BranchMap("events", {**fields, "hits.ieta": Branch("CalorimeterHit.Type")})
    with pytest.raises(UnknownName, match=r"'CalorimeterHits\.type'"):
        read_root(path, wrong)
