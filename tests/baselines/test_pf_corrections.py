"""The energy correction of PFClustering: form, variables, the shipped files, the command behind them."""

import dataclasses
import json

import numpy as np
import pytest

import zoo
from training.__main__ import main
from training.baselines import pf_clustering as training
from zoo.baselines import pf_clustering as pf
from zoo.baselines.pf_clustering.cluster_variables import barrel_variables, plane_place, plane_variables
from zoo.baselines.pf_clustering.corrections import FILES
from zoo.cards.reading import read_card
from zoo.clustering.lattice import flat
from zoo.detectors import cms_barrel
from zoo.errors import InvalidFile, InvalidValue, UnknownName


def toy(n=20_000, seed=1):
    """Clusters whose ln(E_true / E) is in the correction's form, with a width and a tail of 3 %."""
    rng = np.random.default_rng(seed)
    energy = np.exp(rng.uniform(0, 5, n))
    variables = {"a": rng.uniform(-1, 3, n), "b": rng.uniform(0, 1, n)}
    log_energy = np.log(energy)
    y = 0.05 + 0.02 * variables["a"] - 0.01 * log_energy * variables["a"] * variables["b"]
    y += 0.01 * variables["b"] ** 2
    measured = y + 0.02 * rng.normal(size=n) + np.where(rng.random(n) < 0.03, 0.4, 0.0)
    return energy, variables, energy * np.exp(y), energy * np.exp(measured)


def test_it_finds_a_factor_of_its_form_in_spite_of_tails():
    energy, variables, exact, true = toy()
    correction = pf.EnergyCorrection.fit(energy, variables, true, knots=4)
    found = np.log(correction.apply(energy, variables) / exact)
    assert abs(np.mean(found)) < 0.002  # the tail alone would pull it to 0.012
    assert np.std(found) < 0.004
    turned = {name: variables[name] for name in ("b", "a")}
    np.testing.assert_array_equal(correction.apply(energy, turned), correction.apply(energy, variables))


def test_beyond_what_it_was_fitted_on_it_is_constant():
    energy, variables, _, true = toy()
    correction = pf.EnergyCorrection.fit(energy, variables, true, knots=4)
    far = {"a": np.array([50.0, 3.0, 1.0, 1.0]), "b": np.full(4, 0.5)}
    inside = {"a": np.minimum(far["a"], correction.high[0]), "b": far["b"]}
    there = np.array([20.0, 20.0, 1e6, np.exp(correction.log_energy[-1])])
    factor = correction.apply(there, far) / there
    np.testing.assert_allclose(factor, correction.apply(there, inside) / there, rtol=1e-12)
    assert factor[2] == pytest.approx(factor[3], rel=1e-12)
    least, most = np.exp(correction.least), np.exp(correction.most)
    wild = dataclasses.replace(correction, coefficients=np.full_like(correction.coefficients, 9.0))
    assert np.all(wild.apply(energy, variables) <= most * energy * (1 + 1e-12)) and least < 1 < most


def test_a_correction_through_json():
    energy, variables, _, true = toy(3000)
    correction = pf.EnergyCorrection.fit(energy, variables, true, knots=3)
    again = pf.EnergyCorrection.from_dict(json.loads(json.dumps(correction.to_dict())))
    np.testing.assert_allclose(again.apply(energy, variables), correction.apply(energy, variables), rtol=3e-5)
    assert len(pf.EnergyCorrection.fit(energy, variables, true, knots=3).coefficients) == 3


def test_it_says_what_is_wrong():
    energy, variables, _, true = toy(3000)
    fit = pf.EnergyCorrection.fit
    with pytest.raises(InvalidValue, match="at least 240"):
        fit(energy[:100], {name: values[:100] for name, values in variables.items()}, true[:100], knots=2)
    with pytest.raises(InvalidValue, match="one length"):
        fit(energy, variables, true[:9])
    with pytest.raises(InvalidValue, match="positive energies"):
        fit(energy, variables, true - 1000)
    with pytest.raises(InvalidValue, match="b: expected 3000 finite values"):
        fit(energy, {**variables, "b": np.full(3000, np.nan)}, true)
    correction = fit(energy, variables, true, knots=2)
    with pytest.raises(InvalidValue, match="positive energies"):
        correction.apply([0.0], {"a": [0.0], "b": [0.0]})
    with pytest.raises(UnknownName, match="unknown variable 'b'"):
        correction.apply([1.0], {"a": [0.0]})
    with pytest.raises(InvalidValue, match="coefficients"):
        dataclasses.replace(correction, coefficients=correction.coefficients[:, :3])


def barrel(eta, phi, ieta, iphi, **changes):
    one = np.ones(np.shape(eta))
    return barrel_variables(10 * one, eta, phi, ieta, iphi, 8 * one, 9 * one)


def test_variables_of_the_barrel():
    eta, phi = cms_barrel.ETA_PITCH, cms_barrel.PHI_PITCH
    # the centre of a crystal far from any edge; the gaps after ieta 25 and iphi 20; the end of the barrel
    at = np.array([[30.5, 150.5], [25.0, 150.5], [30.5, 20.0], [85.0, 150.5]])
    found = barrel(at[:, 0] * eta, at[:, 1] * phi, [31, 25, 31, 85], [151, 151, 20, 151])
    np.testing.assert_allclose(found["larger_offset"], [0, 0.5, 0.5, 0.5], atol=1e-9)
    np.testing.assert_allclose(found["smaller_offset"], 0, atol=1e-9)
    np.testing.assert_allclose(found["seed_share"], 0.8)
    np.testing.assert_allclose(found["log_hits"], np.log(9))
    for name, expected in (("eta_gap", [0, 1, 0, 0]), ("phi_gap", [0, 0, 1, 0]), ("border", [0, 0, 0, 1])):
        np.testing.assert_allclose(found[name], expected, atol=1e-6, err_msg=name)
    # mirrored in eta, turned by supermodules across phi = pi, the same
    mirrored = barrel(
        -at[:, 0] * eta, (at[:, 1] + 40) * phi - 2 * np.pi, [-31, -25, -31, -85], [191, 191, 60, 191]
    )
    for name, values in found.items():
        np.testing.assert_allclose(mirrored[name], values, atol=1e-9, err_msg=name)


def test_variables_of_a_plane():
    plane = flat(30, 85)
    # the middle is (15, 42.5); crystal (3, 7) hit 0.2 and -0.3 crystals from its centre; the edge
    place = np.array([[3.7, 7.2], [0.0, 42.5]])
    position = np.column_stack([np.full(2, cms_barrel.RADIUS_CM), (place - [15, 42.5]) * 2.2])
    np.testing.assert_allclose(plane_place(plane, position), place, atol=1e-9)
    found = plane_variables(plane, [4.0, 4.0], position, [3, 0], [7, 42], [1.0, 3.0], [4, 1])
    np.testing.assert_allclose(found["larger_offset"], [0.3, 0.5], atol=1e-9)
    np.testing.assert_allclose(found["smaller_offset"], [0.2, 0.0], atol=1e-9)
    np.testing.assert_allclose(found["seed_share"], [0.25, 0.75])
    np.testing.assert_allclose(found["border"], [np.exp(-3.7 / 0.3), 1.0])


def test_the_shipped_correction_of_the_segment_reaches_the_published_width():
    # the talk: 0.59-0.61 GeV; its physics limit is 0.56, raw clusters have 1.5
    photons = training.segment_photons(1500, 11, "test")
    true = photons.true_energy_gev
    assert len(true) > 0.995 * photons.photons
    correction = pf.load_correction("flat_segment")
    width = [
        np.subtract(*np.quantile(energy - true, (0.841345, 0.158655))) / 2
        for energy in (photons.energy_gev, correction.apply(photons.energy_gev, photons.variables))
    ]
    assert width[0] > 1.3 and 0.53 < width[1] < 0.67


def test_the_shipped_correction_of_the_barrel():
    photons = training.barrel_photons(1500, 12, "test", pileup_free_fraction=1.0)
    true = photons.true_energy_gev
    assert len(true) > 0.96 * photons.photons  # not all of 0.3 GeV have a seed
    hard = (true > 20) & (true < 200)
    corrected = pf.load_correction().apply(photons.energy_gev, photons.variables)
    responses = [energy[hard] / true[hard] for energy in (photons.energy_gev, corrected)]
    width = [np.subtract(*np.quantile(r, (0.841345, 0.158655))) / np.median(r) for r in responses]
    assert np.median(responses[0]) < 0.97 and np.median(responses[1]) == pytest.approx(1.0, abs=0.003)
    assert width[1] < 0.75 * width[0]


def test_corrected_energies_of_clusters():
    row, column = np.mgrid[:5, :5]
    image = 20 * np.exp(-np.hypot(row - 2, column - 2.1) / 0.42)
    hits = image > 0.2
    place = row[hits] + 30, column[hits] + 148
    clusters = pf.pf_clusters([0, hits.sum()], *place, image[hits])
    assert clusters.seed_energy_gev == image.max()
    one = clusters.energy_gev, clusters.eta, clusters.phi, [32], [150], [image.max()], [hits.sum()]
    expected = pf.load_correction("barrel").apply(clusters.energy_gev, barrel_variables(*one))
    np.testing.assert_allclose(pf.corrected_energy_gev(clusters), expected)
    assert 0.95 < expected[0] / clusters.energy_gev[0] < 1.1
    assert len(pf.corrected_energy_gev(pf.pf_clusters([0, 0], [], [], []))) == 0


def test_unknown_detectors_and_damaged_files(tmp_path):
    with pytest.raises(UnknownName, match="barrel"):
        pf.load_correction("barel")
    with pytest.raises(UnknownName, match="photons_v1"):
        pf.load_correction("barrel", "photons_v9")
    with pytest.raises(InvalidFile, match="is missing"):
        pf.load_correction("barrel", tmp_path)
    for name in FILES:
        (tmp_path / name).write_text('{"variables": ["a"]}')
    with pytest.raises(InvalidFile, match="not a correction"):
        pf.load_correction("barrel", tmp_path)


def test_the_command_fits_measures_and_releases(tmp_path, monkeypatch, capsys):
    card = tmp_path / "zoo" / "pf_clustering" / "card.toml"
    card.parent.mkdir(parents=True)
    text = zoo.info("pf_clustering").path.read_text(encoding="utf-8")
    card.write_text(text.partition("\n[tags")[0])
    monkeypatch.setattr(training.registry, "info", lambda name: read_card(card))
    monkeypatch.setattr(training, "SAVED_MODELS", tmp_path / "saved")
    few = ["--flat-segment", "900", "--barrel", "1900", "--test", "500", "--knots", "2"]
    run = ["--pileup-free-fraction", "1", "--out", str(tmp_path / "run")]
    assert main(["fit", "pf_clustering", *few, *run, "--tag", "photons_v1"]) == 0
    tag = read_card(card).tag("photons_v1")
    assert set(tag.files) == set(FILES)
    widths = {metric.name: metric for metric in tag.metrics}
    segment = widths["flat segment: sigma_E"]
    assert segment.value < 0.6 * segment.baseline and 0 < segment.error < 0.2 * segment.value
    assert tag.extra["showers"]["flat_segment_test"] < 500
    folder = tmp_path / "saved" / "pf_clustering" / "photons_v1"
    assert pf.load_correction("flat_segment", folder).variables[-1] == "border"
    assert "sigma_E" in capsys.readouterr().out
    with pytest.raises(InvalidFile, match="the tag exists"):
        training.release(tmp_path / "run", "photons_v1", tmp_path / "saved")
    with pytest.raises(InvalidFile, match="holds a run already"):
        training.train(training.CorrectionRecipe(), tmp_path / "run")
