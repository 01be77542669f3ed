from __future__ import annotations

import subprocess
import sys

import awkward as ak
import numpy as np
import pytest

pytest.importorskip("iminuit")

from zoo.data.records import raw_energy_gev
from zoo.errors import InvalidValue
from zoo.models.drn.report import energy_report

N = 400


@pytest.fixture
def records():
    rng = np.random.default_rng(0)
    true = rng.uniform(8, 100, N)
    share = rng.dirichlet([4, 2, 1], N)
    hits = ak.zip(
        {
            "ieta": ak.Array(np.tile(np.array([10, 11, 12], np.int16), (N, 1))),
            "iphi": ak.Array(np.tile(np.array([1, 1, 2], np.int16), (N, 1))),
            "energy_gev": ak.Array((0.95 * true[:, None] * share).astype(np.float32)),
            "noise_gev": ak.Array(np.full((N, 3), 0.08, np.float32)),
            "dead_neighbours": ak.Array(np.zeros((N, 3), np.uint8)),
        }
    )
    scalars = {
        "seed_ieta": np.full(N, 10, np.int16), "seed_iphi": np.ones(N, np.int16),
        "rho_gev": rng.uniform(5, 30, N).astype(np.float32), "leakage_gev": np.zeros(N, np.float32),
        "true_energy_gev": true.astype(np.float32), "true_eta": np.full(N, 0.17, np.float32),
        "true_phi": np.full(N, 0.01, np.float32), "pdg_id": np.full(N, 11, np.int32),
        "shower_row": rng.integers(-1, 60, N).astype(np.int32), "shower_pdg_id": np.full(N, 11, np.int32),
    }  # fmt: skip
    columns = {name: ak.Array(values) for name, values in scalars.items()}
    return ak.zip({"hits": ak.from_regular(hits), **columns}, depth_limit=1)


def outputs(records, width=0.02):
    true = np.asarray(records.true_energy_gev)
    y = np.random.default_rng(1).normal(0, width, N)
    dscb = np.tile(np.array([0.0, width, 2.0, 5.0, 2.0, 5.0], np.float32), (N, 1))
    energy = (true * np.exp(-y)).astype(np.float32)
    return {"energy_gev": energy, "sigma_gev": (width * energy).astype(np.float32), "dscb": dscb}


def fake_pit(predictions, truth):
    from scipy.special import ndtr

    return ndtr(np.log(truth / np.asarray(predictions["energy_gev"], np.float64)) / 0.02)


def test_methods_baseline_and_clusters(records):
    bdt = ak.Array({"energy_gev": raw_energy_gev(records) / 0.95, "sigma_gev": np.ones(N, np.float32)})
    report = energy_report(
        records, outputs(records), baselines={"bdt_regression": bdt}, replicas=10, pit=fake_pit
    )
    assert [m.name for m in report.methods] == ["raw", "bdt_regression", "drn"]
    assert report.baseline == "bdt_regression" and report.model == "drn"
    rows = np.asarray(records.shower_row)
    lonely = int((rows < 0).sum())  # objects without a shower stand for themselves
    assert report.bootstrap.n_clusters == len(np.unique(rows[rows >= 0])) + lonely
    assert "electrons" in report.title
    content = report.compute()
    assert set(content["variables"]) >= {"et", "abs_eta", "rho", "r9", "h_over_e", "n_hits", "eta_in_crystal"}
    drn = content["overall"]["methods"]["drn"]
    assert drn["coverage_68"]["value"] == pytest.approx(0.68, abs=0.08)
    assert drn["resolution"]["value"] == pytest.approx(0.02, rel=0.2)


def test_classes_limit_and_the_variables_with_verdicts(records):
    limit = np.full(N, 0.01)
    report = energy_report(records, outputs(records), replicas=5, pit=fake_pit, limits={"oracle": limit})
    assert report.methods[-1].limit and report.methods[-1].name == "limit_oracle"
    assert report.baseline == "raw"
    assert {"et", "abs_eta", "rho", "r9"} <= set(report.fit_variables)
    assert {chosen.name for chosen in report.classes} >= {"high_r9", "low_r9", "gap", "dead_crystal"}
    with pytest.raises(InvalidValue, match=f"limit cascade: expected {N} values"):
        energy_report(records, outputs(records), replicas=5, pit=fake_pit, limits={"cascade": limit[:-1]})


def test_without_baselines_the_raw_sum_is_the_baseline(records):
    assert energy_report(records, outputs(records), replicas=5, pit=fake_pit).baseline == "raw"


def test_the_predicted_distribution_gives_the_pit(records):
    """The crystal ball's own cumulative function, by TensorFlow Probability."""
    pytest.importorskip("tensorflow_probability")
    report = energy_report(records, outputs(records), replicas=5)
    pit, normal = report.pits["drn"], fake_pit(outputs(records), np.asarray(records.true_energy_gev))
    assert np.all((pit > 0) & (pit < 1))
    # Within the core (two sigma here) a crystal ball is close to the normal distribution.
    np.testing.assert_allclose(pit, normal, atol=0.06)


def test_missing_truth_or_predictions_are_named(records):
    with pytest.raises(InvalidValue, match="true_eta"):
        energy_report(ak.without_field(records, "true_eta"), outputs(records))
    short = {name: values[:-1] for name, values in outputs(records).items()}
    with pytest.raises(InvalidValue, match=f"energy_gev of drn: expected {N} values"):
        energy_report(records, short)
    with pytest.raises(InvalidValue, match="the field energy_gev"):
        energy_report(records, {"sigma_gev": np.ones(N)})


def test_evaluation_imports_no_tensorflow():
    code = (
        "import sys, zoo.evaluation, zoo.models.drn.report, zoo.data.feeding.stream, zoo.data.files.readers;"
        "bad = [m for m in ('tensorflow', 'keras', 'iminuit', 'mplhep', 'lightgbm') if m in sys.modules];"
        "sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
