"""The information limit: analytic toys, the mean shower against the library, and a template fit that reaches
the limit on single photons of showers that the templates have not seen."""

import dataclasses

import awkward as ak
import numpy as np
import pytest

from zoo.detectors import cms_barrel
from zoo.errors import InvalidValue, UnknownName
from zoo.evaluation.resolution import effective_width, relative_resolution
from zoo.simulation.information_limit import (
    effective_resolution,
    fisher_information,
    information_limit,
)
from zoo.simulation.material import Material
from zoo.simulation.mean_shower import CORE, REACH, MeanShowers
from zoo.simulation.response import NOISE, DeadChannels
from zoo.simulation.samples import ELECTRONS, PHOTONS, simulate
from zoo.simulation.showers import KINDS
from zoo.simulation.transport import TransportConfig
from zoo.simulation.window_model import window_models

BARE = dataclasses.replace(
    PHOTONS,
    pileup=(0, 0),
    transport=TransportConfig(material=Material(scale=0.0)),
    noise=dataclasses.replace(NOISE["run2"], hit_cut_gev=-1e3, hit_cut_sigma=-1e6),
    dead=DeadChannels(0.0, 0.0),
)
"""Single photons, and every crystal of the window a hit."""


@pytest.fixture(scope="module")
def photons():
    return simulate("photons", 400, seed=5, config=BARE)


# ---- the formula


def test_one_crystal_with_known_noise():
    energy, noise = 20.0, 0.5
    found = fisher_information(np.array([[energy]]), np.array([[noise**2]]))  # parameter ln E
    assert 1.0 / np.sqrt(found[0, 0]) == pytest.approx(noise / energy)


def test_many_crystals_without_fluctuations():
    energy, part = 20.0, np.array([0.6, 0.2, 0.1, 0.07])
    noise = np.array([0.1, 0.2, 0.05, 0.3])
    found = fisher_information(energy * part[:, None], np.diag(noise**2))
    assert 1.0 / np.sqrt(found[0, 0]) == pytest.approx(1.0 / np.sqrt(np.sum((part / noise) ** 2)) / energy)


def test_noise_that_grows_with_the_energy_tells_the_energy():
    # M measurements around zero with variance E^2: F = M/2 (d ln variance / d ln E)^2 = 2 M
    size, energy = 7, 3.0
    covariance = energy**2 * np.eye(size)
    found = fisher_information(np.zeros((size, 1)), covariance, 2.0 * covariance[None])
    assert found[0, 0] == pytest.approx(2.0 * size)


def test_effective_resolution_of_mixtures():
    assert effective_resolution(np.full(5, 0.03))[0] == pytest.approx(0.03)
    rng = np.random.default_rng(1)
    sigma = np.exp(rng.normal(-3.0, 0.7, 2000))
    drawn = effective_width(1.0 + np.tile(sigma, 100) * rng.standard_normal(200_000))[0]
    assert effective_resolution(sigma)[0] == pytest.approx(drawn, rel=0.01)
    weights = np.stack([np.ones(2000), (sigma < 0.05).astype(float), np.zeros(2000)])
    found = effective_resolution(sigma, weights)
    assert found[0] == pytest.approx(effective_resolution(sigma)[0])
    assert found[1] == pytest.approx(effective_resolution(sigma[sigma < 0.05])[0]) and np.isnan(found[2])
    assert np.isinf(effective_resolution([0.1, np.inf])[0])
    with pytest.raises(InvalidValue, match="sigma"):
        effective_resolution([0.1, 0.0])


# ---- the mean shower


@pytest.mark.ci
@pytest.mark.parametrize("kind", KINDS)
def test_mean_and_fluctuation_of_the_library(library, kind):
    """At one impact point beside two gaps: the average of re-binned showers, all eight symmetries."""
    showers, table = MeanShowers.of(library, kind), library.table(kind)
    node = int(showers.node(20.0))  # fewer than 500 showers: all are used
    energy = float(np.exp(showers.log_energy[node]))
    rows = np.repeat(np.flatnonzero(np.abs(np.log(table.energy_gev / energy)) < 0.2), 8)
    symmetry, each = np.arange(len(rows)) % 8, np.full(len(rows), energy)
    eta, phi, row, iphi = 5.5 / 12, -3.5 / 12, 109, 21  # |ieta| 25: the gap is above; iphi 21: below
    kept = each - library.rear_leak_gev(kind, rows, each)
    where = np.full(len(rows), row), np.full(len(rows), iphi)
    gaps = library.deposit(kind == "electron", rows, each, symmetry, eta, phi, *where)
    whole = library.deposit(kind == "electron", rows, each, symmetry, eta, phi)
    inner = tuple(slice(7 - half, 8 + half) for half in REACH)
    mean = (gaps / kept[:, None, None]).mean(axis=0)[inner]
    found = showers.profile(np.array([energy]), np.array([eta]), np.array([phi]), *(w[:1] for w in where))
    np.testing.assert_allclose(found.mean[0], mean, atol=4e-3)
    assert found.mean[0].sum() == pytest.approx(mean.sum(), abs=5e-4)

    core = tuple(slice(7 - half, 8 + half) for half in CORE)
    profile = (whole / kept[:, None, None])[:, core[0], core[1]].reshape(len(rows), -1).astype(np.float64)
    log_leak = np.log(np.maximum(1.0 - kept / energy, 1e-4))
    covariance, response = (part.astype(np.float64) for part in showers.fluctuation(node, eta, phi))
    slope = np.cov(log_leak, profile.T)[0, 1:] / np.var(log_leak, ddof=1)
    size = slope.size
    np.testing.assert_allclose(response.ravel(), slope, atol=3e-4)
    total = covariance.reshape(size, size) + np.var(log_leak) * np.outer(response, response)
    np.testing.assert_allclose(total, np.cov(profile.T), atol=2e-5)
    assert total.sum() == pytest.approx(np.cov(profile.T).sum(), rel=0.1)  # the sum hardly fluctuates
    assert np.linalg.eigvalsh(covariance.reshape(size, size)).min() > -1e-7


@pytest.mark.ci
def test_slopes_are_those_of_the_profile(library):
    showers = MeanShowers.of(library, "photon")
    rng = np.random.default_rng(2)
    eta, phi = rng.uniform(-0.45, 0.45, (2, 200))
    fixed = np.full(200, 109), np.full(200, 20)
    energy = np.full(200, 40.0)
    found = showers.profile(energy, eta, phi, *fixed)
    for slope, step in ((found.slope_eta, (1e-4, 0.0)), (found.slope_phi, (0.0, 1e-4))):
        up = showers.profile(energy, eta + step[0], phi + step[1], *fixed).mean.astype(np.float64)
        difference = (up - found.mean) / 1e-4
        smooth = np.abs(difference - slope).max(axis=(1, 2)) < 0.02  # a step may cross a tabulated point
        assert smooth.mean() > 0.95


# ---- the limits of objects


def test_truth_is_needed():
    records = simulate("photons", 3, seed=1, config=BARE, truth=False)
    with pytest.raises(UnknownName, match="particles"):
        information_limit(records, config=BARE)


@pytest.mark.ci
def test_more_noise_more_unknowns_and_pileup_can_only_widen(photons):
    photons = photons[:60]
    before = information_limit(photons, config=BARE)
    assert np.all(before.oracle <= before.cascade * (1 + 1e-9)) and np.all(before.leading > 0.999)
    louder = ak.with_field(photons, photons.hits.noise_gev * 2, ("hits", "noise_gev"))
    buried = ak.with_field(photons, 0.3 + 0 * photons.hits.pileup_energy_gev, ("hits", "pileup_energy_gev"))
    deaf = dataclasses.replace(BARE, leakage=dataclasses.replace(BARE.leakage, noise_gev=1e3))
    for after in (
        information_limit(louder, config=BARE),
        information_limit(buried, config=BARE),
        information_limit(photons, config=deaf),
    ):
        assert np.all(after.cascade > before.cascade) and np.all(after.oracle > before.oracle)
    missing = photons.hits[photons.hits.energy_gev < ak.max(photons.hits.energy_gev, axis=1)]
    assert np.all(
        information_limit(ak.with_field(photons, missing, "hits"), config=BARE).cascade > before.cascade
    )


@pytest.mark.ci
def test_energy_that_is_not_seen_keeps_its_own_size():
    records = simulate("electrons", 300, seed=2, config=dataclasses.replace(ELECTRONS, pileup=(0, 0)))
    limit = information_limit(records)
    assert np.all(limit.oracle <= limit.cascade * (1 + 1e-9))
    assert np.all((limit.leading > 0) & (limit.leading <= 1.0))
    for model, cascade in zip(window_models(records), limit.cascade, strict=True):
        assert cascade > np.sqrt(np.sum(model.unseen_gev**2)) / model.true_energy_gev
        assert model.energy_gev.sum() + model.unseen_gev.sum() < model.true_energy_gev * 1.0001


@pytest.mark.ci
def test_responses_have_the_width_of_the_limit():
    records = simulate("photons", 1500, seed=3, config=dataclasses.replace(PHOTONS, pileup=(0, 0)))
    limit = information_limit(records)
    goal = effective_resolution(limit.cascade)[0]
    assert relative_resolution(limit.responses()) == pytest.approx(goal, rel=0.03)
    assert np.array_equal(limit.responses(), information_limit(records).responses())


# ---- a fit that reaches it


def template_fit(records, library, split):
    """Fits ln E, impact point and leak of single photons; returns ln(E_fit / E_true).

    Gauss-Newton on the Gaussian likelihood with the covariance at the true energy. It starts in the middle of
    the crystal hit, with the sum of the hits as energy.
    """
    showers = MeanShowers.of(library, "photon", split)
    columns = {name: ak.to_list(records.hits[name]) for name in ("ieta", "iphi", "energy_gev")}
    at = cms_barrel.impact(ak.flatten(records.particles.eta), ak.flatten(records.particles.phi))
    found = []
    for k, model in enumerate(window_models(records, config=BARE, split=split)):
        energy = np.array(columns["energy_gev"][k])
        d_row = cms_barrel.row_from_ieta(columns["ieta"][k]) - at.row[k]
        d_column = cms_barrel.delta_iphi(columns["iphi"][k], at.iphi[k])
        near = (np.abs(d_row) <= REACH[0]) & (np.abs(d_column) <= REACH[1])
        place = d_row[near] + REACH[0], d_column[near] + REACH[1]
        inverse = np.linalg.inv(model.covariance[np.ix_(near, near)])
        leak, leak_error = model.leak_jacobian[[0, 3]] / model.energy_gev[0]
        by_leak = model.jacobian[near, 3] / model.energy_gev[0]
        measured = records.leakage_gev[k]
        weight = (measured > 0) / model.leak_variance  # H below its threshold is read as zero
        log_energy, eta, phi, more = np.log(energy.sum()), 0.0, 0.0, 0.0
        for _ in range(20):
            scale = np.exp(log_energy)
            profile = showers.profile(
                np.array([scale]), np.array([eta]), np.array([phi]), at.row[k : k + 1], at.iphi[k : k + 1]
            )
            image, *slopes = (scale * (1 - leak) * part[0][place] for part in profile)
            image = image + scale * by_leak * more
            jacobian = np.stack([image, *slopes, scale * by_leak], axis=1)
            behind = scale * np.array([leak + leak_error * more, 0.0, 0.0, leak_error])
            gradient = jacobian.T @ inverse @ (energy[near] - image)
            gradient += weight * behind * (measured - behind[0]) - [0.0, 0.0, 0.0, more]
            curvature = jacobian.T @ inverse @ jacobian + weight * np.outer(behind, behind)
            step = np.linalg.solve(curvature + np.diag([0.0, 0.0, 0.0, 1.0]), gradient)
            log_energy, more = log_energy + step[0], more + step[3]
            eta, phi = np.clip([eta + step[1], phi + step[2]], -0.5, 0.5)
            if abs(step[0]) < 1e-5:
                break
        found.append(log_energy - np.log(model.true_energy_gev))
    return np.array(found)


@pytest.mark.ci
def test_template_fit_reaches_the_limit(photons, library):
    limit = information_limit(photons, config=BARE).cascade
    error = template_fit(photons, library, "train")
    assert abs(np.median(error)) < 0.002
    # the effective width of 400 events has an error of 5 %
    assert 0.85 < effective_width(error / limit)[0] < 1.2
    assert 0.85 < relative_resolution(np.exp(error)) / effective_resolution(limit)[0] < 1.2
