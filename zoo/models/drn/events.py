"""Records to tensors and targets, checks, and sample events. No TensorFlow here.

The one convention of sign: y = log(E_true / E_raw), so energy = E_raw exp(mu) and a positive y means that
energy is missing in the crystals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats32, owners
from zoo.data.feeding.flat import Flat, lengths, n_objects
from zoo.data.kinds.objects import OBJECTS
from zoo.data.records import assemble, leaf_values
from zoo.data.tensor_checks import check_tensors
from zoo.models.drn.config import EVENT_FEATURES, HIT_FEATURES

SAMPLE_CASES = (
    "no hits",
    "one hit",
    "two hits",
    "two hits of one energy",
    "twin hits, equal in everything",
    "every hit of one energy",
    "mirror-symmetric shower",
    "all 145 crystals",
    "across eta 0",
    "across the end of iphi",
    "at the end of the barrel",
    "at a module and a supermodule gap",
    "dead neighbours",
    "smallest energies",
    "largest energies",
    "most pile-up and leakage",
)
"""What each of the first events of `sample` is; showers of a toy follow."""

OUT_OF_REACH = 10.0  # target of an object without raw energy: beyond what mu reaches, so its loss is zero
PHI_CRYSTALS = 360
WINDOW_ETA, WINDOW_PHI = 2, 14  # crystals on each side of the seed: the 5 x 29 window


def to_inputs(records: ak.Array) -> dict[str, Floats32]:
    """Turns records into the network's input tensors, padded to the longest object.

    Args:
        records: Objects with the input fields of `zoo.data.kinds.objects`.

    Returns:
        `hits` [B, N, 5], `hit_mask` [B, N], `event` [B, 2] (rho, leakage in GeV), float32, N >= 1.
    """
    counts = np.asarray(ak.to_numpy(ak.num(records["hits"][HIT_FEATURES[0]])))
    slots = np.arange(max(int(counts.max(initial=0)), 1))
    real = slots[None, :] < counts[:, None]
    hits = np.zeros((*real.shape, len(HIT_FEATURES)), np.float32)
    for number, name in enumerate(HIT_FEATURES):
        hits[:, :, number][real] = leaf_values(records, f"hits.{name}")
    event = np.stack([leaf_values(records, name) for name in EVENT_FEATURES], axis=-1).astype(np.float32)
    return {"hits": hits, "hit_mask": real.astype(np.float32), "event": event}


def augment(flat: Flat, rng: np.random.Generator) -> Flat:
    """Mirrors a random half of the objects in phi, iphi -> 361 - iphi: supermodules map onto supermodules.

    The field mirrors electrons into positrons, which are simulated alike. In eta the network mirrors by
    itself.

    Args:
        flat: Flat arrays of some objects.
        rng: Decides which.

    Returns:
        The same arrays, new ones where something changed.
    """
    mirrored = rng.random(n_objects(flat)) < 0.5
    of_hits = np.repeat(mirrored, lengths(flat))
    changed = dict(flat)
    for name, where in (("hits.iphi", of_hits), ("seed_iphi", mirrored)):
        changed[name] = np.where(where, (PHI_CRYSTALS + 1 - flat[name]).astype(flat[name].dtype), flat[name])
    return changed


def targets(records: ak.Array) -> dict[str, Floats32]:
    """Computes y = log(E_true / E_raw) of each object.

    Args:
        records: Objects with `hits.energy_gev` and `true_energy_gev`.

    Returns:
        `dscb`: y `[B]` float32, not clipped. Objects without raw or true energy get `OUT_OF_REACH`.
        Everything beyond +-ln 2 is left out of the loss and is counted as inefficiency in the report.
    """
    counts = np.asarray(ak.to_numpy(ak.num(records["hits"]["energy_gev"])))
    energies = np.asarray(ak.to_numpy(ak.flatten(records["hits"]["energy_gev"])), np.float64)
    owner = owners(counts)
    # The network drops hits without positive energy; its raw energy is this one.
    raw = np.bincount(owner, weights=np.where(energies > 0, energies, 0.0), minlength=counts.size)
    true = np.asarray(ak.to_numpy(records["true_energy_gev"]), np.float64)
    usable = (raw > 0) & (true > 0)
    ratio = np.divide(true, raw, out=np.ones_like(true), where=usable)
    return {"dscb": np.where(usable, np.log(ratio), OUT_OF_REACH).astype(np.float32)}


def validate(inputs: Mapping[str, npt.NDArray[Any]]) -> None:
    """Checks input tensors: dtypes, shapes, finite (padding too), real hits within the field table's ranges.

    Args:
        inputs: As `to_inputs` returns them.

    Raises:
        InvalidValue: What was expected and what came, for the first thing that is wrong.
    """
    check_tensors(
        inputs,
        {"hits": ("B", "N", HIT_FEATURES), "hit_mask": ("B", "N"), "event": ("B", EVENT_FEATURES)},
    )
    hits, mask, event = inputs["hits"], inputs["hit_mask"], inputs["event"]
    for number, name in enumerate(HIT_FEATURES):
        OBJECTS.by_name[f"hits.{name}"].check(hits[:, :, number][mask > 0])
    for number, name in enumerate(EVENT_FEATURES):
        OBJECTS.by_name[name].check(event[:, number])


def sample(n: int, seed: int) -> ak.Array:
    """Makes small events quickly, for tests and goldens: the edge cases of `SAMPLE_CASES`, then toy showers.

    No physics: energies fall off with the distance from the seed. No shower library is read.

    Args:
        n: Number of events; the first `len(SAMPLE_CASES)` are the edge cases.
        seed: Same seed, same events.

    Returns:
        Records with all input fields and the truth of the object.
    """
    events = []
    for number in range(n):
        rng = np.random.default_rng((seed, number))
        case = SAMPLE_CASES[number] if number < len(SAMPLE_CASES) else ""
        events.append(_event(case, rng))
    columns: dict[str, Any] = {}
    for name in (f"hits.{feature}" for feature in HIT_FEATURES):
        dtype = OBJECTS.by_name[name].dtype
        flat = np.concatenate([event[name] for event in events]) if events else np.zeros(0)
        counts = np.array([len(event[name]) for event in events], np.int64)
        columns[name] = ak.unflatten(flat.astype(dtype), counts)
    truth = {"true_phi": 0.0, "pdg_id": 11, "n_pileup": 0, "shower_row": -1, "shower_pdg_id": 11}
    for name in (
        "seed_ieta", "seed_iphi", "rho_gev", "leakage_gev", "true_energy_gev", "true_eta", *truth, "event_id",
    ):  # fmt: skip
        values = [event.get(name, truth.get(name, number)) for number, event in enumerate(events)]
        columns[name] = np.asarray(values, OBJECTS.by_name[name].dtype)
    return assemble(columns)


def _event(case: str, rng: np.random.Generator) -> dict[str, Any]:
    """Returns one event by field name; hits as arrays."""
    seed_eta, seed_phi = int(rng.integers(3, 83)) * int(rng.choice([-1, 1])), int(rng.integers(1, 361))
    energy = float(np.exp(rng.uniform(np.log(4.0), np.log(130.0))))
    count = int(np.clip(np.rint(rng.lognormal(3.1, 0.5)), 3, 100))
    fixed_counts = {
        "no hits": 0,
        "one hit": 1,
        "two hits": 2,
        "two hits of one energy": 2,
        "all 145 crystals": 145,
    }
    count = fixed_counts.get(case, count)
    if case == "across eta 0":
        seed_eta = 1
    elif case == "across the end of iphi":
        seed_phi = 360
    elif case == "at the end of the barrel":
        seed_eta = -85
    elif case == "at a module and a supermodule gap":
        seed_eta, seed_phi = 25, 20
    grid = np.stack(
        np.meshgrid(
            np.arange(-WINDOW_ETA, WINDOW_ETA + 1), np.arange(-WINDOW_PHI, WINDOW_PHI + 1), indexing="ij"
        ),
        axis=-1,
    ).reshape(-1, 2)  # [145, 2] offsets in eta and phi
    distance = np.hypot(grid[:, 0], 0.5 * grid[:, 1])
    near = np.argsort(distance + rng.uniform(0.0, 1.5, distance.size) * (distance > 0), kind="stable")
    if case == "mirror-symmetric shower":
        near, count = np.argsort(distance, kind="stable"), 13
    offsets = grid[near[:count]]
    place = np.where(seed_eta > 0, seed_eta - 1, seed_eta) + offsets[:, 0]  # without the missing zero
    inside = (place >= -85) & (place < 85)
    offsets, place = offsets[inside], place[inside]
    ieta = np.where(place >= 0, place + 1, place)
    iphi = (seed_phi - 1 + offsets[:, 1]) % 360 + 1
    count = ieta.size
    noise = 0.06 + 0.02 * (np.abs(ieta) / 85.0) ** 2 + rng.uniform(-0.005, 0.005, count)
    share = np.exp(-2.0 * np.hypot(offsets[:, 0], 0.5 * offsets[:, 1])) * rng.exponential(1.0, count) + 1e-3
    dead = np.zeros(count)
    rho, leakage = float(rng.uniform(5.0, 40.0)), float(max(rng.normal(0.3, 0.8), 0.0))
    if case in ("two hits of one energy", "every hit of one energy"):
        share = np.ones(count)
    elif case == "mirror-symmetric shower":
        share, noise = np.exp(-np.hypot(offsets[:, 0], offsets[:, 1])), np.full(count, 0.07)
    elif case == "dead neighbours":
        dead = rng.integers(0, 9, count).astype(np.float64)
    elif case == "largest energies":
        energy = 6000.0
    elif case == "most pile-up and leakage":
        rho, leakage = 900.0, 3000.0
    response = float(rng.normal(0.95, 0.03))
    energies = np.maximum(share / max(share.sum(), 1e-9) * energy * response, 1e-4)
    if case == "smallest energies":
        energies, energy = rng.uniform(1e-6, 1e-4, count), 4.0
    hits = {"hits.ieta": ieta, "hits.iphi": iphi, "hits.energy_gev": energies, "hits.noise_gev": noise,
            "hits.dead_neighbours": dead}  # fmt: skip
    if case == "twin hits, equal in everything":
        hits = {name: np.repeat(values[: count // 2], 2) for name, values in hits.items()}
    return {
        **hits,
        "seed_ieta": seed_eta,
        "seed_iphi": seed_phi,
        "rho_gev": rho,
        "leakage_gev": leakage,
        "true_energy_gev": energy,
        "true_eta": 0.0174 * (seed_eta - 0.5 * np.sign(seed_eta)),
    }
