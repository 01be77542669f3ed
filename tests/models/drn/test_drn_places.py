"""The window as places: against plain NumPy, crystal by crystal."""

import numpy as np
import pytest
import tensorflow as tf

from zoo.data.feeding.flat import lengths, to_flat
from zoo.errors import InvalidValue
from zoo.models.drn import events
from zoo.models.drn.config import WINDOW, DRNConfig
from zoo.models.drn.hit_features import LocalFeatures, phi_gap_nearness
from zoo.models.drn.places import FAINTEST, CoreImage, PlaceEmbedding


@pytest.fixture(scope="module")
def hits_and_mask():
    inputs = events.to_inputs(events.sample(len(events.SAMPLE_CASES) + 10, 1))
    order = np.argsort(-inputs["hits"][:, :, 2], axis=1, kind="stable")
    hits = np.take_along_axis(inputs["hits"], order[..., None], 1)
    return hits, np.take_along_axis(inputs["hit_mask"], order, 1)


def places(hits, mask, row):
    """Offsets outwards and along phi, and energies, of the real hits of one object."""
    ieta, iphi, energy = hits[row][mask[row] > 0][:, :3].T.astype("f8")
    outward = np.where(ieta > 0, ieta - 0.5, ieta + 0.5) * np.sign(ieta[0])
    return (outward - outward[0]).astype(int), ((iphi - iphi[0] + 180) % 360 - 180).astype(int), energy


def test_core_image_holds_the_fractions_of_the_crystals_around_the_seed(hits_and_mask):
    hits, mask = hits_and_mask
    image = CoreImage(5)(hits, mask).numpy()
    assert image.shape == (len(hits), 50) and np.isfinite(image).all()
    for row in np.flatnonzero(mask.any(axis=1)):
        deta, dphi, energy = places(hits, mask, row)
        expected = np.zeros((5, 5))
        near = (np.abs(deta) <= 2) & (np.abs(dphi) <= 2)
        np.add.at(expected, (deta[near] + 2, dphi[near] + 2), energy[near] / energy.sum())
        np.testing.assert_allclose(image[row, 25:], expected.ravel(), atol=1e-6)
        np.testing.assert_allclose(image[row, :25], 1 + 0.3 * np.log(expected.ravel() + FAINTEST), atol=1e-5)


def test_each_crystal_has_a_vector_of_its_own_and_the_border_takes_what_lies_outside(hits_and_mask):
    hits, mask = hits_and_mask
    layer = PlaceEmbedding(2)
    layer.build()
    numbers = np.arange(5 * 29, dtype=np.float32)
    layer.table.assign(np.stack([numbers, np.ones_like(numbers)], axis=1))
    vectors = layer(tf.constant(hits), tf.constant(mask)).numpy()
    assert not vectors[mask == 0].any()
    for row in np.flatnonzero(mask.any(axis=1)):
        deta, dphi, _ = places(hits, mask, row)
        index = (np.clip(deta, -2, 2) + 2) * 29 + np.clip(dphi, -14, 14) + 14
        np.testing.assert_array_equal(vectors[row, mask[row] > 0, 0], index)


def test_mirrored_objects_are_the_same_physics():
    """All features but the sign of phi stay; about half of the objects are mirrored, each as a whole."""
    flat = to_flat(events.sample(400, 3))
    mirrored = events.augment(flat, np.random.default_rng(1))
    changed = mirrored["seed_iphi"] != flat["seed_iphi"]
    assert 150 < changed.sum() < 250
    of_hits = np.repeat(changed, lengths(flat))
    np.testing.assert_array_equal(
        mirrored["hits.iphi"], np.where(of_hits, 361 - flat["hits.iphi"], flat["hits.iphi"])
    )
    assert all(mirrored[name] is flat[name] for name in flat if not name.endswith("iphi"))
    iphi = np.arange(1, 361, dtype=np.float32)  # gaps map onto gaps
    np.testing.assert_allclose(phi_gap_nearness(361 - iphi), -phi_gap_nearness(iphi), atol=1e-6)


def test_the_two_halves_of_the_barrel_have_one_image(hits_and_mask):
    hits, mask = hits_and_mask
    other = hits * np.array([-1, 1, 1, 1, 1], np.float32)
    np.testing.assert_array_equal(CoreImage(5)(hits, mask), CoreImage(5)(other, mask))
    event = np.ones((len(hits), 2), np.float32)
    for one, two in zip(LocalFeatures()(hits, mask, event), LocalFeatures()(other, mask, event), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"core_image": 4}, "core_image"), ({"place_embedding": True}, "event_to_hits")],
)
def test_impossible_configurations_are_refused(fields, message):
    with pytest.raises(InvalidValue, match=message):
        DRNConfig(**fields)
    assert WINDOW.core_image == 5
    with pytest.raises(ValueError, match="odd side"):
        CoreImage(2)
