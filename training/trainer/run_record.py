"""`run.json`: everything that says where a set of weights came from.

A run folder holds one `run.json`, rewritten atomically at the start, after every session and at the end. A
session is one process: a run that was killed and resumed twice has three, each with its wall and CPU time.

A finished run is gated by the number `format` alone. Going on with a run also asks for the fingerprint of the
sources that decide what the network computes: it is of the syntax tree without docstrings, so a comment or a
reformatted line does not change it. The version of the package is written down and compared with nothing.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import resource
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.trainer.sources import sources_hash
from zoo.errors import InvalidFile, InvalidValue
from zoo.files import write_json
from zoo.models.network import network

ROOT = Path(__file__).resolve().parents[2]
RUNS = ROOT / "runs"
RUN_JSON = "run.json"
FORMAT = 1  # of run.json
PACKAGES = ("tensorflow", "keras", "numpy", "awkward", "lightgbm", "tensorflow-probability")


def free_folder(name: str) -> Path:
    """Returns runs/<name>-<n> with the first number that is free."""
    number = 1
    while (RUNS / f"{name}-{number:03d}").exists():
        number += 1
    return RUNS / f"{name}-{number:03d}"


def read_run(folder: Path) -> dict[str, Any]:
    """Reads a run folder's `run.json`.

    Raises:
        InvalidFile: There is none, it is not JSON, or its format is another one.
    """
    path = folder / RUN_JSON
    if not path.is_file():
        raise InvalidFile(
            folder, f"not a run folder: it has no {RUN_JSON}.", "Start one with python -m training."
        )
    try:
        facts = dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise InvalidFile(path, f"not readable as JSON: {error}.") from error
    if facts.get("format") != FORMAT:
        found = f"has format {facts.get('format')!r}; this code reads format {FORMAT}."
        raise InvalidFile(path, found, "Go on with the code that wrote it, or start anew.")
    return facts


def read_finished(folder: Path) -> dict[str, Any]:
    """Reads the `run.json` of a finished run.

    Raises:
        InvalidFile: There is none, the run goes on, or its format is another one.
    """
    facts = read_run(folder)
    if facts.get("status") != "finished":
        command = f"python -m training {facts.get('model')} --resume --out {folder}"
        raise InvalidFile(folder, "the run is not finished.", f"Go on with {command}, or leave it out.")
    return facts


def prepare_folder(out: Path) -> Path:
    """Makes an output folder and proves that a file can be written in it, before any work is done.

    Raises:
        InvalidFile: It cannot be made or written to.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise InvalidFile(
            out, f"cannot be written to ({error.strerror or error}).", "Choose another --out."
        ) from error
    return out


def versions() -> dict[str, str]:
    """Returns the versions of Python and of the packages that decide the numbers."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def host() -> dict[str, Any]:
    """Returns what kind of machine this is, without naming it."""
    return {"machine": platform.machine(), "system": platform.system(), "cores": len(os.sched_getaffinity(0))}


def git_commit() -> str | None:
    """Returns the checkout's commit with "+changes" where the work tree differs; None outside a checkout."""
    try:
        commit = _git("rev-parse", "HEAD")
        return commit + ("+changes" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def fingerprint(model: str) -> str:
    """Returns a hash of the sources that decide what a network computes and minimises.

    Args:
        model: A network of the registry.

    Returns:
        Sixteen hexadecimal digits.
    """
    folder = network(model).folder
    files = [folder / f"{name}.py" for name in ("model", "objective", "events")]  # not what is shown
    return sources_hash(files, without=("simulation", "evaluation", "baselines"))


def check_code(run: Mapping[str, Any], folder: Path, *, accept_other_code: bool = False) -> None:
    """Refuses to go on with a run whose network was made by other sources.

    Args:
        run: The content of its `run.json`.
        folder: The folder, for the message.
        accept_other_code: Go on all the same.

    Raises:
        InvalidValue: The sources differ.
    """
    now = fingerprint(run["recipe"]["model"]["name"])
    if run.get("fingerprint") != now and not accept_other_code:
        raise InvalidValue(
            f"{folder}: fingerprint of the network's sources",
            f"{now}, that of this checkout (restore them, start a new run, or give --accept-other-code)",
            run.get("fingerprint"),
        )


class Session:
    """The wall and CPU time of one process of a run, kept in `run.json`."""

    def __init__(self, run: dict[str, Any], folder: Path) -> None:
        self.run, self.folder = run, folder
        self._start = time.monotonic()
        self.start_cpu = cpu_seconds()
        self.record: dict[str, Any] = {
            "started": now(),
            **host(),
            "versions": versions(),
            "git": git_commit(),
        }
        run.setdefault("sessions", []).append(self.record)

    def save(self, **facts: Any) -> None:
        """Writes `run.json` with the time spent so far and further facts of the run."""
        self.record["wall_seconds"] = round(time.monotonic() - self._start, 1)
        self.record["cpu_seconds"] = round(cpu_seconds() - self.start_cpu, 1)
        self.run.update(facts)
        write_json(self.folder / RUN_JSON, self.run)


def now() -> str:
    """Returns the time in UTC to the second."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def cpu_seconds() -> float:
    """Returns the CPU time of this process and of its ended children in seconds."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True, timeout=10
    ).stdout.strip()
