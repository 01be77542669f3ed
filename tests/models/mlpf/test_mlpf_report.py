"""The report: particles, working point, figures of a perfect network, jets, the folder; and training data."""

import json
from dataclasses import fields
from typing import ClassVar

import awkward as ak
import numpy as np
import pytest

import zoo
from training.trainer import recipe
from tuning.spaces import mlpf as tuning_space
from zoo.data.feeding.flat import to_flat
from zoo.data.feeding.shards import unique_showers
from zoo.data.kinds.elements import CLASSES, ELEMENT_EVENTS
from zoo.data.records import validate
from zoo.errors import InvalidValue, UnknownName
from zoo.models.mlpf import events, report
from zoo.models.mlpf.config import NOV2022
from zoo.models.mlpf.report.event_figures import calibrated
from zoo.models.mlpf.report.goals import check_goals
from zoo.models.mlpf.report.particles import Network, Particles, of_particle_flow, of_targets, threshold
from zoo.models.network import network


@pytest.fixture(scope="module")
def records():
    parts = [
        events.simulate(name, 8, 3, split="test", pileup=True, truth=False) for name in ("ttbar", "ttbar@5")
    ]
    return ak.concatenate(parts)


def perfect(records, certain=0.9):
    """What a network without any error would answer."""
    target = of_targets(records)
    counts = ak.num(records.elements)
    probability = np.full((len(target.label), len(CLASSES)), (1.0 - certain) / (len(CLASSES) - 1))
    probability[np.arange(len(target.label)), target.label] = certain
    momentum = np.stack(
        [target.pt_gev, target.eta, np.sin(target.phi), np.cos(target.phi), target.energy_gev], axis=-1
    )

    def padded(values):
        jagged = ak.unflatten(values, counts)
        return np.asarray(
            ak.fill_none(
                ak.pad_none(jagged, int(ak.max(counts)), axis=1), [0.0] * values.shape[1], axis=1
            ).to_list(),
            np.float32,
        )

    return {"class_probability": padded(probability), "momentum": padded(momentum)}


@pytest.fixture(scope="module")
def written(records, tmp_path_factory):
    pytest.importorskip("fastjet")
    pytest.importorskip("mplhep")
    out = tmp_path_factory.mktemp("report") / "r"
    content = report.evaluate(records, perfect(records), out=out, metadata={"sample": "ttbar"}, replicas=10)
    return out, content


def test_a_perfect_network_has_no_error(written):
    _, content = written
    assert [group["label"] for group in content["groups"]] == ["no pile-up", "5 interactions"]
    for group in content["groups"]:
        for name, table in group["classes"].items():
            if table["targets"]:
                assert table["methods"]["mlpf"]["efficiency"]["value"] == 1.0, name
        for part in ("jets", "hard_jets"):
            best = group[part]["methods"]["mlpf"]["overall"]
            assert best["matched"]["value"] > 0.9
        best = group["jets"]["methods"]["mlpf"]["overall"]
        # at the baseline's share of candidates on nothing it has some, soft ones, of its own
        assert best["median"]["value"] == pytest.approx(1.0, abs=0.02)
        for which in ("each", "both"):
            pt = group["resolution"]["photon"]["mlpf"][which]["pt"]
            assert pt["median"]["value"] == pytest.approx(1.0, abs=1e-4)
            assert pt["iqr"]["value"] < 1e-3
        assert sum(group["met"]["methods"]["mlpf"]["histogram"]) == group["events"]
        # nothing is cut off there, and what is not there has a tenth of its momentum's chance
        assert group["jets"]["methods"]["mlpf_expected"]["overall"]["median"]["value"] > 0.85


def test_jets_are_all_in_a_bin_of_pt_and_of_eta(written):
    out, content = written
    for group in content["groups"]:
        for part in ("jets", "hard_jets"):
            for found in group[part]["methods"].values():
                for bins in (found["bins"], found["abs_eta_bins"]):
                    assert sum(row["jets"] for row in bins) == found["overall"]["jets"] > 0
    page = (out / "index.html").read_text()
    assert page.count("<td>1.5-3</td>") == 2 * 3 * len(content["groups"])  # all and hard, three methods


def test_calibration_takes_the_distance_of_the_regions_away():
    """Three regions of one width, with responses apart; where no jet was found none is made."""
    random = np.random.default_rng(4)
    eta = random.choice([-1.0, 1.2, -2.0, 4.0], 8000)
    scale = np.select([np.abs(eta) < 1.5, np.abs(eta) < 3.0], [1.0, 0.8], 0.6)
    response = scale * random.normal(1.0, 0.05, len(eta))
    response[::9] = np.nan
    found = calibrated(response, eta)
    assert np.array_equal(np.isnan(found), np.isnan(response))
    for region in (0.6, 0.8, 1.0):
        assert np.nanmedian(found[scale == region]) == pytest.approx(1.0)
    assert np.nanstd(found) == pytest.approx(0.05, rel=0.05)
    assert np.nanstd(response) > 0.15
    assert np.isnan(calibrated(np.full(3, np.nan), np.zeros(3))).all()


def test_rule_based_particle_flow_stands_beside(written):
    _, content = written
    for group in content["groups"]:
        charged = group["classes"]["charged hadron"]["methods"]["particle_flow"]
        assert charged["efficiency"]["value"] > 0.9
        assert 0.0 < group["met"]["methods"]["particle_flow"]["median"]["value"] < 60.0
        matrix = np.array([[cell["value"] for cell in row] for row in group["confusion"]["particle_flow"]])
        assert np.nansum(matrix, axis=1)[[0, 1, 2, 5]] == pytest.approx(1.0)


def test_goals_say_what_is_met(written):
    out, content = written
    goals = {goal["goal"]: goal for goal in content["goals"]}
    assert len(goals) == len(content["goals"]) == 9 * len(content["groups"])
    for group in content["groups"]:
        where = group["label"]
        for name, least in (("neutral hadron", 0.05), ("photon", 0.02), ("charged hadron", 0.0)):
            goal = goals[f"{where}: efficiency of {name}s above PF's, at its fake rate"]
            table = group["classes"][name]
            ahead = 1.0 - table["methods"]["particle_flow"]["efficiency"]["value"]
            assert (
                goal["value"] == pytest.approx(ahead) and goal["verdict"] == "met" and goal["limit"] == least
            )
        jets, met = group["jets"]["methods"], group["met"]["methods"]
        for method, of in (("mlpf", "candidates"), ("mlpf_expected", "expected momenta")):
            for key, words in (("overall", "jets"), ("calibrated", "calibrated jets")):
                goal = goals[f"{where}: IQR over median of {words} of {of}, over PF's"]
                assert goal["limit"] == (0.95 if where == "no pile-up" else 1.0) and goal["verdict"] == "met"
                narrow, wide = (jets[m][key]["iqr_over_median"]["value"] for m in (method, "particle_flow"))
                assert goal["value"] == pytest.approx(narrow / wide)
            goal = goals[f"{where}: 97 % quantile of the error of MET of {of}, over PF's"]
            long, short = (met[m]["q97"]["value"] for m in ("particle_flow", method))
            assert goal["value"] == pytest.approx(short / long)
    assert (out / "index.html").read_text().count("&ge; 0.05") == len(content["groups"])
    above = {name: {"value": 1.2, "error": 0.01} for name in ("mlpf", "mlpf_expected")}
    wide = {"over_baseline": above, "calibrated_over_baseline": above}
    worse = [{**group, "jets": wide} for group in content["groups"]]
    assert {goal["verdict"] for goal in check_goals(worse) if "jets" in goal["goal"]} == {"not met"}


def test_no_bin_is_left_out_and_the_folder_is_whole(written):
    out, content = written
    assert json.loads((out / "report.json").read_text()) == content
    page = (out / "index.html").read_text()
    assert page.count("<img") == len(list((out / "plots").glob("*.png"))) == 1 + 9 * len(content["groups"])
    for group in content["groups"]:
        for table in group["classes"].values():
            for shown in table["variables"].values():
                assert len(shown["bins"]) == len(shown["edges"]) - 1
        photons = group["classes"]["photon"]
        for shown in photons["variables"].values():
            assert sum(row["targets"] for row in shown["bins"]) == photons["targets"]
            for method, found in photons["methods"].items():
                binned = sum(row["methods"][method]["candidates"] for row in shown["bins"])
                assert binned == found["candidates"]


def test_card_metrics_fit_the_card(written):
    _, content = written
    from zoo.cards.card import Metric

    metrics = report.card_metrics(content, "ttbar")
    known = {item.name for item in fields(Metric)}
    assert len(metrics) >= 2 * 9
    for metric in metrics:
        assert set(metric) <= known and np.isfinite(metric["value"]) and metric["sample"] == "ttbar"
        assert metric["baseline_name"] == "rule-based PF"


def test_the_threshold_gives_the_wanted_share():
    rng = np.random.default_rng(1)
    none = rng.random(5000)
    wrong = rng.random(5000) < none
    cut = threshold(none, wrong, 0.2)
    assert np.mean(wrong[none <= cut]) <= 0.2 < np.mean(wrong[none <= cut + 0.02])
    assert threshold(none, np.ones(5000, bool), 0.2) == -1.0


def test_the_network_is_read_at_a_threshold():
    probability = np.zeros((2, 3, len(CLASSES)), "f4")
    probability[0, 0, [0, 5]] = 0.3, 0.7
    probability[0, 1, [0, 2]] = 0.6, 0.4
    probability[1, 0, [0, 1]] = 0.1, 0.9
    momentum = np.tile(np.array([2.0, 1.0, 0.6, 0.8, 3.0], "f4"), (2, 3, 1))
    outputs = {"class_probability": probability, "momentum": momentum}
    network = Network.of(outputs, np.array([2, 1]))
    assert network.at(0.5).label.tolist() == [5, 0, 1]
    assert network.at(0.6000001).label.tolist() == [5, 2, 1]
    expected = network.expected()
    np.testing.assert_allclose(expected.pt_gev, [1.4, 0.8, 1.8], rtol=1e-6)
    np.testing.assert_allclose(expected.energy_gev, [2.1, 1.2, 2.7], rtol=1e-6)
    assert expected.label.tolist() == [5, 2, 1]
    np.testing.assert_allclose(network.particles.phi, np.arctan2(0.6, 0.8), rtol=1e-6)
    with pytest.raises(InvalidValue, match="object 0: expected at least 4 nodes"):
        Network.of(outputs, np.array([4, 1]))
    with pytest.raises(InvalidValue, match="momentum"):
        Network.of({"class_probability": probability}, np.array([2, 1]))


def test_no_events_are_refused(records, tmp_path):
    with pytest.raises(InvalidValue, match="at least one event"):
        report.evaluate(records[:0], perfect(records), out=tmp_path / "r")


def test_particle_flow_in_portions_is_the_same(records, monkeypatch):
    whole = of_particle_flow(records)
    monkeypatch.setattr("zoo.models.mlpf.report.particles.EVENTS_AT_ONCE", 5)
    parts = of_particle_flow(records)
    for item in fields(Particles):
        np.testing.assert_array_equal(getattr(parts, item.name), getattr(whole, item.name))


def test_vectors_of_each_element_are_branches_of_a_predictions_file(records, tmp_path):
    import uproot

    from zoo.inference.predictions_file import write_predictions

    answers = perfect(records)
    found = network("mlpf").to_records({**answers, "charge": answers["momentum"][:, :, 0]})
    names = {spec.name: spec.features for spec in zoo.info("mlpf").outputs if spec.name in answers}
    path = write_predictions(tmp_path / "p.root", found, features=names)
    with uproot.open(path) as file:
        tree = file["predictions"]
        sine = np.asarray(tree["momentum_sin_phi"].array())
        assert {"charge", "class_probability_photon", "momentum_energy_gev"} <= set(tree.keys())
    np.testing.assert_array_equal(sine, answers["momentum"][:, :, 2])


def test_particle_flow_can_be_the_teacher(records):
    taught = events.simulate("ttbar:particle_flow", 8, 3, split="test", pileup=True, truth=True)
    found, flow = of_targets(taught), of_particle_flow(records[:8])
    for field in fields(Particles):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(flow, field.name))
    inputs = events.to_inputs(taught)
    np.testing.assert_array_equal(inputs["elements"], events.to_inputs(records[:8])["elements"])
    assert ak.all(taught.elements.target_particle == -1) and not ak.any(taught.elements.target_pileup)
    validate(taught, ELEMENT_EVENTS, truth=True)
    assert unique_showers(to_flat(taught, ELEMENT_EVENTS)) == unique_showers(
        to_flat(records[:8], ELEMENT_EVENTS)
    )
    with pytest.raises(UnknownName, match="particle_flow"):
        events.simulate("ttbar:particle_flaw", 1, 1, split="test", pileup=True, truth=False)


def test_samples_with_pileup(records):
    assert records.n_pileup.to_list() == [0] * 8 + [5] * 8
    made = {"n": 2, "seed": 1, "split": "train", "truth": False}
    ranged = events.simulate("qcd@1-3", pileup=True, **made)
    assert set(ranged.n_pileup.to_list()) <= {1, 2, 3}
    assert not np.any(events.simulate("qcd@1-3", pileup=False, **made).n_pileup)
    with pytest.raises(UnknownName, match="ttbar"):
        events.simulate("ttbra", pileup=True, **made)
    with pytest.raises(InvalidValue, match="a number or a range"):
        events.simulate("ttbar@many", pileup=True, **made)


def test_splits_share_no_hard_collision_and_a_cache_knows_it(records):
    train = events.simulate("ttbar", 8, 3, split="train", pileup=True, truth=False)
    seen = [set(unique_showers(to_flat(one, ELEMENT_EVENTS))["collisions"]) for one in (train, records)]
    assert seen[0] and seen[1] == set(records.collision_row.to_list())
    assert not seen[0] & seen[1]


def test_targets_without_a_loss_are_left_out_of_the_batches(tmp_path):
    from training.trainer import data, run

    small = recipe.read("mlpf").override(
        {"samples": "toy", "n": 16, "validation_n": 8, "shard_size": 16, "fit.batch_size": 4}
    )
    made = {
        split: data.prepare(small.data, split, n=8, cache=tmp_path, model="mlpf", processes=1, quiet=True)
        for split in ("train", "validation")
    }
    _, targets = next(iter(run.datasets(small, made)[1]))
    assert set(targets) == set(small.network().compile_arguments()["loss"])
    with_jets = small.override({"jet_weight": 1.0})
    assert "visible" in next(iter(run.datasets(with_jets, made)[1]))[1]


class Drawn:
    """Stands for Keras Tuner's HyperParameters: gives the talk's table, if it lies in the space."""

    OTHERS: ClassVar = {"learning_rate": 1.313e-3, "weight_decay": 1e-3}

    def __init__(self):
        self.values = {}

    def choice(self, name, values):
        found = self.values[name] = self.OTHERS.get(name, getattr(NOV2022, name, None))
        assert found in values
        return found

    def between(self, name, low, high, step=None, sampling=None):
        found = self.values[name] = self.OTHERS.get(name, getattr(NOV2022, name, None))
        assert low <= found <= high and (step is None or (found - low) % step == 0)
        return found

    Choice, Int, Float = choice, between, between


def test_the_talks_table_is_a_point_of_the_space_of_eleven():
    drawn = Drawn()
    values = tuning_space.space(drawn)
    assert len(values) == len(drawn.values) == 11
    tuned = recipe.read("mlpf").override({"preset": "nov2022"}).override(values)
    assert tuned.config() == NOV2022 and tuned.optimiser.learning_rate == 1.313e-3


def test_the_recipe_is_of_the_size_that_was_asked_for():
    shipped = recipe.read("mlpf")
    assert shipped.data.n >= 20_000 and "ttbar@0-20" in shipped.data.samples
    assert shipped.preset == zoo.info("mlpf").default_preset == "small"
