"""Candidates to images and labels, checks, sample candidates. No TensorFlow here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats32
from zoo.data.feeding.flat import Flat, lengths, n_objects
from zoo.data.images import SIDE, draw, et_and_ez
from zoo.data.kinds.candidates import A0, CANDIDATES, PHOTON
from zoo.data.kinds.schema import BEAM_GEV
from zoo.data.records import assemble, has_field, leaf_values
from zoo.data.tensor_checks import check_tensors
from zoo.errors import InvalidValue
from zoo.models.mass_regressor.config import CHANNELS, SEED_FEATURES

SAMPLE_CASES = (
    "no energy",
    "one crystal",
    "two crystals of one energy",
    "every crystal of one energy",
    "at the end of the barrel",
    "at the other end of the barrel",
    "across eta 0",
    "across the end of iphi",
    "two candidates in the image",
    "a harder crystal off the seed",
    "one photon of two in the corner of the image",
    "two equal photons, mirror-symmetric",
    "smallest energies",
    "largest energies",
)
"""What each of the first candidates of `sample` is; toy decays follow."""

MASS_BINS, PT_BINS = 16, 20
"""Bins of `flat_weights`, as CMS has them."""

PHI_CRYSTALS = 360
_REACH = np.arange(-16, 17)  # crystals around the seed that a record holds


def to_inputs(records: ak.Array) -> dict[str, Floats32]:
    """Draws the image of each candidate.

    Args:
        records: Candidates with the input fields of `CANDIDATES`; hits anywhere, those outside are left out.

    Returns:
        `image` [B, 32, 32, 2] (E_T, E_z in GeV) and `seed` [B, 2] (ieta, iphi), float32.
    """
    seed = [leaf_values(records, f"seed_{name}") for name in SEED_FEATURES]
    image = et_and_ez(draw(records), seed[0])
    return {"image": image, "seed": np.stack(seed, axis=-1).astype(np.float32)}


def validate(inputs: Mapping[str, npt.NDArray[Any]]) -> None:
    """Checks input tensors: dtypes, shapes, finite, no negative crystal, energies in GeV, a crystal as seed.

    Args:
        inputs: As `to_inputs` returns them.

    Raises:
        InvalidValue: What was expected and what came, for the first thing that is wrong.
    """
    check_tensors(inputs, {"image": ("B", "R", "C", CHANNELS), "seed": ("B", SEED_FEATURES)})
    image, seed = inputs["image"], inputs["seed"]
    if image.shape[1:3] != (SIDE, SIDE):
        raise InvalidValue("image", f"{SIDE} x {SIDE} crystals", f"{image.shape[1]} x {image.shape[2]}")
    bad = (image < 0) | (image > BEAM_GEV)
    if bad.any():
        found = f"{image[bad][0]:g}, {int(bad.sum())} such in all"
        raise InvalidValue("image", f"from 0 to {BEAM_GEV:g} GeV", found)
    for number, name in enumerate(SEED_FEATURES):
        CANDIDATES.by_name[f"seed_{name}"].check(seed[:, number])


def targets(records: ak.Array) -> dict[str, Floats32]:
    """Returns the labels `mass_gev` [B] in GeV."""
    return {"mass_gev": leaf_values(records, "label_mass_gev").astype(np.float32)}


def weights(records: ak.Array) -> Floats32:
    """Returns [B] the field `weight`, 1 where there is none, and 0 for a candidate without energy."""
    there = np.asarray(ak.to_numpy(ak.any(records.hits.energy_gev > 0, axis=1)), np.float32)
    return there * leaf_values(records, "weight") if has_field(records, "weight") else there


def flat_weights(label_gev: npt.ArrayLike, pt_gev: npt.ArrayLike) -> Floats32:
    """Weighs candidates so that they are flat in mass and pT, and single photons as dense as decays.

    The inverse of a histogram of 16 masses above 0 and 20 pT; photons, all in one bin of mass, in 20 pT.

    Args:
        label_gev: [B] labels; those below 0 are of single photons.
        pt_gev: [B] pT of the parents.

    Returns:
        [B], their mean over the decays is 1.
    """
    label, pt = np.asarray(label_gev, np.float64), np.asarray(pt_gev, np.float64)
    photon = label < 0
    highest = label.max(initial=0.0)
    width = highest / MASS_BINS
    in_mass = np.where(photon, MASS_BINS, np.clip(label / max(width, 1e-9), 0, MASS_BINS - 1)).astype(int)
    low, high = (pt.min(), pt.max()) if len(pt) else (0.0, 1.0)
    in_pt = np.clip((pt - low) / max(high - low, 1e-9) * PT_BINS, 0, PT_BINS - 1).astype(int)
    place = in_mass * PT_BINS + in_pt
    counts = np.bincount(place, minlength=(MASS_BINS + 1) * PT_BINS)
    filled = np.count_nonzero(counts[: MASS_BINS * PT_BINS])
    each = int(np.sum(~photon)) / max(int(filled), 1)  # decays in a bin, if all were as full
    depth = -label.min(initial=0.0) / max(width, 1e-9)  # how many bins of mass the photons' labels fill
    return np.asarray(np.where(photon, depth, 1.0) * each / np.maximum(counts[place], 1), np.float32)


def augment(flat: Flat, rng: np.random.Generator) -> Flat:
    """Mirrors a random half of the candidates in eta, and a random half in phi.

    Modules map onto modules, supermodules onto supermodules.

    Args:
        flat: Flat arrays of some candidates.
        rng: Decides which.

    Returns:
        The same arrays, new ones where something changed.
    """
    changed = dict(flat)
    for axis in SEED_FEATURES:
        mirrored = rng.random(n_objects(flat)) < 0.5
        for name, where in ((f"hits.{axis}", np.repeat(mirrored, lengths(flat))), (f"seed_{axis}", mirrored)):
            there = -flat[name] if axis == "ieta" else PHI_CRYSTALS + 1 - flat[name]
            changed[name] = np.where(where, there, flat[name]).astype(flat[name].dtype)
    return changed


def sample(n: int, seed: int) -> ak.Array:
    """Makes small candidates quickly, for tests and goldens: `SAMPLE_CASES`, then toy decays.

    No physics but that mass goes with pT and distance: two round spots of light.

    Args:
        n: Number of candidates.
        seed: Same seed, same candidates.

    Returns:
        Records with all fields but the weight.
    """
    made = [
        _candidate(
            SAMPLE_CASES[number] if number < len(SAMPLE_CASES) else "", np.random.default_rng((seed, number))
        )
        for number in range(n)
    ]
    columns: dict[str, Any] = {}
    for field in CANDIDATES.fields:
        values = [each[field.name] for each in made if field.name in each]
        if field.collection:
            flat = np.concatenate([np.zeros(0), *values]).astype(field.dtype)
            columns[field.name] = ak.unflatten(flat, np.array([len(each) for each in values], np.int64))
        elif len(values) == n:
            columns[field.name] = np.asarray(values, field.dtype)
    columns["event_id"] = np.arange(n)
    return assemble(columns)


def _candidate(case: str, rng: np.random.Generator) -> dict[str, Any]:
    """Returns one candidate by field name; hits as arrays."""
    place = {"at the end of the barrel": 84, "at the other end of the barrel": -85, "across eta 0": 0}
    row, iphi = place.get(case, int(rng.integers(-80, 80))), int(rng.integers(1, PHI_CRYSTALS + 1))
    if case == "across the end of iphi":
        iphi = 1
    photon = not case and rng.random() < 0.2
    distance, share = float(rng.uniform(0.0, 4.0)), float(rng.uniform(0.5, 0.95))
    pt = {"smallest energies": 0.5, "largest energies": 2000.0}.get(case, float(rng.uniform(20.0, 100.0)))
    angle = float(rng.uniform(-np.pi, np.pi))
    if case == "two equal photons, mirror-symmetric":
        share, distance, angle = 0.5, 4.0, 0.0
    elif case == "one photon of two in the corner of the image":
        distance, angle = 21.0, 0.25 * np.pi
    elif photon:
        share, distance = 1.0, 0.0
    energy = pt * np.cosh(0.0174 * (row + 0.5))
    spots = [(0.0, 0.0, share), (distance * np.cos(angle), distance * np.sin(angle), 1.0 - share)]
    if case == "two candidates in the image":
        spots += [(9.0, -8.0, 0.7), (10.0, -9.0, 0.2)]
    elif case == "a harder crystal off the seed":
        spots += [(-6.0, 3.0, 3.0)]
    off = rng.uniform(-0.4, 0.4, 2) * (case != "two equal photons, mirror-symmetric")
    rows, columns = np.meshgrid(_REACH, _REACH, indexing="ij")
    image = np.zeros(rows.shape)
    for d_row, d_column, part in spots:
        r = np.hypot(rows - d_row - off[0], columns - d_column - off[1])
        image += energy * part * (0.7 * np.exp(-2.2 * r**2) + 0.02 * np.exp(-0.7 * r))
    if case == "every crystal of one energy":
        image[:] = 1.0
    kept = image > (1e-4 if case == "smallest energies" else 0.1)
    if case == "no energy":
        kept[:] = False
    elif case.startswith(("one crystal", "two crystals")):
        kept[:] = False
        kept[16, 16 : 18 if case.startswith("two") else 17] = True
        image[16, 17] = image[16, 16]
    there = row + rows
    kept &= (there >= -85) & (there < 85)
    mass = pt * 0.0174 * distance * np.sqrt(share * (1.0 - share))
    return {
        "hits.ieta": np.where(there >= 0, there + 1, there)[kept],
        "hits.iphi": (iphi - 1 + columns[kept]) % PHI_CRYSTALS + 1,
        "hits.energy_gev": image[kept],
        "seed_ieta": row + 1 if row >= 0 else row,
        "seed_iphi": iphi,
        "parent_pdg_id": PHOTON if photon else A0,
        "mass_gev": 0.0 if photon else mass,
        "label_mass_gev": -0.3 * (1.0 - rng.random()) if photon else mass,
        "pt_gev": pt,
        "true_eta": 0.0174 * (row + 0.5),
        "true_phi": 0.0,
        "opening_crystals": distance,
        "lead_share": share,
        "n_converted": 0,
        "n_pileup": 0,
        "shower_row": -1,
        "shower_pdg_id": 22,
        "second_shower_row": -1,
        "second_shower_pdg_id": 22,
    }
