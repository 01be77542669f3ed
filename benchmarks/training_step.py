"""CPU seconds of one training step: forward, losses, gradients, AdamW."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.subjects import Batch, Subject
from benchmarks.timing import Row, in_turn

BATCH = 256


def step_of(subject: Subject, preset: str) -> Callable[[Batch], object]:
    """Returns a function that takes one training step on a batch."""
    import keras
    import tensorflow as tf

    import zoo

    keras.utils.set_random_seed(1)
    model = zoo.load(subject.model, weights=None, preset=preset)
    arguments = model.network.compile_arguments()
    losses, weights = arguments["loss"], arguments.get("loss_weights", {})
    optimiser = keras.optimizers.AdamW(1e-3)
    optimiser.build(model.trainable_variables)

    @tf.function(reduce_retracing=True)
    def step(inputs: dict[str, tf.Tensor], targets: dict[str, tf.Tensor]) -> tf.Tensor:
        with tf.GradientTape() as tape:
            outputs = model(inputs, training=True)
            value = tf.add_n(
                [weights.get(name, 1.0) * loss(targets[name], outputs[name]) for name, loss in losses.items()]
            )
        variables = model.trainable_variables
        optimiser.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
        return value

    def call(batch: Batch) -> object:
        inputs = {name: tf.constant(values) for name, values in batch.inputs.items()}
        return step(inputs, {name: tf.constant(values) for name, values in batch.targets.items()}).numpy()

    return call


def training(subject: Subject, seconds: float) -> Iterator[Row]:
    """Times a step of each preset, in turn."""
    steps = {preset: step_of(subject, preset) for preset in subject.presets}
    taken = in_turn(steps, lambda number: subject.batch(number * BATCH, BATCH), seconds, warm_up=3)
    for preset, value in taken.items():
        yield subject.row(f"{preset}, training step of {BATCH}", value, "CPU-s")
