"""Simulated calorimeter objects: geometry, frozen Geant4 showers, pile-up, material, response, samples.

| module | what it gives |
| --- | --- |
| `geometry` | barrel crystals: indices, positions, gaps |
| `rebinning` | exact sharing of a shower's deposit among crystals |
| `shower_table` | the showers of one kind: split, draw, scale |
| `showers` | the frozen Geant4 library, drawn and re-binned at any impact point |
| `shower_packing` | command that packs a folder of showers into the shipped library |
| `interactions` | minimum-bias interactions at the calorimeter's face, and the shipped pool of them |
| `minimum_bias` | command that makes the pool of minimum-bias events with Pythia |
| `pileup` | the pool, and whole crossings of it on the crystals |
| `transport` | material and field before the calorimeter |
| `response` | noise, thresholds, dead crystals, leakage variable |
| `samples` | the electron and photon samples |

NumPy and SciPy only; every random draw takes a seed or a generator.
"""

__all__ = [
    "geometry",
    "helix",
    "interactions",
    "minimum_bias",
    "pileup",
    "rebinning",
    "response",
    "samples",
    "shower_packing",
    "shower_table",
    "showers",
    "transport",
]
