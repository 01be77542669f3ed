"""A run becomes a tag: `python -m training release runs/drn-001 --tag barrel_v1`.

The best weights are exported, every artefact is reloaded in a fresh process and compared, the network is
evaluated beside the baselines on simulated test events (showers and seeds that no training saw), and
checksums and metrics go into the card. All of it is made in a hidden folder that becomes
`saved_models/<model>/<tag>/` when it is complete; the card is written last. A tag that exists is never
touched.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from training.release.card_tags import record_tag
from training.trainer import data, run_record
from training.trainer.recipe import Data, Recipe, block, from_dict, read
from zoo.baselines.baseline import baseline
from zoo.cards import registry
from zoo.cards.card import ModelCard
from zoo.errors import InvalidFile, InvalidValue
from zoo.evaluation.energy.card_metrics import card_metrics
from zoo.files import checksums, replacing, sha256, write_json
from zoo.inference.loading import network_of
from zoo.version import __version__

if TYPE_CHECKING:
    import awkward as ak
    import keras

SAVED_MODELS = run_record.ROOT / "saved_models"
REPORT = "report"  # in the run folder: larger than what a tag carries
_AGREE = 1e-5  # |a - b| <= 1e-5 (|a| + std(a)), as everywhere in the zoo


@dataclass(frozen=True)
class Candidate:
    """A finished run that is to become a tag, and what it is measured on and against."""

    run: Path
    facts: Mapping[str, Any]  # its `run.json`
    card: ModelCard
    tag: str
    test: data.Events
    compared: Mapping[str, Callable[[ak.Array], ak.Array]]  # baselines by name, the strongest last


def release(
    run: Path,
    tag: str,
    *,
    processes: int = 2,
    cache: Path | None = None,
    saved_models: Path = SAVED_MODELS,
    baselines: Iterable[str] | None = None,
) -> Path:
    """Makes a tag of a finished run.

    Args:
        run: Run folder of a network or of a baseline.
        tag: Name of the data and an integer, e.g. "barrel_v1".
        processes: Processes that simulate the test events.
        cache: Folder of simulated events; runs/cache by default.
        saved_models: Where tags live.
        baselines: Which baselines to compare with; by default those of the report, for a baseline those that
            have the same tag already.

    Returns:
        The tag's folder.

    Raises:
        InvalidFile: The run is not finished, or the tag exists.
        InvalidValue: The run is of other code, the tag's name is not well formed, or an artefact disagrees.
    """
    facts = run_record.read_finished(run)
    if not re.fullmatch(r"[a-z0-9][a-z0-9_]*_v[0-9]+", tag):
        raise InvalidValue("tag", "the name of the data, '_v' and an integer, e.g. barrel_v1", repr(tag))
    card = registry.info(facts["model"])
    if card.path is None:
        raise InvalidFile(card.name, "has no card.")
    target = saved_models / card.name / tag
    if tag in card.tags or target.exists():
        raise InvalidFile(
            target, "the tag exists.", f"Released tags never change: choose the next one after {tag}."
        )
    if not card.tags and card.default_tag != tag:
        raise InvalidValue(f"default_tag of {card.path}", f"the first tag, {tag!r}", repr(card.default_tag))
    for name, expected in facts["files"].items():
        if sha256(run / name) != expected:
            raise InvalidFile(
                run / name, "is not the file that the run wrote.", "Train again, or restore it."
            )

    test = unseen_events(facts, processes, cache or run_record.ROOT / "runs" / "cache")
    candidate = Candidate(run, facts, card, tag, test, _compared(card, tag, baselines))
    make = _release_baseline if card.kind == "baseline" else _release_network
    run_record.prepare_folder(target.parent)
    with replacing(target) as folder:
        folder.mkdir()
        files, preset, metrics = make(candidate, folder)
        write_json(folder / run_record.RUN_JSON, {**facts, "test_events": test.facts})
    try:
        record_tag(
            card.path,
            tag,
            checksums(target, files),
            metrics,
            preset=preset,
            extra={"showers": _showers(facts, test), "code_version": __version__},
        )
    except BaseException:
        shutil.rmtree(target)
        raise
    return target


def _release_network(candidate: Candidate, folder: Path) -> tuple[list[str], str, list[dict[str, Any]]]:
    """Exports, verifies and evaluates a network; returns files for the card, preset and metrics."""
    from zoo.exporting.export import export
    from zoo.exporting.verification import verify

    run = candidate.run
    recipe = from_dict(candidate.facts["recipe"], str(run / run_record.RUN_JSON))
    network = rebuild(recipe, run)
    export(network, folder / "export", tag=candidate.tag, progress=_tell("exporting"))
    for path in (folder / "export").iterdir():
        path.replace(folder / path.name)
    (folder / "export").rmdir()
    verified = verify(folder)
    if not verified.ok:
        raise InvalidValue(
            f"artefacts of {recipe.model}.{candidate.tag}", "agreement with the goldens", verified
        )

    artefacts = ["model.keras", "model.onnx", "frozen.pb", "manifest.json"]
    return artefacts, recipe.preset, measure(candidate, network, run / REPORT)


def measure(candidate: Candidate, network: keras.Model, out: Path) -> list[dict[str, Any]]:
    """Writes the report of a network on the candidate's test events.

    Args:
        candidate: The run and its events; the baselines beside it.
        network: The run's network.
        out: Folder of the report.

    Returns:
        The metrics of a card, one table each with the fields of `zoo.cards.card.Metric`.
    """
    from zoo.inference.predicting import predict

    records = candidate.test.records()
    _tell("predicting")(f"{len(records):,} test objects")
    outputs = predict(network, records)
    found = {name: answer(records) for name, answer in candidate.compared.items()}
    of = network_of(network)
    content = of.evaluate(records, outputs, out=out, baselines=found, metadata=_metadata(candidate))
    return of.card_metrics(content, _words(candidate.test))


def _release_baseline(candidate: Candidate, folder: Path) -> tuple[list[str], str, list[dict[str, Any]]]:
    """Copies a baseline's weights into `folder` and evaluates them; returns as `_release_network`."""
    from zoo.data import raw_energy_gev
    from zoo.evaluation import ClusterBootstrap, EnergyReport, Method, energy_variables
    from zoo.evaluation.binning import ET_EDGES, transverse_energy_gev

    name, run, test = candidate.card.name, candidate.run, candidate.test
    for file in candidate.facts["files"]:
        shutil.copyfile(run / file, folder / file)
    fitted, records = baseline(name), test.records()
    if candidate.card.task != "energy":  # the report of the network whose events it was trained on
        network = read(candidate.facts["recipe"]["data"]["recipe"]).network()
        found = {name: fitted.predict(records, folder)}
        content = network.evaluate(
            records, None, out=run / REPORT, baselines=found, metadata=_metadata(candidate)
        )
        return list(fitted.files), "", network.card_metrics(content, _words(test))
    raw, et = raw_energy_gev(records), transverse_energy_gev(records)
    others = {other: answer(records) for other, answer in candidate.compared.items()}
    methods = [Method("raw", "raw sum", raw)]
    for each, found in {**others, name: fitted.predict(records, folder)}.items():
        title = registry.info(each).title
        methods.append(Method(each, title, found.energy_gev, found.sigma_gev, found.pit))
    report = EnergyReport(
        title=f"{candidate.card.title}: {_words(test)}",
        true_energy_gev=np.asarray(records.true_energy_gev),
        raw_energy_gev=raw,
        methods=methods,
        variables=energy_variables(records),
        bootstrap=ClusterBootstrap.of_showers(records),
        model=name,
        baseline=next(reversed(others), "raw"),
        metadata=_metadata(candidate),
        # the range that a network's report covers, so that the cards' figures are of the same objects
        selection=(et >= ET_EDGES[0]) & (et <= ET_EDGES[-1]),
        cosh_eta=np.cosh(np.asarray(records.true_eta, np.float64)),
    )
    return list(fitted.files), "", card_metrics(report.write(run / REPORT), _words(test))


def rebuild(recipe: Recipe, run: Path) -> keras.Model:
    """Builds the network by today's code and gives it the run's best weights.

    Args:
        recipe: The run's recipe.
        run: The run folder.

    Returns:
        The uncompiled network.

    Raises:
        InvalidValue: It does not answer what it answered at the end of the run.
    """
    from training.trainer.run import check_outputs

    network = recipe.network().build()
    network.load_weights(run / "model.keras")
    with np.load(run / "check.npz") as kept:
        before = {name: kept[name] for name in kept.files}
    for name, now in check_outputs(network).items():
        then = before[name]
        allowed = _AGREE * (np.abs(then) + np.std(then, axis=0))
        worst = float(np.max(np.abs(now - then) / np.maximum(allowed, 1e-12)))
        if worst > 1:
            raise InvalidValue(
                f"{run}: output {name}",
                "what the network answered at the end of its run (check out the code that trained it)",
                f"{worst:.3g} times the allowed difference",
            )
    return network


def unseen_events(facts: Mapping[str, Any], processes: int, cache: Path) -> data.Events:
    """Returns a run's test events, proven to share no shower with what it saw, where that is still there."""
    table = {key: value for key, value in facts["recipe"]["data"].items() if key != "recipe"}
    recipe = block(Data, table, "the run's data block")
    tables = facts["recipe"]
    name = tables["model"]["name"] if "model" in tables else read(tables["data"]["recipe"]).model
    quiet = not sys.stdout.isatty()
    test = data.prepare(
        recipe, "test", n=recipe.test_n, cache=cache, model=name, processes=processes, quiet=quiet
    )
    seen = []
    for split, n in (("train", recipe.n), ("validation", recipe.validation_n)):
        known = facts["events"][split]
        if (cache / known["folder"]).is_dir():
            seen.append(
                data.prepare(
                    recipe, split, n=n, cache=cache, model=name, processes=processes, known=known, quiet=quiet
                )
            )
    data.check_disjoint(*seen, test)
    return test


def _compared(
    card: ModelCard, tag: str, wanted: Iterable[str] | None
) -> dict[str, Callable[[ak.Array], ak.Array]]:
    """Returns the released ones of the wanted baselines, or of those that belong to it; the strongest last.

    To a network belong those of its report, with the weights of the same tag, else with their default; to a
    baseline those that were released before it under the same tag.
    """
    if wanted is None and card.kind == "baseline":
        wanted = [name for name in registry.baselines() if tag in registry.info(name).tags]
    elif wanted is None:
        wanted = network_of(card.name).baselines
    found = [baseline(name) for name in wanted]
    return {one.name: one.beside(tag) for one in found if one.card.tags}


def _metadata(candidate: Candidate) -> dict[str, Any]:
    facts, test = candidate.facts, candidate.test
    key = test.facts["key"]
    return {
        "sample": " and ".join(key["samples"]),
        "split": "test",
        "seed": key["seed"],
        "objects": test.facts["objects"],
        "pile-up-free fraction": key["pileup_free_fraction"],
        "showers seen in training": str(facts["events"]["train"]["unique_showers"]),
        "objects seen in training": facts.get("objects_seen"),
        "code_version": __version__,
    }


def _words(test: data.Events) -> str:
    key = test.facts["key"]
    what = " and ".join(key["samples"])
    return f"{test.facts['objects']} simulated {what}, test showers, seed {key['seed']}"


def _showers(facts: Mapping[str, Any], test: data.Events) -> dict[str, Any]:
    counts = {split: facts["events"][split]["unique_showers"] for split in ("train", "validation")}
    counts["test"] = test.facts["unique_showers"]
    flat = {f"{split}_{library}": n for split, by in counts.items() for library, n in by.items()}
    return {"objects_seen": facts.get("objects_seen", 0), **flat}


def _tell(what: str) -> Callable[[str], None]:
    return lambda text: print(f"{what}: {text}", flush=True)
