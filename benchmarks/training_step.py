"""CPU seconds of one training step: forward, loss, gradients, AdamW."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.network import PRESETS
from benchmarks.timing import Row, in_turn
from benchmarks.timing_input import showers

BATCH = 256
GOALS = {"two_layer": "<= 0.5", "cms": "<= 1.2"}


def step_of(preset: str) -> Callable[[int], object]:
    """Returns a function that takes one training step on the showers of a round."""
    import keras
    import tensorflow as tf

    import zoo
    from zoo.loading import model_config
    from zoo.models.drn import objective

    keras.utils.set_random_seed(1)
    model = zoo.load("drn", weights=None, preset=preset)
    ((output, loss),) = objective.loss(model_config("drn", preset)).items()
    optimiser = keras.optimizers.AdamW(1e-3)
    optimiser.build(model.trainable_variables)

    @tf.function(reduce_retracing=True)
    def step(inputs: dict[str, tf.Tensor], target: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            value = loss(target, model(inputs, training=True)[output])
        variables = model.trainable_variables
        optimiser.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
        return value

    def call(number: int) -> object:
        batch = showers().batch(number * BATCH, BATCH)
        inputs = {name: tf.constant(value) for name, value in batch.inputs().items()}
        # The timing input has log(E_raw / E_true), the zoo's target is log(E_true / E_raw).
        return step(inputs, tf.constant(-batch.target)).numpy()

    return call


def training(seconds: float) -> Iterator[Row]:
    """Times a step of each preset, in turn."""
    taken = in_turn({preset: step_of(preset) for preset in PRESETS}, seconds, warm_up=3)
    for preset, value in taken.items():
        yield Row(f"{preset}, training step of {BATCH} showers", value, "CPU-s", GOALS.get(preset, ""))
