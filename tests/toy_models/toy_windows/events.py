"""Windows of the toy: records with few of the fields of a window."""

import awkward as ak
import numpy as np

from zoo.data.feeding.batching import pad
from zoo.data.kinds.clusters import WINDOWS
from zoo.data.records import assemble, leaf_values


def sample(n, seed):
    """Returns n windows; the first has no cluster, the second a cluster without hits."""
    rng = np.random.default_rng(seed)
    counts = np.concatenate([[0, 1], rng.integers(1, 20, n)])[:n]
    total, window = counts.sum(), np.repeat(np.arange(n), counts)
    per_cluster = np.where(window < 2, 0, rng.integers(1, 30, total))
    owner = np.repeat(np.arange(total), per_cluster)  # of each hit, among all clusters
    first = np.cumsum(counts) - counts
    hits, energy = rng.exponential(size=len(owner)) + 0.01, rng.exponential(size=total) + 0.1
    columns = {
        "clusters.energy_gev": ak.unflatten(energy, counts),
        "clusters.in_supercluster": ak.unflatten(energy > 1.0, counts),
        "hits.cluster": ak.unflatten(owner - first[window[owner]], np.bincount(window[owner], minlength=n)),
        "hits.energy_gev": ak.unflatten(hits, np.bincount(window[owner], minlength=n)),
        "flavour": ak.Array(rng.integers(0, 3, n)),
    }
    return assemble({name: ak.values_astype(v, WINDOWS.by_name[name].dtype) for name, v in columns.items()})


def to_inputs(records):
    """Returns dense tensors: the hits of each cluster are padded first, then the clusters of each window."""
    counts = ak.to_numpy(ak.num(records.clusters))
    offsets = np.concatenate([[0], np.cumsum(counts)])
    clusters, cluster_mask = pad(leaf_values(records, "clusters.energy_gev")[:, None], offsets)
    window = np.repeat(np.arange(len(counts)), ak.to_numpy(ak.num(records.hits)))
    owner = offsets[window] + leaf_values(records, "hits.cluster")
    energy = leaf_values(records, "hits.energy_gev")[np.argsort(owner, kind="stable")]
    ends = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=offsets[-1]))])
    hits, hit_mask = (pad(values, offsets)[0] for values in pad(energy, ends))
    return {"clusters": clusters, "cluster_mask": cluster_mask, "hits": hits[..., None], "hit_mask": hit_mask}


def targets(records):
    """Returns label and mask of each cluster [B, N, 2], and the flavour [B, 3]."""
    offsets = np.concatenate([[0], np.cumsum(ak.to_numpy(ak.num(records.clusters)))])
    labels, mask = pad(leaf_values(records, "clusters.in_supercluster").astype("f4"), offsets)
    return {"edge_logit": np.stack([labels, mask], -1), "flavour": np.eye(3)[np.asarray(records.flavour)]}


def validate(inputs):
    """Takes anything."""
