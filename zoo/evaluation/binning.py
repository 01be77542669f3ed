"""The variables in whose bins a report is shown, computed from the records, and how their bins are chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import awkward as ak
import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats, Ints
from zoo.errors import InvalidValue

__all__ = [
    "ET_EDGES",
    "Variable",
    "core_share",
    "energy_variables",
    "equal_population",
    "gap_distances",
    "in_core",
    "r9",
    "transverse_energy_gev",
]


ET_EDGES = (5.0, 10.0, 20.0, 40.0, 70.0, 120.0)
"""Edges in GeV; a training reaches beyond both ends, or a flat prior's edge would bias the outer bins."""
ETA_EDGES = (0.0, 0.3, 0.6, 0.9, 1.2, 1.479)

_ETA_PITCH = 0.0174
_PHI_PITCH = 2.0 * np.pi / 360.0
_MODULE_EDGES = (0, 25, 45, 65, 85)  # a gap follows the crystal with this |ieta|
_SUPERMODULE = 20  # and every 20th iphi


@dataclass(frozen=True)
class Variable:
    """A quantity whose bins a report shows.

    Attributes:
        name: Key in report.json and file names.
        label: Axis label, mathtext allowed.
        unit: Unit of the values, "" without.
        values: [N].
        edges: Bin edges, increasing; a bin holds its lower and not its upper edge, the last bin both.
    """

    name: str
    label: str
    unit: str
    values: Floats
    edges: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.edges) < 2 or np.any(np.diff(self.edges) <= 0):
            raise InvalidValue(f"edges of {self.name}", "at least two, increasing", self.edges)

    @property
    def n_bins(self) -> int:
        """Number of bins."""
        return len(self.edges) - 1

    def bins(self, values: Floats | None = None) -> Ints:
        """Bin of each value, -1 outside; of `self.values` by default."""
        chosen = self.values if values is None else values
        index = np.searchsorted(self.edges, chosen, side="right") - 1
        index[chosen == self.edges[-1]] = self.n_bins - 1
        index[(index >= self.n_bins) | ~np.isfinite(chosen)] = -1
        return np.asarray(index, np.int64)


def equal_population(values: npt.ArrayLike, n_bins: int = 5, digits: int = 4) -> tuple[float, ...]:
    """Edges between which about equally many values lie.

    A value that many objects share (no leakage at all, no pile-up) gets a bin of its own at the lower end,
    and the number of bins falls where ties leave fewer.

    Args:
        values: [N].
        n_bins: Number of bins wanted.
        digits: Significant digits to which the inner edges are rounded.

    Returns:
        Increasing edges, at least two.
    """
    finite = np.asarray(values, np.float64)
    finite = np.sort(finite[np.isfinite(finite)])
    if len(finite) == 0:
        return (0.0, 1.0)
    low, high = float(finite[0]), float(finite[-1])
    if low == high:
        return (low - 0.5, low + 0.5)
    edges = [low]
    at_low = int(np.sum(finite == low))
    if at_low > len(finite) / n_bins:
        finite, n_bins = finite[at_low:], n_bins - 1
        edges.append(0.5 * (low + float(finite[0])))
    inner = np.quantile(finite, np.linspace(0, 1, n_bins + 1)[1:-1]) if n_bins > 1 else np.empty(0)
    for edge in [float(f"{e:.{digits}g}") for e in inner]:
        if edges[-1] < edge < high:
            edges.append(edge)
    return (*edges, high)


def transverse_energy_gev(records: ak.Array) -> Floats:
    """True transverse energy E / cosh(eta), [N] GeV."""
    energy = np.asarray(records.true_energy_gev, np.float64)
    return np.asarray(energy / np.cosh(np.asarray(records.true_eta, np.float64)))


def in_core(records: ak.Array) -> ak.Array:
    """Marks the hits of the 3 x 3 crystals around the seed; jagged bool, one for each hit."""
    hits = records.hits
    eta = ak.values_astype(hits.ieta, np.int64)
    row = eta - ak.values_astype(eta > 0, np.int64)  # there is no crystal 0
    seed = np.asarray(records.seed_ieta, np.int64)
    near_eta = abs(row - (seed - (seed > 0))) <= 1
    across = (
        ak.values_astype(hits.iphi, np.int64) - np.asarray(records.seed_iphi, np.int64) + 180
    ) % 360 - 180
    return near_eta & (abs(across) <= 1)


def core_share(records: ak.Array, field: str = "energy_gev") -> Floats:
    """Share of the hits' energy that lies in the 3 x 3 crystals around the seed.

    Args:
        records: Records with hits and seed.
        field: Which energy of the hits.

    Returns:
        [N] in [0, 1]; 0 for an object without hits.
    """
    energy = ak.values_astype(records.hits[field], np.float64)
    return _over(ak.sum(ak.where(in_core(records), energy, 0.0), axis=1), ak.sum(energy, axis=1))


def r9(records: ak.Array) -> Floats:
    """R9: energy of the 3 x 3 crystals around the seed over the raw energy, [N]."""
    return core_share(records)


def gap_distances(records: ak.Array) -> tuple[Floats, Floats]:
    """Distance of the seed's centre to the nearest module gap in eta and supermodule gap in phi.

    Returns:
        [N] each, in crystals: 0.5 for a seed beside a gap.
    """
    ieta, iphi = np.abs(np.asarray(records.seed_ieta, np.int64)), np.asarray(records.seed_iphi, np.int64)
    gap_eta = np.min(np.abs((ieta - 0.5)[:, None] - np.array(_MODULE_EDGES)), axis=1)
    within = np.mod(iphi - 0.5, _SUPERMODULE)
    return np.asarray(gap_eta, np.float64), np.minimum(within, _SUPERMODULE - within)


def energy_variables(records: ak.Array) -> list[Variable]:
    """All variables of an energy report: ET, |eta|, pile-up, R9, H/E, position in the crystal, hits, gaps.

    Args:
        records: Records with truth.

    Returns:
        Variables in the order of the report; fixed edges for ET, |eta|, positions and gaps, else equal
        population.
    """
    eta = np.asarray(records.true_eta, np.float64)
    raw = ak.sum(ak.values_astype(records.hits.energy_gev, np.float64), axis=1)
    counts = np.asarray(ak.to_numpy(ak.num(records.hits.energy_gev)), np.float64)
    rho = np.asarray(records.rho_gev, np.float64)
    ratio_9, leak = r9(records), _over(records.leakage_gev, raw)
    in_eta, in_phi = (
        np.mod(eta / _ETA_PITCH, 1.0) - 0.5,
        np.mod(_phi_at_face(records) / _PHI_PITCH, 1.0) - 0.5,
    )
    gap_eta, gap_phi = gap_distances(records)
    position, gap = (-0.5, -0.3, -0.1, 0.1, 0.3, 0.5), (0.0, 1.0, 2.0, 4.0, 13.0)
    return [
        Variable("et", r"$E_\mathrm{T}^\mathrm{true}$", "GeV", transverse_energy_gev(records), ET_EDGES),
        Variable("abs_eta", r"$|\eta|$", "", np.abs(eta), ETA_EDGES),
        Variable("rho", r"$\rho$", "GeV", rho, equal_population(rho)),
        Variable("r9", r"$R_9$", "", ratio_9, equal_population(ratio_9)),
        Variable("h_over_e", "H/E", "", leak, equal_population(leak)),
        Variable("eta_in_crystal", r"position in the crystal, $\eta$", "crystals", in_eta, position),
        Variable("phi_in_crystal", r"position in the crystal, $\phi$", "crystals", in_phi, position),
        Variable("n_hits", "number of hits", "", counts, equal_population(counts)),
        Variable("gap_eta", r"distance of the seed to a gap in $\eta$", "crystals", gap_eta, gap),
        Variable("gap_phi", r"distance of the seed to a gap in $\phi$", "crystals", gap_phi, gap),
    ]


def edges_text(edges: Sequence[float], index: int, unit: str = "") -> str:
    """A bin in words, e.g. "10-20 GeV"."""
    return f"{edges[index]:.4g} to {edges[index + 1]:.4g}" + (f" {unit}" if unit else "")


def _phi_at_face(records: ak.Array) -> Floats:
    """Azimuth at which the primary arrives; that at the vertex where the file has no particles."""
    phi = np.asarray(records.true_phi, np.float64).copy()
    if "particles" in ak.fields(records) and "phi" in ak.fields(records.particles):
        primary = ak.fill_none(ak.firsts(records.particles.phi, axis=1), np.nan)
        arrived = np.asarray(ak.to_numpy(primary), np.float64)
        phi = np.where(np.isfinite(arrived), arrived, phi)
    return phi


def _over(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> Floats:
    above, below = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
