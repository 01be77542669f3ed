"""The crop: where crystals land, around phi, at the barrel's end, and what is not drawn."""

import numpy as np

from zoo.models.mass_regressor.images import SEED_AT, crop, highest


def one(hits, seed):
    ieta, iphi, energy = (np.array(column) for column in zip(*hits, strict=True))
    return crop(ieta, iphi, energy, np.array([0, len(hits)]), np.array([seed[0]]), np.array([seed[1]]))[0]


def test_seed_stands_at_15_15_and_neighbours_around_it_across_phi_and_eta_zero():
    image = one([(1, 360, 10.0), (-1, 360, 3.0), (1, 1, 2.0), (2, 359, 1.0)], (1, 360))
    total = np.hypot(image[..., 0], image[..., 1])  # E_T and E_z are the sides, E the hypotenuse
    found = {
        tuple(int(i) for i in place): round(float(total[tuple(place)]), 5) for place in np.argwhere(total)
    }
    assert found == {(15, 15): 10.0, (14, 15): 3.0, (15, 16): 2.0, (16, 14): 1.0}


def test_channels_are_transverse_and_longitudinal():
    image = one([(85, 10, 7.0)], (85, 10))
    eta = 84.5 * 0.0174
    np.testing.assert_allclose(image[SEED_AT, SEED_AT], [7 / np.cosh(eta), 7 * np.tanh(eta)], rtol=1e-6)
    mirrored = one([(-85, 10, 7.0)], (-85, 10))
    np.testing.assert_array_equal(mirrored, image)


def test_image_ends_with_the_barrel_and_with_its_own_edge():
    hits = [
        (85, 10, 5.0),
        (85, 26, 1.0),
        (85, 27, 9.0),
        (70, 10, 1.0),
        (69, 10, 9.0),
        (84, 355, 1.0),
        (84, 354, 9.0),
    ]
    image = one(hits, (85, 10))
    assert (image[..., 0] > 0).sum() == 4 and not image[SEED_AT + 1 :].any()
    assert image[SEED_AT, 31, 0] > 0 and image[0, SEED_AT, 0] > 0 and image[14, 0, 0] > 0


def test_candidates_do_not_mix_and_hits_of_one_crystal_are_summed():
    ieta, iphi = np.array([5, 5, 5, 6]), np.array([7, 7, 7, 7])
    images = crop(
        ieta, iphi, [1.0, 2.0, 4.0, 8.0], np.array([0, 2, 2, 4]), np.array([5, 0, 5]), np.array([7, 0, 7])
    )
    energy = np.hypot(images[..., 0], images[..., 1])
    np.testing.assert_allclose(energy.sum(axis=(1, 2)), [3.0, 0.0, 12.0], rtol=1e-6)
    np.testing.assert_allclose(energy[:, 15, 15], [3.0, 0.0, 4.0], rtol=1e-6)


def test_highest_crystal_ties_dirt_and_empty_candidates():
    ieta = np.array([3, 4, -2, 9, 1, 2])
    iphi = np.array([1, 2, 3, 9, 5, 6])
    energy = np.array([2.0, 2.0, np.nan, -1.0, 0.5, 0.7])
    found = highest(ieta, iphi, energy, np.array([0, 3, 3, 4, 6]))
    assert [list(map(int, column)) for column in found] == [[3, 0, 0, 2], [1, 0, 0, 6]]
    none = highest(ieta[:0], iphi[:0], energy[:0], np.array([0, 0]))
    assert [list(map(int, column)) for column in none] == [[0], [0]]
