import time

import awkward as ak
import numpy as np
import pytest

from zoo.baselines.shower_shapes import COLUMN, NAMES, ROW, images, shower_shapes
from zoo.data.feeding.flat import from_flat, to_flat
from zoo.models.drn.events import sample

SEED = (30, 100)


def record(crystals, seed=SEED, rho=10.0, leakage=2.0, noise=0.07, dead=0):
    """One object from {(eta step, phi step): energy}."""
    places = list(crystals)
    ieta = [seed[0] + step for step, _ in places]
    ieta = [i if i * seed[0] > 0 else i - int(np.sign(seed[0])) for i in ieta]
    iphi = [(seed[1] + step - 1) % 360 + 1 for _, step in places]
    n = len(places)
    return from_flat(
        {
            "offsets": np.array([0, n]),
            "hits.ieta": np.array(ieta, np.int16),
            "hits.iphi": np.array(iphi, np.int16),
            "hits.energy_gev": np.array(list(crystals.values()), np.float32),
            "hits.noise_gev": np.full(n, noise, np.float32),
            "hits.dead_neighbours": np.full(n, dead, np.uint8),
            "seed_ieta": np.array([seed[0]], np.int16),
            "seed_iphi": np.array([seed[1]], np.int16),
            "rho_gev": np.array([rho], np.float32),
            "leakage_gev": np.array([leakage], np.float32),
        }
    )


def shapes(crystals, **more):
    return dict(zip(NAMES, shower_shapes(record(crystals, **more))[0].tolist(), strict=True))


CROSS = {(0, 0): 8.0, (1, 0): 1.0, (-1, 0): 0.5, (0, 1): 0.4, (0, -1): 0.1}


def test_sums_by_hand():
    x = shapes(CROSS)
    assert x["raw_energy_gev"] == pytest.approx(10.0)
    assert x["n_hits"] == 5
    assert x["e3x3_over_raw"] == x["e5x5_over_raw"] == pytest.approx(1.0)
    assert x["e_max_over_raw"] == x["e_seed_over_e5x5"] == pytest.approx(0.8)
    assert x["e_2nd_over_e5x5"] == x["e_right_over_e5x5"] == pytest.approx(0.1)
    assert x["e_left_over_e5x5"] == pytest.approx(0.05)
    assert x["e_top_over_e5x5"] == pytest.approx(0.04)
    assert x["e_bottom_over_e5x5"] == pytest.approx(0.01)
    assert x["e2x5_max_over_e5x5"] == pytest.approx(0.95)
    assert x["leakage_over_raw"] == pytest.approx(0.2)
    assert x["noise_sum_gev"] == pytest.approx(5 * 0.07)
    assert x["soft_over_raw"] == pytest.approx(0.05)
    assert x["n_hits_above_1_gev"] == 1


def test_widths_by_hand():
    x = shapes(CROSS)
    assert x["centre_eta"] == pytest.approx(0.05)
    assert x["centre_phi"] == pytest.approx(0.03)
    assert x["width_eta"] == pytest.approx(np.sqrt(0.15 - 0.05**2), rel=1e-5)
    weight = {place: max(0.0, 4.7 + np.log(energy / 10.0)) for place, energy in CROSS.items()}
    total = sum(weight.values())
    mean = sum(w * place[0] for place, w in weight.items()) / total
    square = sum(w * place[0] ** 2 for place, w in weight.items()) / total
    assert x["sigma_ieta_ieta"] == pytest.approx(np.sqrt(square - mean**2), rel=1e-4)
    assert x["sigma_ieta_iphi"] == pytest.approx(
        -mean * sum(w * place[1] for place, w in weight.items()) / total, rel=1e-4
    )


def test_sub_clusters():
    x = shapes({**CROSS, (1, 6): 2.0, (1, 7): 0.5, (-2, -10): 1.0, (0, 4): 0.2})
    assert x["n_sub_clusters"] == 2  # 0.2 GeV is below the threshold
    assert (x["sub_cluster_0_eta"], x["sub_cluster_0_phi"]) == (1, 6)
    assert (x["sub_cluster_1_eta"], x["sub_cluster_1_phi"]) == (-2, -10)
    assert x["sub_cluster_0_over_raw"] == pytest.approx(2.5 / 13.7, rel=1e-5)
    assert x["sub_cluster_2_over_raw"] == x["sub_cluster_2_phi"] == 0
    assert x["sub_cluster_max_distance"] == pytest.approx(np.hypot(2, 10))
    assert x["e_phi_right_over_raw"] == pytest.approx(2.7 / 13.7, rel=1e-5)
    assert x["e_phi_left_over_raw"] == pytest.approx(1.0 / 13.7, rel=1e-5)


@pytest.mark.parametrize(
    ("ieta", "mod_5", "mod_20"),
    [(1, 0, 0), (-1, 0, 0), (25, 4, 24), (26, 0, 0), (45, 4, 19), (46, 0, 0), (-85, 4, 19)],
)
def test_place_in_module(ieta, mod_5, mod_20):
    x = shapes({(0, 0): 5.0}, seed=(ieta, 21))
    assert (x["seed_ieta_mod_5"], x["seed_ieta_mod_20"]) == (mod_5, mod_20)
    assert (x["seed_iphi_mod_2"], x["seed_iphi_mod_20"]) == (1, 0)


@pytest.mark.parametrize("seed", [(30, 100), (1, 100), (-1, 1), (2, 360), (84, 355)])
def test_the_window_crosses_the_middle_and_the_turn_of_phi(seed):
    crystals = {(step, phi): 1.0 for step in (-1, 0, 1) for phi in (-14, 0, 14)}
    image = images(to_flat(record(crystals, seed=seed))).energy[0]
    np.testing.assert_array_equal(np.argwhere(image > 0), [(r, c) for r in (1, 2, 3) for c in (0, 14, 28)])
    assert image[ROW, COLUMN] == 1.0


def test_order_of_hits_and_of_objects_does_not_matter():
    records = sample(200, 3)
    expected = shower_shapes(records)
    order = np.random.default_rng(0).permutation(len(records))
    np.testing.assert_allclose(shower_shapes(records[order]), expected[order], rtol=1e-4, atol=1e-5)
    turned = ak.with_field(records, records.hits[:, ::-1], "hits")
    np.testing.assert_allclose(shower_shapes(turned), expected, rtol=1e-4, atol=1e-5)


def test_an_object_without_hits_is_finite():
    records = record({})
    assert np.isfinite(shower_shapes(records)).all()
    assert shower_shapes(records[:0]).shape == (0, len(NAMES))


def test_names_are_unique_and_finite_on_samples():
    assert len(set(NAMES)) == len(NAMES) >= 36
    assert np.isfinite(shower_shapes(sample(500, 1))).all()


@pytest.mark.slow  # it measures time
def test_twenty_thousand_objects_take_a_second():
    records = sample(2000, 0)
    records = ak.concatenate([records] * 5)
    start = time.process_time()
    shower_shapes(records)
    assert len(records) / (time.process_time() - start) > 20_000
