"""Refits the constants of Mustache on the training sample: the classical algorithm at its best here.

    python -m training fit mustache                   # 6 minutes of one core; prints the constants

The cut in phi (scale, width, saturation) and the two offsets in eta are searched for the best resolution of
the raw energy of electrons and photons: the mean over bins of ET of the logarithm of the effective width over
the median. First at random around the public constants, then from the best of these by Nelder and Mead.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import awkward as ak
import numpy as np
from scipy.optimize import minimize

from zoo.arrays import Bools, Floats, Ints, owners, row_splits
from zoo.baselines.mustache import CMS, MustacheConfig, mustache
from zoo.data.clusters import Clusters
from zoo.data.records import leaf_values
from zoo.errors import InvalidValue
from zoo.evaluation.resolution import relative_resolution
from zoo.simulation import samples

__all__ = ["RANGES", "Objective", "add_arguments", "run", "search"]


RANGES = {
    "dphi_scale": (0.3, 1.5),
    "dphi_width": (0.25, 1.5),
    "dphi_saturation": (0.04, 0.30),
    "margin_up": (0.0, 0.03),
    "margin_low": (0.0, 0.02),
}
"""Between which values each constant is searched."""

ET_EDGES = (2.0, 4.0, 7.0, 10.0, 15.0, 25.0, 50.0, 100.0)  # GeV, generated


class Objective:
    """Resolution of the raw energy of electrons and photons as a function of the constants.

    Args:
        events: Records of `CLUSTER_EVENTS` with truth, one group each.
    """

    def __init__(self, events: ak.Array) -> None:
        counts = np.asarray(ak.to_numpy(ak.num(events["clusters"])), np.int64)
        splits = row_splits(counts)
        energy, eta, phi = (leaf_values(events, f"clusters.{name}") for name in ("energy_gev", "eta", "phi"))
        self.clusters = Clusters(splits, energy, eta, phi)
        self.true_gev = leaf_values(events, "groups.energy_gev").astype(np.float64)
        if len(self.true_gev) != len(events):
            raise InvalidValue("groups", "one in each event", f"{len(self.true_gev)} in {len(events)} events")
        self.true_et = self.true_gev / np.cosh(leaf_values(events, "groups.eta").astype(np.float64))
        self.seed = _hardest(events, self.clusters, leaf_values(events, "groups.flavour") > 0)

    def widths(self, config: MustacheConfig) -> Floats:
        """Relative resolution in each bin of ET; objects in no supercluster are left out."""
        found = mustache(self.clusters, replace(config, min_et_gev=0.0))
        event = np.flatnonzero(self.seed >= 0)
        supercluster = found.supercluster_of[self.seed[event]]
        event, supercluster = event[supercluster >= 0], supercluster[supercluster >= 0]
        response = found.raw_energy_gev[supercluster] / self.true_gev[event]
        number = np.digitize(self.true_et[event], ET_EDGES) - 1
        return np.array([relative_resolution(response[number == k]) for k in range(len(ET_EDGES) - 1)])

    def __call__(self, config: MustacheConfig) -> float:
        """Mean over the bins of the logarithm of the resolution."""
        return float(np.nanmean(np.log(self.widths(config))))


def search(objective: Objective, trials: int, seed: int) -> tuple[MustacheConfig, float]:
    """Searches the constants of `RANGES`.

    Args:
        objective: What is minimised.
        trials: Evaluations: three quarters at random, one quarter of Nelder and Mead.
        seed: Of the random ones.

    Returns:
        The best constants, and the objective there; never worse than the public ones.
    """
    low, high = np.array(list(RANGES.values())).T
    rng = np.random.default_rng(seed)

    def config(point: Floats) -> MustacheConfig:
        return replace(CMS, **dict(zip(RANGES, np.clip(point, low, high).tolist(), strict=True)))

    public = np.array([getattr(CMS, name) for name in RANGES])
    points = np.concatenate([public[None], rng.uniform(low, high, (max(3 * trials // 4 - 1, 0), len(low)))])
    # the second half nearer to the public constants
    points[len(points) // 2 :] = public + 0.3 * (points[len(points) // 2 :] - public)
    values = [objective(config(point)) for point in points]
    start = points[int(np.argmin(values))]
    simplex = np.concatenate([start[None], start + 0.1 * np.diag(high - low)])
    result = minimize(
        lambda point: objective(config(point)),
        start,
        method="Nelder-Mead",
        options={"maxfev": max(trials // 4, 1), "initial_simplex": np.clip(simplex, low, high)},
    )
    best = min([(min(values), tuple(start)), (float(result.fun), tuple(result.x))])
    return config(np.array(best[1])), best[0]


def _hardest(events: ak.Array, clusters: Clusters, wanted: Bools) -> Ints:
    """[B] of each wanted event the cluster of highest ET with 1 % of the group's deposit, -1 for none."""
    event = owners(ak.to_numpy(ak.num(events["shares"])))
    cluster = clusters.row_splits[event] + leaf_values(events, "shares.cluster")
    deposit = leaf_values(events, "groups.deposit_gev").astype(np.float64)[event]
    good = wanted[event] & (leaf_values(events, "shares.energy_gev") >= 0.01 * deposit)
    event, cluster = event[good], cluster[good]
    order = np.lexsort((-clusters.et_gev[cluster], event))
    has, first = np.unique(event[order], return_index=True)
    seed = np.full(len(events), -1)
    seed[has] = cluster[order][first]
    return seed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the search."""
    parser.add_argument("--n", type=int, default=40_000, help="events (default 40,000)")
    parser.add_argument("--trials", type=int, default=240, help="evaluations (default 240)")
    parser.add_argument("--seed", type=int, default=20220428, help="of the simulation and the search")
    parser.add_argument("--processes", type=int, default=2, help="simulating processes (default 2)")


def run(options: argparse.Namespace) -> None:
    """Searches and prints the constants."""
    events = samples.simulate(
        "superclusters", options.n, options.seed, split="train", processes=options.processes
    )
    objective = Objective(events)
    best, value = search(objective, options.trials, options.seed)
    print(f"mean log width: public {objective(CMS):.4f}, refitted {value:.4f}")
    print("| ET from (GeV) | public | refitted | ratio |\n| --- | --- | --- | --- |")
    for low, public, tuned in zip(ET_EDGES, objective.widths(CMS), objective.widths(best), strict=False):
        print(f"| {low:g} | {public:.4f} | {tuned:.4f} | {tuned / public:.3f} |")
    for name in RANGES:
        print(f"{name} = {getattr(best, name):.5g}  # {getattr(CMS, name):g}")
