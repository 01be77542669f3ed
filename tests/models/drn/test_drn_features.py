"""The features against plain NumPy, and the bounds of the head."""

import numpy as np
import pytest
import tensorflow as tf

from zoo.models.drn import events
from zoo.models.drn.distribution import EnergyDistribution
from zoo.models.drn.events import SAMPLE_CASES
from zoo.models.drn.head import CorrectedEnergy, CrystalBallHead
from zoo.models.drn.hit_features import (
    LOCAL_EVENT_FEATURES,
    LOCAL_HIT_FEATURES,
    CartesianFeatures,
    LocalFeatures,
    eta_gap_nearness,
    phi_gap_nearness,
)

N_CASES = len(SAMPLE_CASES)


def sorted_inputs(n=N_CASES + 10):
    inputs = events.to_inputs(events.sample(n, 1))
    order = np.argsort(-inputs["hits"][:, :, 2], axis=1, kind="stable")
    hits = np.take_along_axis(inputs["hits"], order[..., None], 1)
    return hits, np.take_along_axis(inputs["hit_mask"], order, 1), inputs["event"]


def unscaled(values, table, name):
    number = [row[0] for row in table].index(name)
    return values.numpy()[..., number] / table[number][2] + table[number][1]


def test_local_features_are_what_their_names_say():
    hits, mask, event = sorted_inputs()
    nodes, whole = LocalFeatures()(hits, mask, event)
    assert nodes.shape[-1] == len(LOCAL_HIT_FEATURES) and whole.shape[-1] == len(LOCAL_EVENT_FEATURES)
    assert np.isfinite(nodes).all() and np.isfinite(whole).all() and not nodes.numpy()[mask == 0].any()
    for row in range(N_CASES, len(hits)):
        ieta, iphi, energy, noise, dead = hits[row][mask[row] > 0].T.astype("f8")
        place = np.where(ieta > 0, ieta - 0.5, ieta + 0.5) * np.sign(ieta[0])
        deta, dphi = place - place[0], (iphi - iphi[0] + 180) % 360 - 180
        fraction = energy / energy.sum()
        core = (np.abs(deta) <= 1) & (np.abs(dphi) <= 1)
        n = len(ieta)
        per_hit = {
            "deta": deta,
            "dphi": dphi,
            "deta_from_mean": deta - (fraction * deta).sum(),
            "log_energy": np.log(np.maximum(energy, 1e-5)),
            "fraction": fraction,
            "noise": noise,
            "dead_neighbours": dead,
            "outward": place,
        }
        for name, value in per_hit.items():
            got = unscaled(nodes, LOCAL_HIT_FEATURES, name)[row, :n]
            np.testing.assert_allclose(got, value, atol=2e-4, err_msg=name)
        spread = np.sqrt((fraction * dphi**2).sum() - (fraction * dphi).sum() ** 2 + 1e-6)
        per_event = {
            "log_raw_energy": np.log(energy.sum()),
            "log_hits": np.log(1 + n),
            "rho": event[row, 0],
            "leakage_fraction": min(event[row, 1] / energy.sum(), 0.5),
            "seed_fraction": fraction.max(),
            "second_fraction": np.sort(fraction)[-2],
            "mean_dphi": (fraction * dphi).sum(),
            "spread_phi": spread,
            "in_3x3": fraction[core].sum(),
            "mean_dphi_in_3x3": (fraction * dphi)[core].sum() / fraction[core].sum(),
            "beyond_in_phi": fraction[dphi > 1.5].sum(),
            "dead": dead.sum(),
            "log_noise_squared": np.log((noise**2).sum() + 1e-6),
        }
        for name, value in per_event.items():
            got = unscaled(whole, LOCAL_EVENT_FEATURES, name)[row]
            assert got == pytest.approx(value, abs=1e-3), name


def test_both_halves_of_the_barrel_look_alike():
    hits, mask, event = sorted_inputs()
    mirrored = hits * np.array([-1, 1, 1, 1, 1], "f4")
    for one, other in zip(
        LocalFeatures()(hits, mask, event), LocalFeatures()(mirrored, mask, event), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_gaps_are_where_they_should_be():
    crystals = np.arange(1, 86) - 0.5
    nearness = eta_gap_nearness(tf.constant(crystals, tf.float32)).numpy()
    beside = np.flatnonzero(np.abs(nearness) > 0.9) + 1
    assert beside.tolist() == [1, 25, 26, 45, 46, 65, 66, 85]
    assert (nearness[[24, 44, 64, 84]] > 0.9).all() and (nearness[[0, 25, 45, 65]] < -0.9).all()
    nearness = phi_gap_nearness(tf.constant(np.arange(1, 361), tf.float32)).numpy()
    assert (np.flatnonzero(nearness > 0.9) + 1).tolist() == list(range(20, 361, 20))
    assert (np.flatnonzero(nearness < -0.9) + 1).tolist() == list(range(1, 361, 20))


def test_cartesian_features_are_the_scaled_ones_of_cms():
    hits, mask, event = sorted_inputs()
    nodes, whole = CartesianFeatures()(hits, mask, event)
    x, y = 300 * nodes.numpy()[..., 0] - 150, 300 * nodes.numpy()[..., 1] - 150
    np.testing.assert_allclose(np.hypot(x, y)[mask > 0], 129, rtol=1e-5)
    eta = 0.0174 * (hits[..., 0] - 0.5 * np.sign(hits[..., 0]))
    np.testing.assert_allclose(
        (660 * nodes.numpy()[..., 2] - 330)[mask > 0], (129 * np.sinh(eta))[mask > 0], atol=1e-3
    )
    np.testing.assert_allclose(nodes.numpy()[..., 3][mask > 0], hits[..., 2][mask > 0] / 250, rtol=1e-6)
    np.testing.assert_allclose(whole.numpy()[:, 0], event[:, 0] / 13, rtol=1e-6)
    assert np.isfinite(whole).all() and not nodes.numpy()[mask == 0].any()


def test_head_stays_in_bounds_and_starts_where_it_says():
    raw = np.concatenate([np.zeros((1, 6)), np.full((1, 6), 1e6), np.full((1, 6), -1e6)]).astype("f4")
    start, high, low = CrystalBallHead(initial_sigma=0.07)(raw).numpy()
    np.testing.assert_allclose(start, [0, 0.07, 1.5, 3, 1.5, 3], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(high, [np.log(2), 10, 8, 200, 8, 200], rtol=1e-3)
    np.testing.assert_allclose(low, [-np.log(2), 1e-4, 0.1, 1.01, 0.1, 1.01], rtol=1e-5)


def test_energy_is_corrected_and_an_empty_object_gets_minus_one():
    dscb = np.tile(np.array([0.1, 0.05, 1, 3, 1, 3], "f4"), (2, 1))
    energy, sigma = CorrectedEnergy()(np.array([20.0, 0.0], "f4"), dscb)
    np.testing.assert_allclose(energy, [20 * np.exp(0.1), -1], rtol=1e-6)
    np.testing.assert_allclose(sigma, [20 * np.exp(0.1) * 0.05, -1], rtol=1e-6)


def test_the_median_is_that_of_the_predicted_distribution():
    dscb = np.array([[0.1, 0.05, 1, 3, 2, 30], [-0.69, 0.1, 0.1, 1.1, 8, 30]], "f4")
    raw = np.array([20.0, 10.0], "f4")
    energy, sigma = CorrectedEnergy("median")(raw, dscb)
    found = EnergyDistribution(sigma.numpy(), dscb).quantile(0.5)
    assert energy.numpy()[0] == pytest.approx(found[0], rel=1e-5)
    assert energy.numpy()[0] < 20 * np.exp(0.1)  # the heavier tail is on the left
    assert energy.numpy()[1] == pytest.approx(5.0, rel=1e-5)  # no farther than a factor of two
    np.testing.assert_allclose(sigma, raw * np.exp(dscb[:, 0]) * dscb[:, 1], rtol=1e-6)
