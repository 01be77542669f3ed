"""Domain shifts: the samples as another simulation or an aged detector would make them.

    shift = SHIFTS["noise"]
    records = simulate("electrons", 20_000, seed=1, config=shift.config(ELECTRONS))
    shift = SHIFTS["grindhammer_peters"]
    records = simulate("electrons", 20_000, seed=1, library=shift.library("gp_showers"))

| shift | what is different | what the reconstruction believes |
| --- | --- | --- |
| `grindhammer_peters` | every shower, those of pile-up too, is a parametrised one | Geant4's showers |
| `noise` | electronics noise x 1.5 | the nominal noise: thresholds and `hits.noise_gev` stay |
| `thresholds` | cuts on hits and seeds x 1.5 | nothing about thresholds: no input says them |
| `dead` | 1 % dead crystals (0.5 %), a dead 5 x 5 tower in every event (5 %) | the dead crystals are known |

Nothing is trained anew for any of them. "noise" is a conditions database gone stale: were the new noise
known, hit feature and thresholds would follow it. A new dead tower holds one crystal of the window around
the leading particle, so that in one event of eight it covers the crystal that was hit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import InvalidValue
from zoo.simulation import grindhammer_peters
from zoo.simulation.response import DeadChannels
from zoo.simulation.samples import CrystalSample
from zoo.simulation.showers import ShowerLibrary
from zoo.simulation.sources import Sample

__all__ = ["SHIFTS", "Shift"]

FACTOR = 1.5
"""Of noise and thresholds."""


def _same(config: CrystalSample) -> CrystalSample:
    return config


def _noise(config: CrystalSample) -> CrystalSample:
    return dataclasses.replace(config, noise=dataclasses.replace(config.noise, excess=FACTOR))


def _thresholds(config: CrystalSample) -> CrystalSample:
    cuts = ("hit_cut_gev", "hit_cut_sigma", "seed_cut_gev", "seed_cut_sigma")
    raised = {name: FACTOR * getattr(config.noise, name) for name in cuts}
    return dataclasses.replace(config, noise=dataclasses.replace(config.noise, **raised))


def _dead(config: CrystalSample) -> CrystalSample:
    return dataclasses.replace(config, dead=DeadChannels(fraction=0.01, tower_probability=1.0))


@dataclass(frozen=True)
class Shift:
    """One way in which events differ from those that networks and baselines were trained on.

    Attributes:
        name: Its name in `SHIFTS`.
        change: Gives the shifted configuration of a sample.
        showers: Opens its showers in a folder, and writes them there first if need be; None if it keeps the
            sample's.
    """

    name: str
    change: Callable[[CrystalSample], CrystalSample] = _same
    showers: Callable[[str | Path], ShowerLibrary] | None = None

    def config(self, sample: Sample) -> Sample:
        """Returns a sample's configuration with the detector of this shift.

        Raises:
            InvalidValue: The shift is one of crystals, and the sample is of whole events.
        """
        if not isinstance(sample, CrystalSample):
            raise InvalidValue(f"sample of the shift {self.name!r}", "a sample of crystals", sample.name)
        return self.change(sample)

    def library(self, folder: str | Path | None = None) -> ShowerLibrary:
        """Returns the showers of this shift.

        Args:
            folder: Where its own showers lie, or shall lie; for a shift without any, another library (the
                shipped one by default).

        Raises:
            InvalidValue: The shift has showers of its own and no folder is given for them.
            InvalidFile: The folder holds other showers.
        """
        if self.showers is not None:
            if folder is None:
                raise InvalidValue(
                    f"showers of the shift {self.name!r}", "a folder, written at first use", folder
                )
            return self.showers(folder)
        return ShowerLibrary.shipped() if folder is None else ShowerLibrary.from_folder(folder)


SHIFTS: dict[str, Shift] = {
    shift.name: shift
    for shift in (
        Shift("grindhammer_peters", showers=grindhammer_peters.library),
        Shift("noise", _noise),
        Shift("thresholds", _thresholds),
        Shift("dead", _dead),
    )
}
"""The shifts by name."""
