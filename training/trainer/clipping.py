"""AdamW and Muon that clip the whole gradient, on any number of replicas.

Keras clips before it sums over the replicas (`optimizers/base_optimizer.py`, 3.15): each replica then
shortens its own part of the gradient, and two devices train differently from one as soon as the limit is
reached. Here the gradient is summed first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


class _Clipped(keras.optimizers.Optimizer):
    """Limits the norm of the whole gradient.

    Args:
        largest_norm: Limit of the norm over all variables; None for no limit.
        **settings: As of the optimiser.
    """

    def __init__(self, largest_norm: float | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.largest_norm = largest_norm

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Clips and applies the gradients; called by `fit` on each replica with its own part."""
        if self.largest_norm is not None:
            grads = self._clipped(list(grads))
        super().apply(grads, trainable_variables)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "largest_norm": self.largest_norm}

    def _clipped(self, grads: list[Any]) -> list[Any]:
        there = [index for index, grad in enumerate(grads) if grad is not None]
        parts = [tf.convert_to_tensor(grads[index]) for index in there]
        context = tf.distribute.get_replica_context()
        n_replicas = context.num_replicas_in_sync if context else 1
        if n_replicas > 1:
            parts = context.all_reduce(tf.distribute.ReduceOp.SUM, parts)
        whole, _ = tf.clip_by_global_norm(parts, self.largest_norm)
        for index, grad in zip(there, whole, strict=True):
            grads[index] = grad / n_replicas  # Keras sums over the replicas again
        return grads


class ClippedAdamW(_Clipped, keras.optimizers.AdamW):
    """AdamW with the norm of the whole gradient limited."""


class ClippedMuon(_Clipped, keras.optimizers.Muon):
    """Muon (arXiv:2502.16982) with the norm of the whole gradient limited.

    Each step of a matrix is orthogonalised, so that all its directions are learned at one pace. Biases,
    lookup tables and the layers named in `exclude_layers` take the steps of AdamW.
    """
