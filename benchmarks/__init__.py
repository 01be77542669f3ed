"""Speed and size of the zoo on this machine: `python -m benchmarks` prints a table and writes a CSV."""

import os

# One core, and before NumPy and TensorFlow are imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
