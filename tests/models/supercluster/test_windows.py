"""Windows, labels and hits against a plain loop over random events, and the edges at their corners."""

import awkward as ak
import numpy as np
import pytest

from zoo.data.kinds.clusters import CLUSTER_EVENTS, WINDOWS
from zoo.data.records import assemble, validate
from zoo.errors import InvalidValue, UnknownName
from zoo.models.supercluster import events as model_events
from zoo.models.supercluster import windows
from zoo.models.supercluster.windows import LabelRule, find_windows, in_window, make_windows, window_edges


def random_events(n, seed):
    """Events with clumps of clusters, few groups, shares of some, shared hits; no simulation."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 14, n)
    counts[0] = 0
    total, event = counts.sum(), np.repeat(np.arange(n), counts)
    centre_eta, centre_phi = rng.uniform(-1.3, 1.3, n), rng.uniform(-np.pi, np.pi, n)
    centre_phi[1::3] = np.pi
    eta = np.clip(centre_eta[event] + rng.normal(0, 0.08, total), -1.47, 1.47).astype("f4")
    phi = (np.mod(centre_phi[event] + rng.normal(0, 0.35, total) + np.pi, 2 * np.pi) - np.pi).astype("f4")
    groups = rng.integers(1, 3, n)
    n_groups, group_event = groups.sum(), np.repeat(np.arange(n), groups)
    shares = rng.random(total) < 0.8
    share_group = rng.integers(0, groups[event[shares]])
    local = np.arange(total) - (np.cumsum(counts) - counts)[event]
    n_hits = rng.integers(0, 5, total)
    owner = np.repeat(np.arange(total), n_hits)
    shuffle = np.lexsort((rng.random(len(owner)), event[owner]))  # hits of an event in any order
    owner = owner[shuffle]
    flat = {
        "clusters.ieta": np.where(eta > 0, 1, -1) * (1 + np.abs(eta) / 0.0175).astype(int),
        "clusters.iphi": np.mod(np.floor(phi / np.pi * 180), 360) + 1,
        "clusters.energy_gev": rng.exponential(3.0, total) + 0.3,
        "clusters.eta": eta,
        "clusters.phi": phi,
        "clusters.leakage_gev": rng.exponential(0.3, total),
        "clusters.pileup_gev": rng.exponential(0.5, total),
        "clusters.whole_window": rng.random(total) < 0.8,
        "hits.cluster": local[owner],
        "hits.ieta": rng.integers(1, 80, len(owner)),
        "hits.iphi": rng.integers(1, 361, len(owner)),
        "hits.energy_gev": rng.exponential(1.0, len(owner)) + 0.1,
        "hits.fraction": rng.uniform(0.1, 1, len(owner)),
        "hits.noise_gev": np.full(len(owner), 0.07),
        "hits.dead_neighbours": rng.integers(0, 3, len(owner)),
        "groups.flavour": rng.integers(0, 3, n_groups),
        "groups.energy_gev": rng.uniform(5, 80, n_groups),
        "groups.eta": centre_eta[group_event] + rng.normal(0, 0.07, n_groups),
        "groups.phi": np.clip(centre_phi[group_event], -3.1, 3.1),
        "groups.deposit_gev": rng.uniform(5, 80, n_groups),
        "shares.cluster": local[shares],
        "shares.group": share_group,
        "shares.energy_gev": rng.exponential(1.0, shares.sum()) * (rng.random(shares.sum()) < 0.9),
    }
    sizes = {
        "clusters": counts,
        "hits": np.bincount(event[owner], minlength=n),
        "groups": groups,
        "shares": np.bincount(event[shares], minlength=n),
    }
    columns = {
        name: ak.unflatten(
            np.asarray(v).astype(CLUSTER_EVENTS.by_name[name].dtype), sizes[name.split(".")[0]]
        )
        for name, v in flat.items()
    }
    scalars = {"rho_gev": rng.uniform(5, 30, n), "n_pileup": rng.integers(0, 70, n), "event_id": np.arange(n),
               "shower_row": np.arange(n), "shower_pdg_id": np.full(n, 11)}  # fmt: skip
    for name, values in scalars.items():
        columns[name] = values.astype(CLUSTER_EVENTS.by_name[name].dtype)
    return assemble(columns)


def fraction_of(event, group):
    deposit = event.groups.deposit_gev[group]
    found = {}
    for share in event.shares:
        if share.group == group and deposit > 0:
            found[int(share.cluster)] = float(share.energy_gev) / float(deposit)
    return found


def loop(records, edges, rule):
    """The windows of all events, one by one."""
    found = []
    for event in records:
        clusters, n_groups = event.clusters, len(event.groups)
        by_group = [fraction_of(event, group) for group in range(n_groups)]
        best = []
        for index in range(len(clusters)):
            fractions = [by_group[group].get(index, 0.0) for group in range(n_groups)]
            top = int(np.argmax(fractions))
            best.append((top, fractions[top]) if fractions[top] >= rule.least_match else (-1, 0.0))
        for index, seed in enumerate(clusters):
            et = float(seed.energy_gev) / np.cosh(float(seed.eta))
            if et <= 1.0 or not seed.whole_window:
                continue
            down, up, reach = window_edges(seed.eta, edges)
            sign = -1 if seed.eta < 0 else 1

            def inside(eta, phi, seed=seed, sign=sign, down=down, up=up, reach=reach):
                dphi = abs(float(phi) - float(seed.phi)) % (2 * np.pi)
                deta = sign * (float(eta) - float(seed.eta))
                return down <= deta <= up and min(dphi, 2 * np.pi - dphi) <= reach

            members = [index] + [
                other
                for other, cluster in enumerate(clusters)
                if other != index and inside(cluster.eta, cluster.phi)
            ]
            group, fraction = best[index]
            if group >= 0 and fraction < rule.least_seed_match:
                group = -1
            aside = not inside(event.groups.eta[group], event.groups.phi[group])
            if group >= 0 and event.groups.flavour[group] > 0 and aside:
                group = -1
            least = rule.threshold(np.array([et]), np.array([float(seed.eta)]))[0]
            labels, energies = [], []
            for other in members:
                held = by_group[group].get(other, 0.0) if group >= 0 else 0.0
                energy = held * float(event.groups.deposit_gev[group]) if group >= 0 else 0.0
                good = group >= 0 and best[other][0] == group and held >= least
                labels.append(int(good and clusters.pileup_gev[other] < rule.largest_pileup * energy))
                energies.append(energy)
            found.append((int(event.event_id), members, labels, energies, group))
    return found


RULE = LabelRule(least_fraction=np.full((8, 7), 0.02), largest_pileup=3.0)


@pytest.mark.parametrize("edges", ["run3", pytest.param("eoy2018", marks=pytest.mark.ci)])
def test_windows_are_those_of_a_loop(edges, monkeypatch):
    monkeypatch.setattr(windows, "PAIRS", 50)  # several blocks
    records = random_events(18, 3)
    validate(records, CLUSTER_EVENTS, truth=None)
    found = make_windows(records, edges=edges, rule=RULE)
    validate(found, WINDOWS, truth=True)
    expected = loop(records, edges, RULE)
    assert len(found) == len(expected) > 24
    assert sum(sum(labels) for _, _, labels, _, _ in expected) > 8
    for window, (event_id, members, labels, energies, group) in zip(found, expected, strict=True):
        event = records[event_id]
        assert window.event_id == event_id and window.rho_gev == event.rho_gev
        assert window.clusters["index"].tolist() == members
        assert window.clusters.is_seed.tolist() == [1] + [0] * (len(members) - 1)
        assert window.clusters.in_supercluster.tolist() == labels
        np.testing.assert_allclose(window.clusters.true_energy_gev.tolist(), energies, rtol=1e-5)
        for name in ("ieta", "iphi", "energy_gev", "eta", "phi", "pileup_gev"):
            assert window.clusters[name].tolist() == event.clusters[name][members].tolist()
        assert window.leakage_gev == event.clusters.leakage_gev[members[0]]
        for place, member in enumerate(members):
            for name in ("ieta", "iphi", "energy_gev", "fraction", "noise_gev", "dead_neighbours"):
                mine = window.hits[name][window.hits.cluster == place].tolist()
                assert mine == event.hits[name][event.hits.cluster == member].tolist()
        if group >= 0:
            assert window.flavour == event.groups.flavour[group]
            assert window.true_energy_gev == event.groups.energy_gev[group]
            assert window.sim_energy_gev == event.groups.deposit_gev[group]
            assert (window.true_eta, window.true_phi) == (event.groups.eta[group], event.groups.phi[group])
        else:
            assert (window.flavour, window.true_energy_gev, window.sim_energy_gev) == (0, 0, 0)


def test_without_truth_there_is_none_and_all_seeds_count():
    records = random_events(20, 5)
    bare = records[[name for name in ak.fields(records) if name not in ("groups", "shares", "n_pileup")]]
    bare = ak.with_field(
        bare, bare.clusters[["ieta", "iphi", "energy_gev", "eta", "phi", "leakage_gev"]], "clusters"
    )
    found = make_windows(bare)
    validate(found, WINDOWS)
    assert not {"flavour", "true_energy_gev", "n_pileup"} & set(ak.fields(found))
    et = bare.clusters.energy_gev / np.cosh(bare.clusters.eta)
    assert len(found) == int(ak.sum(et > 1.0))
    assert len(make_windows(records, whole=False)) == len(found) > len(make_windows(records))
    assert len(make_windows(bare[:1])) == len(make_windows(bare[:0])) == 0


def test_windows_feed_the_network():
    inputs = model_events.to_inputs(make_windows(random_events(30, 7)))
    model_events.validate(inputs)


def test_edges_at_their_corners():
    down, up, reach = window_edges([0.0, 1.5, 2.0], "run3")
    np.testing.assert_allclose(down, [-0.1, -0.1, -1 / 6])
    np.testing.assert_allclose(up, [0.1, 0.2, 0.7 / 3])
    np.testing.assert_allclose(reach, [0.7, 0.65, 19 / 30])
    down, up, reach = window_edges([0.05, -1.0, 1.6, 1.8, 2.0, 2.3, 3.0], "eoy2018")
    np.testing.assert_allclose(down, [-0.075] * 5 + [-0.1125, -0.15])
    np.testing.assert_allclose(up, [0.075, 0.1473215, 0.2, 0.175, 0.15, 0.15, 0.15], atol=1e-7)
    np.testing.assert_allclose(reach, [0.6, 0.6, 0.6, 0.6, 0.575, 0.5, 0.4])
    with pytest.raises(UnknownName, match="run3"):
        window_edges(0.0, "run2")


def test_windows_reach_farther_outwards_and_across_pi():
    seed = np.array([-0.5, -0.5, -0.5, 0.3, 0.3])
    eta = np.array([-0.62, -0.38, -0.41, 0.3, 0.3])
    inside = in_window(seed, np.full(5, 3.1), eta, np.array([3.1, 3.1, 3.1, -3.0, -2.0]))
    assert inside.tolist() == [True, False, True, True, False]


def test_a_seed_is_always_in_its_window_and_alone_if_need_be():
    found = find_windows(
        np.array([0, 2, 2, 3]), np.array([5.0, 4.0, 0.9]), np.array([0.0, 1.0, 0.0]), np.zeros(3)
    )
    assert found.event.tolist() == [0, 0] and found.seed.tolist() == [0, 1]
    assert found.cluster.tolist() == [0, 1] and found.splits.tolist() == [0, 1, 2]


def test_label_rule():
    table = np.arange(56.0).reshape(8, 7) / 100.0
    rule = LabelRule(least_fraction=table)
    found = rule.threshold(np.array([0.5, 4.0, 30.0, 900.0]), np.array([0.0, -0.19, -1.0, 2.9]))
    assert found.tolist() == [0.0, 0.07, 0.32, 0.55]
    with pytest.raises(InvalidValue, match=r"fractions \(8, 7\)"):
        LabelRule(least_fraction=np.zeros((8, 6)))
