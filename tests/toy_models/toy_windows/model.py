"""The toy network of windows."""

import keras


def build(config):
    """Builds the toy."""
    clusters, cluster_mask = (
        keras.Input((None, 1), name="clusters"),
        keras.Input((None,), name="cluster_mask"),
    )
    hits, hit_mask = keras.Input((None, None, 1), name="hits"), keras.Input((None, None), name="hit_mask")
    lit = keras.ops.sum(hits[..., 0] * hit_mask, axis=2) * cluster_mask
    energy = clusters[..., 0] * cluster_mask
    nodes = keras.ops.stack([energy, lit], axis=-1)
    logit = keras.layers.Dense(1, name="edge")(nodes)[..., 0] * cluster_mask
    total = keras.ops.stack(
        [keras.ops.sum(energy, 1), keras.ops.sum(lit, 1), keras.ops.sum(logit, 1)], axis=-1
    )
    outputs = {
        "edge_logit": logit,
        "flavour": keras.layers.Dense(3, activation="softmax", name="flavour")(total / 10.0),
        "energy_gev": keras.ops.sum(energy, axis=1),
    }
    inputs = {"clusters": clusters, "cluster_mask": cluster_mask, "hits": hits, "hit_mask": hit_mask}
    return keras.Model(inputs, outputs, name="toy_windows")
