"""A search on several processes of one host: one chief that draws, N workers that train.

Keras Tuner's chief is an unauthenticated server: it listens on 127.0.0.1 alone. Each worker gets one GPU,
where there are some. The chief looks every 20 s whether all is done. A worker that is killed leaves its trial
open and the chief
waiting: so when a worker fails, all are ended, and the same command goes on with the search.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from training.trainer.run_record import ROOT
from tuning.search import CHIEF
from zoo.errors import InvalidValue

HOST = "127.0.0.1"


def run_parallel(arguments: Sequence[str], workers: int, out: Path, gpus: Sequence[str] = ()) -> None:
    """Runs `python -m tuning` once as chief and `workers` times as worker, and waits.

    Args:
        arguments: The command's arguments without --workers.
        workers: Number of workers.
        out: Folder of the search; gets one log for each process.
        gpus: Identifiers of GPUs, dealt to the workers in turn.

    Raises:
        InvalidValue: A process failed; says which, and where its log is.
    """
    logs = out / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    names = [CHIEF, *(f"worker{number}" for number in range(workers))]
    address = {"KERASTUNER_ORACLE_IP": HOST, "KERASTUNER_ORACLE_PORT": str(free_port())}
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for number, name in enumerate(names):
            own = {**address, "KERASTUNER_TUNER_ID": name, **_devices(name, number - 1, gpus)}
            with (logs / f"{name}.log").open("wb") as log:
                processes[name] = subprocess.Popen(
                    [sys.executable, "-m", "tuning", *arguments],
                    cwd=ROOT,
                    env={**os.environ, **own},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
        _wait(processes, logs)
    finally:
        for process in processes.values():
            if process.poll() is None:
                process.terminate()
        for process in processes.values():
            process.wait()


def free_port() -> int:
    """Returns a port of this host that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _wait(processes: Mapping[str, subprocess.Popen[bytes]], logs: Path) -> None:
    while any(process.poll() is None for process in processes.values()):
        for name, process in processes.items():
            if process.poll():
                raise InvalidValue(
                    f"{name} of the search", "exit status 0", f"{process.returncode}, see {logs}/{name}.log"
                )
        time.sleep(0.2)
    for name, process in processes.items():
        if process.returncode:
            raise InvalidValue(
                f"{name} of the search", "exit status 0", f"{process.returncode}, see {logs}/{name}.log"
            )


def _devices(name: str, number: int, gpus: Sequence[str]) -> dict[str, str]:
    """Returns the GPU of a process; the chief has none."""
    if not gpus:
        return {}
    return {"CUDA_VISIBLE_DEVICES": "" if name == CHIEF else gpus[number % len(gpus)]}
