"""Azimuths: one turn, and cells around the axis."""

import numpy as np

from zoo.angles import phi_cell, wrap_phi


def test_wrap_phi_keeps_pi_and_turns_minus_pi():
    np.testing.assert_allclose(wrap_phi([np.pi, -np.pi, 3 * np.pi, 0.0]), [np.pi, np.pi, np.pi, 0.0])


def test_wrap_phi_takes_any_shape_and_answers_in_float64():
    assert wrap_phi(np.full((2, 3), 7.0, np.float32)).shape == (2, 3)
    assert wrap_phi(np.float32(7.0)).dtype == np.float64 and wrap_phi(7.0) == 7.0 - 2 * np.pi


def test_each_cell_holds_its_own_angles_in_any_turn():
    cells = np.arange(8)
    for turn in (-2, 0, 1):
        angle = (cells + 0.5) * 2 * np.pi / 8 + turn * 2 * np.pi
        np.testing.assert_array_equal(phi_cell(angle, 8), cells)
    np.testing.assert_array_equal(phi_cell([3.0, 3.0], [4, 100]), [1, 47])


def test_an_angle_that_rounds_to_a_whole_turn_lies_in_the_last_cell():
    np.testing.assert_array_equal(phi_cell([-1e-20, 0.0], 360), [359, 0])
