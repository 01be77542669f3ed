import awkward as ak
import numpy as np
import pytest

from zoo.data.feeding.flat import from_flat, to_flat
from zoo.data.kinds.clusters import WINDOWS
from zoo.data.records import validate
from zoo.errors import InvalidValue, UnknownName
from zoo.models.supercluster import events
from zoo.models.supercluster.config import CLUSTER_FEATURES, HIT_FEATURES
from zoo.models.supercluster.events import SAMPLE_CASES


@pytest.fixture(scope="module")
def records():
    return events.sample(len(SAMPLE_CASES) + 6, 3)


def test_sample_is_valid_and_repeatable(records):
    validate(records, WINDOWS, truth=True)
    assert ak.to_list(events.sample(5, 3)) == ak.to_list(records[:5])
    assert ak.to_list(events.sample(5, 4)) != ak.to_list(records[:5])
    assert len(events.sample(0, 1)) == 0


def test_sample_holds_its_cases(records):
    row = dict(zip(SAMPLE_CASES, records, strict=False))
    sizes = [
        len(row[case].clusters) for case in ("no clusters", "one cluster", "two clusters", "many clusters")
    ]
    assert sizes == [0, 1, 2, 45]
    empty = row["a cluster without hits"]
    assert set(range(len(empty.clusters))) - set(empty.hits.cluster.tolist()) == {len(empty.clusters) - 1}
    assert len(row["no cluster with hits"].hits) == 0 < len(row["no cluster with hits"].clusters)
    below = row["seed below threshold"].clusters[0]
    assert below.is_seed and below.energy_gev / np.cosh(below.eta) < 1.0
    twins = row["duplicate clusters"].clusters.tolist()
    assert {**twins[1], "index": 0} == {**twins[-1], "index": 0}
    assert len(set(row["every cluster of one energy"].clusters.energy_gev.tolist())) == 1
    assert {-1, 1} <= set(row["across eta 0"].hits.ieta.tolist())
    phi = np.asarray(row["across phi = pi"].clusters.phi)
    assert phi.min() < -2.5 and phi.max() > 2.5
    assert max(np.abs(row["at the end of the barrel"].clusters.ieta)) == 85
    assert (records.hits.fraction < 1.0).tolist() != []


def test_inputs_hold_the_records(records):
    shuffled = ak.to_list(records)
    rng = np.random.default_rng(0)
    for record in shuffled:  # hits of a window come in any order
        record["hits"] = [record["hits"][i] for i in rng.permutation(len(record["hits"]))]
    inputs = events.to_inputs(ak.Array(shuffled))
    assert all(values.dtype == np.float32 for values in inputs.values())
    for row, record in enumerate(records):
        n = len(record.clusters)
        assert inputs["cluster_mask"][row].sum() == n
        for number, name in enumerate(CLUSTER_FEATURES):
            np.testing.assert_array_equal(inputs["clusters"][row, :n, number], record.clusters[name])
        assert not inputs["clusters"][row, n:].any() and not inputs["hits"][row, n:].any()
        for cluster in range(n):
            of = record.hits[record.hits.cluster == cluster]
            h = len(of)
            assert inputs["hit_mask"][row, cluster].tolist() == [1] * h + [0] * (inputs["hits"].shape[2] - h)
            table = np.stack([np.asarray(of[name]) for name in HIT_FEATURES], -1).astype("f4")
            table[:, 2] *= np.asarray(of.fraction)
            table = table[np.lexsort(table.T)]
            mine = inputs["hits"][row, cluster, :h]
            np.testing.assert_allclose(mine[np.lexsort(mine.T)], table, rtol=1e-6)
    np.testing.assert_array_equal(inputs["window"], np.stack([records.rho_gev, records.leakage_gev], -1))
    empty = events.to_inputs(records[:0])
    assert empty["hits"].shape == (0, 1, 1, 4) and empty["clusters"].shape == (0, 1, 6)
    assert events.to_inputs(records[:1])["hits"].shape == (1, 1, 1, 4)


def test_augment_mirrors_crystals_and_positions_together(records):
    flat = to_flat(records, WINDOWS)
    mirrored = events.augment(flat, np.random.default_rng(2))
    validate(from_flat(mirrored), WINDOWS)
    changed = np.asarray(mirrored["true_phi"] != flat["true_phi"])
    of = np.repeat(np.arange(len(records)), np.diff(flat["offsets"]))
    turned = np.flatnonzero(mirrored["clusters.iphi"] + flat["clusters.iphi"] == 361)
    rows = np.unique(of[turned])
    assert 5 < len(rows) < len(records) - 5 and not changed.any()  # true phi is 0 in the toy
    for name, back in (("clusters.iphi", 361), ("hits.iphi", 361), ("clusters.phi", 0)):
        again = events.augment(mirrored, np.random.default_rng(2))
        np.testing.assert_array_equal(again[name], flat[name])
        assert set((mirrored[name] + flat[name])[mirrored[name] != flat[name]].tolist()) == {back}
    # The seed crystal stays under the cluster.
    centre = (mirrored["clusters.iphi"] - 0.5) * np.pi / 180
    assert (np.abs(np.angle(np.exp(1j * (mirrored["clusters.phi"] - centre)))) < 0.011).all()
    untouched = {"clusters.iphi", "hits.iphi", "clusters.phi", "true_phi"}
    assert all(mirrored[name] is flat[name] for name in flat if name not in untouched)


def test_only_samples_of_cluster_events_are_simulated():
    with pytest.raises(UnknownName, match="superclusters"):
        events.simulate("electrons", 5, 1, split="train", pileup=False, truth=False)


def change(name, index, value):
    def apply(inputs):
        inputs[name][index] = value

    return apply


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda i: i.pop("window"), "window: expected this input tensor"),
        (lambda i: i.update(hits=i["hits"].astype("f8")), "hits: expected a float32 array.*float64"),
        (lambda i: i.update(hits=i["hits"][0]), "hits: expected 4 dimensions"),
        (lambda i: i.update(hits=i["hits"][..., :3]), r"hits: expected shape .*ieta, iphi.*3\)"),
        (lambda i: i.update(clusters=i["clusters"][:, 1:]), "cluster_mask: expected shape"),
        (change("clusters", (22, 0, 2), np.nan), r"clusters: expected finite.*nan at index \(22, 0, 2\)"),
        (change("hits", (22, 30, 0, 1), np.inf), "hits: expected finite.*inf"),
        (change("cluster_mask", (22, 0), 0.5), "cluster_mask: expected zeros and ones"),
        (change("hit_mask", (0, 0, 0), 1.0), "hit_mask: expected zeros where cluster_mask is zero"),
        (change("clusters", (22, 0, 0), 0), "clusters.ieta.*not 0"),
        (change("clusters", (22, 1, 1), 361), "clusters.iphi.*1 to 360"),
        (change("clusters", (22, 0, 2), -1), "clusters.energy_gev.*above 0"),
        (change("hits", (22, 0, 0, 2), 0), "hits.energy_gev.*above 0"),
        (change("hits", (22, 0, 0, 3), 9), "hits.dead_neighbours.*0 to 8"),
        (change("window", (22, 0), -1), "rho_gev"),
        (change("clusters", (22, 1, 5), 1), r"is_seed: expected one seed in each window.*2 in window 22"),
        (change("clusters", (22, 0, 5), 0), r"0 in window 22"),
    ],
)
def test_validate_says_what_is_wrong(records, spoil, message):
    inputs = events.to_inputs(records)
    events.validate(inputs)
    spoil(inputs)
    with pytest.raises(InvalidValue, match=message):
        events.validate(inputs)
