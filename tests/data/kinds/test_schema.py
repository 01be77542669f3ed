from __future__ import annotations

import re
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

from zoo.data.records import KINDS, conform, field_names, get_field, raw_energy_gev, select, validate
from zoo.errors import InvalidValue, UnknownName

DOCS = Path(__file__).resolve().parents[3] / "docs" / "data_format.md"


def replaced(records: ak.Array, name: str, values: object) -> ak.Array:
    if "." in name:
        collection, leaf = name.split(".")
        return ak.with_field(records, ak.with_field(records[collection], values, leaf), collection)
    return ak.with_field(records, values, name)


def spoiled(records: ak.Array, name: str, value: float) -> ak.Array:
    """The records with one value of one field replaced."""
    column = get_field(records, name)
    flat = np.array(ak.to_numpy(ak.flatten(column) if column.ndim == 2 else column))
    flat[7] = value
    return replaced(records, name, ak.unflatten(flat, ak.num(column)) if column.ndim == 2 else flat)


def test_valid_records_pass(records):
    validate(records, truth=True)
    validate(records[:0], truth=True)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("hits.energy_gev", 0.0, "above 0 to 7000 GeV"),
        ("hits.energy_gev", -0.5, "above 0"),
        ("hits.energy_gev", 45000.0, "to 7000 GeV"),  # written in MeV
        ("hits.energy_gev", np.nan, "finite"),
        ("hits.noise_gev", 80.0, "from 0 to 10 GeV"),  # written in MeV
        ("hits.noise_gev", -0.1, "from 0"),
        ("hits.ieta", 0, "not 0"),
        ("hits.ieta", 86, "from -85 to 85"),
        ("hits.iphi", 0, "from 1 to 360"),
        ("hits.dead_neighbours", 9, "from 0 to 8"),
        ("rho_gev", np.inf, "finite"),
        ("leakage_gev", -1.0, "from 0"),
        ("true_phi", 4.0, "rad"),
        ("true_energy_gev", 0.0, "above 0"),
    ],
)
def test_wrong_values_are_named(records, name, value, expected):
    with pytest.raises(InvalidValue) as error:
        validate(spoiled(records, name, value))
    assert name in str(error.value)
    assert expected in str(error.value)
    assert "1 of" in str(error.value)


def test_wrong_dtype_is_named_and_conform_mends_it(records):
    wide = replaced(records, "hits.energy_gev", ak.values_astype(records.hits.energy_gev, np.float64))
    with pytest.raises(InvalidValue, match=r"hits\.energy_gev: expected dtype float32.*float64"):
        validate(wide)
    mended = conform(wide)
    validate(mended)
    assert ak.all(mended.hits.energy_gev == records.hits.energy_gev)


def test_conform_refuses_what_changes_a_value(records):
    with pytest.raises(InvalidValue, match=r"hits\.dead_neighbours: expected whole numbers that fit uint8"):
        conform(replaced(records, "hits.dead_neighbours", ak.full_like(records.hits.ieta, 300)))
    with pytest.raises(InvalidValue, match="seed_ieta: expected whole numbers"):
        conform(replaced(records, "seed_ieta", np.full(len(records), 1.5)))
    with pytest.raises(InvalidValue, match=r"rho_gev: expected (numbers|plain numbers)"):
        conform(replaced(records, "rho_gev", ["a"] * len(records)))


def test_wrong_shape_is_named(records):
    with pytest.raises(InvalidValue, match="rho_gev: expected one value per object"):
        validate(replaced(records, "rho_gev", records.hits.energy_gev))
    with pytest.raises(InvalidValue, match="one-dimensional"):
        validate(np.zeros(3))


def test_missing_and_unknown_fields(records):
    with pytest.raises(InvalidValue, match="leakage_gev: expected the field"):
        validate(ak.without_field(records, "leakage_gev"))
    bare = ak.without_field(records, "true_energy_gev")
    validate(bare)
    with pytest.raises(InvalidValue, match="true_energy_gev: expected the field"):
        validate(bare, truth=True)
    with pytest.raises(UnknownName, match="'leakage_gev'"):
        validate(ak.with_field(records, records.leakage_gev, "leakage_GeV"))


def test_deposits_point_at_hits(records):
    with pytest.raises(InvalidValue, match=r"deposits\.hit: expected indices below"):
        validate(spoiled(records, "deposits.hit", 400))


def test_raw_energy_is_the_sum_of_the_hits(records):
    raw = raw_energy_gev(records)
    assert raw.dtype == np.float32
    assert raw[0] == 0.0  # no hits
    expected = [sum(float(e) for e in hits) for hits in records.hits.energy_gev]
    np.testing.assert_allclose(raw, expected, rtol=1e-6)


def test_select_keeps_the_asked_range(records):
    kept = select(records, et_gev=(10, 40), abs_eta=(0, 1), abs_pdg_id=11)
    et = np.asarray(kept.true_energy_gev) / np.cosh(np.asarray(kept.true_eta))
    assert 0 < len(kept) < len(records)
    assert et.min() >= 10 and et.max() < 40
    assert set(np.abs(np.asarray(kept.pdg_id))) == {11}
    ratio = raw_energy_gev(records) / np.asarray(records.true_energy_gev)
    assert len(select(records, reachable=True)) == int(np.sum((ratio > 0.5) & (ratio < 2)))


def test_the_documentation_shows_the_field_table():
    """docs/data_format.md lists every field with its dtype, unit and role."""
    rows = re.findall(
        r"^\| `([\w.]+)` \| (\w+) \| ([^|]*) \| (\w+) \| ([^|]*) \| ([^|]*) \|$",
        DOCS.read_text(),
        re.MULTILINE,
    )
    fields = [field for schema in KINDS.values() for field in schema.fields]
    assert rows == [(f.name, f.dtype, f.unit, f.role, f.range_text, f.meaning) for f in fields]


def test_every_field_is_made_by_the_fixture(records):
    assert set(field_names(records)) == set(KINDS["objects"].by_name)
