"""Who takes part in the contest: a released tag or a run folder, network or baseline, and its predictions.

    trees = contestant("BDT", "bdt_regression.barrel_electrons_v1")
    half = contestant("half the data", "runs/drn-half")
    predictions(half, events, records, Path("runs/contest/.predictions"))

Predictions are kept as .npz under a key of weights, code and events: a second contest computes what is new.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import zoo
from training.trainer import run_record
from training.trainer.recipe import from_dict
from training.trainer.sources import PACKAGE, sources_hash
from zoo.arrays import Arrays
from zoo.baselines.baseline import baseline
from zoo.cards import registry
from zoo.cards.weights import tag_folder
from zoo.files import save_npz

if TYPE_CHECKING:
    import awkward as ak

__all__ = ["Contestant", "contestant", "predictions"]


@dataclass(frozen=True)
class Contestant:
    """One set of weights."""

    name: str  # in the tables
    origin: str  # tag or folder, as it was given
    model: str  # network or baseline of the registry
    folder: Path
    facts: Mapping[str, Any]  # its run.json
    tag: str | None  # None: a run folder

    @property
    def samples(self) -> tuple[str, ...]:
        """Samples that it was trained on."""
        return tuple(self.facts["recipe"]["data"]["samples"])

    def predict(self, records: ak.Array) -> Arrays:
        """Predicts; columns [N] of what its model predicts (`energy_gev` in GeV, ...)."""
        if registry.info(self.model).kind == "baseline":
            found = baseline(self.model).predict(records, self.tag or self.folder)
        else:
            from training.release.publish import rebuild

            if self.tag:
                network = zoo.load(f"{self.model}.{self.tag}")
            else:
                recipe = from_dict(self.facts["recipe"], str(self.folder / run_record.RUN_JSON))
                network = rebuild(recipe, self.folder)
            found = zoo.predict(network, records)
        return {name: np.asarray(found[name]) for name in found.fields}


def contestant(name: str, origin: str) -> Contestant:
    """Finds a contestant.

    Args:
        name: Its name in the tables.
        origin: A tag such as "drn.barrel_v1", or the folder of a finished run.

    Returns:
        The contestant.

    Raises:
        InvalidFile: The run is not finished or of another version.
        UnknownName: There is no such model or tag.
    """
    if Path(origin).is_dir():
        folder, tag = Path(origin), None
        facts = run_record.read_finished(folder)
        return Contestant(name, origin, str(facts["model"]), folder, facts, tag)
    card = registry.info(origin)
    found = card.tag(registry.split_name(origin)[1])
    folder = tag_folder(card, found)
    return Contestant(name, origin, card.name, folder, run_record.read_run(folder), found.name)


def predictions(who: Contestant, events: Mapping[str, Any], records: ak.Array, kept: Path) -> Arrays:
    """Returns a contestant's predictions, from disk where the same weights have answered the same events.

    Args:
        who: The contestant.
        events: What identifies the events, as JSON knows it.
        records: The events.
        kept: Folder of kept predictions.
    """
    weights = dict(who.facts["files"])
    key = {"model": who.model, "weights": weights, "code": _code(who.model), "events": events}
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    path = kept / f"{who.model}-{digest}.npz"
    if path.is_file():
        with np.load(path) as file:
            return {name: file[name] for name in file.files}
    found = who.predict(records)
    run_record.prepare_folder(kept)
    save_npz(path, found, compressed=False)
    return found


def _code(model: str) -> str:
    """Returns a hash of the sources that decide the answer of a set of weights."""
    if registry.info(model).kind != "baseline":
        return run_record.fingerprint(model)
    return sources_hash((PACKAGE / "baselines").rglob("*.py"))
