"""The crop: where crystals land, around phi, at the barrel's end, and what is not drawn."""

import numpy as np
import pytest

from zoo.data.images import SEED_AT, crop, et_and_ez, highest


def one(hits, seed):
    ieta, iphi, energy = (np.array(column) for column in zip(*hits, strict=True))
    return crop(ieta, iphi, energy, np.array([0, len(hits)]), np.array([seed[0]]), np.array([seed[1]]))[0]


def lit(image):
    return {tuple(int(i) for i in place): float(image[tuple(place)]) for place in np.argwhere(image)}


def test_seed_stands_at_15_15_and_neighbours_around_it_across_phi_and_eta_zero():
    image = one([(1, 360, 10.0), (-1, 360, 3.0), (1, 1, 2.0), (2, 359, 1.0)], (1, 360))
    assert lit(image) == {(15, 15): 10.0, (14, 15): 3.0, (15, 16): 2.0, (16, 14): 1.0}


def test_image_ends_with_the_barrel_and_with_its_own_edge():
    inside = [(85, 10, 5.0), (85, 26, 1.0), (70, 10, 2.0), (84, 355, 3.0)]
    outside = [(85, 27, 9.0), (69, 10, 9.0), (84, 354, 9.0)]
    assert lit(one(inside + outside, (85, 10))) == {(15, 15): 5.0, (15, 31): 1.0, (0, 15): 2.0, (14, 0): 3.0}


def test_candidates_do_not_mix_and_hits_of_one_crystal_are_summed():
    ieta, iphi, splits = np.array([5, 5, 5, 6]), np.full(4, 7), np.array([0, 2, 2, 4])
    images = crop(ieta, iphi, [1.0, 2.0, 4.0, 8.0], splits, np.array([5, 0, 5]), np.array([7, 0, 7]))
    assert [lit(image) for image in images] == [{(15, 15): 3.0}, {}, {(15, 15): 4.0, (16, 15): 8.0}]


def test_an_unseeded_candidate_stays_dark_whatever_it_holds():
    assert not crop([1], [1], [5.0], np.array([0, 1]), np.array([0]), np.array([0])).any()


def test_highest_crystal_ties_dirt_and_empty_candidates():
    ieta, iphi = np.array([4, 3, -2, 9, 1, 2]), np.array([1, 2, 3, 9, 5, 6])
    energy, splits = np.array([2.0, 2.0, np.nan, -1.0, 0.5, 0.7]), np.array([0, 3, 3, 4, 6])
    found = highest(ieta, iphi, energy, splits)
    assert [column.tolist() for column in found] == [[3, 0, 0, 2], [2, 0, 0, 6]]
    none = highest(ieta[:0], iphi[:0], energy[:0], np.array([0, 0]))
    assert [column.tolist() for column in none] == [[0], [0]]


@pytest.mark.parametrize("sign", [1, -1])
def test_channels_are_the_transverse_and_the_longitudinal_part(sign):
    channels = et_and_ez(one([(85 * sign, 10, 7.0)], (85 * sign, 10))[None], np.array([85 * sign]))[0]
    eta = 84.5 * 0.0174
    np.testing.assert_allclose(channels[SEED_AT, SEED_AT], [7 / np.cosh(eta), 7 * np.tanh(eta)], rtol=1e-6)
    np.testing.assert_allclose(np.hypot(*np.moveaxis(channels, -1, 0)).sum(), 7.0, rtol=1e-6)
