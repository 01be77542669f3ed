"""Runs an exported network in the C++ event loop on the objects of a ROOT file, and compares with Python.

    python examples/cpp_event_loop.py electrons.root saved_models/drn/barrel_v1 --work /tmp/cpp

A CMSSW-like framework fills the tensors itself; here they travel as `.npy` files, so that both sides see
the same bits. Needs `cpp/build/run_objects` (see cpp/README.md).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import awkward as ak
import numpy as np

import zoo
from zoo.data.readers import read_root
from zoo.models.network import network

RUN_OBJECTS = Path(__file__).resolve().parent.parent / "cpp" / "build" / "run_objects"


def main() -> int:
    """Writes the objects, runs the event loop one by one and in batches of 64; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="ROOT file of `zoo simulate`")
    parser.add_argument("folder", type=Path, help="exported network, with manifest.json")
    parser.add_argument("--work", type=Path, required=True, help="folder for the .npy files")
    parser.add_argument("--program", type=Path, default=RUN_OBJECTS, help="the built run_objects")
    arguments = parser.parse_args()

    model = json.loads((arguments.folder / "manifest.json").read_text())["model"]
    records = read_root(arguments.file, truth=False)
    inputs = network(model).to_inputs(records)
    real = inputs["hit_mask"] > 0
    objects, outputs = arguments.work / "objects", arguments.work / "python"
    for folder in (objects, outputs, arguments.work / "cpp"):
        folder.mkdir(parents=True, exist_ok=True)
    np.save(objects / "hits.npy", inputs["hits"][real])
    np.save(objects / "row_splits.npy", np.concatenate([[0], np.cumsum(real.sum(axis=1))]).astype(np.int64))
    np.save(objects / "event.npy", inputs["event"])
    answers = zoo.predict(zoo.load(arguments.folder), records)
    for name in ak.fields(answers):
        np.save(outputs / f"{name}.npy", ak.to_numpy(answers[name]).astype(np.float32))

    command = [arguments.program, arguments.folder, objects, arguments.work / "cpp", "--compare", outputs]
    for batch in (1, 64):
        options = ["--signature", "flat", "--batch", batch]
        words = [str(word) for word in (*command, *options)]
        # TensorFlow greets on standard error before its log level counts: shown only if something is wrong.
        done = subprocess.run(words, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            print(done.stderr, file=sys.stderr)
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
