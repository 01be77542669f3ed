"""What the network promises beyond the conformance suite: answers per cluster, features, groups of hits."""

from dataclasses import replace

import awkward as ak
import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.cards.registry import info
from zoo.inference.traced import call
from zoo.models.supercluster import cluster_hits, events
from zoo.models.supercluster.cluster_features import LOCAL_FEATURES, LOCAL_WINDOW_FEATURES, ClusterFeatures
from zoo.models.supercluster.config import ACAT22, BARREL, EOY2018, TRANSFORMER
from zoo.models.supercluster.events import SAMPLE_CASES
from zoo.models.supercluster.hit_features import LOCAL_HIT_FEATURES, LOCAL_SHAPES, HitFeatures
from zoo.models.supercluster.model import build

SMALL = {
    "hit_width": 4, "node_layers": (8,), "node_width": 8, "edge_attention": 8, "edge_layers": (8,),
    "flavour_attention": 8, "flavour_layers": (8,), "energy_attention": 8, "energy_layers": (8,),
    "hit_feed_forward": 8, "blocks": 2, "heads": 2, "feed_forward": 8, "accumulator": 8,
}  # fmt: skip
CONFIGS = {
    "barrel": replace(BARREL, **SMALL),
    "acat22": replace(ACAT22, **SMALL),
    "transformer": replace(TRANSFORMER, **SMALL),
}
ROW = {case: row for row, case in enumerate(SAMPLE_CASES)}


@pytest.fixture(scope="module")
def inputs():
    return events.to_inputs(events.sample(len(SAMPLE_CASES) + 9, 2))


@pytest.fixture(scope="module", params=CONFIGS)
def network(request):
    keras.utils.set_random_seed(4)
    model = build(CONFIGS[request.param])
    return lambda inputs: call(model, info("supercluster"), inputs)


def test_answers_of_clusters_move_with_them(inputs, network):
    rng = np.random.default_rng(1)
    clusters = np.argsort(rng.random(inputs["cluster_mask"].shape), axis=1)
    hits = np.argsort(rng.random(inputs["hit_mask"].shape), axis=2)
    moved = dict(inputs)
    for name in ("clusters", "cluster_mask", "hits", "hit_mask"):
        values = inputs[name]
        if name.startswith("hit"):
            values = np.take_along_axis(values, hits.reshape(hits.shape + (1,) * (values.ndim - 3)), 2)
        moved[name] = np.take_along_axis(
            values, clusters.reshape(clusters.shape + (1,) * (values.ndim - 2)), 1
        )
    whole, found = network(inputs), network(moved)
    for name, values in whole.items():
        expected = np.take_along_axis(values, clusters, 1) if name.startswith("edge") else values
        # The canonical order makes the sums the same; threads of a matrix product may still round otherwise.
        np.testing.assert_allclose(found[name], expected, rtol=1e-5, atol=1e-6, err_msg=name)


def test_padding_and_ignored_clusters_have_no_probability(inputs, network):
    wider = {
        name: np.pad(v, [(0, 0), (0, 3), (0, 5), (0, 0)][: v.ndim] if "hit" in name else
                     [(0, 0), (0, 3), (0, 0)][: v.ndim]) if name != "window" else v
        for name, v in inputs.items()
    }  # fmt: skip
    whole, found = network(inputs), network(wider)
    n = inputs["cluster_mask"].shape[1]
    for name in ("edge_probability", "edge_logit"):
        assert not whole[name][inputs["cluster_mask"] == 0].any() and not found[name][:, n:].any()
        np.testing.assert_array_equal(found[name][:, :n], whole[name])
    assert (whole["edge_probability"][inputs["cluster_mask"] > 0] > 0).all()

    dirty = {name: values.copy() for name, values in inputs.items()}
    dirty["clusters"][-1, 1, 2] = np.nan
    without = {name: values.copy() for name, values in inputs.items()}
    without["cluster_mask"][-1, 1] = 0
    one, other = network(dirty), network(without)
    assert one["edge_probability"][-1, 1] == 0 and whole["edge_probability"][-1, 1] > 0
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


def test_energy_is_the_factor_times_what_is_selected(inputs, network):
    found = network(inputs)
    chosen = (found["edge_probability"] > 0.5) * inputs["clusters"][:, :, 2]
    expected = found["energy_factor"] * chosen.sum(axis=1)
    some = inputs["cluster_mask"].any(axis=1)
    np.testing.assert_allclose(found["energy_gev"], np.where(some, expected, -1.0), rtol=1e-5)
    assert found["energy_gev"][ROW["no clusters"]] == -1 and found["energy_factor"][ROW["no clusters"]] == 1
    np.testing.assert_allclose(found["flavour_probability"][ROW["no clusters"]], 1 / 3, rtol=1e-6)
    np.testing.assert_allclose(found["flavour_probability"].sum(axis=1), 1.0, rtol=1e-6)
    assert ((found["energy_factor"] > 0.333) & (found["energy_factor"] < 3.001)).all()
    np.testing.assert_allclose(
        found["edge_probability"],
        inputs["cluster_mask"] / (1 + np.exp(-found["edge_logit"])), rtol=1e-5, atol=1e-7,
    )  # fmt: skip


def test_duplicates_are_answered_alike(inputs, network):
    found, row = network(inputs), ROW["duplicate clusters"]
    n = int(inputs["cluster_mask"][row].sum())
    np.testing.assert_allclose(found["edge_logit"][row, 1:n], found["edge_logit"][row, 1], rtol=1e-4)


@pytest.mark.parametrize(
    "preset", [pytest.param(name, marks=() if name == "barrel" else pytest.mark.ci) for name in CONFIGS]
)
def test_the_limit_between_the_groups_of_hits_changes_nothing(inputs, preset, monkeypatch):
    keras.utils.set_random_seed(4)
    usual = build(CONFIGS[preset])
    expected = usual(inputs)
    for few in (1, 1000):
        monkeypatch.setattr(cluster_hits.ClusterHits.__init__, "__defaults__", (few,))
        other = build(CONFIGS[preset])
        other.set_weights(usual.get_weights())
        for name, values in other(inputs).items():
            np.testing.assert_allclose(values, expected[name], rtol=1e-4, atol=1e-5)


def features_by_hand(clusters):
    """The features of one window without padding, straight from the definitions, in float64."""
    ieta, iphi, energy, eta, phi, _ = clusters.astype("f8").T
    et = energy / np.cosh(eta)
    sign = -1 if eta[0] < 0 else 1
    return {
        "energy": energy, "et": et, "eta": eta, "phi": phi, "ieta": ieta, "iphi": iphi, "iz": 0 * eta,
        "deta": sign * (eta - eta[0]), "dphi": -np.angle(np.exp(1j * (phi - phi[0]))),
        "de": energy[0] - energy, "det": et[0] - et,
    }  # fmt: skip


EOY = {  # mean and rms of the scaler file
    "energy": (31.0, 89.6), "et": (9.86, 21.9), "eta": (0.003, 1.48), "phi": (-0.007, 1.81),
    "ieta": (17.8, 52.9), "iphi": (135.0, 105.0), "iz": (0, 0.59), "deta": (0.021, 0.0586),
    "dphi": (0, 0.276), "de": (78.9, 98.6), "det": (33.8, 30.2),
}  # fmt: skip


def test_public_features_are_those_of_the_reference_in_its_order(inputs):
    clusters, mask, window = inputs["clusters"], inputs["cluster_mask"], inputs["window"]
    nodes, summary = ClusterFeatures("eoy2018")(clusters, mask, window)
    maxima = ClusterFeatures("acat22")(clusters, mask, window)[1].numpy()
    assert nodes.shape[-1] == 12 and summary.shape[-1] == 18 and maxima.shape[-1] == 6
    np.testing.assert_allclose(maxima, summary[:, :6])
    for row in range(1, len(clusters)):
        n = int(mask[row].sum())
        found = features_by_hand(clusters[row, :n])
        np.testing.assert_array_equal(nodes[row, :n, 0], clusters[row, :n, 5])
        for number, (name, values) in enumerate(found.items()):
            mean, rms = EOY[name]
            got = nodes.numpy()[row, :n, 1 + number].astype("f8") * rms + mean
            np.testing.assert_allclose(got, values, atol=2e-4 * max(rms, 0.05), rtol=1e-5, err_msg=name)
        assert not nodes.numpy()[row, n:].any()
    # Maxima and minima start from the first cluster: with all energies positive the least is above 0,
    # and of a lone seed every max, min and mean is its own.
    alone = summary.numpy()[ROW["one cluster"]].reshape(3, 6)
    own = features_by_hand(clusters[ROW["one cluster"], :1])
    scales = [
        ((143.0, 152.0), (112.0, 130.0)),
        ((31.1, 113.0), (-0.0152, 1.53)),
        ((64.9, 117.0), (78.5, 84.0)),
    ]
    for kind, (energy_scale, de_scale) in enumerate(scales):
        assert alone[kind, 0] * energy_scale[1] + energy_scale[0] == pytest.approx(own["energy"][0], rel=1e-4)
        assert alone[kind, 4] * de_scale[1] + de_scale[0] == pytest.approx(0.0, abs=1e-4)


def test_run3_adds_logarithms(inputs):
    nodes, _ = ClusterFeatures("run3")(inputs["clusters"], inputs["cluster_mask"], inputs["window"])
    plain, _ = ClusterFeatures("acat22")(inputs["clusters"], inputs["cluster_mask"], inputs["window"])
    assert nodes.shape[-1] == 16
    order = [0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 12, 13]
    np.testing.assert_array_equal(tf.gather(nodes, order, axis=-1), plain)
    real = inputs["cluster_mask"] > 0
    log_energy = nodes.numpy()[..., 5][real] * 2.5 + 2.4
    np.testing.assert_allclose(log_energy, np.log1p(inputs["clusters"][..., 2][real]), atol=1e-5)


def unscaled(values, table, name, shift=0):
    number = [row[0] for row in table].index(name)
    return values.numpy()[..., shift + number] / table[number][2] + table[number][1]


def test_local_features_are_what_their_names_say(inputs):
    clusters, mask, window = inputs["clusters"], inputs["cluster_mask"], inputs["window"]
    nodes, whole = ClusterFeatures("local")(clusters, mask, window)
    assert np.isfinite(nodes).all() and np.isfinite(whole).all()
    for row in range(len(SAMPLE_CASES), len(clusters)):
        n = int(mask[row].sum())
        hand = features_by_hand(clusters[row, :n])
        energy, dphi = hand["energy"], -hand["dphi"]
        fraction = energy / energy.sum()
        of_cluster = {
            "log_energy": np.log(energy), "log_seed_fraction": np.log(energy / energy[0]),
            "fraction": fraction, "deta": hand["deta"], "abs_dphi": np.abs(dphi), "dphi": dphi,
            "abs_eta": np.abs(hand["eta"]), "rho": np.full(n, window[row, 0]),
        }  # fmt: skip
        for name, values in of_cluster.items():
            got = unscaled(nodes, LOCAL_FEATURES, name, 1)[row, :n]
            np.testing.assert_allclose(got, values, rtol=1e-4, atol=1e-4, err_msg=name)
        of_window = {
            "log_energy": np.log(energy.sum()), "log_seed_et": np.log(hand["et"][0]),
            "seed_fraction": fraction[0], "log_clusters": np.log(1 + n),
            "leakage_fraction": min(window[row, 1] / energy[0], 1.0),
            "mean_dphi": abs((fraction * dphi).sum()),
            "spread_dphi": np.sqrt((fraction * dphi**2).sum() + 1e-6),
        }  # fmt: skip
        for name, value in of_window.items():
            assert unscaled(whole, LOCAL_WINDOW_FEATURES, name)[row] == pytest.approx(value, abs=1e-3), name


def test_local_features_are_alike_in_both_halves_and_all_around(inputs):
    """Mirrored in eta, turned in phi by whole crystals: the network cannot tell."""
    model = build(CONFIGS["barrel"])
    turned = {name: values.copy() for name, values in inputs.items()}
    turned["clusters"][..., 0] *= -1
    turned["clusters"][..., 3] *= -1
    turned["clusters"][..., 1] = (inputs["clusters"][..., 1] + 39) % 360 + 1
    turned["clusters"][..., 4] = np.angle(np.exp(1j * (inputs["clusters"][..., 4] + 40 * np.pi / 180)))
    turned["hits"][..., 0] *= -1
    turned["hits"][..., 1] = (inputs["hits"][..., 1] + 39) % 360 + 1
    for (name, one), other in zip(model(inputs).items(), model(turned).values(), strict=True):
        if name != "energy_gev":  # a logit near 0 may change its sign
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4, err_msg=name)


def test_hit_features_and_shapes():
    """Three crystals in a row along phi across iphi 360, one diagonal neighbour."""
    hits = np.array([[[-3, 360, 6, 0], [-3, 1, 3, 2], [-3, 359, 1, 0], [-4, 1, 2, 0], [0, 0, 0, 0]]], "f4")
    hits = np.concatenate([hits, np.zeros_like(hits)])
    mask = np.array([[1, 1, 1, 1, 0], [0] * 5], "f4")
    clusters = np.array([[-3, 360, 10, -0.05, 0, 1], [0] * 6], "f4")
    nodes, shapes = HitFeatures("local")(hits, mask, clusters)
    assert not nodes.numpy()[1].any() and np.isfinite(shapes).all()
    deta, dphi = np.array([0, 0, 0, 1.0]), np.array([0, 1.0, -1, 1])  # outwards
    fraction = np.array([0.5, 0.25, 1 / 12, 1 / 6])
    expected = {"deta": deta, "dphi": dphi, "fraction": fraction, "log_energy": np.log([6, 3, 1, 2]),
                "dead_neighbours": [0, 2, 0, 0]}  # fmt: skip
    for name, values in expected.items():
        np.testing.assert_allclose(unscaled(nodes, LOCAL_HIT_FEATURES, name)[0, :4], values, atol=1e-5)
    width = np.sqrt((fraction * dphi**2).sum() - (fraction * dphi).sum() ** 2)
    shape = {"log_crystals": np.log(5), "largest_fraction": 0.5, "phi_width": width, "dead_neighbours": 2,
             "swiss_cross": 1 - 4 / 6, "response": 1.2}  # fmt: skip
    for name, value in shape.items():
        assert unscaled(shapes, LOCAL_SHAPES, name)[0] == pytest.approx(value, abs=1e-5), name
    public, shapes = HitFeatures("acat22")(hits, mask, clusters)
    np.testing.assert_allclose(public[0, 0], [(-3 - 17.8) / 52.9, (360 - 135) / 105, 0, 0.6], rtol=1e-5)
    expected = [None, (width * np.pi / 180 - 0.0067) / 0.0077, (1 / 3 - 0.762) / 0.359, (4 - 3.95) / 5.01]
    np.testing.assert_allclose(shapes[0, 1:], expected[1:], rtol=1e-4)
    assert HitFeatures("eoy2018")(hits, mask, clusters)[1].numpy()[:, 0] * 5.01 + 3.95 == pytest.approx(
        [4, 0], abs=1e-5
    )


def test_dropout_is_of_training_alone(inputs):
    model = build(replace(EOY2018, **SMALL, dropout=0.5))
    first, second = model(inputs, training=False), model(inputs, training=False)
    np.testing.assert_array_equal(first["edge_logit"], second["edge_logit"])
    assert not np.array_equal(model(inputs, training=True)["edge_logit"], first["edge_logit"])
    assert not any("dropout" in layer.name for layer in build(CONFIGS["barrel"]).layers)


def test_predict_answers_each_cluster_in_any_stretch(monkeypatch):
    """Each stretch has its own longest window; windows on their own are answered alike."""
    import zoo

    records = events.sample(len(SAMPLE_CASES), 6)
    monkeypatch.setattr("zoo.inference.predicting.STRETCH", 7)
    keras.utils.set_random_seed(4)
    model = build(CONFIGS["barrel"])
    parts = zoo.predict(model, records).edge_probability
    monkeypatch.setattr("zoo.inference.predicting.STRETCH", 100)
    whole = zoo.predict(model, records).edge_probability
    clusters = ak.num(records.clusters)
    assert ak.max(clusters) == 45 and ak.array_equal(ak.num(parts), clusters)
    assert ak.array_equal(ak.num(whole), clusters)
    np.testing.assert_allclose(ak.flatten(parts), ak.flatten(whole), rtol=1e-5)
