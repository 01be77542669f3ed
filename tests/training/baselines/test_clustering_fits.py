"""The fits of label rule and Mustache, on windows and objectives whose best answer is known."""

import awkward as ak
import numpy as np
import pytest

from training.baselines import label_rule, mustache
from zoo.baselines.mustache import CMS
from zoo.data.kinds.clusters import WINDOWS
from zoo.data.records import assemble, validate
from zoo.models.supercluster.windows import LabelRule
from zoo.simulation import samples


def windows_of(fractions, pileup_gev, n=400):
    """Electrons of 30 GeV at eta 0.1 whose clusters hold `fractions` of it, and pile-up [n, clusters]."""
    rng = np.random.default_rng(1)
    size, deposit = np.shape(fractions)[-1], np.full(n, 30.0)
    signal = np.asarray(fractions) * rng.normal(1.0, 0.02, (n, 1)) * 30.0
    flat = {"clusters.energy_gev": signal + pileup_gev, "clusters.true_energy_gev": signal,
            "clusters.pileup_gev": pileup_gev}  # fmt: skip
    constant = {"clusters.ieta": 6, "clusters.iphi": 1, "clusters.eta": 0.1, "clusters.phi": 0.0,
                "clusters.in_supercluster": 0, "clusters.index": 0}  # fmt: skip
    columns = {name: np.broadcast_to(v, (n, size)).ravel() for name, v in (flat | constant).items()}
    columns["clusters.is_seed"] = np.tile(np.arange(size) == 0, n)
    each = {"flavour": 1, "true_energy_gev": deposit, "sim_energy_gev": deposit, "true_eta": 0.1,
            "event_id": np.arange(n), "shower_row": np.arange(n) % 90, "shower_pdg_id": 11}  # fmt: skip
    made = {}
    for field in WINDOWS.fields:
        if field.collection == "clusters":
            made[field.name] = ak.unflatten(columns[field.name].astype(field.dtype), [size] * n)
        elif field.collection:
            made[field.name] = ak.unflatten(np.zeros(0, field.dtype), [0] * n)
        else:
            made[field.name] = np.broadcast_to(each.get(field.name, 0), n).astype(field.dtype)
    windows = assemble(made)
    validate(windows, WINDOWS, truth=True, ranges=False)
    return windows


def fraction_of(rule):
    return float(rule.threshold(np.array([20.0]), np.array([0.1]))[0])


def test_clusters_full_of_pileup_are_not_labelled():
    """A tenth of the signal stays, 0.4 % under three to nine times as much pile-up does not."""
    noise = np.random.default_rng(2).uniform(0.3, 1.1, 400)
    pileup = np.stack([np.zeros(400), np.zeros(400), noise], axis=1)
    rule, rows = label_rule.fit(windows_of([0.7, 0.1, 0.004], pileup), LabelRule())
    assert rule.largest_pileup < 3.0 or fraction_of(rule) > 0.004
    assert fraction_of(rule) < 0.1
    here = next(row for row in rows if row["et"] == 15 and row["abs_eta"] == 0)
    assert here["windows"] == 400 and here["over_best"] < 1.01


def test_signal_is_labelled_and_what_changes_nothing_is_not():
    """2.5 % of the signal, sometimes there, widens the sum without it; 0.01 % does not."""
    windows = windows_of([0.8, 0.025, 1e-4], np.zeros((400, 3)))
    absent = np.repeat(np.random.default_rng(3).random(400) < 0.5, 3) & (np.arange(1200) % 3 == 1)
    counts = ak.num(windows.clusters)
    for name in ("energy_gev", "true_energy_gev"):
        values = np.asarray(ak.flatten(windows.clusters[name])).copy()
        lost = values[np.flatnonzero(absent)]
        values[np.flatnonzero(absent)] = 1e-4
        values[np.flatnonzero(absent) - 1] += lost  # the seed has it then: together they are constant
        windows["clusters", name] = ak.unflatten(values, counts)
    rule, _ = label_rule.fit(windows, LabelRule())
    assert 1e-4 < fraction_of(rule) <= 0.025


def test_windows_without_a_shower_are_independent_when_the_label_rule_is_fitted():
    """As if each came from a shower of its own; as one cluster they had no errors at all."""
    spreads = np.random.default_rng(7).normal(1.0, [0.02, 0.2, 0.2], (400, 3))
    windows = windows_of(spreads * [0.8, 0.004, 0.002], np.zeros((400, 3)))
    found = []
    for row in (np.arange(400), np.full(400, -1)):
        windows["shower_row"] = row.astype(np.int32)
        found.append(fraction_of(label_rule.fit(windows, LabelRule())[0]))
    assert found[0] == found[1]


@pytest.mark.parametrize("best", [{"dphi_scale": 1.2, "margin_low": 0.004}, {}])
def test_search_of_mustache_finds_the_minimum_and_is_never_worse(best):
    goal = {name: best.get(name, getattr(CMS, name)) for name in mustache.RANGES}

    def objective(config):
        scale = {name: high - low for name, (low, high) in mustache.RANGES.items()}
        return sum(((getattr(config, name) - value) / scale[name]) ** 2 for name, value in goal.items())

    found, value = mustache.search(objective, 200, 1)
    assert value == pytest.approx(objective(found)) and value <= objective(CMS) and value < 5e-3


def test_objective_of_mustache_is_that_of_the_algorithm():
    events = samples.simulate("superclusters", 300, 5, split="validation", processes=1)
    objective = mustache.Objective(events)
    signal = np.asarray(events.groups.flavour[:, 0]) > 0
    assert ((objective.seed >= 0) <= signal).all() and (objective.seed >= 0).sum() > 0.9 * signal.sum()
    widths = objective.widths(CMS)
    assert np.isfinite(widths).all() and (widths[-1] < 0.1 < widths[0])
    nothing = mustache.replace(CMS, dphi_saturation=0.0, dphi_scale=0.0, dphi_offset=0.0)
    assert objective(nothing) > objective(CMS)  # seeds alone lose the bremsstrahlung
