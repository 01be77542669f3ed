"""The 3 x 3 method against the formula, and where it has no answer."""

import numpy as np
import pytest

from zoo.baselines.three_by_three import mass_gev
from zoo.detectors import cms_barrel
from zoo.errors import InvalidValue


def image(crystals):
    made = np.zeros((32, 32))
    for place, energy in crystals.items():
        made[place] = energy
    return made


def expected(first, second, places, seed_row):
    eta = [cms_barrel.eta_from_row(seed_row - 15 + row) for row, _ in places]
    phi = [column * cms_barrel.PHI_PITCH for _, column in places]
    p = [
        energy / np.cosh(e) * np.array([np.cos(f), np.sin(f), np.sinh(e)])
        for energy, e, f in zip((first, second), eta, phi, strict=True)
    ]
    return np.sqrt((first + second) ** 2 - np.sum(np.square(p[0] + p[1])))


@pytest.mark.parametrize("ieta", [1, 40, -70])
def test_two_separate_crystals_give_the_invariant_mass(ieta):
    places = [(15, 15), (18, 20)]
    found = mass_gev([image({places[0]: 30.0, places[1]: 12.0})], [ieta])[0]
    assert found == pytest.approx(expected(30.0, 12.0, places, int(cms_barrel.row_from_ieta(ieta))), rel=1e-9)


def test_positions_are_logarithmic_means_of_the_3x3():
    crystals = {(15, 15): 30.0, (15, 16): 10.0, (20, 15): 20.0}
    weight = np.array([4.2 + np.log(0.75), 4.2 + np.log(0.25)])
    column = 15 + weight[1] / weight.sum()
    found = mass_gev([image(crystals)], [10])[0]
    places = [(15, column), (20, 15)]
    assert found == pytest.approx(expected(40.0, 20.0, places, int(cms_barrel.row_from_ieta(10))), rel=1e-9)


def test_a_crystal_between_two_maxima_is_shared_by_their_heights():
    """Maxima two columns apart: the one in between gives 2/3 and 1/3."""
    crystals = {(15, 15): 20.0, (15, 16): 6.0, (15, 17): 10.0}
    found = mass_gev([image(crystals)], [10])[0]
    w1, w2 = (4.2 + np.log([20 / 24, 4 / 24])), (4.2 + np.log([10 / 12, 2 / 12]))
    places = [(15, 15 + w1[1] / w1.sum()), (15, 17 - w2[1] / w2.sum())]
    assert found == pytest.approx(expected(24.0, 12.0, places, int(cms_barrel.row_from_ieta(10))), rel=1e-9)


def test_no_second_maximum_no_answer():
    merged = image({(15, 15): 30.0, (15, 16): 29.0, (16, 15): 5.0})
    soft = image({(15, 15): 30.0, (20, 20): 0.4})
    found = mass_gev([merged, soft, image({})], [10, 10, 0])
    assert np.isnan(found).all()


def test_equal_neighbours_are_one_maximum_and_the_third_maximum_is_left_out():
    flat = image({(15, 15): 5.0, (15, 16): 5.0})
    assert np.isnan(mass_gev([flat], [10])[0])
    two, three = {(15, 15): 9.0, (15, 20): 5.0}, {(15, 15): 9.0, (15, 20): 5.0, (25, 25): 4.9}
    assert mass_gev([image(two)], [10])[0] == mass_gev([image(three)], [10])[0]


def test_maxima_at_the_edge_dirt_and_shapes():
    edge = image({(15, 15): 9.0, (0, 31): 5.0})
    dirty = edge.copy()
    dirty[3, 3], dirty[4, 4], dirty[5, 5] = np.nan, np.inf, -7.0
    assert mass_gev([edge], [10])[0] == mass_gev([dirty], [10])[0] > 0
    with pytest.raises(InvalidValue, match="images"):
        mass_gev(np.zeros((2, 32, 31)), [1, 1])
