"""Records, files and batches: everything between a ROOT file and a network's input.

| module | idea |
| --- | --- |
| `fields` | what a kind of records is: `Schema`, a table of `Field`s with units |
| `object_fields`, `cluster_fields` | the kinds: calorimeter objects; events of clusters, windows of them |
| `element_fields` | a further kind: events of particle-flow elements |
| `elements` | the 25 features of an element |
| `schema` | functions on records: `validate`, `conform`, `assemble`, `raw_energy_gev`, `select` |
| `branch_maps` | our field -> somebody's branch, unit factor: a small TOML file |
| `readers`, `writers` | ROOT files by uproot, in steps, atomic, with metadata |
| `flat` | records as plain NumPy arrays with offsets |
| `shards` | a cache of such arrays that knows when it is stale |
| `batching` | padding to dense arrays, buckets of equal size |
| `sources`, `stream` | a bounded-memory, seeded stream of batches |
| `clusters` | clusters of many events, and superclusters made of them |
| `dataset` | that stream as a `tf.data.Dataset`: the only module here that imports TensorFlow |
"""

from zoo.data.cluster_fields import CLUSTER_EVENTS, WINDOWS
from zoo.data.element_fields import ELEMENT_EVENTS
from zoo.data.fields import Field, Schema
from zoo.data.object_fields import OBJECTS
from zoo.data.schema import conform, raw_energy_gev, select, validate

__all__ = [
    "CLUSTER_EVENTS",
    "ELEMENT_EVENTS",
    "OBJECTS",
    "WINDOWS",
    "Field",
    "Schema",
    "conform",
    "raw_energy_gev",
    "select",
    "validate",
]
