"""Layers for sets of hits: one idea a file, all on dense tensors `[B, N, F]` with a mask `[B, N]`.

| module | what it does |
| --- | --- |
| `sanitize` | finite numbers in, unusable hits masked, at least one slot |
| `canonical_order` | sorts nodes by a total key, so that nothing later depends on the order of hits |
| `trim_padding` | cuts slots that are padding in the whole batch |
| `standardize` | (x - offset) / scale with constants from the configuration |
| `real_rows` | the real nodes of padded sets as rows, and back |
| `self_attention` | masked self-attention within each set, on rows |
| `highway_convolution` | graph convolution with a gate, on rows |
| `combined_graph` | the graph layer of MLPF: learned places, bins, messages within bins, on rows |
| `bin_layout`, `hash_order`, `distance_kernel` | what that is made of |
| `pairwise` | distances between all pairs of nodes |
| `knn` | masked k nearest neighbours, directed or made undirected |
| `edge_conv` | EdgeConv with the first dense layer factored into per-node products |
| `graph_pooling` | deterministic pairwise merging of nodes |
| `masked_reductions` | max, mean, sum over real nodes, finite on empty objects |
| `flat_dense` | a dense layer as one product of flat rows |
| `in_chunks` | a large batch in chunks of objects of similar size |
| `fan_in_uniform` | the default initialisation of PyTorch's linear layers |
| `ragged` | flat hits with row splits to dense tensors with a mask |

Axis letters: B batch, N nodes or hits, K neighbours, F features, M nodes after pooling.
Import the submodule that you need; this package imports none of them.
"""

__all__ = [
    "bin_layout",
    "canonical_order",
    "combined_graph",
    "distance_kernel",
    "edge_conv",
    "fan_in_uniform",
    "flat_dense",
    "graph_pooling",
    "hash_order",
    "highway_convolution",
    "in_chunks",
    "knn",
    "masked_reductions",
    "pairwise",
    "ragged",
    "real_rows",
    "sanitize",
    "self_attention",
    "standardize",
    "trim_padding",
]
