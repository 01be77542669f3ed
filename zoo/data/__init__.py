"""Records, files and batches: everything between a ROOT file and a network's input.

| module | idea |
| --- | --- |
| `fields` | what a kind of records is: `Schema`, a table of `Field`s with units |
| `object_fields`, `cluster_fields` | the kinds: calorimeter objects; events of rechits, of clusters, ... |
| `candidate_fields` | one more kind: photon-like candidates |
| `element_fields`, `pf_candidate_fields` | further kinds: events of particle-flow elements; of candidates |
| `targets` | which particle is the target of which element |
| `edm4hep` | files of Delphes as events of elements |
| `elements` | the 25 features of an element |
| `schema` | functions on records: `validate`, `conform`, `assemble`, `raw_energy_gev`, `select` |
| `branch_maps` | our field -> somebody's branch, unit factor: a small TOML file |
| `readers`, `writers` | ROOT files by uproot, in steps, atomic, with metadata |
| `flat` | records as plain NumPy arrays with offsets |
| `shards` | a cache of such arrays that knows when it is stale |
| `batching` | padding to dense arrays, buckets of equal size |
| `sources`, `stream` | a bounded-memory, seeded stream of batches |
| `images` | hits to images around the highest crystal |
| `clusters` | clusters of many events, and superclusters made of them |
| `cluster_truth` | which generated object a cluster is of |
| `supercluster_objects` | superclusters as calorimeter objects, for the energy regressions |
| `supercluster_records` | superclusters, their energies and their truth as records |
| `dataset` | that stream as a `tf.data.Dataset`: the only module here that imports TensorFlow |
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
