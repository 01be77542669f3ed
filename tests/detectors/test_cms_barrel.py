"""The barrel's crystals: indices, positions, gaps."""

import numpy as np
import pytest

from zoo.detectors import cms_barrel as g
from zoo.errors import InvalidValue

IETA = np.concatenate([np.arange(-85, 0), np.arange(1, 86)])


def test_row_and_ieta_are_inverse_and_skip_zero():
    rows = g.row_from_ieta(IETA)
    np.testing.assert_array_equal(rows, np.arange(170))
    np.testing.assert_array_equal(g.ieta_from_row(rows), IETA)


@pytest.mark.parametrize("ieta", [0, 86, -86])
def test_ieta_outside_the_barrel_is_an_error(ieta):
    with pytest.raises(InvalidValue, match="ieta"):
        g.row_from_ieta([1, ieta])


@pytest.mark.parametrize("row", [-1, 170])
def test_row_outside_the_barrel_is_an_error(row):
    with pytest.raises(InvalidValue, match="row"):
        g.ieta_from_row(row)


def test_eta_of_centres():
    np.testing.assert_allclose(g.eta_from_ieta([-85, -1, 1, 85]), [-1.4703, -0.0087, 0.0087, 1.4703])
    assert pytest.approx(1.479) == g.MAX_ETA


def test_phi_of_centres_lies_in_one_turn():
    phi = g.phi_from_iphi(np.arange(1, 361))
    assert np.all((phi > -np.pi) & (phi <= np.pi))
    np.testing.assert_allclose(np.degrees(phi[[0, 179, 180, 359]]), [0.5, 179.5, -179.5, -0.5])


def test_wrap_iphi():
    np.testing.assert_array_equal(g.wrap_iphi([0, 1, 360, 361, -359]), [360, 1, 360, 1, 1])


def test_delta_iphi_goes_the_short_way():
    np.testing.assert_array_equal(g.delta_iphi([1, 360, 181, 180], [360, 1, 1, 1]), [1, -1, 180, 179])
    everywhere = g.delta_iphi(np.arange(1, 361), 7)
    assert everywhere.min() == -179 and everywhere.max() == 180


def test_impact_finds_every_crystal_from_its_centre():
    ieta, iphi = (a.ravel() for a in np.meshgrid(IETA, np.arange(1, 361), indexing="ij"))
    at = g.impact(g.eta_from_ieta(ieta), g.phi_from_iphi(iphi))
    np.testing.assert_array_equal(at.row, g.row_from_ieta(ieta))
    np.testing.assert_array_equal(at.iphi, iphi)
    assert np.abs([at.offset_eta, at.offset_phi]).max() < 1e-9


def test_impact_offsets_lead_back_to_the_point():
    rng = np.random.default_rng(0)
    eta, phi = rng.uniform(-1.47, 1.47, 10_000), rng.uniform(-7.0, 7.0, 10_000)
    at = g.impact(eta, phi)
    for offset in (at.offset_eta, at.offset_phi):
        assert offset.min() >= -0.5 and offset.max() <= 0.5
        assert abs(offset.mean()) < 0.01
    np.testing.assert_allclose(g.eta_from_row(at.row + at.offset_eta), eta, atol=1e-12)
    np.testing.assert_allclose(
        np.exp(1j * g.phi_from_iphi(at.iphi + at.offset_phi)), np.exp(1j * phi), atol=1e-12
    )
    assert at.iphi.min() == 1 and at.iphi.max() == 360


def test_impact_beyond_the_end_is_outside_the_barrel():
    at = g.impact([1.478, 1.480, -1.480], [0.0, 0.0, 0.0])
    np.testing.assert_array_equal(g.in_barrel(at.row), [True, False, False])


def test_gaps_follow_the_modules():
    assert g.ETA_GAP_EDGES.shape == (171,) and g.PHI_GAP_EDGES.shape == (361,)
    below = [(int(IETA[e - 1]), int(IETA[e])) for e in np.flatnonzero(g.ETA_GAP_EDGES[1:170]) + 1]
    assert below == [(-66, -65), (-46, -45), (-26, -25), (-1, 1), (25, 26), (45, 46), (65, 66)]
    assert g.ETA_GAP_EDGES[[0, 170]].all()
    np.testing.assert_array_equal(np.flatnonzero(g.PHI_GAP_EDGES), np.arange(0, 361, 20))
    np.testing.assert_array_equal(g.ETA_GAP_EDGES, g.ETA_GAP_EDGES[::-1])


def test_crystal_positions():
    xyz = g.crystal_xyz_cm([1, 85, -85], [1, 91, 181])
    np.testing.assert_allclose(np.hypot(xyz[:, 0], xyz[:, 1]), 129.0)
    np.testing.assert_allclose(np.arcsinh(xyz[:, 2] / 129.0), g.eta_from_ieta([1, 85, -85]))
    np.testing.assert_allclose(np.arctan2(xyz[:, 1], xyz[:, 0]), g.phi_from_iphi([1, 91, 181]))
