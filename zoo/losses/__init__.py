"""Losses: a pure function and one `keras.losses.Loss` class a file.

| module | loss |
| --- | --- |
| `crystal_ball` | negative log-likelihood of a double-sided crystal ball |
"""

__all__ = ["crystal_ball"]
