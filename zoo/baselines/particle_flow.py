"""Rule-based particle flow in the manner of CMS: link, subtract, classify; all events at once.

    found = predict(records)                                    # ELEMENT_EVENTS -> candidates
    found = predict(records, replace(TUNED, n_sigma=1.5))

Tracks are linked to the nearest HCAL cluster around their extrapolation and to the nearest ECAL cluster;
tracks with one HCAL cluster (or, without, one ECAL cluster) share a group. What is in the calorimeters of a
group beyond its tracks' momentum is neutral, if it is more than `n_sigma` of the expected resolution: first
photons as far as the ECAL's part reaches, then a neutral hadron. ECAL clusters near a track that is not
their own are eaten by its momentum as long as there is any left; the rest are photons again. Clusters
without tracks are photons and neutral hadrons. Muons come from hits in the chambers, electrons from GSF
tracks whose ECAL clusters, radiated photons included, have their momentum.

Source of the algorithm: CMS, arXiv:1706.04965, section 5. Every candidate stands on the element that the
rule of the targets (`zoo.data.targets`) would give it, so that the two compare element by element.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.arrays import Bools, Floats, Ints, owners
from zoo.data.kinds.elements import ELEMENT_TYPES
from zoo.data.near_pairs import near_pairs
from zoo.data.records import leaf_values

from zoo.data.targets import (  # isort: skip
    CHARGED, ECAL, ELECTRON, GSF, HCAL, HF_EM, HF_HADRON, HFEM, HFHAD, MUON, NEUTRAL, PHOTON, TRACK
)  # fmt: skip
from zoo.errors import InvalidValue

__all__ = ["TUNED", "ParticleFlowConfig", "predict"]


BREMS = ELEMENT_TYPES.index("brems point")
GLOBAL_MUON, CALORIMETER_SEED = 2, 1
BREMS_REACH = 0.5
"""In phi, of the photons that an electron radiated; at 2 GeV they spread over 0.4."""
SAME_TRACK = 0.02
"""Distance of a GSF track from the track that it was fitted to."""
PION_GEV, ELECTRON_GEV, MUON_GEV = 0.13957, 0.00051, 0.10566


@dataclass(frozen=True)
class ParticleFlowConfig:
    """Constants of the algorithm; the defaults are tuned (`TUNED`)."""

    ecal_reach: float = 0.0602  # eta-phi distance of a track's own ECAL cluster
    satellite_reach: float = 0.0528  # of further ECAL clusters that its momentum may eat
    hcal_reach: float = 0.138  # of its HCAL cluster
    pair_reach: float = 0.0407  # between an ECAL and an HCAL cluster of one neutral hadron
    n_sigma: float = 1.5  # excess over the tracks' momentum that is a neutral particle
    satellite_sigma: float = 0.342  # the same for further ECAL clusters
    stochastic: float = 0.503  # expected resolution of a hadron's calibrated energy, per sqrt(GeV)
    constant: float = 0.0275
    ecal_scale: float = 2.27  # hadron's energy in the ECAL times scale x (P / 10 GeV)^-power
    ecal_power: float = 0.142
    hcal_scale: float = 1.07  # the same in the HCAL
    hcal_power: float = 0.0137
    hadron_offset_gev: float = 0.793  # below the thresholds, added to a neutral hadron
    least_photon_gev: float = 0.229  # corrected energy of an ECAL cluster
    least_neutral_gev: float = 1.05  # raw energy of an HCAL cluster
    least_excess_gev: float = 0.41
    hadron_ratio: float = 0.097  # HCAL / ECAL above which a pair without tracks is one neutral hadron
    least_hits: int = 5  # a track with fewer is a fake
    doubtful_hits: int = 7  # a track with fewer is one if the calorimeters see less than its momentum ...
    doubtful_sigma: float = 1.77  # ... by so many expected resolutions
    electron_low: float = 0.439  # E / p of an electron
    electron_high: float = 1.25
    electron_hcal: float = 0.0916  # most HCAL / ECAL of an electron ...
    electron_hcal_gev: float = 0.5  # ... beyond this noise
    hf_hadron_ratio: float = 0.364  # short fibres / all of an HF hadron
    hf_reach: float = 0.11  # between the two kinds of fibres
    hf_least_gev: float = 1.8

    def __post_init__(self) -> None:
        for item in fields(self):
            if not getattr(self, item.name) >= 0:
                raise InvalidValue(f"ParticleFlowConfig.{item.name}", "at least 0", getattr(self, item.name))


TUNED = ParticleFlowConfig()
"""The defaults: the best of the last 110 of 340 trials of `python -m training fit particle_flow`, on
103 ttbar events of the training split, with `n_sigma` at the minimum of its curve."""


@dataclass(frozen=True, eq=False)
class _Elements:
    """Input fields of all elements, one after the other, as [T] arrays, and the event of each."""

    event: Ints
    kind: Ints
    pt_gev: Floats
    eta: Floats
    phi: Floats
    energy_gev: Floats
    charge: Ints
    eta_ecal: Floats
    phi_ecal: Floats
    eta_hcal: Floats
    phi_hcal: Floats
    muon_type: Ints
    gsf_seed: Ints
    hits: Ints
    corrected_energy_gev: Floats

    def near(self, a: Ints, b: Ints, reach: float, at: str = "") -> tuple[Ints, Ints, Floats]:
        """Pairs of elements within a distance, at the face of "ecal" or "hcal" for those of `a`."""
        suffix = f"_{at}" if at else ""
        eta, phi = getattr(self, f"eta{suffix}")[a], getattr(self, f"phi{suffix}")[a]
        found = near_pairs(self.event[a], eta, phi, self.event[b], self.eta[b], self.phi[b], reach)
        distance = np.hypot(found[2], found[3])
        inside = distance < reach
        return a[found[0][inside]], b[found[1][inside]], distance[inside]

    def nearest(self, a: Ints, b: Ints, reach: float, at: str = "") -> Ints:
        """[T] the nearest of `b` for each of `a`, -1 for none and for all other elements."""
        one, other, distance = self.near(a, b, reach, at)
        farthest_first = np.argsort(-distance, kind="stable")
        nearest = np.full(len(self.kind), -1)
        nearest[one[farthest_first]] = other[farthest_first]
        return nearest


@dataclass(frozen=True, eq=False)
class _Candidates:
    """What each element becomes: [T] class, charge, mass, and momentum."""

    label: Ints
    charge: Ints
    energy_gev: Floats
    pt_gev: Floats
    eta: Floats
    phi: Floats

    def put(self, at: Ints, label: int, elements: _Elements, energy_gev: Floats) -> None:
        """Makes neutral candidates of some clusters."""
        self.label[at], self.charge[at], self.energy_gev[at] = label, 0, energy_gev
        self.eta[at], self.phi[at] = elements.eta[at], elements.phi[at]
        self.pt_gev[at] = energy_gev / np.cosh(elements.eta[at])

    def put_tracks(self, at: Ints, label: int, elements: _Elements, mass_gev: float) -> None:
        """Makes charged candidates of some tracks."""
        self.label[at], self.charge[at] = label, elements.charge[at]
        self.pt_gev[at], self.eta[at], self.phi[at] = elements.pt_gev[at], elements.eta[at], elements.phi[at]
        self.energy_gev[at] = np.hypot(elements.pt_gev[at] * np.cosh(elements.eta[at]), mass_gev)


def predict(records: ak.Array, config: ParticleFlowConfig = TUNED) -> ak.Array:
    """Reconstructs the particles of each event.

    Args:
        records: Events with the input fields of `ELEMENT_EVENTS`.
        config: Constants.

    Returns:
        Records [B] with the collection `elements`, as long as that of the input: `class_index` (`CLASSES`, 0
        for no candidate), `charge`, `pt_gev`, `eta`, `phi`, `energy_gev` of the candidate that each became.
    """
    counts = np.asarray(ak.to_numpy(ak.num(records.elements)), np.int64)
    event = owners(counts)
    columns: dict[str, npt.NDArray[Any]] = {}
    for item in fields(_Elements)[1:]:
        values = leaf_values(records, f"elements.{item.name}")
        columns[item.name] = values.astype(np.int64 if values.dtype.kind in "iu" else np.float64)
    elements = _Elements(event, **columns)
    n = len(event)
    made = _Candidates(np.zeros(n, np.int64), np.zeros(n, np.int64), *(np.zeros(n) for _ in range(4)))
    ecal, hcal = np.flatnonzero(elements.kind == ECAL), np.flatnonzero(elements.kind == HCAL)
    used = np.zeros(n, dtype=bool)  # tracks and ECAL clusters that muons and electrons have
    tracks = _muons(elements, made, used)
    tracks = _electrons(elements, made, tracks, ecal, hcal, used, config)
    _hadrons(elements, made, tracks, ecal[~used[ecal]], hcal, config)
    _forward(elements, made, config)
    found = {
        "class_index": made.label.astype(np.int8),
        "charge": made.charge.astype(np.int8),
        "pt_gev": made.pt_gev.astype(np.float32),
        "eta": made.eta.astype(np.float32),
        "phi": made.phi.astype(np.float32),
        "energy_gev": made.energy_gev.astype(np.float32),
    }
    jagged = {name: ak.unflatten(values, counts) for name, values in found.items()}
    return ak.zip({"elements": ak.zip(jagged)}, depth_limit=1)


def _muons(elements: _Elements, made: _Candidates, used: Bools) -> Ints:
    """Makes the muons; returns the other tracks."""
    tracks = np.flatnonzero(elements.kind == TRACK)
    is_muon = (elements.muon_type[tracks] & GLOBAL_MUON) > 0
    made.put_tracks(tracks[is_muon], MUON, elements, MUON_GEV)
    used[tracks[is_muon]] = True
    return tracks[~is_muon]


def _electrons(
    elements: _Elements,
    made: _Candidates,
    tracks: Ints,
    ecal: Ints,
    hcal: Ints,
    used: Bools,
    config: ParticleFlowConfig,
) -> Ints:
    """Makes the electrons, on their GSF tracks; returns the tracks that are left."""
    gsf = np.flatnonzero((elements.kind == GSF) & ((elements.gsf_seed & CALORIMETER_SEED) > 0))
    brems = np.flatnonzero(elements.kind == BREMS)
    of_gsf = elements.nearest(gsf, ecal, config.ecal_reach, "ecal")
    # a brems point has no index of its GSF track: the photon's cluster is the nearest of the nearest in phi
    of_brems = elements.nearest(brems, ecal, config.ecal_reach)
    one, other, _ = elements.near(gsf, brems, BREMS_REACH, "ecal")
    aligned = np.abs(elements.eta_ecal[one] - elements.eta[other]) < config.ecal_reach
    pairs = np.concatenate(
        [
            np.stack([gsf, of_gsf[gsf]], axis=-1),
            np.stack([one[aligned], of_brems[other[aligned]]], axis=-1),
        ]
    )
    pairs = np.unique(pairs[pairs[:, 1] >= 0], axis=0)
    n = len(elements.kind)
    ecal_gev = np.bincount(pairs[:, 0], elements.corrected_energy_gev[pairs[:, 1]], n)
    behind = elements.nearest(gsf, hcal, config.hcal_reach, "hcal")
    hcal_gev = np.where(behind >= 0, elements.energy_gev[behind], 0.0)
    ratio = ecal_gev[gsf] / np.maximum(elements.energy_gev[gsf], 1e-6)
    good = (ratio > config.electron_low) & (ratio < config.electron_high)
    good &= hcal_gev[gsf] < config.electron_hcal * ecal_gev[gsf] + config.electron_hcal_gev
    electron = gsf[good]
    made.put_tracks(electron, ELECTRON, elements, ELECTRON_GEV)
    taken = np.isin(pairs[:, 0], electron)
    used[pairs[taken, 1]] = True
    own = elements.nearest(electron, tracks, SAME_TRACK)
    used[own[electron][own[electron] >= 0]] = True
    return tracks[~used[tracks]]


def _hadrons(
    elements: _Elements, made: _Candidates, tracks: Ints, ecal: Ints, hcal: Ints, config: ParticleFlowConfig
) -> None:
    """Makes charged hadrons of tracks, photons and neutral hadrons of the clusters."""
    tracks = tracks[elements.hits[tracks] >= config.least_hits]
    n = len(elements.kind)
    to_hcal = elements.nearest(tracks, hcal, config.hcal_reach, "hcal")
    to_ecal = elements.nearest(tracks, ecal, config.ecal_reach, "ecal")
    # the group of a track: its HCAL cluster, else its ECAL cluster, else itself
    group = np.where(to_hcal >= 0, to_hcal, np.where(to_ecal >= 0, to_ecal, np.arange(n)))
    own = np.full(n, -1)  # group of an ECAL cluster that is a track's own
    has = tracks[to_ecal[tracks] >= 0]
    stiff_last = has[np.argsort(elements.energy_gev[has], kind="stable")]
    own[to_ecal[stiff_last]] = group[stiff_last]

    momentum: Floats = np.bincount(group[tracks], elements.energy_gev[tracks], n).astype(np.float64)
    ecal_gev = np.bincount(own[ecal[own[ecal] >= 0]], elements.energy_gev[ecal[own[ecal] >= 0]], n)
    hcal_gev = np.zeros(n)
    hcal_gev[hcal] = elements.energy_gev[hcal]
    hcal_gev[momentum == 0] = 0.0
    sigma = np.sqrt(config.stochastic**2 * momentum + (config.constant * momentum) ** 2)
    expected = np.maximum(momentum, 1.0) / 10.0
    ecal_factor = config.ecal_scale * expected**-config.ecal_power
    hcal_factor = config.hcal_scale * expected**-config.hcal_power
    seen = ecal_factor * ecal_gev + hcal_factor * hcal_gev

    # badly measured tracks go where the calorimeters see less than the momentum
    missing = (momentum - seen - config.doubtful_sigma * sigma)[group[tracks]]
    fake = (elements.hits[tracks] < config.doubtful_hits) & (missing > 0)
    momentum -= np.bincount(group[tracks[fake]], elements.energy_gev[tracks[fake]], n)
    momentum = np.maximum(momentum, 0.0)
    tracks = tracks[~fake]
    made.put_tracks(tracks, CHARGED, elements, PION_GEV)

    eaten = _satellites(elements, tracks, ecal, own, group, momentum, seen, sigma, ecal_factor, config)
    busy = np.bincount(group[tracks], minlength=n) > 0
    excess = np.where(busy, seen - momentum, 0.0)
    neutral = (excess > config.n_sigma * sigma) & (excess > config.least_excess_gev)
    _split_excess(elements, made, np.flatnonzero(neutral), excess, ecal, own, ecal_factor, config)

    free = ecal[(own[ecal] < 0) & ~eaten[ecal]]
    lonely = own >= 0
    lonely[lonely] = ~busy[own[lonely]]
    free = np.union1d(free, np.flatnonzero(lonely & (elements.kind == ECAL)))
    _alone(elements, made, free, hcal[~busy[hcal]], config)


def _satellites(
    elements: _Elements,
    tracks: Ints,
    ecal: Ints,
    own: Ints,
    group: Ints,
    momentum: Floats,
    seen: Floats,
    sigma: Floats,
    ecal_factor: Floats,
    config: ParticleFlowConfig,
) -> Bools:
    """[T] ECAL clusters near a track, nobody's own, that the momentum of its group still has room for."""
    n = len(elements.kind)
    near, cluster, distance = elements.near(tracks, ecal[own[ecal] < 0], config.satellite_reach, "ecal")
    farthest_first = np.argsort(-distance, kind="stable")
    who, how_far = np.full(n, -1), np.zeros(n)
    who[cluster[farthest_first]] = group[near[farthest_first]]
    how_far[cluster[farthest_first]] = distance[farthest_first]
    candidate = np.flatnonzero(who >= 0)
    candidate = candidate[np.lexsort((how_far[candidate], who[candidate]))]
    of = who[candidate]
    energy = ecal_factor[of] * elements.energy_gev[candidate]
    total = np.cumsum(energy)
    first = np.flatnonzero(np.diff(of, prepend=-1))
    before = np.repeat((total - energy)[first], np.diff(np.append(first, len(of))))
    room = momentum[of] + config.satellite_sigma * sigma[of] - seen[of]
    eaten = np.zeros(n, dtype=bool)
    eaten[candidate[total - before <= room]] = True
    return eaten


def _split_excess(
    elements: _Elements,
    made: _Candidates,
    group: Ints,
    excess: Floats,
    ecal: Ints,
    own: Ints,
    ecal_factor: Floats,
    config: ParticleFlowConfig,
) -> None:
    """Photons and neutral hadrons of the groups whose calorimeters have more than the tracks."""
    n = len(elements.kind)
    linked = ecal[own[ecal] >= 0]
    softest_first = linked[np.argsort(elements.corrected_energy_gev[linked], kind="stable")]
    hardest = np.full(n, -1)
    hardest[own[softest_first]] = softest_first
    ecal_gev = np.bincount(own[linked], elements.corrected_energy_gev[linked], n)
    # a photon counts once, not with the factor of a hadron in the ECAL
    photon_gev = np.where(hardest >= 0, np.minimum(excess / ecal_factor, ecal_gev), 0.0)
    rest = excess - ecal_factor * photon_gev
    makes = group[photon_gev[group] > config.least_photon_gev]
    made.put(hardest[makes], PHOTON, elements, photon_gev[makes])
    behind = group[(elements.kind[group] == HCAL) & (rest[group] > config.least_excess_gev)]
    made.put(behind, NEUTRAL, elements, rest[behind])


def _alone(
    elements: _Elements, made: _Candidates, ecal: Ints, hcal: Ints, config: ParticleFlowConfig
) -> None:
    """Photons and neutral hadrons of clusters without tracks."""
    n = len(elements.kind)
    behind = elements.nearest(ecal, hcal, config.pair_reach)
    paired = ecal[behind[ecal] >= 0]
    ratio = elements.energy_gev[behind[paired]] / np.maximum(elements.energy_gev[paired], 1e-6)
    hadronic = paired[ratio > config.hadron_ratio]
    in_front = np.bincount(behind[hadronic], elements.energy_gev[hadronic], n)
    photon = np.setdiff1d(ecal, hadronic)
    photon = photon[elements.corrected_energy_gev[photon] > config.least_photon_gev]
    made.put(photon, PHOTON, elements, elements.corrected_energy_gev[photon])
    hcal = hcal[elements.energy_gev[hcal] + in_front[hcal] > config.least_neutral_gev]
    expected = np.maximum(in_front[hcal] + elements.energy_gev[hcal], 1.0) / 10.0
    energy = config.ecal_scale * expected**-config.ecal_power * in_front[hcal]
    energy += config.hcal_scale * expected**-config.hcal_power * elements.energy_gev[hcal]
    # on the element with the larger deposit, as the target
    hardest = np.full(n, -1)
    softest_first = hadronic[np.argsort(elements.energy_gev[hadronic], kind="stable")]
    hardest[behind[softest_first]] = softest_first
    front = hardest[hcal]
    on_ecal = (front >= 0) & (
        np.where(front >= 0, elements.energy_gev[front], 0.0) > elements.energy_gev[hcal]
    )
    made.put(np.where(on_ecal, front, hcal), NEUTRAL, elements, energy + config.hadron_offset_gev)


def _forward(elements: _Elements, made: _Candidates, config: ParticleFlowConfig) -> None:
    """HF hadrons and electromagnetic particles from the two kinds of fibres."""
    em, had = np.flatnonzero(elements.kind == HFEM), np.flatnonzero(elements.kind == HFHAD)
    n = len(elements.kind)
    partner = elements.nearest(had, em, config.hf_reach)
    paired = had[partner[had] >= 0]
    extra = np.bincount(partner[paired], elements.energy_gev[paired], n)
    total = elements.energy_gev[em] + extra[em]
    hadronic = extra[em] > config.hf_hadron_ratio * total
    hardest = np.full(n, -1)
    softest_first = paired[np.argsort(elements.energy_gev[paired], kind="stable")]
    hardest[partner[softest_first]] = softest_first
    enough = total > config.hf_least_gev
    made.put(em[enough & ~hadronic], HF_EM, elements, total[enough & ~hadronic])
    chosen = em[enough & hadronic]
    on_had = elements.energy_gev[hardest[chosen]] > elements.energy_gev[chosen]
    made.put(np.where(on_had, hardest[chosen], chosen), HF_HADRON, elements, total[enough & hadronic])
    single = had[(partner[had] < 0) & (elements.energy_gev[had] > config.hf_least_gev)]
    made.put(single, HF_HADRON, elements, elements.energy_gev[single])
