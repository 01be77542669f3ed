"""Reading, simulating, evaluating and every baseline in a process that has no TensorFlow."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = """
import sys
from pathlib import Path

for name in ("tensorflow", "keras", "tensorflow_probability"):
    sys.modules[name] = None  # an import of it fails

import numpy as np
import zoo
from zoo.baselines.baseline import baseline
from zoo.data.readers import read_root
from zoo.data.writers import write_root
from zoo.models.network import network
from zoo.simulation.samples import simulate

work = Path(sys.argv[1])
records = simulate("electrons", 60, 1, truth=False)
write_root(work / "electrons.root", records, {"sample": "electrons"})
records = read_root(work / "electrons.root")
for name in zoo.list_models():
    of = network(name)
    events = of.sample(6, 1)
    inputs = of.to_inputs(events)
    of.validate({key: value for key, value in inputs.items()})
    assert set(of.targets(events)) <= {spec.name for spec in of.card.outputs}, name
found = {name: baseline(name).predict(records) for name in network("drn").baselines}
from zoo.evaluation import ClusterBootstrap, EnergyReport, Method, energy_variables
from zoo.data import raw_energy_gev

report = EnergyReport(
    title="trees", true_energy_gev=np.asarray(records.true_energy_gev),
    raw_energy_gev=raw_energy_gev(records),
    methods=[Method(name, name, one.energy_gev) for name, one in found.items()],
    variables=energy_variables(records)[:1], bootstrap=ClusterBootstrap.of_showers(records, replicas=5),
    model="bdt_regression", baseline="linear_calibration", fit_variables=(),
)
assert report.write(work / "report")["sample"]["objects"] == 60
events = simulate("superclusters", 6, 1, truth=False)
reconstructed = zoo.reconstruct(events, superclustering="mustache", energy="bdt")
assert len(reconstructed) == 6
print("done without TensorFlow")
"""


def test_what_is_numpy_needs_no_tensorflow(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        env=environment, capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert "done without TensorFlow" in done.stdout, done.stderr[-3000:]
