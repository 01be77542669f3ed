"""The ECAL chain on toy showers: what it must equal, what must change nothing, and what is not wanted."""

from types import SimpleNamespace

import awkward as ak
import keras
import numpy as np
import pytest

import zoo
import zoo.inference.predicting
from zoo.__main__ import main
from zoo.baselines.mustache import CMS, MustacheConfig, eta_window, max_dphi, mustache
from zoo.data.clusters import Clusters
from zoo.data.files.readers import read_metadata, read_root
from zoo.data.files.writers import write_root
from zoo.data.kinds.clusters import CLUSTER_EVENTS, FLAVOURS, RECHIT_EVENTS, SUPERCLUSTER_EVENTS
from zoo.data.records import assemble, leaf_values, raw_energy_gev, validate
from zoo.errors import InvalidFile, InvalidValue, UnknownName
from zoo.models.supercluster.windows import make_windows
from zoo.reconstruction.chain import Chain, find_clusters, reconstruct
from zoo.reconstruction.supercluster_objects import supercluster_objects
from zoo.reconstruction.superclustering import find_superclusters

CORE = np.array([[0.01, 0.05, 0.01], [0.05, 0.76, 0.05], [0.01, 0.05, 0.01]])  # of a toy shower


def rechits(*events):
    """Events of toy showers, each (ieta, iphi, GeV), on 3 x 3 crystals; overlaps add up."""
    columns, counts = {"ieta": [], "iphi": [], "energy_gev": []}, []
    for showers in events:
        cells = {}
        for ieta, iphi, energy in showers:
            for (row, column), share in np.ndenumerate(CORE):
                place = (ieta - (ieta > 0)) + row - 1
                if -85 <= place < 85:
                    cell = (place + (place >= 0), (iphi + column - 2) % 360 + 1)
                    cells[cell] = cells.get(cell, 0.0) + share * energy
        cells = {cell: energy for cell, energy in cells.items() if energy > 0.1}
        counts.append(len(cells))
        columns["ieta"] += [cell[0] for cell in cells]
        columns["iphi"] += [cell[1] for cell in cells]
        columns["energy_gev"] += list(cells.values())
    flat = {**columns, "noise_gev": np.full(sum(counts), 0.07), "dead_neighbours": np.zeros(sum(counts))}
    hits = {
        f"hits.{name}": ak.unflatten(
            np.asarray(values).astype(RECHIT_EVENTS.by_name[f"hits.{name}"].dtype), counts
        )
        for name, values in flat.items()
    }
    n = len(events)
    return assemble({**hits, "rho_gev": np.full(n, 20.0, "f4"), "event_id": np.arange(n)})


def crowd(n, seed=0):
    """Events of a few hard showers, each with soft ones around it along phi."""
    rng = np.random.default_rng(seed)
    events = []
    for _ in range(n):
        showers = []
        for _ in range(rng.integers(1, 4)):
            ieta, iphi = int(rng.integers(2, 84)) * int(rng.choice([-1, 1])), int(rng.integers(1, 361))
            showers.append((ieta, iphi, rng.uniform(5, 60)))
            for _ in range(rng.integers(0, 6)):
                near = int(np.clip(abs(ieta) + rng.integers(-3, 4), 1, 85)) * (1 if ieta > 0 else -1)
                showers.append(
                    (near, int(iphi + rng.integers(-30, 31) - 1) % 360 + 1, rng.exponential(2.0) + 0.5)
                )
        events.append(showers)
    return rechits(*events)


@pytest.fixture(scope="module")
def events():
    return find_clusters(crowd(60))


def shuffled(events, seed):
    """The same events with clusters and hits in another order; [T] where each cluster was in its event."""
    rng = np.random.default_rng(seed)
    order = ak.Array([rng.permutation(n) for n in ak.num(events.clusters)])
    back = ak.argsort(order)  # where each cluster is now
    hits = ak.with_field(events.hits, ak.values_astype(back[events.hits.cluster], "int16"), "cluster")
    hits = hits[ak.Array([rng.permutation(n) for n in ak.num(hits)])]
    return ak.with_field(ak.with_field(events, events.clusters[order], "clusters"), hits, "hits"), order


def described(found, order=None):
    """Energies, seed and members of every supercluster, clusters by their first numbers."""
    rows = []
    for number, event in enumerate(found):
        was = range(10_000) if order is None else order[number]
        members = [set() for _ in event.superclusters]
        for member in event.members:
            members[member.supercluster].add(was[member.cluster])
        rows.append(
            [(one.tolist(), was[one.seed], m) for one, m in zip(event.superclusters, members, strict=True)]
        )
        for one, *_ in rows[-1]:
            del one["seed"]
    return rows


def agree(left, right, tolerance):
    assert [[row[1:] for row in event] for event in left] == [[row[1:] for row in event] for event in right]
    for event, other in zip(left, right, strict=True):
        for (numbers, *_), (others, *_) in zip(event, other, strict=True):
            assert numbers == pytest.approx(others, rel=tolerance, abs=tolerance)


# === What it must equal ===


def test_rechits_become_the_clusters_of_pf_clustering(events):
    validate(events, CLUSTER_EVENTS)
    energy = leaf_values(events, "clusters.energy_gev")
    owner = ak.flatten(events.hits.cluster + np.cumsum(ak.num(events.clusters)) - ak.num(events.clusters))
    shares = leaf_values(events, "hits.energy_gev") * leaf_values(events, "hits.fraction")
    np.testing.assert_allclose(np.bincount(owner, shares, len(energy)), energy, rtol=1e-5)
    one = reconstruct(crowd(60), superclustering="mustache", energy="raw")
    assert ak.array_equal(one, reconstruct(events, superclustering="mustache", energy="raw"))


def test_raw_mustache_is_the_baseline(events):
    found = reconstruct(events, superclustering="mustache", energy="raw")
    validate(found, SUPERCLUSTER_EVENTS)
    values = [leaf_values(events, f"clusters.{name}") for name in ("energy_gev", "eta", "phi")]
    splits = np.concatenate([[0], np.cumsum(ak.num(events.clusters))])
    direct = mustache(Clusters(splits, *values))
    assert ak.num(found.superclusters).tolist() == np.diff(direct.row_splits).tolist()
    flat = ak.flatten(found.superclusters)
    np.testing.assert_allclose(flat.energy_gev, direct.raw_energy_gev, rtol=1e-6)
    np.testing.assert_allclose(flat.et_gev, direct.et_gev, rtol=1e-6)
    starts = splits[np.repeat(np.arange(len(events)), np.diff(direct.row_splits))]
    assert flat.seed.tolist() == (direct.seed - starts).tolist()
    assert len(direct.members) == ak.count(found.members.cluster) > len(direct.seed)
    assert set(flat.flavour) == {-1} and set(flat.sigma_gev) == {-1.0}
    # a larger moustache is another choice
    wide = MustacheConfig(dphi_saturation=0.5)
    assert ak.count(reconstruct(events, superclustering=wide, energy="raw").members.cluster) > len(
        direct.members
    )


def test_edges_of_mustache_give_its_superclusters(events, monkeypatch):
    """A network that answers as Mustache does: windows, edges and traversal are put together rightly."""

    def predict(model, windows, batch_size):
        eta, phi, energy = (windows.clusters[name] for name in ("eta", "phi", "energy_gev"))
        deta = np.where(eta[:, 0] < 0, -1.0, 1.0) * (eta - eta[:, 0])
        dphi = np.mod(phi - phi[:, 0] + np.pi, 2 * np.pi) - np.pi
        seeds = ak.flatten(ak.broadcast_arrays(eta[:, 0], eta)[0])
        low, high = eta_window(seeds, ak.flatten(energy), ak.flatten(dphi), CMS)
        inside = (ak.flatten(deta) > low) & (ak.flatten(deta) < high)
        inside = inside & (abs(ak.flatten(dphi)) < max_dphi(ak.flatten(energy / np.cosh(eta)), CMS))
        edges = ak.unflatten(inside | ak.flatten(windows.clusters.is_seed == 1), ak.num(eta))
        width = int(ak.max(ak.num(eta)))
        padded = ak.fill_none(ak.pad_none(edges, width), False)
        return ak.zip(
            {
                "edge_probability": ak.values_astype(padded, "float32"),
                "flavour_probability": ak.Array(np.stack([windows.leakage_gev, energy[:, 0], eta[:, 0]], -1)),
            },
            depth_limit=1,
        )

    monkeypatch.setattr(zoo.inference.predicting, "predict", predict)
    found = find_superclusters(events, SimpleNamespace(name="supercluster"))
    direct = find_superclusters(events, "mustache").superclusters
    for name in ("row_splits", "seed", "members", "member_splits", "raw_energy_gev"):
        np.testing.assert_array_equal(getattr(found.superclusters, name), getattr(direct, name))
    # the flavour is that of the window of the supercluster's own seed
    np.testing.assert_allclose(
        found.flavour_probability[:, 1], leaf_values(events, "clusters.energy_gev")[direct.seed]
    )


# === What changes nothing ===


def test_no_order_and_no_other_event_changes_anything(events):
    chosen = {"superclustering": "mustache", "energy": "linear_calibration"}
    found = reconstruct(events, **chosen)
    moved, order = shuffled(events, 1)
    again = reconstruct(moved, **chosen)
    agree(described(again, order), described(found), 1e-6)
    assert ak.array_equal(reconstruct(events[::-1], **chosen)[::-1], found)
    assert ak.array_equal(reconstruct(events[7:9], **chosen), found[7:9])


def test_the_same_with_networks(events):
    keras.utils.set_random_seed(3)
    thin = dict.fromkeys(("node_layers", "edge_layers", "flavour_layers", "energy_layers"), (8,))
    narrow = dict.fromkeys(("edge_attention", "flavour_attention", "energy_attention", "node_width"), 8)
    network = zoo.load("supercluster", weights=None, hit_width=4, **thin, **narrow)
    some = events[:8]
    logits = np.asarray(ak.flatten(zoo.predict(network, make_windows(some, whole=False)).edge_logit))
    network.get_layer("edge_1").bias.assign_sub([np.quantile(logits[logits != 0], 0.3)])  # most pass
    found = reconstruct(some, superclustering=network, energy="raw")
    validate(found, SUPERCLUSTER_EVENTS)
    assert ak.sum(ak.num(found.superclusters)) > 5
    moved, order = shuffled(some, 2)
    again = reconstruct(ak.concatenate([events[20:22], moved]), superclustering=network, energy="raw")[2:]
    agree(described(again, order), described(found), 1e-4)
    flat = ak.flatten(found.superclusters)
    parts = np.stack([np.asarray(flat[f"{name}_probability"]) for name in FLAVOURS], axis=-1)
    np.testing.assert_allclose(parts.sum(axis=1), 1.0, rtol=1e-5)
    assert flat.flavour.tolist() == parts.argmax(axis=1).tolist()


# === Superclusters as objects ===


def test_objects_hold_each_crystal_once_and_the_energy_of_their_clusters(events):
    found = find_superclusters(events, "mustache").superclusters
    objects = supercluster_objects(events, found)
    validate(objects)
    np.testing.assert_allclose(raw_energy_gev(objects), found.raw_energy_gev, rtol=1e-5)
    for hits in objects.hits:
        cells = list(zip(hits.ieta, hits.iphi, strict=True))
        assert len(set(cells)) == len(cells)
    # two clusters of one supercluster share crystals, whose parts are put together again
    pair = find_clusters(rechits([(20, 100, 30.0), (20, 102, 12.0)]))
    shared = supercluster_objects(pair, find_superclusters(pair, "mustache").superclusters)
    assert ak.num(pair.clusters).tolist() == [2] and ak.num(pair.hits)[0] > ak.num(shared.hits)[0]
    undivided = rechits([(20, 100, 30.0), (20, 102, 12.0)]).hits
    assert sorted(shared.hits[0].energy_gev) == pytest.approx(sorted(undivided[0].energy_gev), rel=1e-6)
    assert (shared.seed_ieta[0], shared.seed_iphi[0]) == (20, 100)


def test_chosen_objects_and_their_truth(events):
    n = len(events)
    truth = {
        "groups.flavour": ak.unflatten(np.full(n, 1, "i1"), 1),
        "groups.energy_gev": ak.unflatten(np.arange(1, n + 1, dtype="f4"), 1),
        "groups.eta": ak.unflatten(np.full(n, 0.5, "f4"), 1),
        "groups.phi": ak.unflatten(np.full(n, 0.25, "f4"), 1),
        "groups.deposit_gev": ak.unflatten(np.full(n, 50.0, "f4"), 1),
        "shares.group": ak.unflatten(np.zeros(n, "i2"), 1),
        "shares.energy_gev": ak.unflatten(np.full(n, 20.0, "f4"), 1),
    }
    found = reconstruct(events, superclustering="mustache", energy="raw")
    softest = ak.values_astype(found.superclusters.seed[:, -1:], "int16")
    columns = {name: ak.Array(values) for name, values in {**truth, "shares.cluster": softest}.items()}
    for collection in ("clusters", "hits"):
        columns |= {f"{collection}.{name}": events[collection][name] for name in events[collection].fields}
    known = assemble({**columns, "rho_gev": events.rho_gev})
    matched = reconstruct(known, superclustering="mustache", energy="raw")
    validate(matched, SUPERCLUSTER_EVENTS)
    last = ak.num(matched.superclusters) - 1
    assert matched.groups.supercluster[:, 0].tolist() == last.tolist()
    assert ak.all(matched.superclusters.group[:, -1] == 0)
    assert ak.all(ak.flatten(matched.superclusters.group[:, :-1]) == -1)

    grouped = find_superclusters(known, "mustache").superclusters
    chosen = (grouped.row_splits[1:] - 1)[::-1]
    objects = supercluster_objects(known, grouped, chosen, truth=True)
    validate(objects)
    assert objects.true_energy_gev.tolist() == list(range(n, 0, -1))
    assert set(objects.pdg_id) == {11} and set(objects.true_phi) == {0.25}
    with pytest.raises(InvalidValue, match="seed is of a group"):
        supercluster_objects(known, grouped, truth=True)
    with pytest.raises(InvalidValue, match="those of 2 events"):
        supercluster_objects(known[:2], grouped)


# === Bad input ===


def test_events_with_little_in_them():
    raw = {"superclustering": "mustache", "energy": "raw"}
    cases = rechits(
        [],  # nothing
        [(30, 50, 20.0)],  # one shower
        [(30, 50, 0.9), (30, 80, 0.8)],  # no seed
        [(30, 50, 3.0)],  # a seed, and too soft a supercluster
        [(85, 360, 30.0), (85, 4, 6.0)],  # the end of the barrel
        [(40, 180, 30.0), (40, 185, 5.0)],  # across phi = pi
    )
    found = reconstruct(cases, **raw)
    assert ak.num(found.superclusters).tolist() == [0, 1, 0, 0, 1, 1]
    assert ak.num(found.members).tolist() == [0, 1, 0, 0, 2, 2]
    assert abs(abs(found.superclusters.phi[5, 0]) - np.pi) < 0.06
    assert found.superclusters.eta[4, 0] == pytest.approx(1.47, abs=0.02)
    none = reconstruct(cases[:0], **raw)
    assert len(none) == 0 and none.type.content == found.type.content
    assert len(reconstruct(find_clusters(cases)[:1], superclustering="mustache", energy="bdt")) == 1


def test_a_cluster_without_rechits_and_twins():
    events = find_clusters(rechits([(30, 50, 20.0), (30, 55, 6.0)], [(-30, 50, 20.0)]))
    bare = ak.with_field(events, events.hits[events.hits.cluster > 9], "hits")
    raw = reconstruct(bare, superclustering="mustache", energy="raw").superclusters
    assert raw.energy_gev[:, 0].tolist() == pytest.approx([26.0, 20.0], rel=0.02)
    measured = reconstruct(bare, superclustering="mustache", energy="linear_calibration").superclusters
    for name in ("energy_gev", "sigma_gev", "et_gev"):
        assert measured[name].tolist() == [[-1.0], [-1.0]]
    twins = ak.with_field(events, ak.concatenate([events.clusters, events.clusters], axis=1), "clusters")
    found = reconstruct(twins, superclustering="mustache", energy="raw")
    assert ak.num(found.members).tolist() == [4, 2] and ak.num(found.superclusters).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"clustering": "pff"}, "unknown clustering 'pff'. Did you mean 'pf'?"),
        ({"superclustering": "mustach"}, "Did you mean 'mustache'"),
        ({"superclustering": "drn"}, "unknown superclustering 'drn'"),
        ({"superclustering": "supercluster.barel_v9"}, "unknown tag 'barel_v9'"),
        ({"superclustering": "mustache", "energy": "rav"}, "Did you mean 'raw'?"),
        (
            {"superclustering": "mustache", "energy": "bdt.barrel_photon_v1"},
            "Did you mean 'barrel_photons_v1'",
        ),
        ({"superclustering": "mustache", "energy": "supercluster"}, "unknown energy 'supercluster'"),
        ({"strategy": "cascad"}, "Did you mean 'cascade'"),
    ],
)
def test_a_choice_that_does_not_exist(choices, message):
    with pytest.raises(UnknownName) as error:
        Chain(**choices)
    assert message in str(error.value)


def test_records_of_another_kind_and_dirty_ones(events, tmp_path):
    chain = Chain(superclustering="mustache", energy="raw")
    with pytest.raises(UnknownName, match="neither events of clusters nor of rechits"):
        chain(events[["rho_gev", "event_id"]])
    with pytest.raises(InvalidValue, match="records or a ROOT file"):
        chain([1, 2])
    with pytest.raises(InvalidValue, match=r"clusters.energy_gev: expected finite"):
        chain(ak.with_field(events, ak.with_field(events.clusters, np.nan, "energy_gev"), "clusters"))
    hits = rechits([(30, 50, 20.0)])
    double = ak.with_field(hits, ak.concatenate([hits.hits, hits.hits], axis=1), "hits")
    with pytest.raises(InvalidValue, match="at most once in an event"):
        chain(double)
    found = write_root(tmp_path / "found.root", chain(events), schema=SUPERCLUSTER_EVENTS)
    with pytest.raises(InvalidFile, match=r"holds events of superclusters .* not events of rechits"):
        reconstruct(found, superclustering="mustache", energy="raw")


# === The command ===


def test_the_command_on_rechits_and_on_an_own_ntuple(capsys, tmp_path):
    hits = crowd(8)
    file, out = tmp_path / "rechits.root", tmp_path / "found.root"
    write_root(file, hits, schema=RECHIT_EVENTS)
    words = ["--superclustering", "mustache", "--energy", "linear_calibration.barrel_electrons_v1"]
    assert main(["reconstruct", str(file), "--out", str(out), *words]) == 0
    expected = reconstruct(hits, superclustering="mustache", energy="linear_calibration.barrel_electrons_v1")
    assert ak.array_equal(read_root(out, schema=SUPERCLUSTER_EVENTS), expected)
    facts = read_metadata(out)
    assert (
        facts["superclustering"] == "mustache" and facts["energy"] == "linear_calibration.barrel_electrons_v1"
    )
    entries = [f'"{f.name}" = "{f.branch}"' for f in RECHIT_EVENTS.fields if f.role == "input"]
    branch_map = tmp_path / "map.toml"
    branch_map.write_text('tree = "rechit_events"\n[fields]\n' + "\n".join(entries) + "\n")
    own = tmp_path / "own.root"
    assert main(["reconstruct", str(file), "--out", str(own), *words, "--branch-map", str(branch_map)]) == 0
    assert ak.array_equal(read_root(own, schema=SUPERCLUSTER_EVENTS).superclusters, expected.superclusters)
    capsys.readouterr()
    write_root(file, hits[:0], schema=RECHIT_EVENTS)
    assert main(["reconstruct", str(file), "--out", str(out), *words]) == 0
    assert len(read_root(out, schema=SUPERCLUSTER_EVENTS)) == 0
