"""Records, files and batches: everything between a ROOT file and a network's input.

| module | idea |
| --- | --- |
| `schema` | the records: field table with units, `validate`, `conform`, `raw_energy_gev`, `select` |
| `branch_maps` | our field -> somebody's branch, unit factor: a small TOML file |
| `readers`, `writers` | ROOT files by uproot, in steps, atomic, with metadata |
| `flat` | records as plain NumPy arrays with offsets |
| `shards` | a cache of such arrays that knows when it is stale |
| `batching` | padding to dense arrays, buckets of equal size |
| `sources`, `stream` | a bounded-memory, seeded stream of batches |
| `clusters` | clusters of many events, and superclusters made of them |
| `dataset` | that stream as a `tf.data.Dataset`: the only module here that imports TensorFlow |
"""

from zoo.data.schema import FIELDS, conform, raw_energy_gev, select, validate

__all__ = ["FIELDS", "conform", "raw_energy_gev", "select", "validate"]
