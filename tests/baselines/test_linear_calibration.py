import awkward as ak
import numpy as np
import pytest

from zoo.baselines import linear_calibration, raw_sum
from zoo.baselines.residuals import ONE_SIGMA, ResidualTable
from zoo.data.feeding.flat import from_flat
from zoo.errors import InvalidFile, InvalidValue, UnknownName
from zoo.files import write_json


def objects(n, seed):
    """One hit each; the raw sum is low by a factor that depends on energy and |eta|, with a width of 5 %."""
    rng = np.random.default_rng(seed)
    true = np.exp(rng.uniform(np.log(5), np.log(120), n))
    ieta = rng.integers(1, 86, n) * rng.choice([-1, 1], n)
    y = 0.05 + 0.1 * np.abs(ieta) / 85 - 0.02 * np.log(true / 30) + 0.05 * rng.normal(size=n)
    return from_flat(
        {
            "offsets": np.arange(n + 1),
            "hits.ieta": ieta.astype(np.int16),
            "hits.iphi": np.full(n, 10, np.int16),
            "hits.energy_gev": (true * np.exp(-y)).astype(np.float32),
            "seed_ieta": ieta.astype(np.int16),
            "true_energy_gev": true.astype(np.float32),
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("linear")
    calibration = linear_calibration.fit(objects(60_000, 1), objects(10_000, 2))
    write_json(folder / linear_calibration.CALIBRATION, calibration.to_dict())
    return folder


def test_it_takes_the_bias_away_and_knows_the_width(folder):
    records = objects(40_000, 3)
    found = linear_calibration.predict(records, folder)
    response = np.asarray(found.energy_gev) / np.asarray(records.true_energy_gev)
    ieta = np.abs(np.asarray(records.seed_ieta))
    for inside in (ieta < 20, ieta > 65, np.asarray(records.true_energy_gev) > 60):
        assert np.median(response[inside]) == pytest.approx(1.0, abs=0.01)
    assert np.median(np.asarray(found.sigma_gev / found.energy_gev)) == pytest.approx(0.05, rel=0.1)
    pit = np.asarray(found.pit)
    assert np.mean(np.abs(pit - 0.5) < ONE_SIGMA / 2) == pytest.approx(ONE_SIGMA, abs=0.015)
    assert np.histogram(pit, 10, (0, 1))[0] == pytest.approx(4000, rel=0.1)


def test_without_truth_and_without_hits(folder):
    records = objects(3, 4)
    found = linear_calibration.predict(ak.without_field(records, "true_energy_gev"), folder)
    assert ak.fields(found) == ["energy_gev", "sigma_gev"]
    empty = ak.with_field(records, records.hits[:, :0], "hits")
    found = linear_calibration.predict(empty, folder)
    assert found.energy_gev.tolist() == found.sigma_gev.tolist() == [-1.0] * 3
    assert raw_sum.predict(empty).energy_gev.tolist() == [-1.0] * 3
    assert raw_sum.predict(records).energy_gev.tolist() == ak.flatten(records.hits.energy_gev).tolist()


def test_too_few_objects():
    with pytest.raises(InvalidValue, match="at least 1200"):
        linear_calibration.fit(objects(100, 1), objects(100, 2))


def test_bad_weights(tmp_path):
    with pytest.raises(InvalidFile, match=r"calibration\.json"):
        linear_calibration.load(tmp_path)
    (tmp_path / "calibration.json").write_text("{}")
    with pytest.raises(InvalidFile, match="not the weights"):
        linear_calibration.load(tmp_path)
    with pytest.raises(UnknownName, match="tag"):
        linear_calibration.load("nowhere_v1")


def test_residual_table_inverts_itself():
    z = np.random.default_rng(0).standard_t(3, 50_000)
    table = ResidualTable.measure(z)
    again = ResidualTable.from_dict(table.to_dict())
    p = np.array([0.001, 0.16, 0.5, 0.84, 0.999])
    np.testing.assert_allclose(again.cdf(again.quantile(p)), p, atol=1e-6)
    np.testing.assert_allclose(table.quantile(p), np.quantile(z, p), rtol=0.03, atol=0.02)
    with pytest.raises(InvalidValue, match="1000"):
        ResidualTable.measure(z[:10])
