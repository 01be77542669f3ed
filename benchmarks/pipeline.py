"""Rates of what comes before the network: simulated objects, ROOT files, training batches."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.timing import Row, rate


def simulation(seconds: float) -> Iterator[Row]:
    """Re-binning of library showers, and whole objects."""
    from zoo.simulation.samples import simulate
    from zoo.simulation.showers import ShowerLibrary

    library, rng, n = ShowerLibrary.shipped(), np.random.default_rng(1), 2000
    energy = rng.uniform(1.0, 100.0, n)
    rows = library.choose("photon", energy, "train", rng)
    offsets = rng.uniform(-0.5, 0.5, (2, n))

    def deposit() -> int:
        symmetry = rng.integers(0, 8, n)
        library.deposit(np.zeros(n, bool), rows, energy, symmetry, offsets[0], offsets[1])
        return n

    yield Row("showers re-binned", rate(deposit, seconds), "1/CPU-s", ">= 5,000")
    for sample in ("electrons", "photons"):
        made = iter(range(1_000_000))

        def objects(name: str = sample, seeds: Iterator[int] = made) -> int:
            return len(simulate(name, 1000, next(seeds), split="test", truth=False))

        yield Row(f"{sample} simulated, 20-70 pile-up", rate(objects, seconds), "1/CPU-s")


def loading(seconds: float) -> Iterator[Row]:
    """Objects read from a ROOT file, and made into bucketed training batches of 256."""
    import zoo
    from zoo.data.feeding.dataset import training_dataset
    from zoo.data.feeding.sources import InMemory
    from zoo.data.files.readers import read_root
    from zoo.data.files.writers import write_root
    from zoo.models.drn import events
    from zoo.simulation.samples import simulate

    records = simulate("electrons", 4000, 3, split="test")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "objects.root"
        write_root(path, records)
        yield Row("objects read from a ROOT file", rate(lambda: len(read_root(path)), seconds), "1/CPU-s")
    batches = iter(
        training_dataset(
            InMemory(records),
            to_inputs=events.to_inputs,
            targets=events.targets,
            shapes=zoo.info("drn").shapes,
            batch_size=256,
            seed=1,
        )
    )

    def eight() -> int:
        for _ in range(8):
            next(batches)
        return 8 * 256

    yield Row("objects in training batches of 256", rate(eight, seconds), "1/CPU-s")
