"""Superclusters from a network's edge probabilities between seeds and clusters.

| module | content |
| --- | --- |
| `traversal` | from edge probabilities to superclusters |
"""

__all__ = ["traversal"]
