"""The report: target, rule-based particle flow and MLPF on the same events, each amount of pile-up alone.

| part | module |
| --- | --- |
| particles of the three, the working point | `particles` |
| classes: efficiency, fakes, confusion, resolution | `comparison` |
| what is asked of the network | `goals` |
| jets, missing momentum, multiplicities | `event_figures` |
| pictures, the event display among them; page | `pictures`, `page` |

The threshold on the probability of "none" is set, for each amount of pile-up, such that as large a share of
the network's candidates stands where no particle is as of those of rule-based particle flow, which is
computed here. Errors are over hard collisions of the pool, in which all events are turned and mirrored
copies of few.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.arrays import Ints, owners
from zoo.data.kinds.elements import CLASSES, ELEMENT_EVENTS
from zoo.data.records import leaf_values, validate
from zoo.errors import InvalidValue
from zoo.evaluation.bootstrap import ClusterBootstrap, apart
from zoo.evaluation.measures import card_metric
from zoo.evaluation.pages.folder import check_target, publish
from zoo.models.mlpf.report.comparison import (
    BASELINE,
    EVENT_METHODS,
    EXPECTED,
    METHODS,
    MODEL,
    Sample,
    class_tables,
    confusion,
    resolutions,
    working_point,
)
from zoo.models.mlpf.report.event_figures import HardScatter, jets_of, missing_momentum, multiplicities
from zoo.models.mlpf.report.goals import check_goals
from zoo.models.mlpf.report.page import render
from zoo.models.mlpf.report.particles import Network, Particles, of_particle_flow, of_targets
from zoo.models.mlpf.report.plots import (
    draw_classes,
    draw_confusion,
    draw_display,
    draw_jets,
    draw_missing_momentum,
    draw_multiplicities,
)  # fmt: skip

__all__ = ["card_metrics", "evaluate", "report_content"]

Json = dict[str, Any]
Progress = Callable[[str, float], None]

PILEUP_EDGES = (0, 1, 21, 46, 10_000)
"""Numbers of interactions that are shown together: none, 1-20, 21-45, 46 and more."""


def evaluate(
    records: ak.Array,
    outputs: ak.Array | Mapping[str, npt.ArrayLike],
    *,
    out: str | Path,
    baselines: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    replicas: int = 100,
) -> Json:
    """Writes the report of predictions on events.

    Args:
        records: Events with targets, in the order of the predictions.
        outputs: Predictions of the network; records or a dict of arrays.
        out: Folder of the report; an older report there is replaced.
        baselines: None are taken.
        metadata: Facts about the sample for the page.
        progress: Called with a text and the fraction done.
        replicas: Bootstrap replicas.

    Returns:
        The content of report.json.

    Raises:
        InvalidValue: No targets, no events, or another number of predictions than of elements.
        InvalidFile: The folder cannot be written.
        MissingExtra: FastJet or mplhep is not installed.
    """
    del baselines
    check_target(out)
    content = report_content(records, outputs, metadata=metadata, replicas=replicas)
    plan: list[tuple[str, Any]] = [("display", partial(draw_display, content))]
    for number in range(len(content["groups"])):
        plan += [
            (f"{name}_{number}", partial(draw, content, number))
            for name, draw in (
                ("efficiency_pt", partial(draw_classes, variable="pt", measure="efficiency")),
                ("fakes_pt", partial(draw_classes, variable="pt", measure="fake_rate")),
                ("efficiency_eta", partial(draw_classes, variable="abs_eta", measure="efficiency")),
                ("fakes_eta", partial(draw_classes, variable="abs_eta", measure="fake_rate")),
                ("confusion", draw_confusion),
                ("jets", partial(draw_jets, part="jets")),
                ("hard_jets", partial(draw_jets, part="hard_jets")),
                ("met", draw_missing_momentum),
                ("multiplicity", draw_multiplicities),
            )
        ]
    publish(content, plan, render, out, progress or (lambda text, done: None))
    return content


def report_content(
    records: ak.Array,
    outputs: ak.Array | Mapping[str, npt.ArrayLike],
    *,
    metadata: Mapping[str, Any] | None = None,
    replicas: int = 100,
) -> Json:
    """Computes the report without writing it; arguments as `evaluate`."""
    if not len(records):
        raise InvalidValue("records", "at least one event", "none")
    validate(records, ELEMENT_EVENTS, truth=False, ranges=False)
    counts = np.asarray(ak.to_numpy(ak.num(records["elements"])), np.int64)
    network, target = Network.of(outputs, counts), of_targets(records)
    baseline = of_particle_flow(records)
    hard = HardScatter(
        leaf_values(records, "elements.target_pileup") > 0,
        leaf_values(records, "elements.dz_cm").astype(np.float64),
    )
    pileup = leaf_values(records, "n_pileup").astype(np.int64)
    row = apart(leaf_values(records, "collision_row"))  # a gun's events are independent
    of_event = owners(counts)
    group = np.searchsorted(PILEUP_EDGES, pileup, side="right") - 1
    groups = []
    for number in np.unique(group):
        events = np.flatnonzero(group == number)
        place = np.full(len(counts), -1)
        place[events] = np.arange(len(events))
        inside = place[of_event] >= 0
        one = Network(network.none[inside], network.particles[inside])
        pf, true = baseline[inside], target[inside]
        cut = working_point(one, pf, true)
        sample = Sample(
            place[of_event[inside]],
            len(events),
            ClusterBootstrap(row[events], replicas=replicas),
            true,
            {BASELINE: pf, MODEL: one.at(cut)},
        )
        low, high = PILEUP_EDGES[number], PILEUP_EDGES[number + 1] - 1
        groups.append(
            {"label": _words(int(pileup[events].min()), int(pileup[events].max())), "low": low, "high": high}
            | _group(sample, one, cut, HardScatter(hard.pileup[inside], hard.dz_cm[inside]))
        )
    return {
        "title": "MLPF: particles of whole events",
        "model": MODEL,
        "baseline": BASELINE,
        "methods": [{"name": name, "label": label} for name, label in METHODS.items()],
        "event_methods": [{"name": name, "label": label} for name, label in EVENT_METHODS.items()],
        "classes": list(CLASSES),
        "metadata": dict(metadata or {}),
        "notes": [
            f"{len(records):,} events, {len(of_event):,} elements, {len(np.unique(row)):,} hard collisions "
            "of the pool. Errors count those, not events.",
            "The network's threshold on the probability of none: as large a share of its candidates stands "
            "where no particle is as of those of rule-based particle flow.",
            "Jets and missing momentum are compared with the target's: what left something in the detector. "
            "MLPF, expected: without a threshold, each momentum times the chance that there is a particle.",
        ],
        "groups": groups,
        "goals": check_goals(groups),
        "display": _display(counts, pileup, {"target": target, BASELINE: baseline, MODEL: network}, groups),
    }


def _group(sample: Sample, network: Network, cut: float, hard: HardScatter) -> Json:
    none = sample.target.label == 0
    whole = replace(sample, found={**sample.found, EXPECTED: network.expected()})
    return {
        "events": sample.n,
        "elements": len(sample.event),
        "collisions": sample.bootstrap.n_clusters,
        "threshold": cut,
        "fakes": {name: sample.share(none, found.label > 0) for name, found in sample.found.items()},
        "classes": class_tables(sample, network),
        "confusion": confusion(sample),
        "resolution": resolutions(sample),
        "jets": jets_of(whole),
        "hard_jets": jets_of(whole, hard),
        "met": missing_momentum(whole),
        "hard_met": missing_momentum(whole, hard),
        "multiplicity": multiplicities(sample),
    }


def _display(counts: Ints, pileup: Ints, found: Mapping[str, Any], groups: list[Json]) -> Json:
    """The particles above 0.5 GeV of one event: of median size among those with least pile-up."""
    candidates = np.flatnonzero(pileup <= max(int(pileup.min()), groups[0]["high"]))
    event = int(candidates[np.argsort(counts[candidates], kind="stable")[len(candidates) // 2]])
    ends = np.cumsum(counts)
    inside = slice(int(ends[event] - counts[event]), int(ends[event]))
    panels = {}
    for name, one in found.items():
        particles: Particles = one.at(groups[0]["threshold"]) if isinstance(one, Network) else one
        part = particles[np.arange(inside.start, inside.stop)]
        part = part[(part.label > 0) & (part.pt_gev > 0.5)]
        panels[name] = {
            "class": part.label.tolist(),
            **{k: np.round(getattr(part, k), 3).tolist() for k in ("pt_gev", "eta", "phi")},
        }
    return {"event": event, "n_pileup": int(pileup[event]), "elements": int(counts[event]), "panels": panels}


def _words(low: int, high: int) -> str:
    if high == 0:
        return "no pile-up"
    return f"{low} interactions" if low == high else f"{low}-{high} interactions"


def card_metrics(content: Mapping[str, Any], sample: str) -> list[Json]:
    """Returns the metrics of a card, of each amount of pile-up.

    Args:
        content: Of report.json.
        sample: The events in words.

    Returns:
        One table for each metric, with the fields of `zoo.cards.card.Metric`.
    """
    found: list[Json] = []

    def add(
        name: str, model: Mapping[str, Any], baseline: Mapping[str, Any], unit: str = "", note: str = ""
    ) -> None:
        words = {"unit": unit, "note": note, "sample": sample, "baseline_name": METHODS[BASELINE]}
        found.append(card_metric(name, model, baseline, **words))

    forms = ((MODEL, "candidates"), (EXPECTED, "expected momenta"))
    for group in content["groups"]:
        where = group["label"]
        for name in ("neutral hadron", "photon", "charged hadron"):
            table = group["classes"][name]
            beside = table["methods"][BASELINE]["efficiency"]
            note = "threshold for this class at the baseline's fake rate"
            add(f"efficiency of {name}s, {where}", table["at_fake_rate"]["efficiency"], beside, note=note)
        for part, words in (("jets", "jets"), ("hard_jets", "jets of the hard scatter")):
            methods = group[part]["methods"]
            for rows, key, text in (
                ("overall", "iqr_over_median", f"IQR over median of the pT of {words}"),
                ("calibrated", "iqr_over_median", f"IQR over median of the pT of calibrated {words}"),
                ("overall", "median", f"median of the pT of {words}"),
            ):
                for method, of in forms:
                    beside = methods[BASELINE][rows][key]
                    add(f"{text} of {of}, {where}", methods[method][rows][key], beside)
        methods = group["met"]["methods"]
        for key, text in (("median", "median"), ("q97", "97 % quantile")):
            for method, of in forms:
                what = f"{text} of the error of MET of {of}, {where}"
                add(what, methods[method][key], methods[BASELINE][key], "GeV")
    return [metric for metric in found if metric]
