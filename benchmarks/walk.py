"""How far a reader walks: `python -m benchmarks.walk` counts the modules that a call of the project enters.

`calls` are those from one module into another, Keras and NumPy between them left out. The recipe is read and
checked as far as its compiled network; the prediction goes from rechits to energies.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tuple(str(ROOT / folder) for folder in ("zoo", "training", "tuning"))


def walk(work: Callable[[], object]) -> tuple[int, int]:
    """Returns the modules of the project that a call enters, and the calls from one into another."""
    modules: set[str] = set()
    calls = 0

    def look(frame: FrameType, event: str, _: Any) -> None:
        nonlocal calls
        callee = frame.f_code.co_filename
        if event != "call" or not callee.startswith(PROJECT):
            return
        modules.add(callee)
        caller = frame.f_back
        while caller is not None and not caller.f_code.co_filename.startswith(PROJECT):
            caller = caller.f_back
        if caller is not None and caller.f_code.co_filename != callee:
            calls += 1

    sys.setprofile(look)
    try:
        work()
    finally:
        sys.setprofile(None)
    return len(modules), calls


def main() -> None:
    """Prints both walks; what is loaded once is loaded before."""
    import zoo
    from training.trainer import run
    from training.trainer.recipe import read
    from zoo.simulation.samples import simulate

    objects = simulate("electrons", 8, 1, truth=False)
    rechits = objects[["hits", "rho_gev", "event_id"]]
    zoo.reconstruct(rechits)
    run.compile_model(read("drn"))
    for what, work in (
        ("recipe -> compiled network", lambda: run.compile_model(read("drn"))),
        ("rechits -> energies", lambda: zoo.reconstruct(rechits)),
    ):
        modules, calls = walk(work)
        print(f"{what}: {modules} modules, {calls} calls")


if __name__ == "__main__":
    main()
