"""The samples, with or without pile-up: electrons and photons, superclustering events, whole events.

    records = simulate("electrons", 20_000, seed=1, split="train", processes=2)
    quiet = dataclasses.replace(ELECTRONS, pileup=(0, 0))
    records = simulate("electrons", 20_000, seed=1, config=quiet)

| sample | records |
| --- | --- |
| `electrons`, `photons` | calorimeter objects (`OBJECTS`) |
| `superclusters` | PF clusters around electrons, photons and jets (`CLUSTER_EVENTS`) |
| `resonance` | the same around the two electrons of a resonance: two records with one `event_id` |
| `diphotons`, `single_photons`, `continued_diphotons` | candidates of the mass regressor (`CANDIDATES`) |
| `neutral_pions`, `eta_mesons` | the same of known masses |
| `higgs_to_four_photons` | the same of H -> aa: two records with one `event_id` |
| each of these six with `_hard` | with material, gaps, noise of Run 2 and pile-up |
| `ttbar`, `qcd`, `qcd_high`, `ztautau` | whole events of tracks and clusters (`ELEMENT_EVENTS`) |
| `single_electron`, `single_pion`, ... | the same of particle guns |

The same sample, number, seed and split give the same records, whatever the number of processes: records are
made in chunks, each from the random numbers of (seed, chunk).
"""

from __future__ import annotations

import dataclasses
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import awkward as ak
import numpy as np

from zoo.data.kinds.objects import OBJECTS
from zoo.data.kinds.schema import Schema
from zoo.errors import InvalidValue, UnknownName
from zoo.simulation.candidates import CANDIDATE_SAMPLES, CandidateConfig
from zoo.simulation.cluster_events import RESONANCE, SUPERCLUSTERS, ClusterEventConfig
from zoo.simulation.columns import Columns, join, to_records
from zoo.simulation.element_events import ELEMENT_SAMPLES, ElementEventConfig
from zoo.simulation.objects import simulate_objects
from zoo.simulation.patches import PatchShape
from zoo.simulation.pileup import PileupPool, check_pileup
from zoo.simulation.response import NOISE, DeadChannels, LeakageModel, NoiseModel
from zoo.simulation.showers import ShowerLibrary, split_index
from zoo.simulation.transport import TransportConfig

__all__ = [
    "CHUNK",
    "ELECTRONS",
    "PHOTONS",
    "RESONANCE",
    "SAMPLES",
    "SUPERCLUSTERS",
    "ClusterEventConfig",
    "CrystalSample",
    "ElementEventConfig",
    "Sample",
    "SampleConfig",
    "simulate",
]

CHUNK = 1000
"""Records made from one set of random numbers."""

TRIES = 20
"""Batches after which a chunk that finds no seeds gives up."""


@dataclass(frozen=True)
class SampleConfig:
    """One sample of objects: what is shot into the detector, and the detector."""

    name: str
    pdg_ids: tuple[int, ...]  # drawn with equal probability
    min_et_gev: float = 4.0  # transverse energy, the cut on superclusters
    min_energy_gev: float = 4.0
    max_energy_gev: float = 130.0  # reported to 120 only: the edge of a prior biases its last bins
    flat_fraction: float = 0.5  # flat in E; the others log-uniform in E
    max_abs_eta: float = 1.44  # |eta|, flat: the fiducial barrel
    pileup: tuple[int, int] = (20, 70)  # interactions per crossing, uniform, both included; (0, 0) is none
    objects_per_crossing: int = 16  # share a crossing, each at its own place, turned and mirrored at random
    full_shower_gev: float = 1.0  # softer showers end at three crystals: 1 % of their energy is left out
    transport: TransportConfig = field(default_factory=TransportConfig)
    noise: NoiseModel = NOISE["run2"]
    dead: DeadChannels = field(default_factory=DeadChannels)
    leakage: LeakageModel = field(default_factory=LeakageModel)
    patch: PatchShape = field(default_factory=PatchShape)

    schema: ClassVar[Schema] = OBJECTS
    records_per_event: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_pileup(self)
        if not self.pdg_ids or not set(self.pdg_ids) <= {11, -11, 22}:
            raise InvalidValue("SampleConfig.pdg_ids", "some of 11, -11, 22", self.pdg_ids)
        highest = max(self.min_energy_gev, self.min_et_gev * float(np.cosh(self.max_abs_eta)))
        if not 0 < highest < self.max_energy_gev:
            raise InvalidValue("SampleConfig.max_energy_gev", f"more than {highest:.3g}", self.max_energy_gev)
        if not 0 <= self.flat_fraction <= 1:
            raise InvalidValue("SampleConfig.flat_fraction", "a fraction from 0 to 1", self.flat_fraction)

    def simulate(
        self,
        n: int,
        split: str,
        library: ShowerLibrary,
        pool: PileupPool | None,
        rng: np.random.Generator,
        *,
        truth: bool = True,
    ) -> Columns:
        """Simulates n events, of which those with a seed are objects: `simulate_objects`."""
        return simulate_objects(n, self, split, library, pool, rng, truth=truth)


CrystalSample = SampleConfig | ClusterEventConfig | CandidateConfig
"""Samples of the barrel's crystals: `noise`, `dead`, showers of the library, pile-up at the face."""

Sample = CrystalSample | ElementEventConfig
"""A sample's configuration: all have `name`, `pileup`, `schema` and `simulate`."""

ELECTRONS = SampleConfig("electrons", (11, -11))
PHOTONS = SampleConfig("photons", (22,))
SAMPLES: dict[str, Sample] = {
    **{sample.name: sample for sample in (ELECTRONS, PHOTONS)},
    **{sample.name: sample for sample in (SUPERCLUSTERS, RESONANCE)},
    **CANDIDATE_SAMPLES,
    **ELEMENT_SAMPLES,
}


def simulate(
    sample: str,
    n: int,
    seed: int,
    *,
    split: str = "test",
    config: Sample | None = None,
    library: ShowerLibrary | str | Path | None = None,
    processes: int = 1,
    progress: Callable[[int, int], None] | None = None,
    truth: bool = True,
) -> ak.Array:
    """Simulates n records of a sample.

    Events without a seed are not calorimeter objects; others take their place. How many were simulated stands
    in `records.attrs["events"]`.

    Args:
        sample: Name in `SAMPLES`.
        n: Number of records; even where two make an event.
        seed: Seed, >= 0. The same seed gives the same content.
        split: "train", "validation" or "test": disjoint showers and disjoint pile-up events.
        config: A changed configuration of the sample (`dataclasses.replace(ELECTRONS, ...)`).
        library: Shower library, or the folder of one; the shipped one by default.
        processes: Number of worker processes. They are spawned: call this under `if __name__ == "__main__":`
            in a script.
        progress: Called as progress(records done, n).
        truth: False leaves out `particles`, `deposits` and `links`, which training does not need.

    Returns:
        n records, of the kind `SAMPLES[sample].schema`.

    Raises:
        UnknownName: Unknown sample or split.
        InvalidValue: n, seed or processes out of range, a configuration of another sample, or one with hardly
            any seed.
    """
    if sample not in SAMPLES:
        raise UnknownName("sample", sample, SAMPLES)
    split_index(split)
    for name, value, least in (("n", n, 1), ("seed", seed, 0), ("processes", processes, 1)):
        if value < least:
            raise InvalidValue(name, f"an integer from {least}", value)
    config = config or SAMPLES[sample]
    if config.name != sample:
        raise InvalidValue("config", f"a configuration of {sample!r}", f"one of {config.name!r}")
    if n % config.records_per_event:
        raise InvalidValue("n", f"a multiple of {config.records_per_event}, for whole events", n)
    sizes = [min(CHUNK, n - start) for start in range(0, n, CHUNK)]
    parts: list[Columns] = []
    events, done = 0, 0
    for columns, tried in _chunks(sizes, seed, config, split, library, min(processes, len(sizes)), truth):
        parts.append(columns)
        events += tried
        done += len(columns)
        if progress is not None:
            progress(done, n)
    records = to_records(join(parts), config.schema)
    records.attrs["events"] = events
    return records


def _chunks(
    sizes: list[int],
    seed: int,
    config: Sample,
    split: str,
    library: ShowerLibrary | str | Path | None,
    processes: int,
    truth: bool,
) -> Iterator[tuple[Columns, int]]:
    """Makes the chunks in order, here or in worker processes."""
    if processes == 1:
        opened = _open(library)
        for index, size in enumerate(sizes):
            yield _chunk(index, size, seed, config, split, opened, truth)
        return
    # a library holds open arrays: workers open it themselves
    source = library.source if isinstance(library, ShowerLibrary) else library
    if isinstance(library, ShowerLibrary) and library is ShowerLibrary.shipped():
        source = None
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn) as pool:
        futures = deque(
            pool.submit(_worker_chunk, index, size, seed, config, split, source, truth)
            for index, size in enumerate(sizes)
        )
        try:
            while futures:
                yield futures.popleft().result()
        finally:
            for future in futures:
                future.cancel()


def _worker_chunk(
    index: int, size: int, seed: int, config: Sample, split: str, source: str | Path | None, truth: bool
) -> tuple[Columns, int]:
    """Makes one chunk in a worker process."""
    return _chunk(index, size, seed, config, split, _open(source), truth)


def _open(library: ShowerLibrary | str | Path | None) -> ShowerLibrary:
    if isinstance(library, ShowerLibrary):
        return library
    return ShowerLibrary.shipped() if library is None else ShowerLibrary.from_folder(library)


def _chunk(
    index: int, size: int, seed: int, config: Sample, split: str, library: ShowerLibrary, truth: bool
) -> tuple[Columns, int]:
    """Makes one chunk, batch by batch until there are enough records; also returns the events it took."""
    rng = np.random.default_rng(np.random.SeedSequence((seed, index)))
    pool = None
    if config.pileup[1] > 0 and not isinstance(config, ElementEventConfig):
        pool = PileupPool.shipped(None if library is ShowerLibrary.shipped() else library)
    parts: list[Columns] = []
    have, events = 0, 0
    for _ in range(TRIES):
        batch = min(CHUNK, int(1.25 * (size - have)) + 8) if parts else size
        columns = config.simulate(batch, split, library, pool, rng, truth=truth)
        if have + len(columns) >= size:
            columns = columns.first(size - have)
            events += int(columns.origin[-1]) + 1
            parts.append(columns)
            joined = join(parts)
            joined.values["event_id"] = (index * CHUNK + np.arange(size)) // config.records_per_event
            return joined, events
        parts.append(columns)
        have += len(columns)
        events += batch
    raise InvalidValue("config", "a sample in which events have a seed", f"{have} seeds in {events} events")


def simulate_kind(
    schema: Schema, sample: str, n: int, seed: int, *, split: str, pileup: bool, truth: bool
) -> ak.Array:
    """Simulates a sample of one kind of records, by its name and with or without pile-up.

    Args:
        schema: The kind.
        sample: Name of one of its samples.
        n: Number of records.
        seed: Same seed, same records.
        split: "train", "validation" or "test".
        pileup: Whether there is any, where the sample has it.
        truth: Whether to keep all particles and their deposits.

    Raises:
        UnknownName: No such sample of this kind.
    """
    known = {name: config for name, config in SAMPLES.items() if config.schema == schema}
    if sample not in known:
        raise UnknownName("sample", sample, known, where=f"the samples of {schema.title}")
    config = known[sample] if pileup else dataclasses.replace(known[sample], pileup=(0, 0))
    return simulate(sample, n, seed, split=split, config=config, truth=truth)
