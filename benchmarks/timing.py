"""How time is taken: CPU seconds of this process, contenders call by call in turn, medians.

A CPU second counts work, not waiting, so a busy machine changes the figures less than wall time; it still
shares caches and, between hyper-threads, the core. Contenders therefore alternate: what disturbs one disturbs
all.
"""

from __future__ import annotations

import csv
import itertools
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

K = TypeVar("K")
T = TypeVar("T")


@dataclass(frozen=True)
class Row:
    """One measured figure; `goal` says what the project asks for, with its direction."""

    what: str
    value: float
    unit: str
    goal: str = ""


def print_and_write(rows: Iterable[Row], path: Path) -> None:
    """Prints each row as it comes; at the end they take the place of those of their name in a CSV file.

    Args:
        rows: Measured as they are asked for.
        path: The file; its folder is made. A run that is stopped leaves it alone, and its own rows in a file
            with the ending .tmp.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    before = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found = {line["what"]: line for line in csv.DictReader(before)}
    with open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["what", "value", "unit", "goal"], lineterminator="\n")
        writer.writeheader()
        for row in rows:
            print(f"{row.what:80s} {row.value:12.4g} {row.unit:15s} {row.goal}", flush=True)
            line = {"what": row.what, "value": f"{row.value:.4g}", "unit": row.unit, "goal": row.goal}
            writer.writerow(line)
            file.flush()  # minutes of work: a run that is stopped keeps its figures
            found[row.what] = line
        file.seek(0)
        file.truncate()
        writer.writeheader()
        writer.writerows(found.values())
    temporary.replace(path)
    print(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def rate(work: Callable[[], int], at_least_s: float) -> float:
    """Returns how many things `work` does per CPU second, after one call to warm up."""
    work()
    done, start = 0, time.process_time()
    while time.process_time() - start < at_least_s:
        done += work()
    return done / (time.process_time() - start)


def in_turn(
    contenders: Mapping[K, Callable[[T], object]],
    made: Callable[[int], T],
    at_least_s: float,
    warm_up: int = 2,
) -> dict[K, float]:
    """Returns the median CPU seconds of a call of each contender.

    Args:
        contenders: By name; each is called with what `made` returns.
        made: Makes a round's data, in time that does not count, from its number: other data each time, since
            a call with shapes that were seen before would be faster than an event loop's.
        at_least_s: CPU seconds to spend on each, on average; at least three rounds are taken.
        warm_up: Rounds that do not count.
    """
    seconds: dict[K, list[float]] = {name: [] for name in contenders}
    spent = 0.0
    for number in itertools.count():
        data = made(number)
        for name, call in contenders.items():
            start = time.process_time()
            call(data)
            taken = time.process_time() - start
            if number >= warm_up:
                seconds[name].append(taken)
                spent += taken
        if number >= warm_up + 2 and spent >= at_least_s * len(contenders):
            return {name: float(np.median(values)) for name, values in seconds.items()}
    raise AssertionError("unreachable")


MATRIX = 1024


def matrix_product() -> Callable[[Any], object]:
    """Returns a contender: one float32 matrix product, the yardstick of the core's arithmetic."""
    a = np.random.default_rng(0).normal(size=(MATRIX, MATRIX)).astype(np.float32)
    return lambda _: np.matmul(a, a)


def giga_operations(seconds: float) -> float:
    """Returns the yardstick's 10^9 floating-point operations per second."""
    return 2.0 * MATRIX**3 / seconds / 1e9
