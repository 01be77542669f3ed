"""How the residuals of a baseline are distributed, in units of the width that it predicts.

A regression that gives a value and a width says nothing of tails. The distribution of z = (y - mu) / sigma,
with y = log(E_true / E_raw), is measured once on validation events and kept with the weights: it turns a true
energy into its probability integral (flat if the widths are right), and a probability into an interval.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats
from zoo.errors import InvalidValue

__all__ = ["ONE_SIGMA", "ResidualTable"]


ONE_SIGMA = 0.682689492137  # probability within one standard deviation of a Gaussian
_POINTS = 401


@dataclass(frozen=True)
class ResidualTable:
    """An empirical distribution of z as quantiles at fixed probabilities.

    Attributes:
        probabilities: [Q] increasing, from 0 to 1.
        quantiles: [Q] values of z, not decreasing.
    """

    probabilities: Floats
    quantiles: Floats

    @classmethod
    def measure(cls, z: npt.ArrayLike) -> ResidualTable:
        """Measures the distribution of residuals, with more points in the tails than in the core.

        Args:
            z: [B] normalised residuals of events that the regression was not trained on.

        Raises:
            InvalidValue: There are fewer than a thousand.
        """
        values = np.asarray(z, np.float64)
        if values.size < 1000:
            raise InvalidValue("residuals", "at least 1000", values.size)
        # Equal steps of a logistic variable: dense near 0 and 1, where the tails are.
        steps = 1.0 / (1.0 + np.exp(-np.linspace(-8.0, 8.0, _POINTS - 2)))
        probabilities = np.concatenate([[0.0], steps, [1.0]])
        return cls(probabilities, np.quantile(values, probabilities))

    def cdf(self, z: npt.ArrayLike) -> Floats:
        """Returns the probability integral of each z, in [0, 1]."""
        return np.interp(np.asarray(z, np.float64), self.quantiles, self.probabilities)

    def quantile(self, probability: npt.ArrayLike) -> Floats:
        """Returns z at given probabilities."""
        return np.interp(np.asarray(probability, np.float64), self.probabilities, self.quantiles)

    def to_dict(self) -> dict[str, list[float]]:
        """Returns what JSON can hold."""
        return {
            "probabilities": [float(f"{p:.8g}") for p in self.probabilities],
            "quantiles": [float(f"{q:.6g}") for q in self.quantiles],
        }

    @classmethod
    def from_dict(cls, content: dict[str, list[float]]) -> ResidualTable:
        """Reads what `to_dict` returned."""
        return cls(np.asarray(content["probabilities"]), np.asarray(content["quantiles"]))
