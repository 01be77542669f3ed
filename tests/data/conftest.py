from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

from zoo.data.kinds.clusters import WINDOWS
from zoo.data.kinds.elements import ELEMENT_EVENTS
from zoo.data.kinds.schema import Field, Schema
from zoo.data.records import KINDS, assemble

REAL = Path(__file__).resolve().parents[3] / "shared" / "real"


def make_records(n: int, seed: int = 0, counts: list[int] | None = None) -> ak.Array:
    """Small records with truth, particles and deposits; the first object has no hits."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 60, n) if counts is None else np.array(counts)
    if counts is None and n:
        sizes[0] = 0
    total = int(sizes.sum())

    def hits(values: np.ndarray, dtype: str) -> ak.Array:
        return ak.unflatten(values.astype(dtype), sizes)

    particles = rng.integers(1, 4, n)
    many = int(particles.sum())

    def inside(values: np.ndarray, dtype: str, per: np.ndarray) -> ak.Array:
        return ak.unflatten(values.astype(dtype), per)

    some = np.minimum(sizes, 2)
    few = int(some.sum())
    energy = rng.uniform(5, 120, n)
    return assemble(
        {
            "hits.ieta": hits(rng.integers(1, 86, total) * rng.choice([-1, 1], total), "int16"),
            "hits.iphi": hits(rng.integers(1, 361, total), "int16"),
            "hits.energy_gev": hits(rng.exponential(1.0, total) + 0.1, "float32"),
            "hits.noise_gev": hits(np.full(total, 0.08), "float32"),
            "hits.dead_neighbours": hits(rng.integers(0, 2, total), "uint8"),
            "hits.true_energy_gev": hits(rng.exponential(1.0, total), "float32"),
            "hits.pileup_energy_gev": hits(np.zeros(total), "float32"),
            "seed_ieta": rng.integers(1, 86, n).astype("int16"),
            "seed_iphi": rng.integers(1, 361, n).astype("int16"),
            "rho_gev": rng.uniform(5, 30, n).astype("float32"),
            "leakage_gev": np.maximum(rng.normal(0, 1, n), 0).astype("float32"),
            "n_pileup": rng.integers(20, 70, n).astype("int16"),
            "pileup_photon_gev": rng.uniform(0, 2, n).astype("float32"),
            "true_energy_gev": energy.astype("float32"),
            "true_eta": rng.uniform(-1.4, 1.4, n).astype("float32"),
            "true_phi": rng.uniform(-3.1, 3.1, n).astype("float32"),
            "pdg_id": rng.choice([11, -11, 22], n).astype("int32"),
            "particles.pdg_id": inside(np.full(many, 22), "int32", particles),
            "particles.parent": inside(np.full(many, -1), "int16", particles),
            "particles.energy_gev": inside(rng.uniform(1, 5, many), "float32", particles),
            "particles.eta": inside(rng.uniform(-1.4, 1.4, many), "float32", particles),
            "particles.phi": inside(rng.uniform(-3.1, 3.1, many), "float32", particles),
            "particles.radius_cm": inside(np.zeros(many), "float32", particles),
            "particles.library_row": inside(rng.integers(0, 99, many), "int32", particles),
            "particles.deposit_gev": inside(rng.uniform(1, 5, many), "float32", particles),
            "deposits.particle": inside(np.zeros(few), "int16", some),
            "deposits.hit": inside(np.zeros(few), "int16", some),
            "deposits.energy_gev": inside(np.ones(few), "float32", some),
            "shower_row": rng.integers(0, 40, n).astype("int32"),
            "shower_pdg_id": rng.choice([11, 22], n).astype("int32"),
            "event_id": np.arange(n, dtype="int64"),
        }
    )


def make_kind(schema: Schema, n: int, seed: int = 0) -> ak.Array:
    """Random records of any kind, every field valid; the first record has no entry in any collection."""
    rng = np.random.default_rng(seed)
    counts = {name: rng.integers(1, 9, n) for name in schema.collections}
    for sizes in counts.values():
        sizes[:1] = 0

    def column(field: Field) -> ak.Array | np.ndarray:
        size = int(counts[field.collection].sum()) if field.collection else n
        if field.into:
            values = rng.integers(0, np.repeat(counts[field.into], counts[field.collection]), size)
        elif np.dtype(field.dtype).kind in "iu":
            values = rng.integers(max(field.low, 1 if field.not_zero else -9), min(field.high, 99) + 1, size)
        else:
            values = rng.uniform(max(field.low, -9.0) + 1e-3, min(field.high, 9.0), size)
        values = values.astype(field.dtype)
        return ak.unflatten(values, counts[field.collection]) if field.collection else values

    return assemble({field.name: column(field) for field in schema.fields})


@pytest.fixture
def records() -> ak.Array:
    return make_records(300)


@pytest.fixture
def make() -> Callable[..., ak.Array]:
    return make_records


@pytest.fixture(params=KINDS.values(), ids=list(KINDS))
def kind(request: pytest.FixtureRequest) -> Schema:
    """Each kind of records in turn."""
    return request.param


@pytest.fixture
def of_kind(kind: Schema) -> ak.Array:
    return make_kind(kind, 40)


@pytest.fixture
def windows() -> ak.Array:
    return make_kind(WINDOWS, 200)


@pytest.fixture
def elements() -> ak.Array:
    return make_kind(ELEMENT_EVENTS, 20)


@pytest.fixture
def real() -> Callable[[str], Path]:
    def find(name: str) -> Path:
        path = REAL / name
        if not path.is_file():
            pytest.skip(f"{name} is not in ../shared/real")
        return path

    return find
