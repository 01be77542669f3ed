"""Samples of candidates: decays to two photons, single photons, bosons that decay to four, as crystals.

photons at the vertex (`diphotons`) -> `transport`, if there is material -> one library shower for each
arrival (`deposits`) -> a patch of crystals -> pile-up (`overlay`) -> `readout` -> the highest crystal and the
rechits of the 33 x 33 around it -> columns of `CANDIDATES`.

| variant | noise | material, field | gaps, dead crystals | pile-up |
| --- | --- | --- | --- | --- |
| simple | `simple`, 60 MeV | none | none | none |
| hard, names that end in `_hard` | `run2` | yes | yes | 20 to 70 interactions |

The highest crystal is searched within 11 of the hardest arrival: photons of one candidate are at most 10
apart.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from zoo.arrays import Bools, Ints
from zoo.data.kinds.candidates import CANDIDATES, ETA_MESON, PI0
from zoo.data.kinds.schema import Schema
from zoo.detectors import cms_barrel
from zoo.errors import InvalidValue
from zoo.simulation.columns import Columns, join
from zoo.simulation.deposits import Showers, lay_showers, take_impacts
from zoo.simulation.diphotons import CONTINUED, Decays, GeneratedCandidates, PhotonsAtVertex, draw_candidates
from zoo.simulation.overlay import overlay
from zoo.simulation.patches import Patches, PatchShape, add_windows
from zoo.simulation.pileup import PileupPool, check_pileup
from zoo.simulation.readout import read_out
from zoo.simulation.response import NOISE, DeadChannels, NoiseModel
from zoo.simulation.showers import ShowerLibrary
from zoo.simulation.sources import CrystalSource, Files, Source
from zoo.simulation.transport import CONVERTED, TransportConfig, transport
from zoo.simulation.windows import find_seeds, window_hits

__all__ = ["CANDIDATE_SAMPLES", "HARD_SUFFIX", "CandidateConfig", "simulate_candidates"]


HARD_SUFFIX = "_hard"

BLOCK = 64
"""Patches worked on at once: more would leave the processor's cache."""


@dataclass(frozen=True)
class CandidateConfig:
    """One sample of candidates: what is generated, and the detector; the defaults are the simple one."""

    name: str
    decays: Decays = field(default_factory=Decays)
    pileup: tuple[int, int] = (0, 0)  # interactions per crossing, uniform, both included; (0, 0) is none
    candidates_per_crossing: int = 16  # share a crossing, each at its own place, turned and mirrored
    full_shower_gev: float = 1.0  # softer showers end at three crystals: 1 % of their energy is left out
    transport: TransportConfig | None = None  # None: no material and no field
    gaps: bool = False  # between modules and supermodules
    noise: NoiseModel = NOISE["simple"]
    dead: DeadChannels = field(default_factory=lambda: DeadChannels(0.0, 0.0))
    tower_reach: tuple[int, int] = (10, 10)  # of a dead tower from the middle
    patch: PatchShape = field(default_factory=lambda: PatchShape((16, 16), (11, 11), 0))

    schema: ClassVar[Schema] = CANDIDATES

    def __post_init__(self) -> None:
        check_pileup(self)
        if self.candidates_per_crossing < 1 or BLOCK % self.candidates_per_crossing:
            raise InvalidValue(
                "CandidateConfig.candidates_per_crossing",
                f"a divisor of {BLOCK}",
                self.candidates_per_crossing,
            )

    @property
    def records_per_event(self) -> int:
        """Records that share an `event_id`: the two candidates of a boson, else one."""
        return self.decays.per_event

    def open(self, files: Files) -> Source:
        """Opens showers and pile-up."""
        return CrystalSource.of(simulate_candidates, self, files)


_DECAYS = {
    "diphotons": Decays(),
    "single_photons": Decays(photon_fraction=1.0),
    "continued_diphotons": Decays(photon_fraction=CONTINUED),
    "higgs_to_four_photons": Decays(masses_gev=(0.1, 0.2, 0.4, 0.6, 0.8, 1.0), higgs_gev=125.0),
    "neutral_pions": Decays(PI0, (0.1349768,)),
    "eta_mesons": Decays(ETA_MESON, (0.547862,)),
}
_SIMPLE = {name: CandidateConfig(name, decays) for name, decays in _DECAYS.items()}
_HARD = {
    config.name + HARD_SUFFIX: dataclasses.replace(
        config,
        name=config.name + HARD_SUFFIX,
        pileup=(20, 70),
        transport=TransportConfig(),
        gaps=True,
        noise=NOISE["run2"],
        dead=DeadChannels(),
    )
    for config in _SIMPLE.values()
}
CANDIDATE_SAMPLES: dict[str, CandidateConfig] = {**_SIMPLE, **_HARD}
"""The samples by name. `continued_diphotons` is the one to train on: decays and single photons with labels
below 0, both at the same density."""


def simulate_candidates(
    n: int,
    config: CandidateConfig,
    split: str,
    library: ShowerLibrary,
    pool: PileupPool | None,
    rng: np.random.Generator,
    *,
    truth: bool = True,
) -> Columns:
    """Simulates n candidates; those without a seed are missing, and with each the other one of its event.

    Args:
        n: Number of candidates; one more for bosons if it is odd.
        config: The sample.
        split: "train", "validation" or "test": which showers and pile-up events are used.
        library: Shower library.
        pool: Pile-up events; None where the sample has no pile-up.
        rng: Source of all randomness.
        truth: Changes nothing: there is no truth beyond the candidates.

    Returns:
        At most n candidates.
    """
    del truth
    n += n % config.records_per_event
    made = draw_candidates(n, config.decays, rng)
    arrivals, converted = _arrive(made.photons, config, n, rng)
    impact = cms_barrel.impact(arrivals.eta, arrivals.phi)
    inside = cms_barrel.in_barrel(impact.row)
    impact, owner, energy = take_impacts(impact, inside), arrivals.owner[inside], arrivals.energy_gev[inside]
    electron = arrivals.electron[inside]
    hardest = np.lexsort((-energy, owner))
    event, first = np.unique(owner[hardest], return_index=True)  # candidates of which something arrives
    leader = hardest[first]
    patches = config.patch.around(impact.row[leader], impact.iphi[leader])

    place = np.searchsorted(event, owner)
    near = config.patch.reached_by(
        impact.row - patches.row[place], cms_barrel.delta_iphi(impact.iphi, patches.iphi[place])
    )
    order = np.flatnonzero(near)
    order = order[np.lexsort((-energy[order], place[order]))]  # patch by patch, the hardest first
    showers = lay_showers(
        order,
        place[order],
        electron[order],
        energy[order],
        take_impacts(impact, order),
        config.full_shower_gev,
        split,
        library,
        rng,
        gaps=config.gaps,
    )
    parts = []
    for start in range(0, len(event), BLOCK):
        stop = min(start + BLOCK, len(event))
        of_block = slice(*np.searchsorted(showers.owner, (start, stop)))
        part = _read(
            patches.part(slice(start, stop)), showers.part(of_block, start), config, split, pool, rng
        )
        part.origin = event[start + part.origin]
        parts.append(part)
    columns = join(parts)
    columns.values.update(_truth(made, columns.origin, converted))
    return _whole_events(columns, config.records_per_event)


@dataclass(frozen=True)
class _Arrivals(PhotonsAtVertex):
    """What reaches the calorimeter, [S] each; eta and phi of the point on its face."""

    electron: Bools


def _arrive(
    photons: PhotonsAtVertex, config: CandidateConfig, n: int, rng: np.random.Generator
) -> tuple[_Arrivals, Ints]:
    """Takes photons to the calorimeter; also returns [n] how many of each candidate's converted."""
    if config.transport is None:
        straight = np.zeros(len(photons.owner), bool)
        return _Arrivals(**vars(photons), electron=straight), np.zeros(n, np.int64)
    pdg_id = np.full(len(photons.owner), 22)
    cascade = transport(pdg_id, photons.energy_gev, photons.eta, photons.phi, rng, config.transport)
    came = cascade.arrived
    owner = photons.owner[cascade.event]
    converted = (cascade.parent < 0) & (cascade.fate == CONVERTED)
    arrivals = _Arrivals(
        owner[came],
        cascade.energy_gev[came],
        cascade.eta[came],
        cascade.phi[came],
        np.abs(cascade.pdg_id[came]) == 11,
    )
    return arrivals, np.bincount(owner[converted], minlength=n)


def _read(
    patches: Patches,
    showers: Showers,
    config: CandidateConfig,
    split: str,
    pool: PileupPool | None,
    rng: np.random.Generator,
) -> Columns:
    """Reads out some patches; `origin` is the number of the patch."""
    d_row = showers.row - patches.row[showers.owner]
    d_column = cms_barrel.delta_iphi(showers.iphi, patches.iphi[showers.owner])
    deposit, _ = add_windows(config.patch, len(patches.row), showers.owner, d_row, d_column, showers.windows)
    pileup = overlay(patches, config.pileup, config.candidates_per_crossing, split, pool, rng)
    read = read_out(patches, deposit + pileup.energy_gev, config.noise, config.dead, config.tower_reach, rng)
    found, seed_row, seed_column = find_seeds(
        patches, read.measured_gev, read.is_hit, config.noise.seed_threshold_gev(read.sigma_gev)
    )
    hits = window_hits(patches, found, seed_row, seed_column, read.is_hit)
    # showers are sorted by patch, then by energy: the first two of each patch
    first = np.searchsorted(showers.owner, np.arange(len(patches.row) + 1))
    second = np.minimum(first[:-1] + 1, len(showers.owner) - 1)
    has_second = np.diff(first) > 1
    library = np.where(showers.electron, 11, 22)
    leading = first[:-1]
    values: dict[str, npt.NDArray[Any]] = {
        "hits.ieta": hits.ieta,
        "hits.iphi": hits.iphi,
        "hits.energy_gev": read.measured_gev.ravel()[hits.place],
        "seed_ieta": cms_barrel.ieta_from_row(patches.rows[found, seed_row]),
        "seed_iphi": patches.columns[found, seed_column] + 1,
        "n_pileup": pileup.n_vertices[found],
        "shower_row": showers.library_row[leading][found],
        "shower_pdg_id": library[leading][found],
        "second_shower_row": np.where(has_second, showers.library_row[second], -1)[found],
        "second_shower_pdg_id": np.where(has_second, library[second], 22)[found],
    }
    return Columns(_typed(values), {"hits": hits.count}, found)


def _truth(made: GeneratedCandidates, origin: Ints, converted: Ints) -> dict[str, npt.NDArray[Any]]:
    """The truth of the candidates that were found."""
    columns = {
        "parent_pdg_id": made.parent_pdg_id,
        "mass_gev": made.mass_gev,
        "label_mass_gev": made.label_gev,
        "pt_gev": made.parents.pt_gev,
        "true_eta": made.parents.eta,
        "true_phi": made.parents.phi,
        "opening_crystals": made.opening_crystals,
        "lead_share": made.lead_share,
        "n_converted": converted,
    }
    return _typed({name: values[origin] for name, values in columns.items()})


def _typed(values: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    return {name: column.astype(CANDIDATES.by_name[name].dtype) for name, column in values.items()}


def _whole_events(columns: Columns, per_event: int) -> Columns:
    """Leaves out candidates whose partner is missing."""
    event = columns.origin // per_event
    whole = np.bincount(event, minlength=1)[event] == per_event
    if whole.all():
        return columns
    of_hits = np.repeat(whole, columns.counts["hits"])
    values = {
        name: column[of_hits if name.startswith("hits.") else whole]
        for name, column in columns.values.items()
    }
    return Columns(values, {"hits": columns.counts["hits"][whole]}, columns.origin[whole])
