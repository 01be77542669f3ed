import json

import numpy as np
import pytest

import zoo
from zoo.__main__ import main, parser
from zoo.errors import ZooError
from zoo.models.network import network

COMMANDS = ("list", "info", "simulate", "predict", "reconstruct", "evaluate", "export", "verify")


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example_that_parses(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    example = capsys.readouterr().out.split("example:\n")[1].strip()
    assert example.startswith(f"zoo {command}")
    options = parser().parse_args(example.split()[1:])
    assert callable(options.run)


def test_list_and_info(capsys):
    code, out, _ = run(capsys, "list")
    assert code == 0 and "drn" in out and "bdt_regression" in out
    code, out, _ = run(capsys, "list", "--kind", "set")
    assert code == 0 and "drn" in out and "bdt_regression" not in out
    code, out, _ = run(capsys, "list", "--markdown")
    assert code == 0 and out.startswith("| model |") and "`drn`" in out
    code, out, _ = run(capsys, "info", "drn")
    assert code == 0 and "Dynamic Reduction Network" in out
    code, out, _ = run(capsys, "info", "drn", "--markdown")
    assert out == zoo.info("drn").markdown()


def test_list_update_rewrites_a_readme(capsys, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("<!-- model table -->\n<!-- end of model table -->\n")
    assert run(capsys, "list", "--update", readme)[0] == 0
    assert "`drn`" in readme.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["info", "dnr"], "unknown model 'dnr'. Did you mean 'drn'?"),
        (["list", "--task", "enrgy"], "Did you mean 'energy'?"),
        (["info", "runs/drn"], "'./runs/drn'"),
        (["predict", "drn", "{tmp}/missing.root", "--out", "{tmp}/p.root"], "no such file"),
        (["predict", "dnr", "{tmp}/file", "--out", "{tmp}/p.root"], "Did you mean 'drn'?"),
        (
            ["predict", "./nowhere", "{tmp}/file", "--out", "{tmp}/p.root"],
            "neither manifest.json nor run.json",
        ),
        (["predict", "drn", "{tmp}/file", "--out", "{tmp}/p.root", "--batch-size", "0"], "--batch-size"),
        (["reconstruct", "{tmp}/missing.root", "--out", "{tmp}/s.root"], "no such file"),
        (["reconstruct", "{tmp}/file", "--out", "{tmp}/s.root", "--energy", "drm"], "Did you mean 'drn'?"),
        (["evaluate", "drn", "{tmp}/missing.root", "--out", "{tmp}/report"], "no such file"),
        (["simulate", "electrons", "--n", "0", "--out", "{tmp}/e.root"], "--n: expected an integer >= 1"),
        (["simulate", "electrons", "--n", "5", "--seed", "-1", "--out", "{tmp}/e.root"], "--seed"),
        (["simulate", "electron", "--n", "5", "--out", "{tmp}/e.root"], "Did you mean 'electrons'"),
        (["simulate", "electrons", "--n", "5", "--out", "{tmp}/nowhere/e.root"], "does not exist"),
        (["simulate", "electrons", "--n", "5", "--out", "{tmp}"], "is a folder"),
        (["simulate", "electrons", "--n", "5", "--out", "{tmp}/e.root", "--showers", "{tmp}"], "photons.npz"),
        (["simulate", "ttbar", "--n", "5", "--out", "{tmp}/e.root", "--pool", "{tmp}/p.npz"], "no such file"),
        (
            ["simulate", "photons", "--n", "5", "--out", "{tmp}/e.root", "--pool", "{tmp}/file"],
            "such as ttbar",
        ),
        (["export", "dnr", "--out", "{tmp}/out"], "Did you mean 'drn'?"),
        (["export", "./nowhere", "--out", "{tmp}/out"], "neither manifest.json nor run.json"),
        (["export", "./{tmp}", "--out", "{tmp}/file"], "neither manifest.json nor run.json"),
        (["verify", "{tmp}/nowhere"], "no such folder"),
        (["verify", "{tmp}"], "manifest.json: cannot be read"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(capsys, tmp_path, arguments, message):
    (tmp_path / "file").write_text("x")
    before = sorted(tmp_path.iterdir())
    arguments = [argument.format(tmp=tmp_path) for argument in arguments]
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("zoo: error: ") and err.count("\n") == 1
    assert message in err
    assert sorted(tmp_path.iterdir()) == before
    with pytest.raises(ZooError):
        main([*arguments, "--debug"])


def test_mistakes_cost_no_tensorflow(tmp_path):
    import subprocess
    import sys

    code = (
        "import sys; from zoo.__main__ import main; "
        f"code = main(['predict', 'drn', r'{tmp_path}/missing.root', '--out', r'{tmp_path}/p.root']); "
        "print(code, 'tensorflow' in sys.modules, 'awkward' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "False", "False"]


def test_an_interrupt_is_no_traceback(capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("zoo.commands.catalogue.info", interrupt)
    code, _, err = run(capsys, "info", "drn")
    assert (code, err) == (130, "zoo: interrupted\n")


def test_simulate_writes_the_same_content_for_the_same_seed(capsys, tmp_path):
    from zoo.data.files.readers import read_metadata, read_root

    paths = [tmp_path / f"{name}.root" for name in "abc"]
    for path, seed in zip(paths, (1, 1, 2), strict=True):
        code, out, _ = run(
            capsys, "simulate", "photons", "--n", 20, "--seed", seed, "--out", path, "--no-pileup"
        )
        assert code == 0 and out == f"{path}\n"
    first, second, third = (read_root(path).hits.energy_gev.to_list() for path in paths)
    assert first == second != third
    metadata = read_metadata(paths[0])
    assert (metadata["sample"], metadata["n"], metadata["seed"], metadata["split"]) == (
        "photons",
        20,
        1,
        "test",
    )
    assert metadata["config"]["pileup"] == [0, 0]
    assert len(metadata["library_sha256"]) >= 64


def test_simulate_draws_from_another_pool(capsys, tmp_path):
    from zoo.data.files.readers import read_metadata, read_root
    from zoo.data.records import leaf_values
    from zoo.simulation.collisions import Collisions

    shipped = Collisions.shipped()
    few = shipped.members("ttbar", "test")[:10]
    owner, particle = shipped.particles_of(few)
    columns = (getattr(shipped, name)[particle] for name in ("pdg_id", "pt_gev", "eta", "phi", "radius_cm"))
    start = np.searchsorted(owner, np.arange(len(few) + 1))
    Collisions(start, shipped.process[few], *columns).save(tmp_path / "pool.npz", provenance="ten")
    path = tmp_path / "events.root"
    code, out, _ = run(
        capsys, "simulate", "ttbar", "--n", 9, "--out", path, "--pool", tmp_path / "pool.npz", "--no-pileup"
    )
    assert code == 0 and out == f"{path}\n"
    assert read_metadata(path)["config"]["pool"] == str(tmp_path / "pool.npz")
    records = read_root(path, schema=network("mlpf").schema)
    assert set(leaf_values(records, "collision_row")) <= set(range(10))  # 20 % of ten: two collisions


@pytest.fixture(scope="module")
def drn_folder(tmp_path_factory):
    """An untrained DRN as `python -m training` leaves a run: model.keras and run.json."""
    import keras

    from zoo.exporting.graphs import write_keras
    from zoo.files import sha256

    folder = tmp_path_factory.mktemp("runs") / "drn-001"
    folder.mkdir()
    keras.utils.set_random_seed(1)
    write_keras(zoo.load("drn", weights=None, preset="two_layer"), folder / "model.keras")
    run = {
        "format": 1,
        "recipe": {"model": {"name": "drn", "preset": "two_layer"}},
        "code_version": zoo.__version__,
        "files": {"model.keras": sha256(folder / "model.keras")},
    }
    (folder / "run.json").write_text(json.dumps(run))
    return folder


@pytest.fixture
def events_file(tmp_path):
    from zoo.data.files.writers import write_root

    return write_root(tmp_path / "events.root", network("drn").sample(30, 4), {"sample": "test"})


def test_predict_a_root_file_with_a_run(capsys, drn_folder, events_file, tmp_path):
    import uproot

    out = tmp_path / "predictions.root"
    code, printed, err = run(capsys, "predict", drn_folder, events_file, "--out", out)
    assert code == 0, err
    assert printed == f"{out}\n"
    with uproot.open(out) as file:
        tree = file["predictions"].arrays(library="np")
        metadata = json.loads(str(file["zoo_metadata"]))
    assert tree["dscb"].shape == (30, 6)
    assert tree["energy_gev"][0] == -1.0 and (tree["energy_gev"][1:] > 0).all()
    np.testing.assert_array_equal(tree["event_id"], np.arange(30))
    assert metadata["model"] == str(drn_folder)
    found = zoo.predict(zoo.load(drn_folder), events_file)
    np.testing.assert_allclose(found.energy_gev, tree["energy_gev"], rtol=1e-6)


def test_evaluate_passes_records_outputs_and_baselines_to_the_report(
    capsys, drn_folder, events_file, tmp_path, monkeypatch
):
    import awkward as ak

    from zoo.data.records import raw_energy_gev

    def predict(self, records, weights="default"):
        return ak.zip({"energy_gev": raw_energy_gev(records)}, depth_limit=1)

    for name in ("bdt_regression.BDTBaseline", "linear_calibration.LinearCalibrationBaseline"):
        monkeypatch.setattr(f"zoo.baselines.{name}.predict", predict)
    seen = {}

    def evaluate(records, outputs, *, out, baselines, metadata):
        seen.update(records=records, outputs=outputs, out=out, baselines=baselines, metadata=metadata)

    monkeypatch.setattr("zoo.models.drn.report.evaluate", evaluate)
    arguments = ["evaluate", drn_folder, events_file, "--out", tmp_path / "report"]
    assert run(capsys, *arguments)[0] == 0
    assert len(seen["records"]) == len(seen["outputs"]) == 30
    assert set(seen["baselines"]) == {"bdt_regression", "linear_calibration"}
    assert seen["metadata"]["model"] == str(drn_folder) and seen["metadata"]["sample"]["sample"] == "test"
    assert run(capsys, *arguments, "--without", "bdt")[0] == 0
    assert set(seen["baselines"]) == {"linear_calibration"}
    code, _, err = run(capsys, *arguments, "--without", "bdd")
    assert code == 2 and "unknown baseline 'bdd'" in err


def test_export_and_verify_report_success_and_failure(capsys, toy_release, monkeypatch):
    from zoo.exporting.verification import Check, Flip, VerificationReport

    folder = toy_release / "saved" / "toy" / "toy_v1"
    bad = Check("onnx", "golden", 3.0, 28, (Flip("event 5", "energy_gev", 3.0),))
    reports = [
        VerificationReport(folder, (Check("onnx", "golden", 0.1, 28),)),
        VerificationReport(folder, (bad,)),
    ]
    monkeypatch.setattr("zoo.exporting.verification.verify", lambda *_, **__: reports.pop(0))
    code, out, _ = run(capsys, "verify", folder)
    assert code == 0 and "verified" in out
    code, out, _ = run(capsys, "verify", folder)
    assert code == 1 and "FAILED" in out and "event 5, energy_gev: 3 x tolerance" in out


def test_export_records_tag_preset_and_config(capsys, toy_release, tmp_path):
    out = tmp_path / "exported"
    code, printed, err = run(capsys, "export", "toy", "--out", out)
    assert code == 0, err
    assert printed == f"{out}\n"
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["tag"], manifest["preset"], manifest["config"]) == ("toy_v1", "small", {"hidden": 8})
