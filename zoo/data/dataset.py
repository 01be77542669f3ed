"""The public name of `zoo.data.feeding.dataset`: the stream of batches as a tf.data.Dataset."""

from zoo.data.feeding.dataset import training_dataset, validation_dataset

__all__ = ["training_dataset", "validation_dataset"]
