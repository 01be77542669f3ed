r"""The Cruijff fit: a Gaussian core whose width grows with the distance, on each side for itself.

    f(x) = exp(-d^2 / (2 (s^2 + alpha d^2))),   d = x - mean,   (s, alpha) = left for d < 0, right otherwise

is what the public DRN validation fits (`convention="public"`). RooFit's CruijffPdf of the electron-photon
group has exp(-d^2 / (2 s^2 + alpha d^2)) (`convention="roofit"`): alpha_roofit = 2 alpha_public, everything
else alike.

The fit is an extended binned maximum likelihood (iminuit) in the shortest interval that holds most of the
responses. Resolution is sigma/mu with sigma = (sigma_left + sigma_right) / 2. The covariance is the
cluster-robust sandwich H^-1 (sum_c g_c g_c^T) H^-1, with g_c the score of all events of one library shower:
the linear form of the cluster bootstrap, without a refit for each replica.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from zoo.arrays import Floats
from zoo.errors import InvalidValue, require
from zoo.evaluation.resolution import shortest_interval

__all__ = ["Convention", "CruijffFit", "cruijff", "fit_cruijff"]

Convention = Literal["public", "roofit"]

FEWEST = 50
"""Fewer responses than this in the fit range are not fitted: six parameters need some."""
NAMES = ("yield", "mean", "sigma_left", "sigma_right", "alpha_left", "alpha_right")


@dataclass(frozen=True)
class CruijffFit:
    """Result of a fit; all NaN and `valid` False where it failed.

    Attributes:
        mean: Peak position.
        sigma_left: Width below it.
        sigma_right: Width above it.
        alpha_left: Tail parameter below, in `convention`.
        alpha_right: Tail parameter above.
        amplitude: Fitted density of entries at the peak, entries per unit of x.
        covariance: [6, 6] in the order of `NAMES`, cluster-robust.
        resolution: sigma / mean.
        resolution_error: Its error.
        influence: [C] linear change of log(resolution) that each cluster causes; for paired ratios.
        chi2: Pearson's chi-square of the bins.
        n_dof: Bins with entries minus six.
        interval: Range of the fit.
        n_entries: Responses in that range.
        convention: Of the tail parameters.
        valid: Minuit's verdict.
    """

    mean: float
    sigma_left: float
    sigma_right: float
    alpha_left: float
    alpha_right: float
    amplitude: float
    covariance: Floats
    resolution: float
    resolution_error: float
    influence: Floats
    chi2: float
    n_dof: int
    interval: tuple[float, float]
    n_entries: int
    convention: Convention
    valid: bool

    @property
    def sigma(self) -> float:
        """Mean of the two widths."""
        return 0.5 * (self.sigma_left + self.sigma_right)

    def density(self, x: npt.ArrayLike) -> Floats:
        """Entries per unit of x."""
        return self.amplitude * cruijff(
            x,
            self.mean,
            self.sigma_left,
            self.sigma_right,
            self.alpha_left,
            self.alpha_right,
            self.convention,
        )


def cruijff(
    x: npt.ArrayLike,
    mean: float,
    sigma_left: float,
    sigma_right: float,
    alpha_left: float,
    alpha_right: float,
    convention: Convention = "public",
) -> Floats:
    """The Cruijff function, 1 at its peak (with alpha > 0 it has no integral over the whole line).

    Args:
        x: Where.
        mean: Peak.
        sigma_left: Width below it, > 0.
        sigma_right: Width above it, > 0.
        alpha_left: Tail below, >= 0.
        alpha_right: Tail above, >= 0.
        convention: "public": exp(-d^2 / (2 (s^2 + alpha d^2))); "roofit": exp(-d^2 / (2 s^2 + alpha d^2)).

    Returns:
        Values in (0, 1], shape of x.

    Raises:
        InvalidValue: Another convention.
    """
    if convention not in ("public", "roofit"):
        raise InvalidValue("convention", "'public' or 'roofit'", repr(convention))
    factor = 2.0 if convention == "public" else 1.0
    d = np.asarray(x, np.float64) - mean
    left = d < 0
    sigma = np.where(left, sigma_left, sigma_right)
    alpha = np.where(left, alpha_left, alpha_right)
    return np.asarray(np.exp(-d * d / (2.0 * sigma * sigma + factor * alpha * d * d)))


def fit_cruijff(
    response: npt.ArrayLike,
    *,
    clusters: npt.ArrayLike | None = None,
    n_clusters: int | None = None,
    core: float = 0.97,
    n_bins: int | None = None,
    convention: Convention = "public",
) -> CruijffFit:
    """Fits a Cruijff function to responses E_pred / E_true.

    Args:
        response: [N]; values that are not finite are ignored.
        clusters: [N] integers, the library shower of each event; every event its own without.
        n_clusters: Number of all clusters, for the length of `influence`.
        core: Share of the responses in the fit range (their shortest interval), 0.95-0.98 is usual.
        n_bins: Number of bins; about the cube root rule times three by default.
        convention: Of the tail parameters.

    Returns:
        The fit; NaN where there are too few responses or Minuit finds no minimum.

    Raises:
        InvalidValue: `core` is not in (0, 1], or another convention.
        MissingExtra: iminuit is not installed.
    """
    cruijff(0.0, 0.0, 1.0, 1.0, 0.0, 0.0, convention)  # checks the convention
    values = np.asarray(response, np.float64)
    labels = np.arange(len(values)) if clusters is None else np.asarray(clusters, np.int64)
    finite = np.isfinite(values)
    values, labels = values[finite], labels[finite]
    low, high = shortest_interval(values, core)
    inside = (values >= low) & (values <= high)
    values, labels = values[inside], labels[inside]
    size = n_clusters if n_clusters is not None else int(labels.max(initial=-1)) + 1
    if len(values) < FEWEST or not high > low:
        return _failed((low, high), len(values), convention, size)
    bins = n_bins if n_bins is not None else int(np.clip(3.0 * len(values) ** (1 / 3), 20, 100))
    # A hair wider, so that the ends, which are responses themselves, lie inside.
    edges = np.linspace(low, high + 1e-9 * (high - low), bins + 1)
    which = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, bins - 1)
    counts = np.bincount(which, minlength=bins).astype(np.float64)
    model = _BinnedCruijff(edges, counts)
    best = model.minimise(values)
    if best is None:
        return _failed((low, high), len(values), convention, size)
    expected, gradient = model.expected(best), model.gradient(best)
    information = (gradient / expected) @ gradient.T
    inverse = np.linalg.pinv(information, hermitian=True)
    scores = (gradient / expected)[:, which]  # [6, M] score of one event
    by_cluster = np.stack([np.bincount(labels, weights=row, minlength=size) for row in scores])
    steps = inverse @ by_cluster  # [6, C] linear change of the parameters by each cluster
    mean, sigma = best[1], 0.5 * (best[2] + best[3])
    slope = np.array([0.0, -1.0 / mean, 0.5 / sigma, 0.5 / sigma, 0.0, 0.0])  # of log(sigma / mean)
    influence = slope @ steps
    factor = 1.0 if convention == "public" else 2.0
    scale = np.array([1.0, 1.0, 1.0, 1.0, factor, factor])
    resolution = sigma / mean
    return CruijffFit(
        mean=float(mean), sigma_left=float(best[2]), sigma_right=float(best[3]),
        alpha_left=float(best[4] * factor), alpha_right=float(best[5] * factor), amplitude=float(best[0]),
        covariance=(steps @ steps.T) * np.outer(scale, scale),
        resolution=float(resolution), resolution_error=float(resolution * np.sqrt(influence @ influence)),
        influence=influence, chi2=float(np.sum((counts - expected) ** 2 / expected)),
        n_dof=bins - len(NAMES), interval=(low, high), n_entries=len(values), convention=convention,
        valid=True,
    )  # fmt: skip


class _BinnedCruijff:
    """Extended binned likelihood of the six parameters, alpha in the public convention."""

    # Gauss-Legendre points and weights on [0, 1]: the mean over a bin, not the value at its centre.
    _POINTS = np.array([0.5 - np.sqrt(0.15), 0.5, 0.5 + np.sqrt(0.15)])
    _WEIGHTS = np.array([5.0, 8.0, 5.0]) / 18.0

    def __init__(self, edges: Floats, counts: Floats) -> None:
        width = edges[1] - edges[0]
        self.x = edges[:-1] + width * self._POINTS[:, None]  # [3, bins]
        self.w = self._WEIGHTS[:, None] * width
        self.counts, self.low, self.high = counts, float(edges[0]), float(edges[-1])

    def expected(self, p: Floats) -> Floats:
        """Expected entries per bin."""
        shape = cruijff(self.x, p[1], p[2], p[3], p[4], p[5])
        return np.asarray(np.maximum(p[0] * (self.w * shape).sum(0), 1e-12))

    def gradient(self, p: Floats) -> Floats:
        """[6, bins] derivatives of the expected entries."""
        d = self.x - p[1]
        left = d < 0
        sigma, alpha = np.where(left, p[2], p[3]), np.where(left, p[4], p[5])
        d2 = d * d
        below = sigma * sigma + alpha * d2
        shape = np.exp(-0.5 * d2 / below)
        weighted = p[0] * self.w * shape
        by_mean = (weighted * d * sigma * sigma / below**2).sum(0)
        by_sigma = weighted * d2 * sigma / below**2
        by_alpha = weighted * 0.5 * d2 * d2 / below**2
        return np.stack([
            (self.w * shape).sum(0), by_mean,
            (by_sigma * left).sum(0), (by_sigma * ~left).sum(0),
            (by_alpha * left).sum(0), (by_alpha * ~left).sum(0),
        ])  # fmt: skip

    def nll(self, p: Floats) -> float:
        """Twice the negative log-likelihood, up to a constant."""
        mu = self.expected(p)
        return float(2.0 * np.sum(mu - self.counts * np.log(mu)))

    def nll_gradient(self, p: Floats) -> Floats:
        """Its derivatives."""
        return np.asarray(2.0 * (self.gradient(p) @ (1.0 - self.counts / self.expected(p))))

    def minimise(self, values: Floats) -> Floats | None:
        """Parameters at the minimum; two starts, the better valid one."""
        iminuit = require("iminuit", extra="physics")
        core_low, core_high = shortest_interval(values, 0.4)
        peak = 0.5 * (core_low + core_high)
        span = self.high - self.low
        floor = 1e-3 * span
        best, lowest = None, np.inf
        for alpha in (0.08, 0.3):
            left = max(
                float(np.quantile(peak - values[values < peak], 0.6)) if peak > self.low else 0.0, floor
            )
            right = max(
                float(np.quantile(values[values >= peak] - peak, 0.6)) if peak < self.high else 0.0, floor
            )
            start = np.array([1.0, peak, left, right, alpha, alpha])
            start[0] = self.counts.sum() / self.expected(start).sum()
            minuit = iminuit.Minuit(self.nll, start, grad=self.nll_gradient, name=NAMES)
            minuit.errordef = 1.0
            minuit.strategy = 0
            minuit.limits = [(0, None), (self.low, self.high), (floor, span), (floor, span), (0, 3), (0, 3)]
            minuit.migrad()
            if not minuit.valid:
                minuit.strategy = 1
                minuit.simplex().migrad()
            if np.isfinite(minuit.fval) and minuit.fval < lowest and minuit.valid:
                best, lowest = np.asarray(minuit.values, np.float64), float(minuit.fval)
                break
        return best


def _failed(interval: tuple[float, float], entries: int, convention: Convention, clusters: int) -> CruijffFit:
    nan = float("nan")
    return CruijffFit(
        nan, nan, nan, nan, nan, nan, np.full((6, 6), nan), nan, nan, np.full(clusters, nan), nan, 0,
        interval, entries, convention, False,
    )  # fmt: skip
