"""Labels, weights and the loss."""

import awkward as ak
import numpy as np
import pytest

from zoo.models.mass_regressor import events, objective
from zoo.models.mass_regressor.config import CMS


def test_the_loss_is_the_weighted_mean_absolute_error():
    """Keras' own error of a vector [B] is a scalar before the weights come."""
    loss = objective.loss(CMS)["mass_gev"]
    true, found = np.float32([0.5, 1.0, -0.2]), np.float32([0.4, 1.4, 0.0])
    assert float(loss(true, found)) == pytest.approx((0.1 + 0.4 + 0.2) / 3)
    assert float(loss(true, found, sample_weight=np.float32([0, 3, 0]))) == pytest.approx(1.2 / 3)
    metric = objective.metrics(CMS)["mass_gev"][0]
    metric.update_state(np.float32([0.5, 1.3, -0.2]), np.float32([0.4, 1.4, 0.0]))
    assert float(metric.result()) == pytest.approx(0.1)  # neither the buffer nor the photon


def test_labels_and_weights_of_records():
    records = events.sample(30, 2)
    labels = events.targets(records)["mass_gev"]
    np.testing.assert_array_equal(labels, records.label_mass_gev)
    assert events.weights(records).tolist() == [0.0] + [1.0] * 29  # the first has no energy
    heavy = ak.with_field(records, np.full(30, 2.5, np.float32), "weight")
    assert events.weights(heavy).tolist() == [0.0] + [2.5] * 29


def test_flat_weights_flatten_a_falling_spectrum():
    rng = np.random.default_rng(0)
    mass = np.minimum(rng.exponential(0.6, 60_000), 1.6 * rng.random(60_000) + 1e-6)
    pt = 20 + 80 * rng.random(60_000) ** 2
    photon = rng.random(60_000) < 0.3
    label = np.where(photon, -0.3 * (1 - rng.random(60_000)), mass)
    weight = events.flat_weights(label, pt)
    assert weight[~photon].mean() == pytest.approx(1.0, rel=1e-5)
    span = (0.0, label.max())
    in_mass = np.histogram(label[~photon], 16, span, weights=weight[~photon])[0]
    in_pt = np.histogram(pt[~photon], 20, (pt.min(), pt.max()), weights=weight[~photon])[0]
    for counts in (in_mass, in_pt):
        assert counts.std() / counts.mean() < 0.01
    density = weight[photon].sum() / -label.min() / (weight[~photon].sum() / span[1])
    assert density == pytest.approx(1.0, abs=0.01)
