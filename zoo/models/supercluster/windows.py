"""Windows around seed clusters: from events of PF clusters to what the network sees, with its labels.

    windows = make_windows(events)                        # records of WINDOWS, those of one event in a row
    found = find_windows(row_splits, energy, eta, phi)    # the same as indices, for the edges of a traversal

A seed is a cluster with ET above 1 GeV. Its window holds every cluster of the event between edges in eta and
phi that depend on |seed eta|; the seed stands first. Windows overlap: a cluster may be in several, and a seed
in those of others. Distances are signed: deta points outwards (its sign turns where seed eta < 0), dphi is
wrapped to [-pi, pi).

The label follows CMS (DeepSuperCluster, windows_creator_general.py) with groups, all particles of one
generated object, where it has particles:

* A cluster belongs to the group of which it holds the largest fraction of the deposit, if that is 1e-4.
* The window is that of its seed's group, if the seed holds 1 % of it and, for electrons and photons, the
  generated direction lies in the window. Otherwise it is of nobody: flavour 0, no energy, no label.
* A cluster is labelled if it belongs to the window's group, holds at least a fraction of it that depends on
  the seed's ET and |eta|, and has less pile-up than `largest_pileup` times the group's energy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.angles import wrap_phi
from zoo.arrays import Arrays, Bools, Floats, Ints, first_rows, owners, row_splits
from zoo.data.cluster_truth import LEAST_MATCH, LEAST_SEED_MATCH, largest_group
from zoo.data.kinds.clusters import CLUSTER_EVENTS, WINDOWS
from zoo.data.records import assemble, has_field, leaf_values
from zoo.errors import InvalidValue, UnknownName

__all__ = [
    "EDGES",
    "LabelRule",
    "Windows",
    "find_windows",
    "in_window",
    "leading_windows",
    "make_windows",
    "window_edges",
]


EDGES = ("run3", "eoy2018")
"""Sets of window edges: of the newest training set, and of CMSSW."""

MIN_SEED_ET_GEV = 1.0  # thresh_PFClusterSeedBarrel
_FITTED = (  # least fractions of the deposit, a line for each bin of ET
    (0.03, 0.03, 0.03, 0.02, 0.02, 0.02, 0.01),
    (0.014, 0.014, 0.014, 0.007, 0.014, 0.005, 0.007),
    (0.01, 0.01, 0.007, 0.001, 0.003, 0.003, 0.005),
    (0.007, 0.01, 0.01, 0.005, 0.003, 0.003, 0.003),
    (0.007, 0.01, 0.005, 0.003, 0.003, 0.002, 0.002),
    (0.01, 0.007, 0.003, 0.005, 0.003, 0.003, 0.001),
    (0.005, 0.005, 0.003, 0.002, 0.002, 0.001, 0.001),
    (0.005, 0.002, 0.003, 0.0005, 0.002, 0.001, 0.001),
)
PAIRS = 2_000_000  # of seeds and clusters looked at at once: bounds the memory


@dataclass(frozen=True)
class LabelRule:
    """When a cluster counts as part of its seed's supercluster.

    `least_fraction` [8, 7] stands for seeds in bins of ET and |eta|, those of CMS in the barrel, each lower
    edge included; beyond the last edges the last bin holds. Table and pile-up limit are fitted for the best
    resolution by `python -m training fit label_rule`.
    """

    et_edges_gev: tuple[float, ...] = (1, 4, 10, 15, 25, 40, 50, 70, 100)
    abs_eta_edges: tuple[float, ...] = (0, 0.2, 0.4, 0.7, 1, 1.15, 1.3, 1.479)
    least_fraction: Floats = field(default_factory=lambda: np.asarray(_FITTED))
    least_match: float = LEAST_MATCH  # fraction of a group that a cluster must hold to belong to it
    least_seed_match: float = LEAST_SEED_MATCH  # the same for the seed of a window of that group
    largest_pileup: float = 1.5  # pile-up over signal energy; 1e7 in the Run-3 training

    def __post_init__(self) -> None:
        table = np.asarray(self.least_fraction, np.float64)
        shape = (len(self.et_edges_gev) - 1, len(self.abs_eta_edges) - 1)
        if table.shape != shape or not ((table >= 0) & (table <= 1)).all():
            raise InvalidValue("LabelRule.least_fraction", f"fractions {shape}", f"shape {table.shape}")
        object.__setattr__(self, "least_fraction", table)

    def threshold(self, seed_et_gev: Floats, seed_eta: Floats) -> Floats:
        """Returns the least fraction for seeds [W]."""
        row = np.searchsorted(self.et_edges_gev, seed_et_gev, side="right") - 1
        column = np.searchsorted(self.abs_eta_edges, np.abs(seed_eta), side="right") - 1
        rows, columns = self.least_fraction.shape
        found: Floats = self.least_fraction[np.clip(row, 0, rows - 1), np.clip(column, 0, columns - 1)]
        return found


class Windows(NamedTuple):
    """Windows of all events in a row, by event and place of the seed."""

    event: Ints  # [W] which event
    seed: Ints  # [W] its cluster, among the clusters of all events
    splits: Ints  # [W + 1] window w owns cluster[splits[w]:splits[w + 1]]
    cluster: Ints  # [M] clusters, among those of all events, the seed first


def window_edges(seed_eta: npt.ArrayLike, edges: str = "run3") -> tuple[Floats, Floats, Floats]:
    """Computes how far a window reaches.

    Args:
        seed_eta: [...] eta of the seed.
        edges: One of `EDGES`.

    Returns:
        Least and largest deta and largest |dphi|, [...] each.

    Raises:
        UnknownName: There are no such edges.
    """
    a = np.abs(np.asarray(seed_eta, np.float64))
    if edges == "run3":
        central = a <= 1.5
        down = np.where(central, -0.1, -0.1 - 0.2 / 1.5 * (a - 1.5))
        up = np.where(central, 0.1 + 0.1 / 1.5 * a, 0.2 + 0.1 / 1.5 * (a - 1.5))
        return down, up, 0.7 - 0.1 / 3.0 * a
    if edges == "eoy2018":
        down = np.select([a < 2.1, a < 2.5], [np.full_like(a, -0.075), -0.1875 * a + 0.31875], -0.15)
        up = np.select(
            [a < 0.1, a < 1.3, a < 1.7, a < 1.9],
            [
                np.full_like(a, 0.075),
                0.0758929 - 0.0178571 * a + 0.0892857 * a * a,
                np.full_like(a, 0.2),
                0.625 - 0.25 * a,
            ],
            0.15,
        )
        return down, up, np.select([a < 1.9, a < 2.7], [np.full_like(a, 0.6), 1.075 - 0.25 * a], 0.4)
    raise UnknownName("window edges", edges, EDGES)


def in_window(seed_eta: Floats, seed_phi: Floats, eta: Floats, phi: Floats, edges: str = "run3") -> Bools:
    """Says which positions lie in the windows of seeds; the edges belong to the window.

    Args:
        seed_eta: [...] eta of the seed.
        seed_phi: [...] phi of the seed, in any turn.
        eta: [...] eta of the other.
        phi: [...] phi of the other, in any turn.
        edges: One of `EDGES`.
    """
    down, up, reach = window_edges(seed_eta, edges)
    deta = np.where(seed_eta < 0, -1.0, 1.0) * (eta - seed_eta)
    dphi = wrap_phi(phi - seed_phi)
    return np.asarray((deta >= down) & (deta <= up) & (np.abs(dphi) <= reach))


def find_windows(
    row_splits: Ints,
    energy_gev: npt.NDArray[Any],
    eta: npt.NDArray[Any],
    phi: npt.NDArray[Any],
    *,
    allowed: Bools | None = None,
    edges: str = "run3",
    min_seed_et_gev: float = MIN_SEED_ET_GEV,
) -> Windows:
    """Finds the windows of all events.

    Args:
        row_splits: [E + 1] event e owns the clusters row_splits[e] to row_splits[e + 1] - 1.
        energy_gev: [T] raw energy of the clusters.
        eta: [T].
        phi: [T].
        allowed: [T] which clusters may be seeds; all if None.
        edges: One of `EDGES`.
        min_seed_et_gev: A seed's ET is above it.

    Returns:
        Windows.
    """
    eta, phi = np.asarray(eta, np.float64), np.asarray(phi, np.float64)
    is_seed = np.asarray(energy_gev, np.float64) / np.cosh(eta) > min_seed_et_gev
    seed = np.flatnonzero(is_seed if allowed is None else is_seed & allowed)
    event_of = owners(np.diff(row_splits))
    event = event_of[seed]
    counts = np.diff(row_splits)[event]
    inside, sizes = [], np.zeros(len(seed), np.int64)
    for block in _blocks(counts, PAIRS):
        window = np.repeat(np.arange(block.start, block.stop), counts[block])
        other = _ranges(row_splits[event[block]], counts[block])
        of = seed[window]
        kept = (other == of) | in_window(eta[of], phi[of], eta[other], phi[other], edges)
        window, other, of = window[kept], other[kept], of[kept]
        inside.append(other[np.lexsort((other, other != of, window))])
        sizes += np.bincount(window, minlength=len(seed))
    cluster = np.concatenate(inside) if inside else np.zeros(0, np.int64)
    return Windows(event, seed, np.append(first_rows(sizes), len(cluster)), cluster)


def make_windows(
    events: ak.Array,
    *,
    edges: str = "run3",
    rule: LabelRule | None = None,
    min_seed_et_gev: float = MIN_SEED_ET_GEV,
    whole: bool = True,
    found: Windows | None = None,
) -> ak.Array:
    """Cuts the windows of all seeds out of events.

    Args:
        events: Records of `CLUSTER_EVENTS`; without the truth (`groups`) the windows have none either.
        edges: One of `EDGES`.
        rule: When a cluster is labelled.
        min_seed_et_gev: A seed's ET is above it.
        whole: Leave out windows that reach beyond the simulated region (`clusters.whole_window`).
        found: The windows, where `find_windows` has found them already.

    Returns:
        Records of `WINDOWS`, by event and place of the seed.
    """
    table = {name: leaf_values(events, name) for name in _columns(events)}
    splits = {name: row_splits(ak.to_numpy(ak.num(events[name]))) for name in _collections(events)}
    if found is None:
        energy, eta, phi = (table[f"clusters.{name}"] for name in ("energy_gev", "eta", "phi"))
        allowed = table["clusters.whole_window"] > 0 if whole and "clusters.whole_window" in table else None
        found = find_windows(
            splits["clusters"],
            energy,
            eta,
            phi,
            allowed=allowed,
            edges=edges,
            min_seed_et_gev=min_seed_et_gev,
        )
    sizes = np.diff(found.splits)
    window = owners(sizes)
    event = found.event

    columns: Arrays = {
        f"clusters.{name}": table[f"clusters.{name}"][found.cluster]
        for name in ("ieta", "iphi", "energy_gev", "eta", "phi")
    }
    columns["clusters.is_seed"] = found.cluster == found.seed[window]
    columns["clusters.index"] = found.cluster - splits["clusters"][event[window]]
    columns["leakage_gev"] = table["clusters.leakage_gev"][found.seed]
    for name in ("rho_gev", "n_pileup", "shower_row", "shower_pdg_id", "event_id"):
        if name in table:
            columns[name] = table[name][event]
    if "groups" in splits:
        columns |= _truth(table, splits, found, rule or LabelRule(), edges)
    hits, hit_sizes = _hits(table, splits, found, window)
    columns |= hits
    lengths = {"clusters": sizes, "hits": hit_sizes}
    typed = {name: values.astype(WINDOWS.by_name[name].dtype) for name, values in columns.items()}
    return assemble(
        {
            name: ak.unflatten(values, lengths[name.split(".")[0]]) if "." in name else values
            for name, values in typed.items()
        }
    )


def leading_windows(windows: ak.Array) -> Ints:
    """Finds of the windows of each electron or photon the one with the hardest seed, the supercluster's.

    Args:
        windows: Records of `WINDOWS` with truth.

    Returns:
        [M] rising indices of windows.
    """
    is_seed = leaf_values(windows, "clusters.is_seed") > 0
    energy, eta = (leaf_values(windows, f"clusters.{name}")[is_seed] for name in ("energy_gev", "eta"))
    window = owners(ak.to_numpy(ak.num(windows["clusters"])))
    seed_et = np.zeros(len(windows))
    seed_et[window[is_seed]] = energy / np.cosh(eta)
    signal = np.flatnonzero(leaf_values(windows, "flavour") > 0)
    names = ("true_eta", "true_energy_gev", "event_id")
    group = np.stack([leaf_values(windows, name).astype(np.float64) for name in names])[:, signal]
    order = np.lexsort((-seed_et[signal], *group))
    first = np.ones(len(order), bool)
    first[1:] = (group[:, order][:, 1:] != group[:, order][:, :-1]).any(axis=0)
    return np.sort(signal[order[first]])


def _columns(events: ak.Array) -> list[str]:
    unused = ("particles",)
    return [
        entry.name
        for entry in CLUSTER_EVENTS.fields
        if entry.collection not in unused and has_field(events, entry.name)
    ]


def _collections(events: ak.Array) -> list[str]:
    return [name for name in ("clusters", "hits", "groups", "shares") if name in ak.fields(events)]


def _hits(table: Arrays, splits: Mapping[str, Ints], found: Windows, window: Ints) -> tuple[Arrays, Ints]:
    """Returns the hits of all windows, by cluster, and how many each window has."""
    event = owners(np.diff(splits["hits"]))
    owner = splits["clusters"][event] + table["hits.cluster"]
    order = np.argsort(owner, kind="stable")
    counts = np.bincount(owner, minlength=splits["clusters"][-1])
    first = first_rows(counts)
    of_entry = counts[found.cluster]  # hits of each cluster of each window
    hit = order[_ranges(first[found.cluster], of_entry)]
    place = np.arange(len(found.cluster)) - found.splits[window]  # of each cluster in its window
    columns = {
        f"hits.{name}": table[f"hits.{name}"][hit]
        for name in ("ieta", "iphi", "energy_gev", "fraction", "noise_gev", "dead_neighbours")
    }
    columns["hits.cluster"] = np.repeat(place, of_entry)
    sizes = np.bincount(window, of_entry, len(found.seed)).astype(np.int64)
    return columns, sizes


def _truth(table: Arrays, splits: Mapping[str, Ints], found: Windows, rule: LabelRule, edges: str) -> Arrays:
    """Returns labels and truth of all windows."""
    n_groups = int(splits["groups"][-1])
    event = owners(np.diff(splits["shares"]))
    cluster = splits["clusters"][event] + table["shares.cluster"]
    group = splits["groups"][event] + table["shares.group"]
    share = table["shares.energy_gev"].astype(np.float64)
    deposit = table["groups.deposit_gev"].astype(np.float64)[group]
    fraction = np.divide(share, deposit, out=np.zeros_like(share), where=deposit > 0)

    best, held = largest_group(cluster, group, fraction, int(splits["clusters"][-1]), rule.least_match)

    # === Whose window it is ===
    seed = found.seed
    seed_eta, seed_phi = (table[f"clusters.{name}"][seed].astype(np.float64) for name in ("eta", "phi"))
    owner = np.where(held[seed] >= rule.least_seed_match, best[seed], -1)
    somebody = owner >= 0
    flavour, energy, eta, phi, whole = (
        np.append(table[f"groups.{name}"], 0)[owner]
        for name in ("flavour", "energy_gev", "eta", "phi", "deposit_gev")
    )
    aside = (flavour > 0) & ~in_window(seed_eta, seed_phi, eta.astype(float), phi.astype(float), edges)
    somebody &= ~aside
    owner = np.where(somebody, owner, -1)

    # === Which clusters are labelled ===
    window = owners(np.diff(found.splits))
    wanted = owner[window]
    keys = np.append(cluster * n_groups + group, -1)  # one share more, of nobody, so that there is one
    by_key = np.argsort(keys, kind="stable")
    key = np.where(wanted >= 0, found.cluster * n_groups + wanted, -1)
    place = by_key[np.minimum(np.searchsorted(keys[by_key], key), len(keys) - 1)]
    true_energy = np.where(keys[place] == key, np.append(share, 0.0)[place], 0.0)
    seed_et = table["clusters.energy_gev"][seed].astype(np.float64) / np.cosh(seed_eta)
    least = rule.threshold(seed_et, seed_eta)[window]
    pileup = table["clusters.pileup_gev"][found.cluster].astype(np.float64)
    label = (wanted >= 0) & (best[found.cluster] == wanted) & (held[found.cluster] >= least)
    label &= pileup < rule.largest_pileup * true_energy
    return {
        "clusters.in_supercluster": label,
        "clusters.true_energy_gev": true_energy,
        "clusters.pileup_gev": pileup,
        **{
            name: np.where(somebody, values, 0)
            for name, values in (
                ("flavour", flavour),
                ("true_energy_gev", energy),
                ("true_eta", eta),
                ("true_phi", phi),
                ("sim_energy_gev", whole),
            )
        },
    }


def _ranges(start: Ints, counts: Ints) -> Ints:
    """Returns start[0], start[0] + 1, ..., then those of start[1], counts[i] of each."""
    before = first_rows(counts)
    return np.repeat(start - before, counts) + np.arange(int(counts.sum()))


def _blocks(counts: Ints, most: int) -> list[slice]:
    """Splits rows so that each block has about `most` entries."""
    if not len(counts):
        return []
    number = first_rows(counts) // most
    starts = np.flatnonzero(np.diff(number, prepend=-1))
    return [slice(int(a), int(b)) for a, b in zip(starts, np.append(starts[1:], len(counts)), strict=True)]
