"""Events to tensors and targets, checks, sample events, simulated ones. No TensorFlow here."""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
from collections.abc import Mapping
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.angles import wrap_phi
from zoo.arrays import Floats32, row_splits
from zoo.data.elements import ELEMENT_FEATURES, element_features
from zoo.data.feeding.batching import pad
from zoo.data.kinds.elements import CLASSES, ELEMENT_EVENTS, ELEMENT_TYPES
from zoo.data.records import assemble, leaf_values
from zoo.data.tensor_checks import check_tensors
from zoo.errors import InvalidValue, UnknownName
from zoo.models.mlpf.config import MASS_GEV
from zoo.models.mlpf.target_jets import target_jets

Row = dict[str, float]

SAMPLE_CASES = (
    "no elements",
    "one element",
    "two elements",
    "tracks alone",
    "clusters alone",
    "every element twice",
    "all elements alike but for phi",
    "softest elements",
    "hardest elements",
    "across phi = pi",
    "more elements than a bin",
)
"""What each of the first events of `sample` is; events of a toy follow."""

TEACHER = "particle_flow"
"""Behind a sample: whose candidates are the targets."""

_TYPE = {name: number for number, name in enumerate(ELEMENT_TYPES)}
_PDG_IDS = (0, 211, 130, 211, 22, 22, 11, 13)


def to_inputs(records: ak.Array, features: tuple[str, ...] = ELEMENT_FEATURES) -> dict[str, Floats32]:
    """Turns records into the network's input tensors, padded to the most elements.

    Args:
        records: Events with the input fields of `ELEMENT_EVENTS`.
        features: Names of the features; those of `zoo.models.mlpf.config.FEATURES["cms25_dz"]`, say.

    Returns:
        `elements` [B, N, F] and `element_mask` [B, N], float32, N >= 1.
    """
    counts = np.asarray(ak.to_numpy(ak.num(records["elements"])), np.int64)
    splits = row_splits(counts)
    elements, mask = pad(element_features(records, features), splits)
    return {"elements": elements, "element_mask": mask}


def targets(records: ak.Array) -> dict[str, Floats32]:
    """Computes the targets.

    Args:
        records: Events with the fields `elements.target_*`: one particle, or class 0, for each element.

    Returns:
        `class_logit` [B, N, 3] (class, 1 if real, the larger pT of particle and element in GeV), `charge`
        [B, N, 3] (charge, 1 for a particle, 1 if real), `momentum` [B, N, 7] (pT, eta, sin phi, cos phi, E in
        GeV, 1 for a particle, 1 if real) and `visible` [B, N, 5] (px, py, pz, E in GeV, number of the jet or
        -1), float32.
    """
    counts = np.asarray(ak.to_numpy(ak.num(records["elements"])), np.int64)
    splits = row_splits(counts)
    columns = {
        name: np.asarray(leaf_values(records, f"elements.target_{name}"), np.float64)
        for name in ("class", "charge", "pt_gev", "eta", "phi", "energy_gev")
    }
    particle = (columns["class"] > 0).astype(np.float64)
    pt, eta, phi, energy = (columns[name] * particle for name in ("pt_gev", "eta", "phi", "energy_gev"))
    place = [
        np.where(particle > 0, columns[name], leaf_values(records, f"elements.{name}"))
        for name in ("eta", "phi")
    ]
    jets = [target_jets(pt[a:b], *(of[a:b] for of in place)) for a, b in itertools.pairwise(splits)]
    jet = np.concatenate([np.zeros(0, np.int32), *jets])
    real = np.ones_like(particle)
    measured = np.asarray(leaf_values(records, "elements.pt_gev"), np.float64)
    four = (pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), energy)
    made = {
        "class_logit": (columns["class"], real, np.maximum(pt, measured)),
        "charge": (columns["charge"], particle, real),
        "momentum": (pt, eta, np.sin(phi), np.cos(phi), energy, particle, real),
        "visible": (*four, jet + 1.0),
    }
    padded = {name: pad(np.stack(values, -1).astype(np.float32), splits)[0] for name, values in made.items()}
    padded["visible"][:, :, 4] -= 1.0  # of padding, too: no jet
    return padded


def validate(inputs: Mapping[str, npt.NDArray[Any]], features: tuple[str, ...] = ELEMENT_FEATURES) -> None:
    """Checks input tensors: dtypes, shapes, finite (padding too), ranges of the field table.

    Args:
        inputs: As `to_inputs` returns them.
        features: Names of the features.

    Raises:
        InvalidValue: What was expected and what came, for the first thing that is wrong.
    """
    check_tensors(inputs, {"elements": ("B", "N", ELEMENT_FEATURES), "element_mask": ("B", "N")})
    real = inputs["elements"][inputs["element_mask"] > 0]
    for number, name in enumerate(ELEMENT_FEATURES):
        if name not in ("px_gev", "py_gev", "pz_gev"):
            ELEMENT_EVENTS.by_name[f"elements.{name}"].check(real[:, number])
    pt, px, py = (real[:, ELEMENT_FEATURES.index(name)] for name in ("pt_gev", "px_gev", "py_gev"))
    if (bad := np.abs(np.hypot(px, py) - pt) > 1e-3 * pt + 1e-4).any():
        raise InvalidValue("px_gev, py_gev", f"a pT of {pt[bad][0]:g} GeV", f"{np.hypot(px, py)[bad][0]:g}")


def simulate(sample: str, n: int, seed: int, *, split: str, pileup: bool, truth: bool) -> ak.Array:
    """Simulates events, for training.

    Args:
        sample: A sample of `zoo.simulation.element_events`, without pile-up, or with a number of interactions
            or a range of it: "ttbar", "ttbar@60", "qcd@0-20". With ":particle_flow" behind, the targets are
            the candidates of rule-based particle flow, as of the first MLPF, and not the truth.
        n: Number of events.
        seed: Same seed, same events.
        split: "train", "validation" or "test".
        pileup: Whether there is any, where the sample has it.
        truth: Whether to list particles and links; the targets are there in any case.

    Returns:
        Records of `ELEMENT_EVENTS`.

    Raises:
        UnknownName: No such sample, or no such targets.
        InvalidValue: What follows the "@" is no number and no range.
    """
    from zoo.simulation import samples
    from zoo.simulation.element_events import ELEMENT_SAMPLES

    events, _, of = sample.partition(":")
    if of not in ("", TEACHER):
        raise UnknownName("targets", of, [TEACHER], where=f"sample {sample!r}")
    name, at, text = events.partition("@")
    if name not in ELEMENT_SAMPLES:
        raise UnknownName(
            "sample", sample, [*ELEMENT_SAMPLES, *(f"{n}@0-20" for n in ELEMENT_SAMPLES), "toy"]
        )
    config = ELEMENT_SAMPLES[name]
    if at:
        if not (found := re.fullmatch(r"(\d+)(?:-(\d+))?", text)):
            raise InvalidValue(f"pile-up of sample {sample!r}", "a number or a range, 60 or 0-20", repr(text))
        if pileup:
            low, high = (int(number or found[1]) for number in found.groups())
            config = dataclasses.replace(config, pileup=(low, high))
    records = samples.simulate(name, n, seed, split=split, config=config, truth=truth)
    return taught(records) if of else records


def taught(records: ak.Array) -> ak.Array:
    """Puts the candidates of rule-based particle flow where the targets were."""
    from zoo.baselines.particle_flow import predict

    found = predict(records).elements
    columns = {f"target_{name}": found[name] for name in ("charge", "pt_gev", "eta", "phi", "energy_gev")}
    columns["target_class"] = found["class_index"]
    columns["target_pileup"] = ak.zeros_like(records.elements.target_pileup)
    if "target_particle" in records.elements.fields:
        columns["target_particle"] = ak.full_like(records.elements.target_particle, -1)
    for name, values in columns.items():
        records = ak.with_field(records, values, ("elements", name))
    return records


def sample(n: int, seed: int) -> ak.Array:
    """Makes small events quickly, for tests and goldens: the edge cases of `SAMPLE_CASES`, then a toy.

    No physics: each particle leaves the elements of its class where it flies, with smeared energies.

    Args:
        n: Number of events; the first `len(SAMPLE_CASES)` are the edge cases.
        seed: Same seed, same events.

    Returns:
        Records with all fields of `ELEMENT_EVENTS`.
    """
    events = []
    for number in range(n):
        case = SAMPLE_CASES[number] if number < len(SAMPLE_CASES) else ""
        events.append(_event(case, np.random.default_rng((seed, number))))
    columns: dict[str, Any] = {}
    for field in ELEMENT_EVENTS.fields:
        if field.collection:
            rows = [event[field.collection] for event in events]
            counts = np.array([len(of_event) for of_event in rows], np.int64)
            flat = [row.get(field.leaf, 0) for of_event in rows for row in of_event]
            columns[field.name] = ak.unflatten(np.asarray(flat, np.float64).astype(field.dtype), counts)
        else:
            value = {"collision_row": -1, "event_id": np.arange(n)}.get(field.name, 0)
            columns[field.name] = np.broadcast_to(np.asarray(value, field.dtype), (n,))
    return assemble(columns)


def _event(case: str, rng: np.random.Generator) -> dict[str, list[Row]]:
    """Returns the elements, particles and links of one event."""
    most = {"no elements": 0, "one element": 1, "two elements": 2, "more elements than a bin": 300}
    wanted = most.get(case, int(rng.integers(4, 40)))
    elements: list[Row] = []
    particles: list[Row] = []
    links: list[Row] = []
    while len(elements) < wanted:
        number = int(rng.integers(1, len(CLASSES)))
        if case in ("tracks alone", "clusters alone"):
            number = 7 if case == "tracks alone" else int(rng.choice([2, 5]))
        momentum = math.exp(rng.uniform(math.log(0.5), math.log(60.0)))
        if case in ("softest elements", "hardest elements"):
            momentum = 1e-3 if case == "softest elements" else 3000.0
        eta = float(rng.uniform(3.0, 5.0) if number in (3, 4) else rng.uniform(-2.4, 2.4))
        phi = float(rng.uniform(-math.pi, math.pi))
        if case == "across phi = pi":
            phi = math.copysign(math.pi - 0.01 * rng.random(), phi)
        if case == "all elements alike but for phi":
            number, momentum, eta = 5, 10.0, 1.0
        left = _elements(number, momentum / math.cosh(eta), eta, phi, rng, exact=case.startswith("all "))
        left = left[: wanted - len(elements)]
        links += [
            {"element": len(elements) + k, "particle": len(particles), "energy_gev": row["energy_gev"]}
            for k, row in enumerate(left)
        ]
        target = {
            "pt_gev": momentum / math.cosh(eta), "eta": eta, "phi": phi,
            "energy_gev": math.hypot(momentum, MASS_GEV[CLASSES[number]]),
        }  # fmt: skip
        charge = int(rng.choice([-1, 1])) if number in (1, 6, 7) else 0
        particles.append({**target, "pdg_id": _PDG_IDS[number], "charge": charge, "element": len(elements)})
        for row in left:
            row.update(target_particle=-1, charge=charge * (row["kind"] in (1, 6)))
        left[0].update(target_class=number, target_charge=charge, target_particle=len(particles) - 1)
        left[0].update({f"target_{name}": value for name, value in target.items()})
        elements += left
    if case == "every element twice":
        elements += [{**row, "target_class": 0, "target_particle": -1} for row in elements]
        for row in elements[len(elements) // 2 :]:
            row.update(dict.fromkeys([name for name in row if name.startswith("target_")], 0))
            row["target_particle"] = -1
    return {"elements": elements, "particles": particles, "links": links}


def _elements(
    number: int, pt: float, eta: float, phi: float, rng: np.random.Generator, *, exact: bool
) -> list[Row]:
    """Returns what a particle of a class leaves; the first one carries its target."""

    def smeared(value: float, relative: float) -> float:
        return value if exact else value * math.exp(relative * rng.normal())

    def moved(angle: float) -> float:
        return angle if exact else float(wrap_phi(angle + 0.01 * rng.normal()))

    def track(kind: str) -> Row:
        measured = smeared(pt, 0.01)
        return {
            "kind": _TYPE[kind], "pt_gev": measured, "eta": eta, "phi": phi,
            "energy_gev": measured * math.cosh(eta), "eta_ecal": eta, "phi_ecal": moved(phi),
            "eta_hcal": eta, "phi_hcal": moved(phi), "hits": int(rng.integers(8, 20)),
            "dz_cm": float(rng.normal(0.0, 0.01)), "dt_hits": 20 * (number == 7),
            "muon_type": 6 * (number == 7), "gsf_seed": int(kind == "GSF track"),
            "delta_p_gev": 0.1 * measured * (kind == "GSF track"),
        }  # fmt: skip

    def cluster(kind: str, share: float, relative: float, layer: int, depth: int = 0) -> Row:
        energy, there = smeared(share * pt * math.cosh(eta), relative), eta
        if not exact:
            there += 0.01 * float(rng.normal())
        return {
            "kind": _TYPE[kind], "pt_gev": energy / math.cosh(there), "eta": there, "phi": moved(phi),
            "energy_gev": energy, "layer": layer, "depth": depth, "corrected_energy_gev": 1.05 * energy,
        }  # fmt: skip

    ecal, hcal = (-1, 1) if abs(eta) < 1.48 else (-2, 3)
    return {
        1: lambda: [track("track"), cluster("ECAL cluster", 0.3, 0.2, ecal),
                    cluster("HCAL cluster", 0.6, 0.2, hcal, 1)],
        2: lambda: [cluster("HCAL cluster", 0.8, 0.2, hcal, 2)],
        3: lambda: [cluster("HF hadronic", 0.9, 0.3, 12)],
        4: lambda: [cluster("HF electromagnetic", 0.9, 0.2, 11)],
        5: lambda: [cluster("ECAL cluster", 1.0, 0.03, ecal)],
        6: lambda: [track("GSF track"), track("track"), cluster("ECAL cluster", 0.9, 0.03, ecal),
                    cluster("supercluster", 0.95, 0.03, ecal)],
        7: lambda: [track("track")],
    }[number]()  # fmt: skip
