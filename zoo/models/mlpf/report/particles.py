"""Particles element by element, alike for target, particle flow and network; the network's working point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import awkward as ak
import numpy as np

from zoo.arrays import Bools, Floats, Floats32, Ints
from zoo.baselines import particle_flow
from zoo.data.node_rows import node_rows
from zoo.data.records import leaf_values
from zoo.errors import InvalidValue

__all__ = ["Network", "Particles", "of_particle_flow", "of_targets", "threshold"]


LEAST_CHANCE = 1e-3  # of a particle, to be among the expected ones
EVENTS_AT_ONCE = 1_000  # of particle flow, whose pairs of elements would fill the memory


@dataclass(frozen=True, eq=False)
class Particles:
    """What T elements are, or become.

    Attributes:
        label: [T] index into `CLASSES`, 0 for nothing.
        pt_gev: [T].
        eta: [T].
        phi: [T].
        energy_gev: [T].
    """

    label: Ints
    pt_gev: Floats
    eta: Floats
    phi: Floats
    energy_gev: Floats

    def __getitem__(self, chosen: Bools | Ints) -> Particles:
        """Of some elements."""
        momentum = (column[chosen] for column in (self.pt_gev, self.eta, self.phi, self.energy_gev))
        return Particles(self.label[chosen], *momentum)

    def without(self, gone: Bools) -> Particles:
        """The same, with nothing on some elements."""
        return replace(self, label=np.where(gone, 0, self.label))


@dataclass(frozen=True, eq=False)
class Network:
    """Answers of the network for T elements, before a working point is chosen.

    Attributes:
        none: [T] probability that there is no particle.
        particles: With the most probable class that is one, on every element.
    """

    none: Floats
    particles: Particles

    @classmethod
    def of(cls, outputs: Any, counts: Ints) -> Network:
        """From predictions.

        Args:
            outputs: Records of `zoo.predict`, or a dict of the network's outputs.
            counts: [B] elements of each event.

        Raises:
            InvalidValue: A field is missing, or the number of events or elements is another one.
        """
        probability = _of_elements("class_probability", outputs, counts)
        pt, eta, sine, cosine, energy = _of_elements("momentum", outputs, counts).astype(np.float64).T
        label = 1 + np.argmax(probability[:, 1:], axis=1)
        return cls(
            probability[:, 0].astype(np.float64), Particles(label, pt, eta, np.arctan2(sine, cosine), energy)
        )

    def at(self, threshold: float) -> Particles:
        """The particles of the elements whose probability of none is at most the threshold."""
        return self.particles.without(self.none > threshold)

    def expected(self) -> Particles:
        """Every element with its momentum times the chance that there is a particle, for sums of momenta.

        It is the network's output `visible`: the mean over what the event may have been. What is there with
        less than a chance in a thousand is left out.
        """
        chance = 1.0 - self.none
        label = np.where(chance > LEAST_CHANCE, self.particles.label, 0)
        pt, energy = self.particles.pt_gev * chance, self.particles.energy_gev * chance
        return replace(self.particles, label=label, pt_gev=pt, energy_gev=energy)


def of_targets(records: ak.Array) -> Particles:
    """The targets of all elements of records of `ELEMENT_EVENTS`."""
    return _from_leaves(records, "elements.target_", "class")


def of_particle_flow(records: ak.Array) -> Particles:
    """The candidates of rule-based particle flow."""
    parts = [
        _from_leaves(
            particle_flow.predict(records[start : start + EVENTS_AT_ONCE]), "elements.", "class_index"
        )
        for start in range(0, len(records), EVENTS_AT_ONCE)
    ]
    names = ("label", "pt_gev", "eta", "phi", "energy_gev")
    return Particles(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def threshold(none: Floats, wrong: Bools, rate: float) -> float:
    """Finds the largest threshold on the probability of none at which the share of wrong ones is a given one.

    Args:
        none: [M] probability of none.
        wrong: [M] whether it would be wrong to have a particle there.
        rate: Share of the wrong ones among all that pass.

    Returns:
        The threshold; -1, which nothing passes, if the share is larger at any.
    """
    order = np.argsort(none, kind="stable")
    share = np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(share <= rate)
    return float(none[order[good[-1]]]) if len(good) else -1.0


def _from_leaves(records: ak.Array, prefix: str, label: str) -> Particles:
    names = ("pt_gev", "eta", "phi", "energy_gev")
    columns = [leaf_values(records, f"{prefix}{name}").astype(np.float64) for name in names]
    return Particles(leaf_values(records, f"{prefix}{label}").astype(np.int64), *columns)


def _of_elements(name: str, outputs: Any, counts: Ints) -> Floats32:
    """[T, ...] rows of the real elements of one output."""
    fields = list(outputs) if isinstance(outputs, Mapping) else ak.fields(outputs)
    if name not in fields:
        raise InvalidValue("predictions of mlpf", f"the field {name}", fields)
    return node_rows(outputs[name], counts, f"{name} of mlpf").astype(np.float32)
