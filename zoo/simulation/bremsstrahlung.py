"""Bremsstrahlung and pair production at high energy, in units of radiation lengths.

Complete screening (PDG review, passage of particles through matter), with t in radiation lengths:

* an electron of energy E radiates `dN/(dk dt) = 4/(3k) (1 - y + 3/4 y^2)` photons of energy k = y E;
* a photon converts 7/9 times per t; the electron's share x of it has the density `1 - 4/3 x (1 - x)`.
"""

from __future__ import annotations

import numpy as np

from zoo.arrays import Floats, Ints

__all__ = ["conversion_probability", "pair_share", "radiate", "soft_loss_gev_per_x0"]


PAIRS_PER_X0 = 7.0 / 9.0


def radiate(
    energy_gev: Floats, path_x0: Floats, rng: np.random.Generator, cut_gev: float
) -> tuple[Floats, Ints, Floats]:
    """Draws the hard bremsstrahlung photons of electrons along a path, energy conserved photon by photon.

    The Poisson process is thinned from the majorant `4/(3k)`: a log-uniform k is kept with probability
    `1 - y + 3/4 y^2`. The rate follows the electron's energy, so any path length is exact.

    Args:
        energy_gev: [N] energies of the electrons.
        path_x0: [N] path in radiation lengths.
        rng: Source of randomness.
        cut_gev: Energy of the softest photon drawn.

    Returns:
        The electrons' energies after it [N], and of every photon [M] its electron's index and its energy.
    """
    energy = energy_gev.copy()
    left = path_x0.copy()
    emitters, photons = [np.empty(0, dtype=np.int64)], [np.empty(0)]
    active = np.flatnonzero((energy > cut_gev) & (left > 0.0))
    while active.size:
        span = np.log(energy[active] / cut_gev)
        left[active] -= rng.standard_exponential(active.size) * 0.75 / span
        inside = left[active] > 0.0
        active, span = active[inside], span[inside]
        y = np.exp(-span * rng.random(active.size))
        keep = rng.random(active.size) < 1.0 - y + 0.75 * y * y
        emitter = active[keep]
        photon = y[keep] * energy[emitter]
        energy[emitter] -= photon
        emitters.append(emitter)
        photons.append(photon)
        active = active[energy[active] > cut_gev]
    return energy, np.concatenate(emitters), np.concatenate(photons)


def soft_loss_gev_per_x0(energy_gev: Floats, cut_gev: float) -> Floats:
    """Returns the mean energy per radiation length that electrons radiate in photons softer than the cut."""
    y = np.minimum(cut_gev / np.maximum(energy_gev, 1e-9), 1.0)
    return np.asarray(4.0 / 3.0 * y * energy_gev * (1.0 - 0.5 * y + 0.25 * y * y))


def pair_share(uniform: Floats) -> Floats:
    """Maps uniform numbers to the electron's share x of a converted photon, density ~ 1 - 4/3 x (1 - x).

    The cumulative distribution is a cubic in w = x - 1/2, `w^3 + 3/2 w = 7/4 (u - 1/2)`, in closed form.
    """
    right = 1.75 * (uniform - 0.5)
    share = 0.5 + np.sqrt(2.0) * np.sinh(np.arcsinh(np.sqrt(2.0) * right) / 3.0)
    return np.asarray(np.clip(share, 0.0, 1.0))


def conversion_probability(path_x0: Floats) -> Floats:
    """Returns the probability that a photon converts within a path in radiation lengths."""
    return np.asarray(-np.expm1(-PAIRS_PER_X0 * path_x0))
