"""Windows to tensors and targets, checks, sample windows, simulated ones. No TensorFlow here."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.angles import wrap_phi
from zoo.arrays import Floats32, owners, places, row_splits
from zoo.data.feeding.batching import pad
from zoo.data.feeding.flat import Flat, n_objects
from zoo.data.kinds.clusters import CLUSTER_EVENTS, WINDOWS
from zoo.data.records import assemble, leaf_values
from zoo.data.tensor_checks import check_tensors
from zoo.errors import InvalidValue, UnknownName
from zoo.models.supercluster.config import CLUSTER_FEATURES, FLAVOURS, HIT_FEATURES, WINDOW_FEATURES

SAMPLE_CASES = (
    "no clusters",
    "one cluster",
    "two clusters",
    "a cluster without hits",
    "no cluster with hits",
    "one hit in each cluster",
    "seed below threshold",
    "duplicate clusters",
    "the seed twice",
    "every cluster of one energy",
    "twin hits, equal in everything",
    "many clusters",
    "many hits",
    "across eta 0",
    "at the end of the barrel",
    "across phi = pi",
    "across the end of iphi",
    "dead neighbours",
    "smallest energies",
    "largest energies",
    "most pile-up and leakage",
)
"""What each of the first windows of `sample` is; windows of a toy follow."""

PHI_CRYSTALS = 360
ETA_PITCH = 0.0174


def to_inputs(records: ak.Array) -> dict[str, Floats32]:
    """Turns records into the network's input tensors, padded to the most clusters and hits.

    Args:
        records: Windows with the input fields of `WINDOWS`.

    Returns:
        `clusters` [B, N, 6], `cluster_mask` [B, N], `hits` [B, N, H, 4] (energy times fraction), `hit_mask`
        [B, N, H], `window` [B, 2] (rho, leakage in GeV), float32, N and H >= 1.
    """
    counts = np.asarray(ak.to_numpy(ak.num(records["clusters"])), np.int64)
    splits = row_splits(counts)
    features = [leaf_values(records, f"clusters.{name}") for name in CLUSTER_FEATURES]
    clusters, cluster_mask = pad(np.stack(features, axis=-1).astype(np.float32), splits)

    window = owners(ak.to_numpy(ak.num(records["hits"])))
    owner = splits[window] + leaf_values(records, "hits.cluster")
    values = {name: leaf_values(records, f"hits.{name}") for name in (*HIT_FEATURES, "fraction")}
    values["energy_gev"] = values["energy_gev"] * values["fraction"]
    table = np.stack([values[name] for name in HIT_FEATURES], axis=-1).astype(np.float32)
    ends = row_splits(np.bincount(owner, minlength=int(splits[-1])))
    of_clusters, of_clusters_mask = pad(table[np.argsort(owner, kind="stable")], ends)
    hits, hit_mask = pad(of_clusters, splits)[0], pad(of_clusters_mask, splits)[0]
    event = np.stack([leaf_values(records, name) for name in WINDOW_FEATURES], axis=-1)
    return {
        "clusters": clusters,
        "cluster_mask": cluster_mask,
        "hits": hits,
        "hit_mask": hit_mask,
        "window": event.astype(np.float32),
    }


def targets(records: ak.Array) -> dict[str, Floats32]:
    """Computes the targets.

    Args:
        records: Windows with truth.

    Returns:
        `edge_logit` [B, N, 3] (label, raw energy in GeV, 1 where the cluster counts), `flavour_logit` [B, 3]
        and `energy_gev` [B], float32.
    """
    counts = np.asarray(ak.to_numpy(ak.num(records["clusters"])), np.int64)
    flavour = leaf_values(records, "flavour").astype(np.int64)
    energy = leaf_values(records, "true_energy_gev")
    jet = (flavour == 0) & (energy > 0)
    edges = np.stack(
        [
            leaf_values(records, "clusters.in_supercluster").astype(np.float32),
            leaf_values(records, "clusters.energy_gev"),
            np.repeat(~jet, counts).astype(np.float32),
        ],
        axis=-1,
    )
    splits = row_splits(counts)
    return {
        "edge_logit": pad(edges, splits)[0],
        "flavour_logit": np.eye(len(FLAVOURS), dtype=np.float32)[flavour],
        "energy_gev": np.where(flavour > 0, energy, 0.0).astype(np.float32),
    }


def simulate(sample: str, n: int, seed: int, *, split: str, pileup: bool, truth: bool) -> ak.Array:
    """Simulates events of a sample and cuts out all of their windows, for training.

    Args:
        sample: A sample of `zoo.simulation.samples` that makes cluster events.
        n: Number of events; each has any number of windows.
        seed: Same seed, same windows.
        split: "train", "validation" or "test".
        pileup: Whether there is any.
        truth: Also the generated particles of the events, of which windows keep none.

    Returns:
        Records of `WINDOWS`.

    Raises:
        UnknownName: No such sample.
    """
    from zoo.models.supercluster.windows import make_windows
    from zoo.simulation import samples

    known = [name for name, config in samples.SAMPLES.items() if config.schema == CLUSTER_EVENTS]
    if sample not in known:
        raise UnknownName("sample", sample, [*known, "toy"])
    config = samples.SAMPLES[sample]
    if not pileup:
        config = dataclasses.replace(config, pileup=(0, 0))
    return make_windows(samples.simulate(sample, n, seed, split=split, config=config, truth=truth))


def augment(flat: Flat, rng: np.random.Generator) -> Flat:
    """Mirrors a random half of the windows in phi, iphi -> 361 - iphi and so phi -> -phi.

    Supermodules map onto supermodules, and electrons onto positrons, which are simulated alike. In eta the
    network mirrors by itself where its features are local.

    Args:
        flat: Flat arrays of some windows.
        rng: Decides which.

    Returns:
        The same arrays, new ones where something changed.
    """
    mirrored = rng.random(n_objects(flat)) < 0.5
    of_clusters = np.repeat(mirrored, np.diff(flat["offsets"]))
    of_hits = np.repeat(mirrored, np.diff(flat["offsets.hits"]))
    changed = dict(flat)
    for name, where in (("clusters.iphi", of_clusters), ("hits.iphi", of_hits)):
        changed[name] = np.where(where, (PHI_CRYSTALS + 1 - flat[name]).astype(flat[name].dtype), flat[name])
    for name, where in (("clusters.phi", of_clusters), ("true_phi", mirrored)):
        if name in flat:
            changed[name] = np.where(where, -flat[name], flat[name])
    return changed


def validate(inputs: Mapping[str, npt.NDArray[Any]]) -> None:
    """Checks input tensors: dtypes, shapes, finite (padding too), ranges of the field table, one seed.

    Args:
        inputs: As `to_inputs` returns them.

    Raises:
        InvalidValue: What was expected and what came, for the first thing that is wrong.
    """
    check_tensors(
        inputs,
        {
            "clusters": ("B", "N", CLUSTER_FEATURES),
            "cluster_mask": ("B", "N"),
            "hits": ("B", "N", "H", HIT_FEATURES),
            "hit_mask": ("B", "N", "H"),
            "window": ("B", WINDOW_FEATURES),
        },
    )
    clusters, mask = inputs["clusters"], inputs["cluster_mask"]
    hits, hit_mask = inputs["hits"], inputs["hit_mask"]
    if (hit_mask * (1.0 - mask[:, :, None])).any():
        raise InvalidValue("hit_mask", "zeros where cluster_mask is zero", "hits of no cluster")
    for number, name in enumerate(CLUSTER_FEATURES):
        WINDOWS.by_name[f"clusters.{name}"].check(clusters[:, :, number][mask > 0])
    for number, name in enumerate(HIT_FEATURES):
        WINDOWS.by_name[f"hits.{name}"].check(hits[:, :, :, number][hit_mask > 0])
    for number, name in enumerate(WINDOW_FEATURES):
        WINDOWS.by_name[name].check(inputs["window"][:, number])
    seeds = (clusters[:, :, CLUSTER_FEATURES.index("is_seed")] * mask).sum(axis=1)
    if (bad := (seeds != 1) & mask.any(axis=1)).any():
        row = int(np.argmax(bad))
        raise InvalidValue("is_seed", "one seed in each window", f"{seeds[row]:g} in window {row}")


def sample(n: int, seed: int) -> ak.Array:
    """Makes small windows quickly, for tests and goldens: the edge cases of `SAMPLE_CASES`, then a toy.

    No physics: clusters with an in_supercluster of 1 lie along phi as bremsstrahlung does, the others
    anywhere. No shower library is read.

    Args:
        n: Number of windows; the first `len(SAMPLE_CASES)` are the edge cases.
        seed: Same seed, same windows.

    Returns:
        Records with all fields of `WINDOWS`.
    """
    windows = []
    for number in range(n):
        case = SAMPLE_CASES[number] if number < len(SAMPLE_CASES) else ""
        windows.append(_window(case, np.random.default_rng((seed, number))))
    columns: dict[str, Any] = {}
    for field in WINDOWS.fields:
        name = field.name
        if field.collection:
            counts = np.array([len(window[f"{field.collection}.ieta"]) for window in windows], np.int64)
            flat = np.concatenate([window[name] for window in windows]) if windows else np.zeros(0)
            columns[name] = ak.unflatten(flat.astype(field.dtype), counts)
        else:
            each = [window.get(name, number) for number, window in enumerate(windows)]
            columns[name] = np.asarray(each, field.dtype)
    return assemble(columns)


def _window(case: str, rng: np.random.Generator) -> dict[str, Any]:
    """Returns one window by field name; clusters and hits as arrays."""
    seed_ieta, seed_iphi = int(rng.integers(10, 76)) * int(rng.choice([-1, 1])), int(rng.integers(1, 361))
    seed_ieta = {"across eta 0": 1, "at the end of the barrel": -85}.get(case, seed_ieta)
    seed_iphi = {"across phi = pi": 180, "across the end of iphi": 360}.get(case, seed_iphi)
    count = {"no clusters": 0, "one cluster": 1, "two clusters": 2, "many clusters": 45}.get(
        case, int(rng.integers(3, 13))
    )
    flavour = int(rng.integers(0, 3))
    seed_energy = float(np.exp(rng.uniform(np.log(3.0), np.log(130.0))))
    seed_energy = {"seed below threshold": 0.6, "largest energies": 6000.0, "smallest energies": 1e-3}.get(
        case, seed_energy
    )

    # === Clusters: the seed, then some along phi and some anywhere ===
    along = rng.random(count) < 0.5
    along[:1] = True
    place = _to_place(seed_ieta) + np.where(along, rng.integers(-1, 2, count), rng.integers(-5, 8, count))
    iphi = seed_iphi - 1 + np.where(along, rng.integers(-15, 16, count), rng.integers(-38, 39, count))
    energy = np.where(along, seed_energy * rng.beta(0.6, 3.0, count), rng.exponential(1.5, count)) + 0.25
    if case in ("every cluster of one energy", "smallest energies", "largest energies"):
        energy = np.full(count, seed_energy)
    energy[:1], place[:1], iphi[:1] = seed_energy, _to_place(seed_ieta), seed_iphi - 1
    place = np.clip(place, -85, 84)
    if case == "duplicate clusters":
        place[1:], iphi[1:], energy[1:] = place[-1], iphi[-1], energy[-1]
    elif case == "the seed twice":
        place[1:2], iphi[1:2], energy[1:2] = place[0], iphi[0], energy[0]
    ieta, iphi = np.where(place >= 0, place + 1, place), iphi % PHI_CRYSTALS + 1
    jitter = 0.0 if case in ("duplicate clusters", "the seed twice") else 0.4
    eta = ETA_PITCH * (place + 0.5 + jitter * rng.uniform(-1.0, 1.0, count))
    phi = (iphi - 0.5 + jitter * rng.uniform(-1.0, 1.0, count)) * (2.0 * math.pi / PHI_CRYSTALS)
    phi = wrap_phi(phi)

    # === Hits around each cluster's seed crystal ===
    n_hits = np.minimum(1 + rng.poisson(1.0 + np.log(1.0 + energy)), 25)
    if case in ("no cluster with hits", "one hit in each cluster"):
        n_hits[:] = 0 if case.startswith("no") else 1
    elif case == "a cluster without hits":
        n_hits[-1] = 0
    elif case == "many hits":
        n_hits[:1] = 60
    elif case == "duplicate clusters":
        n_hits[:] = 3
    owner = owners(n_hits)
    rank = places(n_hits)
    grid = np.stack(np.meshgrid(np.arange(-4, 5), np.arange(-4, 5), indexing="ij"), -1).reshape(-1, 2)
    offset = grid[np.argsort(np.hypot(grid[:, 0], grid[:, 1]), kind="stable")][rank]
    hit_place = np.clip(place[owner] + offset[:, 0], -85, 84)
    share = np.exp(-1.5 * np.hypot(offset[:, 0], offset[:, 1])) * rng.exponential(1.0, len(owner)) + 1e-3
    if case in ("duplicate clusters", "twin hits, equal in everything"):
        share = np.exp(-1.5 * np.hypot(offset[:, 0], offset[:, 1]))
    total = np.bincount(owner, share, count)
    fraction = np.where(rng.random(len(owner)) < 0.8, 1.0, rng.uniform(0.1, 1.0, len(owner)))
    if case == "largest energies":
        fraction[:] = 1.0
    hit_energy = share / total[owner] * energy[owner] / fraction
    hits: dict[str, Any] = {
        "cluster": owner,
        "ieta": np.where(hit_place >= 0, hit_place + 1, hit_place),
        "iphi": (iphi[owner] - 1 + offset[:, 1]) % PHI_CRYSTALS + 1,
        "energy_gev": hit_energy,
        "fraction": fraction,
        "noise_gev": np.full(len(owner), 0.07),
        "dead_neighbours": rng.integers(0, 9, len(owner)) * (case == "dead neighbours"),
    }
    if case == "twin hits, equal in everything":
        hits = {name: np.repeat(values, 2) for name, values in hits.items()}
    label = along & (flavour > 0)
    most = case == "most pile-up and leakage"
    true_energy = min(1.05 * float(energy[label].sum()), 7000.0) if flavour else 0.0
    return {
        "clusters.ieta": ieta,
        "clusters.iphi": iphi,
        "clusters.energy_gev": energy,
        "clusters.eta": eta,
        "clusters.phi": phi,
        "clusters.is_seed": np.arange(count) == 0,
        "clusters.in_supercluster": label,
        "clusters.true_energy_gev": np.where(label, energy, 0.0),
        "clusters.pileup_gev": np.where(label, 0.0, energy),
        "clusters.index": np.arange(count),
        **{f"hits.{name}": values for name, values in hits.items()},
        "rho_gev": 900.0 if most else float(rng.uniform(5.0, 40.0)),
        "leakage_gev": 3000.0 if most else float(max(rng.normal(0.3, 0.8), 0.0)),
        "flavour": flavour,
        "true_energy_gev": true_energy,
        "true_eta": ETA_PITCH * (_to_place(seed_ieta) + 0.5),
        "true_phi": 0.0,
        "sim_energy_gev": true_energy,
        "n_pileup": 40,
        "shower_row": -1,
        "shower_pdg_id": 11,
    }


def _to_place(ieta: int) -> int:
    """Returns the place along eta without the missing zero, -85 to 84."""
    return ieta - 1 if ieta > 0 else ieta
