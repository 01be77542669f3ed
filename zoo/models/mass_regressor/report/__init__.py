"""The mass report: network, trees on shower shapes and the 3 x 3 method on the same candidates.

| part | of which candidates |
| --- | --- |
| bins of mass, pT and opening | decays of all masses up to 1.2 GeV |
| points | decays within 50 MeV of six masses, in bins of pT and of all pT |
| goals | what is asked of the network (`goals.py`) |
| peaks, planes | one mass each: bosons' pairs, pi0, eta |
| photons | P(m > 0) of single photons, beside the median of the posterior |
| template fit | the same near 0.4 GeV, of a simple sample: what two showers of known shape tell |
| density near 0 | decays of all masses: no spurious peak of unresolved ones |

The 3 x 3 method answers where it finds two maxima. It is computed here, and the network is compared with it
on the candidates that it answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats
from zoo.baselines import three_by_three
from zoo.data.kinds.candidates import CANDIDATES
from zoo.data.records import validate
from zoo.errors import InvalidValue
from zoo.evaluation.measures import card_metric
from zoo.evaluation.pages.folder import check_target, publish
from zoo.evaluation.pages.mass_plots import draw_bins, draw_peaks, draw_photons, draw_plane, draw_spectra
from zoo.models.mass_regressor.report.comparison import LABELS, MODEL, RESOLVED, Comparison
from zoo.models.mass_regressor.report.goals import check_goals
from zoo.models.mass_regressor.report.page import render

__all__ = ["LABELS", "card_metrics", "evaluate", "report_content"]

Progress = Callable[[str, float], None]


def evaluate(
    records: ak.Array,
    outputs: ak.Array | Mapping[str, npt.ArrayLike] | None,
    *,
    out: str | Path,
    baselines: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    replicas: int = 100,
    template_n: int = 1_000,
) -> dict[str, Any]:
    """Writes the report of predictions on candidates.

    Args:
        records: Candidates [N] with truth, in the order of the predictions.
        outputs: Predictions of the network, with `mass_gev`; None compares the baselines alone.
        out: Folder of the report; an older report there is replaced.
        baselines: Name -> predictions with `mass_gev`, NaN or -1 where there is no answer.
        metadata: Facts about the sample for the page.
        progress: Called with a text and the fraction done.
        replicas: Bootstrap replicas.
        template_n: Most decays near 0.4 GeV that two templates are fitted to: some seconds a hundred, and a
            minute to begin. Only where there is no pile-up and nothing has converted.

    Returns:
        The content of report.json.

    Raises:
        InvalidValue: No truth, or another number of predictions than of candidates.
        InvalidFile: The folder cannot be written.
    """
    check_target(out)
    content = report_content(
        records,
        outputs,
        baselines=baselines,
        metadata=metadata,
        replicas=replicas,
        template_n=template_n,
    )
    plan: list[tuple[str, Any]] = [
        (f"{measure}_{variable}", partial(draw_bins, content, variable, measure))
        for variable in content["variables"]
        for measure in ("mae", "width", "bias")
    ]
    plan.append(("spectra", partial(draw_spectra, content)))
    for part, drawn in (("photons", draw_photons), ("peaks", draw_peaks)):
        if content[part]:
            plan.append((part, partial(drawn, content)))
    if content["planes"]["masses"]:
        plan.append(("planes", partial(draw_plane, content)))
    publish(content, plan, render, out, progress or (lambda text, done: None))
    return content


def report_content(
    records: ak.Array,
    outputs: ak.Array | Mapping[str, npt.ArrayLike] | None,
    *,
    baselines: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    replicas: int = 100,
    template_n: int = 0,
) -> dict[str, Any]:
    """Computes the report without writing it; arguments as `evaluate`."""
    validate(records, CANDIDATES, truth=True, ranges=False)
    answers = {RESOLVED: _answers(RESOLVED, three_by_three.predict(records), len(records))}
    answers |= {name: _answers(name, found, len(records)) for name, found in (baselines or {}).items()}
    if outputs is not None:
        answers[MODEL] = _answers(MODEL, outputs, len(records))
    comparison = Comparison(records, answers, replicas)
    content = comparison.content(dict(metadata or {}))
    content |= {"template": comparison.template(records, template_n)}
    return content | {"goals": check_goals(content) if outputs is not None else []}


def card_metrics(content: Mapping[str, Any], sample: str) -> list[dict[str, Any]]:
    """Returns the metrics of a card: every bin of mass, the photons, the density near 0.

    Args:
        content: Of report.json.
        sample: The events in words.

    Returns:
        One table for each metric, with the fields of `zoo.cards.card.Metric`.
    """
    model, baseline = content["model"], content["baseline"]
    label = {method["name"]: method["label"] for method in content["methods"]}
    found: list[dict[str, Any]] = []

    def add(name: str, methods: Mapping[str, Any], measure: str, unit: str, note: str = "") -> None:
        beside = None if baseline == model else methods.get(baseline, {}).get(measure)
        words = {"unit": unit, "note": note, "sample": sample, "baseline_name": label[baseline]}
        found.append(card_metric(name, methods[model].get(measure), beside, **words))

    tables = [("all decays below 1.2 GeV", content["overall"])]
    tables += [
        (f"{row['low']:g}-{row['high']:g} GeV", row["methods"])
        for row in content["variables"]["mass"]["bins"]
    ]
    for where, methods in tables:
        add(f"mean absolute error, {where}", methods, "mae", "GeV")
    for row in content["points"]:
        if row["mass_gev"] == 0.4:
            where = f"0.4 GeV, pT {row['low']:g}-{row['high']:g} GeV"
            add(f"half of the central 68 %, {where}", row["methods"], "width", "GeV")
    for row in content["photons"]:
        note = f"posterior median of an ideal simple calorimeter: {row['expected']:.3f}"
        add(
            f"P(m > 0) of photons, pT {row['low']:g}-{row['high']:g} GeV",
            row["methods"],
            "positive",
            "",
            note,
        )
    add(
        "density at 0-0.1 GeV over that at 0.2-0.4 GeV",
        content["near_zero"],
        "density",
        "",
        "flat decays: 1 without a peak",
    )
    return [metric for metric in found if metric]


def _answers(name: str, found: Any, size: int) -> Floats:
    """Returns the masses [N] of a method; NaN where it has no answer."""
    fields = list(found) if isinstance(found, Mapping) else ak.fields(found)
    if "mass_gev" not in fields:
        raise InvalidValue(f"predictions of {name}", "the field mass_gev", fields)
    mass = np.asarray(found["mass_gev"], np.float64)
    if len(mass) != size:
        raise InvalidValue(f"mass_gev of {name}", f"{size} values, one a candidate", len(mass))
    return np.where(mass == -1.0, np.nan, mass)
