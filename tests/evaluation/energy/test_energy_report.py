from __future__ import annotations

import base64
import errno
import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

pytest.importorskip("iminuit")
pytest.importorskip("mplhep")

from zoo.errors import InvalidFile, InvalidValue, UnknownName
from zoo.evaluation.binning import Variable
from zoo.evaluation.bootstrap import ClusterBootstrap
from zoo.evaluation.energy.classes import ObjectClass
from zoo.evaluation.energy.report import EnergyReport, Method, information_limit
from zoo.evaluation.pages import plots

N = 3000


def make(model_width=0.9, spoil=None, n=N, **options):
    """Four methods of known resolution: 5 % at 10 GeV, falling; the model `model_width` times the BDT's."""
    rng = np.random.default_rng(4)
    true = rng.uniform(10, 100, n)
    sigma = true * 0.16 / np.sqrt(true)
    raw = 0.9 * (true + 1.2 * sigma * rng.normal(size=n))
    raw[:30] = 0.3 * true[:30]  # cannot be reached
    noise = rng.normal(size=n)
    bdt = true + sigma * noise
    drn = true + model_width * sigma * noise
    if spoil is not None:
        drn = spoil(true, drn, sigma)
    return EnergyReport(
        title="Test <report>",
        true_energy_gev=true,
        raw_energy_gev=raw,
        methods=[
            Method("raw", "raw sum", raw),
            Method("linear", "linear calibration", raw / 0.9),
            Method("bdt", "BDT", bdt, sigma),
            Method("drn", "DRN", drn, model_width * sigma),
        ],
        variables=[
            Variable("et", "energy", "GeV", true, (10.0, 30.0, 60.0, 100.0)),
            Variable("side", "side", "", rng.uniform(-1, 1, n), (-1.0, 0.0, 1.0)),
        ],
        bootstrap=ClusterBootstrap(rng.integers(0, 500, n), replicas=30),
        model="drn",
        baseline="bdt",
        metadata={"sample": "electrons", "seed": 7, "split": "test"},
        fit_variables=("et",),
        **options,
    )


@pytest.fixture(scope="module")
def content():
    return make().compute()


def test_known_resolutions_and_ratios_come_out(content):
    for row in content["variables"]["et"]["bins"]:
        drn = row["methods"]["drn"]
        assert drn["ratio"]["value"] == pytest.approx(0.9, abs=0.01)
        assert drn["ratio"]["error"] < 0.01  # paired: the same noise
        assert not drn["ratio"]["worse"]
        bdt = row["methods"]["bdt"]
        energies = np.random.default_rng(0).uniform(row["low"], row["high"], 10_000)
        assert bdt["resolution"]["value"] == pytest.approx(np.mean(0.16 / np.sqrt(energies)), rel=0.15)
        assert bdt["ratio"]["value"] == 1.0
        assert bdt["cruijff"]["valid"]
        fit, effective = bdt["cruijff"]["resolution"], bdt["resolution"]
        assert fit["value"] == pytest.approx(
            effective["value"], abs=4 * fit["error"] + 4 * effective["error"]
        )
    assert content["worse"] == []


def test_unreachable_objects_are_inefficiency_for_all(content):
    assert content["inefficiency"]["value"] == pytest.approx(30 / N, abs=1e-9)
    assert content["sample"]["used"] == N - 30
    for table in content["variables"].values():
        assert sum(row["entries"] for row in table["bins"]) == N - 30


def test_coverage_and_pit_are_right(content):
    for name in ("bdt", "drn"):
        overall = content["overall"]["methods"][name]
        for level in ("68", "95"):
            figure = overall[f"coverage_{level}"]
            assert figure["value"] == pytest.approx(int(level) / 100, abs=4 * figure["error"])
        assert sum(content["pit_histograms"][name]) == N - 30
    assert "coverage_68" not in content["overall"]["methods"]["raw"]


def test_no_method_bin_or_measure_is_left_out(content):
    for table in content["variables"].values():
        assert len(table["bins"]) == len(table["edges"]) - 1
        for row in table["bins"]:
            assert set(row["methods"]) == {"raw", "linear", "bdt", "drn"}
    json.dumps(content, allow_nan=False)


def test_a_worse_bin_is_flagged():
    def spoil(true, energy, sigma):
        wide = np.random.default_rng(9).normal(size=len(true)) * sigma * 1.5
        return np.where(true > 60, true + wide, energy)

    worse = make(spoil=spoil, n=2000).compute()["worse"]
    assert {(row["variable"], row["bin"]) for row in worse} >= {("et", "60 to 100 GeV")}
    assert all(row["bin"] != "10 to 30 GeV" for row in worse)
    assert {row["measure"] for row in worse} == {"effective width", "Cruijff"}


def test_an_answer_that_is_missing_counts_against_the_method():
    """-1 and NaN are responses of 0: in the tails, not dropped."""

    def spoil(true, energy, sigma):
        energy[100:200] = -1.0
        energy[200:300] = np.nan
        return energy

    content = make(spoil=spoil).compute()
    assert content["overall"]["methods"]["drn"]["tails"]["value"] == pytest.approx(200 / (N - 30))
    assert content["overall"]["methods"]["bdt"]["tails"]["value"] < 0.001
    assert content["overall"]["entries"] == N - 30


def test_limits_are_judged_with_their_errors():
    shifted = make(spoil=lambda true, energy, sigma: 1.05 * energy).compute()
    verdicts = {check["check"]: check["verdict"] for check in shifted["checks"]}
    assert verdicts["response within 0.4 % (E_pred/E_true in bins of E_true)"] == "not met"
    names = {check["check"][:8] for check in shifted["checks"]}
    assert names == {"response", "coverage"}


def test_empty_bins_stay_in_the_report():
    lonely = Variable("none", "nothing", "", np.zeros(200), (1.0, 2.0, 3.0))
    report = replace(make(n=200), variables=[lonely], fit_variables=("none",))
    row = report.compute()["variables"]["none"]
    assert [b["entries"] for b in row["bins"]] == [0, 0] and row["outside"] == 170
    assert row["bins"][0]["methods"]["drn"]["resolution"] == {"value": None, "error": None}


def classed(**options):
    """With a limit at 60 % of the BDT's width and two classes: all objects, and those above 60 GeV."""
    report = make(**options)
    true = report.truth
    limit = information_limit(true, 0.6 * 0.16 / np.sqrt(true))
    return replace(
        report,
        methods=[*report.methods, limit],
        classes=[ObjectClass("all", "all <objects>", true > 0), ObjectClass("high", "high", true > 60)],
    )


def test_classes_show_every_method_with_both_ratios():
    def spoil(true, energy, sigma):
        return np.where(true > 60, true + (energy - true) * 1.5, energy)

    content = classed(spoil=spoil).compute()
    json.dumps(content, allow_nan=False)
    everything, high = content["classes"]
    assert everything["entries"] == N - 30 and high["entries"] < everything["entries"]
    assert sum(row["entries"] for row in high["bins"]) == high["entries"]
    assert [row["low"] for row in high["bins"]] == [10.0, 30.0, 60.0]
    for table, ratio in ((everything, 0.9), (high, None)):
        assert set(table["methods"]) == {"raw", "linear", "bdt", "drn", "information_limit"}
        mean = table["mean_ratio"]["drn"]
        if ratio is None:  # its bins below 60 GeV are empty
            assert mean["resolution"]["value"] is None and mean["cruijff"]["value"] is None
        else:  # over the bins 10-30 and 30-60 GeV: that above 70 GeV is left out
            assert mean["resolution"]["value"] == pytest.approx(ratio, abs=0.01)
            assert mean["cruijff"]["value"] == pytest.approx(ratio, abs=0.03)
    spoiled = high["methods"]["drn"]
    assert spoiled["ratio"]["value"] == pytest.approx(1.35, abs=0.01) and spoiled["ratio"]["worse"]
    assert spoiled["cruijff"]["ratio"]["value"] == pytest.approx(1.35, abs=0.05)
    losses = {(row["variable"], row["bin"], row["measure"]) for row in content["worse"]}
    assert {("class", "high", "effective width"), ("class", "high", "Cruijff")} <= losses


def test_the_limit_is_shown_and_not_judged():
    content = classed().compute()
    shown = content["variables"]["et"]["bins"][1]["methods"]["information_limit"]
    assert shown["ratio"]["value"] == pytest.approx(0.6, abs=0.06)
    assert [m["name"] for m in content["methods"] if m["limit"]] == ["information_limit"]
    assert all("information_limit" not in side["methods"] for side in content["response"].values())
    with pytest.raises(InvalidValue, match="class short"):
        replace(make(n=100), classes=[ObjectClass("short", "short", np.ones(3, bool))])


def test_classes_and_limit_on_the_page(tmp_path):
    classed(n=1200).write(tmp_path / "report")
    assert (tmp_path / "report" / "plots" / "classes.png").is_file()
    text = (tmp_path / "report" / "index.html").read_text()
    assert "Classes of objects" in text and "all &lt;objects&gt;" in text and "information limit" in text
    page = Page()
    page.feed(text)
    assert page.pictures == len(list((tmp_path / "report" / "plots").glob("*.png")))


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.links, self.pictures, self.scripts = [], 0, 0

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.links += [found[key] for key in ("href", "src") if key in found]
        self.pictures += tag == "img"
        self.scripts += tag == "script"


def test_the_folder_is_complete_and_the_page_stands_alone(tmp_path):
    seen = []
    content = make(n=1200).write(tmp_path / "report", progress=lambda text, done: seen.append(done))
    out = tmp_path / "report"
    assert json.loads((out / "report.json").read_text()) == content
    pictures = sorted(p.stem for p in (out / "plots").glob("*.png"))
    assert {
        "resolution_et",
        "cruijff_et",
        "response_et",
        "coverage_et",
        "resolution_side",
        "response_side",
    } <= set(pictures)
    assert {"pit", "fits_et_drn", "fits_et_bdt", "response_energy_true"} <= set(pictures)
    text = (out / "index.html").read_text()
    page = Page()
    page.feed(text)
    assert page.pictures == len(pictures) and page.scripts == 0
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    first = re.search(r"base64,([^']+)'", text).group(1)
    assert base64.b64decode(first)[:8] == b"\x89PNG\r\n\x1a\n"
    assert "Test &lt;report&gt;" in text and "inefficiency" in text and "split test" in text
    assert seen == sorted(seen) and seen[-1] == 1.0
    assert [p.name for p in tmp_path.iterdir()] == ["report"]
    make(n=300).write(out)  # an older report is replaced
    assert json.loads((out / "report.json").read_text())["sample"]["objects"] == 300


def test_no_half_report_on_a_full_disk(tmp_path, monkeypatch):
    calls = []

    def full(figure, path):
        calls.append(path)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        path.write_bytes(b"png")

    monkeypatch.setattr(plots, "save", full)
    with pytest.raises(InvalidFile, match="No space left"):
        make(n=200).write(tmp_path / "report")
    assert list(tmp_path.iterdir()) == []


def test_somebody_elses_folder_is_never_replaced(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "main.tex").write_text("years of work")
    with pytest.raises(InvalidFile, match="holds no report"):
        make(n=200).write(tmp_path / "thesis")
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidFile, match="not a folder"):
        make(n=200).write(tmp_path / "file")
    with pytest.raises(InvalidFile, match="does not exist"):
        make(n=200).write(tmp_path / "no" / "report")


def test_bad_arguments_are_named():
    report = make(n=100)
    with pytest.raises(UnknownName, match="'drn'"):
        replace(report, model="drm")
    with pytest.raises(InvalidValue, match="different names"):
        replace(report, methods=[report.methods[0]] * 2)
    with pytest.raises(InvalidValue, match="method short: expected one entry for each of the 100 objects"):
        replace(report, methods=[*report.methods, Method("short", "short", np.ones(3))])
