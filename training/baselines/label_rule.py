"""Fits when a cluster is labelled: the table and the pile-up limit of `zoo.models.supercluster.windows`.

    python -m training fit label_rule                 # 4 minutes of one core; prints the table

A label is right if the sum of the labelled clusters has the best resolution that a selection of clusters can
have (DeepSuperCluster optimises its table so). In bins of the seed's ET and |eta|, over the windows of the
hardest seed of electrons and photons, the width of that sum is compared for thresholds on the fraction of the
deposit. Taken is the highest threshold that is no more than one error, paired, wider than the best one: the
clusters between the two change nothing, and cannot be told from pile-up.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np

from zoo.arrays import Bools, Floats, Ints, owners
from zoo.data.records import leaf_values
from zoo.evaluation.bootstrap import ClusterBootstrap, paired_ratio
from zoo.evaluation.resolution import effective_width, median
from zoo.models.supercluster.windows import LabelRule, leading_windows, make_windows
from zoo.simulation import samples

__all__ = ["FRACTIONS", "PILEUP_LIMITS", "add_arguments", "fit", "run"]


FRACTIONS = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 3e-3, 5e-3, 7e-3, 1e-2, 1.4e-2, 2e-2, 3e-2)
PILEUP_LIMITS = (0.5, 1.0, 1.5, 2.5, 4.0, 10.0, 1e7)
_FEWEST = 100  # windows in a bin that decides for itself


@dataclass(frozen=True)
class _Leading:
    """The windows of the hardest seed of each electron and photon: M of them, C clusters."""

    window: Ints  # [C] which window
    energy: Floats  # [C] raw
    signal: Floats  # [C] deposit of the window's group
    pileup: Floats  # [C]
    is_seed: Bools  # [C]
    true: Floats  # [M] generated energy
    deposit: Floats  # [M] deposit of the group
    seed_et: Floats  # [M]
    seed_eta: Floats  # [M]
    bootstrap: ClusterBootstrap

    def response(self, fraction: float, pileup_limit: float) -> Floats:
        """[M] sum of the clusters that a rule labels over the generated energy."""
        held = self.signal / np.maximum(self.deposit, 1e-9)[self.window]
        chosen = (held >= fraction) & (self.pileup < pileup_limit * self.signal) | self.is_seed
        return np.bincount(self.window, self.energy * chosen, len(self.true)) / self.true

    def width(self, response: Floats, index: Ints) -> Floats:
        """[1 + R] effective width over median, nominal and in each replica."""
        order = index[np.argsort(response[index], kind="stable")]
        weights = self.bootstrap.event_weights(order)
        return effective_width(response[order], weights=weights) / median(response[order], weights)


def fit(windows: ak.Array, rule: LabelRule) -> tuple[LabelRule, list[dict[str, Any]]]:
    """Fits the pile-up limit, then the table.

    Args:
        windows: Records of `WINDOWS` with truth.
        rule: Whose bins and other limits to keep.

    Returns:
        The fitted rule, and one row of figures for each bin: its windows, the chosen fraction, the width over
        that of the best one, the width over that of the least fraction.
    """
    leading = _leading(windows)
    et_bin = np.searchsorted(rule.et_edges_gev, leading.seed_et, side="right") - 1
    eta_bin = np.searchsorted(rule.abs_eta_edges, np.abs(leading.seed_eta), side="right") - 1
    shape = rule.least_fraction.shape
    et_bin, eta_bin = np.clip(et_bin, 0, shape[0] - 1), np.clip(eta_bin, 0, shape[1] - 1)

    def mean_log_width(limit: float) -> float:
        response = leading.response(FRACTIONS[0], limit)
        found = [leading.width(response, np.flatnonzero(et_bin == row))[0] for row in range(shape[0])]
        return float(np.nanmean(np.log(found)))

    limit = min(PILEUP_LIMITS, key=mean_log_width)
    responses = [leading.response(fraction, limit) for fraction in FRACTIONS]
    table, rows = np.array(rule.least_fraction), []
    for row in range(shape[0]):
        for column in range(shape[1]):
            index = np.flatnonzero((et_bin == row) & (eta_bin == column))
            if len(index) < _FEWEST:
                index = np.flatnonzero(et_bin == row)
            widths = [leading.width(response, index) for response in responses]
            best = min(range(len(widths)), key=lambda k: widths[k][0])
            ratios = [paired_ratio(width, widths[best]) for width in widths]
            good = [k for k, (ratio, error) in enumerate(ratios) if ratio - 1.0 <= error or k == best]
            chosen = max(good)
            table[row, column] = FRACTIONS[chosen]
            rows.append(
                {"et": rule.et_edges_gev[row], "abs_eta": rule.abs_eta_edges[column],
                 "windows": len(index), "fraction": FRACTIONS[chosen],
                 "over_best": ratios[chosen][0], "over_least": float(widths[chosen][0] / widths[0][0])}
            )  # fmt: skip
    return LabelRule(rule.et_edges_gev, rule.abs_eta_edges, table, largest_pileup=limit), rows


def _leading(windows: ak.Array) -> _Leading:
    windows = windows[leading_windows(windows)]
    counts = np.asarray(ak.to_numpy(ak.num(windows["clusters"])), np.int64)
    clusters = {
        name: leaf_values(windows, f"clusters.{name}").astype(np.float64)
        for name in ("energy_gev", "true_energy_gev", "pileup_gev", "is_seed", "eta")
    }
    is_seed = clusters["is_seed"] > 0
    eta = clusters["eta"][is_seed]
    return _Leading(
        window=owners(counts),
        energy=clusters["energy_gev"],
        signal=clusters["true_energy_gev"],
        pileup=clusters["pileup_gev"],
        is_seed=is_seed,
        true=leaf_values(windows, "true_energy_gev").astype(np.float64),
        deposit=leaf_values(windows, "sim_energy_gev").astype(np.float64),
        seed_et=clusters["energy_gev"][is_seed] / np.cosh(eta),
        seed_eta=eta,
        bootstrap=ClusterBootstrap.of_showers(windows, alone="event", replicas=50),
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the simulation."""
    parser.add_argument("--n", type=int, default=150_000, help="events (default 150,000)")
    parser.add_argument("--seed", type=int, default=20220427, help="of the simulation")
    parser.add_argument("--processes", type=int, default=2, help="simulating processes (default 2)")


def run(options: argparse.Namespace) -> None:
    """Fits the table of label thresholds and prints it."""
    events = samples.simulate(
        "superclusters", options.n, options.seed, split="train", processes=options.processes
    )
    rule, rows = fit(make_windows(events), LabelRule())
    print("| ET from | abs(eta) from | windows | fraction | width / best | width / that of 1e-4 |")
    print("| --- | --- | --- | --- | --- | --- |")
    row_text = "| {et:g} | {abs_eta:g} | {windows} | {fraction:g} | {over_best:.4f} | {over_least:.4f} |"
    for row in rows:
        print(row_text.format(**row))
    print(f"\nlargest_pileup = {rule.largest_pileup:g}\nleast_fraction = (")
    for line in rule.least_fraction:
        print("    (" + ", ".join(f"{value:g}" for value in line) + "),")
    print(")")
