"""Jets of the target, for the loss alone: cones around the hardest particles."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zoo.angles import wrap_phi

RADIUS = 0.4
LEAST_GEV = 5.0  # pT of a jet


def target_jets(
    pt: npt.NDArray[np.floating], eta: npt.NDArray[np.floating], phi: npt.NDArray[np.floating]
) -> npt.NDArray[np.int32]:
    """Numbers the jets of one event.

    The hardest particle left takes all that is left within 0.4, until a cone has less than 5 GeV and no
    particle of 5 GeV remains: what anti-kt does to isolated jets, without FastJet. The report uses anti-kt.

    Args:
        pt: `[N]` in GeV, 0 for an element without a particle.
        eta: `[N]` of the particle; of the element where there is none, which belongs to a jet too: what a
            network makes of it stands in the jet.
        phi: `[N]`.

    Returns:
        int32 `[N]`: 0, 1, ... for the jets by falling pT of their hardest particle, -1 outside of all.
    """
    jet = np.full(len(pt), -1, np.int32)
    free = np.ones(len(pt), bool)
    number = 0
    for seed in np.argsort(-pt, kind="stable"):
        if not free[seed]:
            continue
        if pt[free].sum() < LEAST_GEV:
            break
        across = wrap_phi(phi - phi[seed])
        inside = free & ((eta - eta[seed]) ** 2 + across**2 < RADIUS**2)
        free &= ~inside
        if pt[inside].sum() >= LEAST_GEV:
            jet[inside] = number
            number += 1
    return jet
