"""From records to the batches of a training, in bounded memory.

| module | content |
| --- | --- |
| `flat` | records as plain NumPy arrays with row splits |
| `shards` | a cache of such arrays that knows when it is stale |
| `sources`, `stream` | a seeded stream of batches |
| `batching` | padding to dense arrays, buckets of equal size |
| `dataset` | that stream as a `tf.data.Dataset`: the only module of `zoo.data` that imports TensorFlow |
"""
