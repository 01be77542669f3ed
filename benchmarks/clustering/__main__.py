"""What PFClustering does on the flat segment and in the barrel: the tables of docs/clustering.md.

    python -m benchmarks.clustering [--n EVENTS] [--only PART ...]

| part | what |
| --- | --- |
| `photons` | single photons and pairs, beside the published table |
| `seeds` | seeds of noise alone; pairs by the distance of their crystals |
| `shape` | E1/E9 and E9/E25 of electrons of 100 GeV |
| `dead` | dead crystals and a dead tower beside the intact segment |
| `pions` | the mass of neutral pions in four bins of momentum |
| `correction` | the energy correction beside boosted trees (extra `physics`) |
| `speed` | barrel events per CPU second |

With 10,000 events: 2 minutes of one core, and 3 for `correction`, which makes its training photons again.

Every shower is of the test split, which no correction has seen.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from benchmarks.clustering.correction import correction
from benchmarks.clustering.pions import pions
from benchmarks.clustering.segment import dead, photons, seeds
from benchmarks.clustering.shape import shape
from benchmarks.clustering.speed import speed
from benchmarks.clustering.tables import Lines

PARTS: dict[str, Callable[[int], Lines]] = {
    "photons": photons,
    "seeds": seeds,
    "shape": shape,
    "dead": dead,
    "pions": pions,
    "correction": correction,
    "speed": speed,
}


def main() -> int:
    """Prints the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.clustering", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--n", type=int, default=10_000, help="events of a table (default 10,000)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="the parts to print")
    options = parser.parse_args()
    for name in options.only:
        print(f"\n### {name}: {PARTS[name].__doc__}\n")
        for line in PARTS[name](options.n):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
