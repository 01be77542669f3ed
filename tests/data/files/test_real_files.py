from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot

from zoo.data.elements import element_features
from zoo.data.files.branch_maps import Branch, BranchMap
from zoo.data.files.edm4hep import EDM4HEP_FEATURES, read_edm4hep
from zoo.data.files.nano import NANOAOD, PFNANO
from zoo.data.files.readers import read_metadata, read_root
from zoo.data.kinds.elements import CLASSES, ELEMENT_EVENTS
from zoo.data.records import leaf_values, validate
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


def test_delphes_elements_with_their_truth(real):
    records = read_edm4hep(real("test_FCC_Winter2023.root"))
    with uproot.open(real("test_FCC_Winter2023.root")) as file:
        reco = file["events"]["ReconstructedParticles"]
        x, y = (reco[f"ReconstructedParticles.momentum.{axis}"].array() for axis in "xy")
        charged = reco["ReconstructedParticles.charge"].array() != 0
        energy = file["events"]["EFlowNeutralHadron/EFlowNeutralHadron.energy"].array()
    validate(records, ELEMENT_EVENTS, truth=True)
    elements = records.elements
    track, hcal = elements.kind == 1, elements.kind == 5
    # Delphes' own candidates say what the curvature must give
    expected = ak.flatten(ak.sort(np.hypot(x, y)[charged]))
    np.testing.assert_allclose(ak.flatten(ak.sort(elements.pt_gev[track])), expected, rtol=1e-4)
    assert ak.all(ak.sort(elements.energy_gev[hcal]) == ak.sort(energy))
    assert element_features(records, EDM4HEP_FEATURES).shape == (ak.sum(ak.num(elements.kind)), 10)
    # a track's target is its particle; Delphes measures its momentum to a few per mille
    labels = [CLASSES.index(name) for name in ("charged hadron", "electron", "muon")]
    of_track = elements[track]
    assert ak.mean(np.isin(ak.to_numpy(ak.flatten(of_track.target_class)), labels)) > 0.99
    ratio = ak.to_numpy(ak.flatten(of_track.pt_gev / np.maximum(of_track.target_pt_gev, 1e-3)))
    assert abs(np.median(ratio) - 1) < 1e-3 and np.mean(np.abs(ratio - 1) < 0.02) > 0.9
    assert ak.all((of_track.target_charge == of_track.charge) | (of_track.target_class == 0))
    photon = elements[(elements.kind == 4) & (elements.energy_gev > 0.5)]  # softer ones have no target
    assert ak.mean(photon.target_class == CLASSES.index("photon")) > 0.9
    ratio = ak.to_numpy(ak.flatten(photon.energy_gev / np.maximum(photon.target_energy_gev, 1e-3)))
    assert abs(np.median(ratio) - 1) < 0.03


def test_files_without_tracks_and_clusters_are_no_events_of_elements(real):
    with pytest.raises(UnknownName, match="unknown tree 'events'"):
        read_edm4hep(real("delphes_gev91ee_zboson_100events.root"))
    with pytest.raises(UnknownName, match="EFlowTrack"):
        read_edm4hep(real("edm4hep.root"))


def test_candidates_of_cms(real):
    records = read_root(real("pfnano.root"), PFNANO)
    found = records.candidates
    x, y = (-ak.sum(found.pt_gev * function(found.phi), axis=1) for function in (np.cos, np.sin))
    met, phi = records.met_gev, records.met_phi
    assert np.all(np.hypot(x - met * np.cos(phi), y - met * np.sin(phi)) < 0.5)
    assert len(records) == 10 and ak.all(ak.num(records.generated.pt_gev) > 100)
    few = read_root(real("nano_tt_v15.root"), NANOAOD)
    with uproot.open(real("nano_tt_v15.root")) as file:
        assert few.candidates.pt_gev.to_list() == file["Events"]["PFCand_pt"].array().to_list()
