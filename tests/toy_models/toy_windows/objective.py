"""Two losses: for each cluster whether it belongs to the seed's, for each window what it is."""

import keras


class EdgeLoss(keras.losses.Loss):
    """Binary cross-entropy, mean over the clusters of each window; targets [B, N, 2] of label and mask."""

    def call(self, y_true, y_pred):
        label, mask = y_true[..., 0], y_true[..., 1]
        each = keras.ops.binary_crossentropy(label, y_pred, from_logits=True) * mask
        return keras.ops.sum(each, axis=1) / keras.ops.maximum(keras.ops.sum(mask, axis=1), 1.0)


def loss(config):
    """Returns the losses by output."""
    return {"edge_logit": EdgeLoss(), "flavour": keras.losses.CategoricalCrossentropy()}


def loss_weights(config):
    """Returns what each counts in the sum."""
    return {"edge_logit": 2.0, "flavour": config.flavour_weight}


def metrics(config):
    """Returns the metrics by output."""
    return {"flavour": [keras.metrics.CategoricalAccuracy(name="accuracy")]}
