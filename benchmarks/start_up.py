"""What a user waits for, and how much memory a process takes: fresh processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.subjects import Subject
from benchmarks.timing import Row

COLD = (
    ("import zoo + list_models, fresh process", "", "import zoo; zoo.list_models()", "<= 0.2"),
    ("load('drn') after TensorFlow", "import tensorflow", "import zoo; zoo.load('drn')", "<= 2"),
)
MEMORY = """
from pathlib import Path
import numpy
inputs = {{path.stem: numpy.load(path) for path in Path("{batch}").glob("*.npy")}}
{code}
# Not getrusage: its maximum is inherited from the process that started this one.
status = Path("/proc/self/status").read_text().split()
print(int(status[status.index("VmHWM:") + 1]) / 1024)
"""
KERAS = """
import zoo
from zoo.inference.traced import call
network, card = zoo.load("{model}", weights=None, preset="{preset}"), zoo.info("{model}")
call(network, card, inputs)
"""
ONNX = """
import onnxruntime
session = onnxruntime.InferenceSession("{path}", providers=["CPUExecutionProvider"])
session.run(None, inputs)
"""


def _fresh(code: str) -> float:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def cold_start() -> Iterator[Row]:
    """Times the first import and the first load, the best of three processes."""
    for what, before, code, goal in COLD:
        script = f"{before}\nimport time; t = time.perf_counter(); {code}; print(time.perf_counter() - t)"
        yield Row(what, min(_fresh(script) for _ in range(3)), "s", goal)


def memory(subject: Subject, folders: Mapping[str, Path], batch: Path, size: int) -> Iterator[Row]:
    """Measures the peak memory of a process that runs one batch.

    Args:
        subject: The model.
        folders: The export of each preset.
        batch: Folder of the batch's tensors, <name>.npy.
        size: Its objects.
    """
    for preset, folder in folders.items():
        for runtime, code in (("Keras", KERAS), ("ONNX Runtime", ONNX)):
            code = code.format(model=subject.model, preset=preset, path=folder / "model.onnx")
            value = _fresh(MEMORY.format(batch=batch, code=code))
            yield subject.row(f"{preset}, {runtime}, batch {size}, peak memory", value, "MiB")
