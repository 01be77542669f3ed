"""`verify`: reloads every artefact of an exported folder in a fresh process and compares it with the goldens.

Each artefact answers three ways: all golden rows at once, with more padding, and some rows one by one
without any. Agreement means |a - b| <= tolerance (|a| + std(a)), the spread taken over the golden rows and,
of an output per node, over their nodes: the last node of the longest event has no spread of its own. Nodes
whose outputs are 0, all of them, are padding, which would narrow it, and are left out. A row further away is
a flip of a discrete choice (top-k, matching): it is listed with its margin, and at most 1 in 10,000 rows may
flip. The parent process imports no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo.arrays import Bools
from zoo.cards.weights import check_file
from zoo.errors import ChecksumMismatch, InvalidFile
from zoo.exporting.export import MANIFEST
from zoo.exporting.goldens import read_tensors

__all__ = ["ALLOWED_FLIPS", "Check", "Flip", "VerificationReport", "compare", "verify"]

ALLOWED_FLIPS = 1e-4
RUNS = ("saved_model", "keras", "frozen", "onnx")  # the slow ones first: two run at a time


@dataclasses.dataclass(frozen=True)
class Flip:
    """A row whose answer differs by more than the tolerance.

    Args:
        case: Which row.
        output: Which tensor.
        margin: |a - b| in units of the allowed difference.
    """

    case: str
    output: str
    margin: float


@dataclasses.dataclass(frozen=True)
class Check:
    """One artefact asked in one way.

    Args:
        artefact: "keras", "saved_model", "flat", "frozen", "onnx", or "files" for checksums.
        how: "golden", "more padding", "one by one", "sha256" or "names".
        largest: Largest |a - b| in units of the allowed difference; below 1 agrees.
        rows: Number of rows compared.
        flips: Rows above the tolerance.
        problem: Why the check could not be made, else empty.
    """

    artefact: str
    how: str
    largest: float = 0.0
    rows: int = 0
    flips: tuple[Flip, ...] = ()
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Returns whether the artefact passes."""
        return not self.problem and len({flip.case for flip in self.flips}) <= ALLOWED_FLIPS * self.rows


@dataclasses.dataclass(frozen=True)
class VerificationReport:
    """All checks of a folder.

    Args:
        folder: The folder.
        checks: One for each artefact and way.
    """

    folder: Path
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Returns whether every check passes."""
        return all(check.ok for check in self.checks)

    def __str__(self) -> str:
        lines = [f"{self.folder}: {'verified' if self.ok else 'FAILED'}"]
        for check in self.checks:
            found = (
                check.problem or f"largest difference {check.largest:.3f} of the tolerance, {check.rows} rows"
            )
            lines.append(f"  {'ok  ' if check.ok else 'FAIL'} {check.artefact}, {check.how}: {found}")
            lines += [f"       {f.case}, {f.output}: {f.margin:.1f} times the tolerance" for f in check.flips]
        return "\n".join(lines)


def verify(
    folder: str | os.PathLike[str],
    *,
    artefacts: Sequence[str] = RUNS,
    processes: int = 2,
    progress: Callable[[str], None] | None = None,
) -> VerificationReport:
    """Reloads and compares every artefact of an exported folder.

    Args:
        folder: A folder that `zoo.export` wrote.
        artefacts: Which to reload, all by default; checksums are checked for all.
        processes: How many artefacts to reload at the same time.
        progress: Called with the name of each artefact when it is done.

    Returns:
        The report; `.ok` says whether everything agrees.

    Raises:
        InvalidFile: The folder has no readable manifest or goldens.
    """
    folder = Path(folder).expanduser().resolve()
    manifest = read_manifest(folder)
    tell = progress or (lambda _: None)
    checks = _check_files(folder, manifest)
    tell("files")
    if not all(check.ok for check in checks):
        return VerificationReport(folder, tuple(checks))  # a changed file is not opened
    golden = read_tensors(folder, manifest["golden"]["outputs"])

    def run(artefact: str) -> list[Check]:
        found = _fresh_process(folder, artefact, manifest, golden)
        tell(artefact)
        return found

    with ThreadPoolExecutor(processes) as pool:
        for found in pool.map(run, artefacts):
            checks += found
    return VerificationReport(folder, tuple(checks))


def read_manifest(folder: Path) -> dict[str, Any]:
    """Reads `manifest.json` of an exported folder.

    Raises:
        InvalidFile: It is missing, damaged, or of another format.
    """
    path = folder / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        cure = "Expected a folder that `zoo export` wrote."
        raise InvalidFile(path, f"cannot be read ({error.strerror or error}).", cure) from error
    except ValueError as error:
        raise InvalidFile(path, f"is no valid JSON ({error}).") from error
    keys = ("model", "inputs", "outputs", "signatures", "artefacts", "golden", "tolerance")
    if missing := [key for key in keys if key not in manifest]:
        raise InvalidFile(path, f"lacks {', '.join(missing)}.", "Expected a folder that `zoo export` wrote.")
    if manifest.get("format") != 1:
        raise InvalidFile(path, f"has format {manifest.get('format')!r}; this code reads format 1.")
    return manifest


def compare(
    expected: Mapping[str, npt.NDArray[Any]],
    received: Mapping[str, npt.NDArray[Any]],
    *,
    tolerance: float,
    cases: list[str],
    spread: Mapping[str, npt.NDArray[Any]] | None = None,
    leading: Mapping[str, int] | None = None,
) -> tuple[float, tuple[Flip, ...]]:
    """Compares outputs row by row.

    Args:
        expected: Golden outputs, B rows each.
        received: Outputs to judge.
        tolerance: Allowed |a - b| / (|a| + std(a)).
        cases: A name for each row.
        spread: Outputs that the standard deviation is taken of, `expected` if None.
        leading: How many axes of an output count rows and nodes, over which it is taken; 1 if not there.

    Returns:
        The largest difference in units of the allowed one, and the rows above it.
    """
    largest, flips = 0.0, []
    leading = leading or {}
    real = _real_nodes(spread or expected, leading)
    for name, golden in expected.items():
        found = received.get(name)
        if found is None or found.shape != golden.shape or found.dtype != golden.dtype:
            shape = None if found is None else (found.shape, str(found.dtype))
            flips += [Flip(f"{case} (got {shape})", name, np.inf) for case in cases]
            continue
        a, b = golden.astype(np.float64), found.astype(np.float64)
        of = np.asarray((spread or expected)[name], np.float64)
        nodes = real.get(of.shape[: leading.get(name, 1)])
        std = (of if nodes is None else of[nodes]).std(axis=0)
        allowed = tolerance * (np.abs(a) + std) + np.finfo(np.float32).tiny
        ratio = np.abs(a - b) / allowed
        ratio = np.where(np.isfinite(a) & np.isfinite(b), ratio, np.inf).reshape(len(a), -1).max(axis=1)
        largest = max(largest, float(ratio.max(initial=0.0)))
        flips += [Flip(cases[row], name, float(ratio[row])) for row in np.flatnonzero(ratio > 1.0)]
    return (np.inf if flips and largest == 0.0 else largest), tuple(flips)


def _real_nodes(
    outputs: Mapping[str, npt.NDArray[Any]], leading: Mapping[str, int]
) -> dict[tuple[int, ...], Bools]:
    """Which nodes have some output that is not 0, `[B, N]` by its own shape; all of them if none has."""
    real: dict[tuple[int, ...], Bools] = {}
    for name, values in outputs.items():
        sizes = values.shape[: leading.get(name, 1)]
        if len(sizes) > 1:
            some = (values != 0).reshape(*sizes, -1).any(axis=-1)
            real[sizes] = real.get(sizes, np.zeros(sizes, np.bool_)) | some
    return {sizes: nodes if nodes.any() else np.ones_like(nodes) for sizes, nodes in real.items()}


def _check_files(folder: Path, manifest: Mapping[str, Any]) -> list[Check]:
    entries = [(entry["path"], entry["sha256"]) for entry in manifest["artefacts"].values()]
    entries += list(manifest["golden"].get("sha256", {}).items())
    problems = []
    for path, digest in entries:
        try:
            check_file(folder / path, digest)
        except (ChecksumMismatch, InvalidFile) as error:
            problems.append(str(error))
    return [Check("files", "sha256", rows=len(entries), problem=" ".join(problems))]


def _fresh_process(
    folder: Path, artefact: str, manifest: Mapping[str, Any], golden: Mapping[str, npt.NDArray[Any]]
) -> list[Check]:
    """Asks one artefact in a new Python process and compares its answers."""
    package = str(Path(__file__).resolve().parents[2])  # so that a checkout is found as well
    path = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {
        **os.environ,
        "PYTHONPATH": path,
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "KERAS_BACKEND": "tensorflow",
    }
    with tempfile.TemporaryDirectory() as temporary:
        answers = Path(temporary) / "answers.npz"
        command = [
            sys.executable,
            "-m",
            "zoo.exporting.verification_process",
            artefact,
            str(folder),
            str(answers),
        ]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0 or not answers.is_file():
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
            return [Check(artefact, "golden", problem=f"fails in a fresh process: {reason}")]
        with np.load(answers, allow_pickle=False) as file:
            found = {key: file[key] for key in file.files}
    checks: dict[tuple[str, str], dict[str, npt.NDArray[Any]]] = {}
    for key, values in found.items():
        who, how, output = key.split("|")
        if output != "rows":
            checks.setdefault((who, how), {})[output] = values
    result = []
    for (who, how), outputs in checks.items():
        rows = found[f"{who}|{how}|rows"]
        expected = {name: values[rows] for name, values in golden.items()}
        names = [manifest["golden"]["cases"][row] for row in rows]
        largest, flips = compare(
            expected,
            outputs,
            tolerance=manifest["tolerance"],
            cases=names,
            spread=golden,
            leading={spec["name"]: spec["shape"].count(-1) for spec in manifest["outputs"]},
        )
        result.append(Check(who, how, largest, len(rows), flips))
    return result
