"""Records, files and batches: everything between a ROOT file and a network's input.

| module | idea |
| --- | --- |
| `kinds` | the kinds of records, each a `Schema`: objects, clusters, candidates, elements |
| `records` | functions on records: `validate`, `conform`, `assemble`, `raw_energy_gev`, `select` |
| `files` | ROOT files, maps of own branches, files of other experiments |
| `feeding` | flat arrays, shards, batches, and the `tf.data.Dataset` of a training |
| `readers`, `writers`, `shards`, `dataset` | the public names of modules of `files` and `feeding` |
| `targets` | which particle is the target of which element |
| `elements` | the 25 features of an element |
| `images` | hits to images around the highest crystal |
| `clusters`, `near_pairs` | clusters of many events, superclusters made of them, pairs of near ones |
| `cluster_truth` | which generated object a cluster is of |
| `node_rows`, `tensor_checks` | outputs per node as rows; input tensors against the card |
"""

from zoo.data.kinds.candidates import CANDIDATES
from zoo.data.kinds.clusters import CLUSTER_EVENTS, RECHIT_EVENTS, SUPERCLUSTER_EVENTS, WINDOWS
from zoo.data.kinds.elements import ELEMENT_EVENTS
from zoo.data.kinds.objects import OBJECTS
from zoo.data.kinds.pf_candidates import PF_CANDIDATES
from zoo.data.kinds.schema import Field, Schema
from zoo.data.records import conform, raw_energy_gev, select, validate

__all__ = [
    "CANDIDATES",
    "CLUSTER_EVENTS",
    "ELEMENT_EVENTS",
    "OBJECTS",
    "PF_CANDIDATES",
    "RECHIT_EVENTS",
    "SUPERCLUSTER_EVENTS",
    "WINDOWS",
    "Field",
    "Schema",
    "conform",
    "raw_energy_gev",
    "select",
    "validate",
]
