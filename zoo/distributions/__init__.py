"""Probability distributions for TensorFlow Probability.

| name | what it is |
| --- | --- |
| `DoubleSidedCrystalBall` | a Gaussian core with a power tail on each side |

Importing TensorFlow Probability takes seconds, so this package does it on the first use of a name.
"""

from __future__ import annotations

from typing import Any

__all__ = ["DoubleSidedCrystalBall"]


def __getattr__(name: str) -> Any:
    if name == "DoubleSidedCrystalBall":
        from zoo.distributions.double_sided_crystal_ball import DoubleSidedCrystalBall

        return DoubleSidedCrystalBall
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
