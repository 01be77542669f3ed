"""The DRN's report: raw sum, linear calibration, BDT and DRN on the same objects, in the same bins.

No TensorFlow at import; the probability-integral transform of the predicted distribution imports it when it
is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats
from zoo.data.records import has_field, raw_energy_gev, validate
from zoo.errors import InvalidValue
from zoo.evaluation.binning import ET_EDGES, energy_variables, transverse_energy_gev
from zoo.evaluation.bootstrap import ClusterBootstrap
from zoo.evaluation.energy.classes import object_classes
from zoo.evaluation.energy.report import EnergyReport, Method, information_limit
from zoo.evaluation.pages.folder import Progress

__all__ = ["LABELS", "energy_report", "evaluate"]

LABELS = {
    "raw": "raw sum",
    "linear_calibration": "linear calibration",
    "bdt_regression": "BDT",
    "drn": "DRN",
    "limit_oracle": "bound, cascade known",
    "limit_cascade": "estimated limit",
}

Pit = Callable[[ak.Array, Floats], Floats]
BY_SHOWERS = "Errors count showers of the library, not events: one shower stands in about a hundred events."
BY_EVENTS = "The file names no showers: errors count events, and are too small if showers recur."


def evaluate(
    records: ak.Array,
    outputs: ak.Array | Mapping[str, npt.ArrayLike],
    *,
    out: str | Path,
    baselines: Mapping[str, ak.Array] | None = None,
    metadata: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    replicas: int = 100,
    pit: Pit | None = None,
    limits: Mapping[str, npt.ArrayLike] | None = None,
) -> dict[str, Any]:
    """Writes the report of DRN predictions.

    Args:
        records: Objects [N] with truth, in the order of the predictions.
        outputs: Predictions of the DRN: `energy_gev`, `sigma_gev`, `dscb`; records or a dict of arrays.
        out: Folder of the report; an older report there is replaced.
        baselines: Name -> predictions (`energy_gev`, `sigma_gev` if any, `pit` or `dscb` if any). The model
            is compared with "bdt_regression" if it is there, else with the last one given, else with the
            raw sum.
        metadata: Facts about the sample for the page, e.g. of `zoo.data.files.readers.read_metadata`.
        progress: Called with a text and the fraction done.
        replicas: Bootstrap replicas.
        pit: Predictions, true energies [N] -> PIT [N]; the predicted crystal ball by default.
        limits: Name -> sigma/E [N] of an information limit, shown as one more line: "oracle", "cascade" of
            `zoo.simulation.information_limit`.

    Returns:
        The content of report.json.

    Raises:
        InvalidValue: No truth, or another number of predictions than of objects.
        InvalidFile: The folder cannot be written.
    """
    report = energy_report(
        records,
        outputs,
        baselines=baselines,
        metadata=metadata,
        replicas=replicas,
        pit=pit,
        limits=limits,
    )
    return report.write(out, progress)


def energy_report(
    records: ak.Array,
    outputs: ak.Array | Mapping[str, npt.ArrayLike],
    *,
    baselines: Mapping[str, ak.Array] | None = None,
    metadata: Mapping[str, Any] | None = None,
    replicas: int = 100,
    pit: Pit | None = None,
    limits: Mapping[str, npt.ArrayLike] | None = None,
) -> EnergyReport:
    """Builds the report without writing it; arguments as `evaluate`."""
    validate(records, ranges=False)
    for name in ("true_energy_gev", "true_eta", "true_phi"):
        if not has_field(records, name):
            raise InvalidValue(
                "records", f"the truth {name!r}: a report compares with it", "records without it"
            )
    truth = np.asarray(records.true_energy_gev, np.float64)
    raw = raw_energy_gev(records)
    predictions = {name: _predictions(name, found, len(records)) for name, found in (baselines or {}).items()}
    predictions["drn"] = _predictions("drn", outputs, len(records))
    methods = [Method("raw", LABELS["raw"], raw)]
    methods += [_method(name, found, truth, pit or _predicted_pit) for name, found in predictions.items()]
    for name, sigma in (limits or {}).items():
        if len(np.asarray(sigma)) != len(records):
            raise InvalidValue(
                f"limit {name}", f"{len(records)} values, one an object", len(np.asarray(sigma))
            )
        methods.append(information_limit(truth, sigma, f"limit_{name}", LABELS.get(f"limit_{name}", name)))
    compared = [name for name in predictions if name != "drn"]
    baseline = "bdt_regression" if "bdt_regression" in compared else (compared[-1] if compared else "raw")
    et = transverse_energy_gev(records)
    named = has_field(records, "shower_row") and has_field(records, "shower_pdg_id")
    note = BY_SHOWERS if named else BY_EVENTS
    low, high = ET_EDGES[0], ET_EDGES[-1]
    return EnergyReport(
        title=f"Dynamic Reduction Network: energy of {_sample_name(records, metadata)}",
        true_energy_gev=truth, raw_energy_gev=raw, methods=methods, variables=energy_variables(records),
        bootstrap=ClusterBootstrap.of_showers(records, replicas=replicas), model="drn", baseline=baseline,
        metadata=metadata or {}, selection=(et >= low) & (et <= high),
        cosh_eta=np.cosh(np.asarray(records.true_eta, np.float64)),
        fit_variables=("et", "abs_eta", "rho", "r9"), classes=object_classes(records),
        notes=(f"Reported: {low:g} < ET < {high:g} GeV; the training reached beyond both ends.", note),
    )  # fmt: skip


def _predictions(
    name: str, found: ak.Array | Mapping[str, npt.ArrayLike], size: int
) -> dict[str, npt.NDArray[Any]]:
    fields = list(found) if isinstance(found, Mapping) else ak.fields(found)
    if "energy_gev" not in fields:
        raise InvalidValue(f"predictions of {name}", "the field energy_gev", fields)
    arrays = {}
    for field in ("energy_gev", "sigma_gev", "pit", "dscb"):
        if field in fields:
            arrays[field] = np.asarray(found[field])
            if len(arrays[field]) != size:
                raise InvalidValue(f"{field} of {name}", f"{size} values, one an object", len(arrays[field]))
    return arrays


def _method(name: str, found: Mapping[str, npt.NDArray[Any]], truth: Floats, pit: Pit) -> Method:
    transform = found.get("pit")
    if transform is None and "dscb" in found:
        transform = pit(ak.Array(dict(found)), truth)
    return Method(name, LABELS.get(name, name), found["energy_gev"], found.get("sigma_gev"), transform)


def _predicted_pit(outputs: ak.Array, truth: Floats) -> Floats:
    from zoo.models.drn.distribution import distribution  # TensorFlow Probability, 3.5 s

    return np.asarray(distribution(outputs).cdf(truth), np.float64)


def _sample_name(records: ak.Array, metadata: Mapping[str, Any] | None) -> str:
    name = (metadata or {}).get("sample")
    if isinstance(name, Mapping):  # the metadata of the file as a whole
        name = name.get("sample")
    if isinstance(name, str):
        return name
    kinds = set(np.abs(np.asarray(records.pdg_id)).tolist()) if has_field(records, "pdg_id") else set()
    return {11: "electrons", 22: "photons"}[kinds.pop()] if kinds in ({11}, {22}) else "electrons and photons"
