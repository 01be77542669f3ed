"""The default initialisation of PyTorch's linear layers, explicit."""

from __future__ import annotations

import math
from typing import Any

import keras

from zoo.keras_compat import register


@register("FanInUniform")
class FanInUniform(keras.initializers.Initializer):
    """Draws from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), for kernels and biases alike.

    PyTorch initialises `nn.Linear` by kaiming_uniform with a = sqrt(5), which is this bound for the kernel,
    and draws the bias from the same interval. Keras' own default (Glorot, zero bias) trains differently.

    Args:
        fan_in: Number of inputs of the unit; None takes the first axis of the shape, which is right for a
            kernel `[fan_in, units]` and wrong for a bias.
        seed: Integer or None (drawn from Keras' global seed, so `keras.utils.set_random_seed` fixes it).
    """

    def __init__(self, fan_in: int | None = None, seed: int | None = None) -> None:
        self.fan_in = fan_in
        self._config_seed = seed
        self.seed = seed if seed is not None else keras.random.randint((), 0, 2**31 - 1, seed=None)
        if seed is None:
            self.seed = int(self.seed)

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """Returns a new tensor of `shape`."""
        bound = 1.0 / math.sqrt(self.fan_in or shape[0])
        return keras.random.uniform(
            shape, minval=-bound, maxval=bound, dtype=dtype or "float32", seed=self.seed
        )

    def get_config(self) -> dict[str, Any]:
        return {"fan_in": self.fan_in, "seed": self._config_seed}
