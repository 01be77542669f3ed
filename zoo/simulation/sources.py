"""What a sample is, and how it is opened: `sample.open(Files()).simulate(n, split, rng)`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from zoo.data.kinds.schema import Schema
from zoo.simulation.columns import Columns
from zoo.simulation.pileup import PileupPool
from zoo.simulation.showers import ShowerLibrary

__all__ = ["CrystalSource", "Files", "Sample", "Source"]


@dataclass(frozen=True)
class Files:
    """What samples are made from, opened at the first use; cheap to send to another process.

    Attributes:
        library: Shower library, or the folder of one; None is the one that ships.
    """

    library: ShowerLibrary | str | Path | None = None

    @property
    def showers(self) -> ShowerLibrary:
        """The showers of the barrel's crystals."""
        if isinstance(self.library, ShowerLibrary):
            return self.library
        return ShowerLibrary.shipped() if self.library is None else ShowerLibrary.from_folder(self.library)

    @property
    def minimum_bias(self) -> PileupPool:
        """Interactions at the face of the barrel, made of the same showers."""
        showers = self.showers
        return PileupPool.shipped(None if showers == ShowerLibrary.shipped() else showers)


class Source(Protocol):
    """An opened sample."""

    def simulate(self, n: int, split: str, rng: np.random.Generator, *, truth: bool = True) -> Columns:
        """Simulates n records, or fewer where an event leaves none.

        Args:
            n: Number of records.
            split: "train", "validation" or "test": which showers, collisions and interactions are used.
            rng: Source of all randomness.
            truth: Whether to keep all particles and their deposits.
        """


class Sample(Protocol):
    """The configuration of a sample, a frozen dataclass: what is generated, and the detector."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def name(self) -> str:
        """Name in `SAMPLES`."""

    @property
    def pileup(self) -> tuple[int, int]:
        """Other interactions per crossing, uniform, both ends included; (0, 0) is none."""

    @property
    def schema(self) -> Schema:
        """The kind of its records."""

    @property
    def records_per_event(self) -> int:
        """Records that share an `event_id`."""

    def open(self, files: Files) -> Source:
        """Opens the files that it needs."""


@dataclass(frozen=True)
class CrystalSource:
    """A sample in the barrel's crystals, the function that makes it, its showers, and its pile-up if any."""

    make: Callable[..., Columns]
    sample: Sample
    showers: ShowerLibrary
    pool: PileupPool | None

    @classmethod
    def of(cls, make: Callable[..., Columns], sample: Sample, files: Files) -> CrystalSource:
        """Opens what a sample needs."""
        return cls(make, sample, files.showers, files.minimum_bias if sample.pileup[1] > 0 else None)

    def simulate(self, n: int, split: str, rng: np.random.Generator, *, truth: bool = True) -> Columns:
        """Simulates n records: see `Source`."""
        return self.make(n, self.sample, split, self.showers, self.pool, rng, truth=truth)
