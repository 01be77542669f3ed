"""Superclustering events: PF clusters of the region around an electron, a photon or a jet, with pile-up.

groups at the vertex (`generated`) -> `transport`, hadrons on helices -> one library shower for each arrival
(`deposits`) -> a region of crystals -> pile-up (`overlay`) -> `readout` -> PFClustering -> records of
`CLUSTER_EVENTS`, with the deposit of the group and of pile-up in every cluster.

A region lies around the crystal of the hardest arrival; if nothing arrives, where the group flew. It is
45 x 133 crystals:

| crystals in eta, phi from the middle | what is there |
| --- | --- |
| 5, 20 | core: every window around a cluster is whole, `clusters.whole_window` is 1 |
| + 14, 43 | reach of the largest windows: 0.2 in eta, 0.7 in phi, positions a crystal off their seeds |
| + 3 | border: its hits complete other clusters, its own clusters are cut and left out |
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats, Ints
from zoo.data.kinds.clusters import CLUSTER_EVENTS
from zoo.data.kinds.schema import Schema
from zoo.detectors import cms_barrel
from zoo.errors import InvalidValue
from zoo.simulation.arrivals import Arrivals, arrive
from zoo.simulation.columns import Columns, join
from zoo.simulation.deposits import Showers, lay_showers
from zoo.simulation.generated import Generated, Resonance, Spectrum, draw_groups, draw_resonances
from zoo.simulation.patches import Patches, PatchShape
from zoo.simulation.pileup import PileupPool, check_pileup
from zoo.simulation.region_clusters import Detector, cluster, fill
from zoo.simulation.response import NOISE, DeadChannels, LeakageModel, NoiseModel
from zoo.simulation.showers import ShowerLibrary
from zoo.simulation.sources import CrystalSource, Files, Source
from zoo.simulation.transport import TransportConfig

__all__ = ["RESONANCE", "SUPERCLUSTERS", "ClusterEventConfig", "simulate_cluster_events"]


BLOCK = 8
"""Crossings worked on at once: the crystals of more regions would leave the processor's cache."""


@dataclass(frozen=True)
class ClusterEventConfig:
    """One sample of superclustering events: what is generated, and the detector."""

    name: str
    generated: Spectrum | Resonance = field(default_factory=Spectrum)
    pileup: tuple[int, int] = (20, 75)  # interactions per crossing, uniform, both included; (0, 0) is none
    regions_per_crossing: int = 16  # share a crossing, each at its own place, turned and mirrored at random
    full_shower_gev: float = 1.0  # softer showers end at three crystals: 1 % of their energy is left out
    transport: TransportConfig = field(default_factory=TransportConfig)
    noise: NoiseModel = NOISE["run2"]
    dead: DeadChannels = field(default_factory=DeadChannels)
    tower_reach: tuple[int, int] = (2, 14)  # of a dead tower from the middle, as for calorimeter objects
    leakage: LeakageModel = field(default_factory=LeakageModel)
    region: PatchShape = field(default_factory=lambda: PatchShape((14, 43), (5, 20), 3))

    schema: ClassVar[Schema] = CLUSTER_EVENTS

    def __post_init__(self) -> None:
        check_pileup(self)
        per_event = self.records_per_event
        if self.regions_per_crossing < 1 or self.regions_per_crossing % per_event:
            expected = f"a multiple of {per_event}"
            raise InvalidValue("ClusterEventConfig.regions_per_crossing", expected, self.regions_per_crossing)

    @property
    def records_per_event(self) -> int:
        """Records that share an `event_id`: two electrons of a resonance, else one."""
        return 2 if isinstance(self.generated, Resonance) else 1

    @property
    def detector(self) -> Detector:
        """What the events of a crossing are laid into."""
        return Detector(**{field.name: getattr(self, field.name) for field in fields(Detector)})

    def open(self, files: Files) -> Source:
        """Opens showers and pile-up."""
        return CrystalSource.of(simulate_cluster_events, self, files)


SUPERCLUSTERS = ClusterEventConfig("superclusters")
RESONANCE = ClusterEventConfig("resonance", Resonance())


def simulate_cluster_events(
    n: int,
    config: ClusterEventConfig,
    split: str,
    library: ShowerLibrary,
    pool: PileupPool | None,
    rng: np.random.Generator,
    *,
    truth: bool = True,
) -> Columns:
    """Simulates n records; none is left out, a group that leaves no cluster has a record too.

    Args:
        n: Number of records; even for a resonance.
        config: The sample.
        split: "train", "validation" or "test": which showers, jets and pile-up events are used.
        library: Shower library.
        pool: Pile-up events; None where the sample has no pile-up.
        rng: Source of all randomness.
        truth: Whether to list the generated particles.

    Returns:
        n records.
    """
    made = (
        draw_resonances(n, config.generated, rng)
        if isinstance(config.generated, Resonance)
        else draw_groups(n, config.generated, split, rng)
    )
    arrivals = arrive(made, config.transport, rng)
    patches, leader = _regions(made, arrivals, config.region)
    near = config.region.reached_by(
        arrivals.impact.row - patches.row[arrivals.group],
        cms_barrel.delta_iphi(arrivals.impact.iphi, patches.iphi[arrivals.group]),
    )
    leader[leader >= 0] = (np.cumsum(near) - 1)[leader[leader >= 0]]
    arrivals = arrivals.take(near)
    showers = lay_showers(
        arrivals.particle,
        arrivals.group,
        arrivals.electron,
        arrivals.energy_gev,
        arrivals.impact,
        config.full_shower_gev,
        split,
        library,
        rng,
    )
    leak = np.where(np.isnan(arrivals.behind_gev), showers.rear_leak_gev(library), arrivals.behind_gev)
    parts, deposits = [], [np.empty(0)]
    step = BLOCK * config.regions_per_crossing
    for start in range(0, n, step):
        block = slice(start, min(start + step, n))
        inside = slice(*np.searchsorted(showers.owner, (block.start, block.stop)))
        regions = patches.part(block)
        crystals = fill(regions, showers.part(inside, start), config.detector, split, pool, rng)
        deposits.append(crystals.deposit_gev)
        parts.append(cluster(regions, crystals, leak[inside], config.detector, rng))
    columns = join(parts)
    deposit = np.concatenate(deposits)
    columns.origin = np.arange(n)
    columns.counts["groups"] = np.ones(n, dtype=np.int64)
    columns.values.update(_group_columns(made, showers, deposit, leader))
    if truth:
        columns.counts["particles"] = np.bincount(made.group, minlength=n)
        columns.values.update(_particle_columns(made, showers, deposit))
    return columns


def _regions(made: Generated, arrivals: Arrivals, shape: PatchShape) -> tuple[Patches, Ints]:
    """Lays a region around the hardest arrival of each group; returns that arrival too, -1 for none."""
    by_energy = np.lexsort((-arrivals.energy_gev, arrivals.group))
    has, first = np.unique(arrivals.group[by_energy], return_index=True)
    leader = np.full(len(made), -1)
    leader[has] = by_energy[first]
    flown = cms_barrel.impact(made.eta, made.phi)
    row, iphi = np.clip(flown.row, 0, cms_barrel.N_ETA - 1), flown.iphi.copy()
    row[has], iphi[has] = arrivals.impact.row[leader[has]], arrivals.impact.iphi[leader[has]]
    return shape.around(row, iphi), leader


def _group_columns(
    made: Generated, showers: Showers, deposit: Floats, leader: Ints
) -> dict[str, npt.NDArray[Any]]:
    """The truth of the groups, and the leading shower of each record."""
    has = np.flatnonzero(leader >= 0)
    row, pdg_id = np.full(len(made), -1, dtype=np.int32), np.full(len(made), 22, dtype=np.int32)
    row[has] = showers.library_row[leader[has]]
    pdg_id[has] = np.where(showers.electron[leader[has]], 11, 22)
    return {
        "groups.flavour": made.flavour,
        "groups.energy_gev": made.energy_gev.astype(np.float32),
        "groups.eta": made.eta.astype(np.float32),
        "groups.phi": made.phi.astype(np.float32),
        "groups.deposit_gev": np.bincount(showers.owner, deposit, len(made)).astype(np.float32),
        "shower_row": row,
        "shower_pdg_id": pdg_id,
    }


def _particle_columns(made: Generated, showers: Showers, deposit: Floats) -> dict[str, npt.NDArray[Any]]:
    """The truth of the generated particles; `library_row` is that of the hardest of each one's showers."""
    softest_first = np.argsort(showers.energy_gev, kind="stable")
    row = np.full(len(made.pdg_id), -1, dtype=np.int32)
    row[showers.particle[softest_first]] = showers.library_row[softest_first]
    return {
        "particles.pdg_id": made.pdg_id.astype(np.int32),
        "particles.group": np.zeros(len(made.pdg_id), dtype=np.int16),
        "particles.energy_gev": made.particle_gev.astype(np.float32),
        "particles.eta": made.particle_eta.astype(np.float32),
        "particles.phi": made.particle_phi.astype(np.float32),
        "particles.deposit_gev": np.bincount(showers.particle, deposit, len(made.pdg_id)).astype(np.float32),
        "particles.library_row": row,
    }
