"""Candidates to images: what is drawn, mirrored and refused."""

import awkward as ak
import numpy as np
import pytest

import zoo
from zoo.data.feeding.flat import from_flat, to_flat
from zoo.data.kinds.candidates import CANDIDATES
from zoo.data.records import validate as validate_records
from zoo.errors import InvalidValue, UnknownName
from zoo.models.mass_regressor import events
from zoo.models.network import network


@pytest.fixture(scope="module")
def records():
    return events.sample(40, 3)


@pytest.fixture
def inputs(records):
    return {name: values.copy() for name, values in events.to_inputs(records).items()}


def test_samples_are_records_with_truth_and_their_cases(records, inputs):
    validate_records(records, CANDIDATES, truth=True)
    events.validate(inputs)
    energy = np.hypot(*np.moveaxis(inputs["image"], -1, 0))
    case = dict(zip(events.SAMPLE_CASES, energy, strict=False))
    assert not case["no energy"].any() and np.count_nonzero(case["one crystal"]) == 1
    assert not case["at the end of the barrel"][16:].any() and case["at the end of the barrel"][15, 15] > 1
    assert not case["at the other end of the barrel"][:15].any()
    assert case["a harder crystal off the seed"].max() > case["a harder crystal off the seed"][15, 15]
    symmetric = case["two equal photons, mirror-symmetric"][:, :31]
    np.testing.assert_allclose(symmetric, symmetric[:, ::-1], rtol=1e-5)
    assert np.count_nonzero(case["every crystal of one energy"]) == 1024
    assert case["largest energies"].max() > 1000 > 0.5 > case["smallest energies"].max()
    photons = np.asarray(records.parent_pdg_id) == 22
    assert photons.any() and np.all((np.asarray(records.label_mass_gev) < 0) == photons)


def test_mirrored_records_give_mirrored_images(records):
    """With the energies of row and column -16, which the mirrored image needs."""
    flat = to_flat(records, CANDIDATES)
    rng = np.random.default_rng(1)
    image = events.to_inputs(records)["image"]
    seen = set()
    for _ in range(3):
        mirrored = events.augment(flat, rng)
        found = events.to_inputs(from_flat(mirrored))
        in_eta = mirrored["seed_ieta"] != flat["seed_ieta"]
        in_phi = mirrored["seed_iphi"] != flat["seed_iphi"]
        for number, (eta, phi) in enumerate(zip(in_eta, in_phi, strict=True)):
            expected = image[number, :31, :31]
            expected = expected[::-1] if eta else expected
            expected = expected[:, ::-1] if phi else expected
            np.testing.assert_array_equal(found["image"][number, :31, :31], expected)
            seen.add((bool(eta), bool(phi)))
        for name in ("label_mass_gev", "hits.energy_gev", "offsets"):
            assert mirrored[name] is flat[name]
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda t: t["image"].__setitem__((3, 4, 5, 0), -0.1),
            r"image: expected from 0 to 7000 GeV.*-0\.1, 1 such",
        ),
        (lambda t: t["image"].__setitem__((3, 4, 5, 1), 45_000.0), "from 0 to 7000 GeV"),
        (lambda t: t["image"].__setitem__((3, 4, 5, 1), np.nan), "image: expected finite"),
        (lambda t: t.update(image=t["image"][:, :30, :30]), "32 x 32 crystals"),
        (lambda t: t.update(image=t["image"][..., :1].copy()), "features et_gev, ez_gev"),
        (lambda t: t["seed"].__setitem__((0, 0), 0.0), "seed_ieta: expected from -85 to 85, not 0"),
        (lambda t: t["seed"].__setitem__((0, 1), 361.0), "seed_iphi"),
        (lambda t: t["seed"].__setitem__((0, 1), 3.5), "seed_iphi"),
    ],
)
def test_what_is_no_image_is_refused(inputs, spoil, message):
    spoil(inputs)
    with pytest.raises(InvalidValue, match=message):
        events.validate(inputs)


def test_rechits_of_a_user_with_a_negative_crystal_are_refused(records):
    energy = ak.where(ak.local_index(records.hits.energy_gev) == 2, np.float32(-0.2), records.hits.energy_gev)
    hits = ak.with_field(records.hits, energy, "energy_gev")
    with pytest.raises(InvalidValue, match="image"):
        zoo.predict("mass_regressor", events.to_inputs(ak.with_field(records, hits, "hits")))


def test_only_samples_of_candidates_are_simulated():
    with pytest.raises(UnknownName, match="continued_diphotons"):
        network("mass_regressor").simulate("photons", 10, 1, split="test", pileup=False, truth=False)
