"""The switches that take something away: each takes away just that."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.layers.knn import NearestNeighbours
from zoo.losses.crystal_ball import crystal_ball_log_prob
from zoo.models.drn import events
from zoo.models.drn.config import WINDOW
from zoo.models.drn.model import build
from zoo.models.drn.random_space import RandomSpace

SMALL = replace(WINDOW, hidden=12, output_width=12)


@pytest.fixture(scope="module")
def inputs():
    return events.to_inputs(events.sample(60, 2))


@pytest.mark.parametrize("used", [True, False])
def test_without_event_inputs_rho_and_leakage_change_nothing(inputs, used):
    network = build(replace(SMALL, event_inputs=used))
    other = {**inputs, "event": inputs["event"] + np.float32([7.0, 0.5])}
    same = np.array_equal(network(inputs)["dscb"], network(other)["dscb"])
    assert same is not used


def test_a_gaussian_has_no_tails_within_eight_sigma_and_one_energy(inputs):
    network = build(replace(SMALL, density="gaussian"))
    answer = {name: value.numpy() for name, value in network(inputs).items()}
    mu, sigma, *tails = answer["dscb"].T
    t = np.linspace(-7.9, 7.9, 9, dtype="f4")[:, None]
    found = crystal_ball_log_prob(mu + t * sigma, mu, sigma, *tails)
    np.testing.assert_allclose(found, -0.5 * t**2 - np.log(sigma * np.sqrt(2 * np.pi)), atol=2e-4)
    mode = build(replace(SMALL, density="gaussian", estimate="mode"))
    mode.set_weights(network.get_weights())
    np.testing.assert_allclose(answer["energy_gev"], mode(inputs)["energy_gev"], rtol=1e-6)


def test_a_random_graph_knows_the_number_of_nodes_and_nothing_else():
    mask = tf.sequence_mask([9, 9, 5], 12, tf.float32)
    first, second = (NearestNeighbours(3)(RandomSpace(seed)(mask), mask)[2].numpy() for seed in (0, 1))
    np.testing.assert_array_equal(first[0], first[1])
    assert first[2].any() and not first[2, 5:].any()
    assert not np.array_equal(first[0], second[0])
    wide = tf.pad(mask, [[0, 0], [0, 4]])
    np.testing.assert_array_equal(NearestNeighbours(3)(RandomSpace(0)(wide), wide)[2][:, :12, :12], first)


@pytest.mark.ci
@pytest.mark.parametrize("ablation", [{"graph": "random"}, {"density": "gaussian"}, {"event_inputs": False}])
def test_ablations_differ_and_can_be_saved(inputs, ablation, tmp_path):
    keras.utils.set_random_seed(1)
    full = build(SMALL)
    less = build(replace(SMALL, **ablation))
    less.set_weights(full.get_weights())
    assert not np.allclose(full(inputs)["dscb"], less(inputs)["dscb"], atol=1e-6)
    less.save(tmp_path / "less.keras")
    again = keras.models.load_model(tmp_path / "less.keras")
    np.testing.assert_array_equal(less(inputs)["dscb"], again(inputs)["dscb"])
