"""Fits and releases the energy corrections of PFClustering.

    python -m training fit pf_clustering                  # a run folder, 3 minutes on one core
    python -m training fit pf_clustering --tag photons_v2 # the same, and a tag of it

The clusters are those of single photons that reach the calorimeter's face: in the flat segment of the ClusTEX
talk, and in the barrel with its gaps, dead crystals and pile-up but with no material and no field before it,
so that each photon is one shower. Test photons come from showers that the fit never saw.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from training.release.card_tags import record_tag
from training.trainer import run_record
from zoo.angles import wrap_phi
from zoo.arrays import Floats, Ints, owners, row_splits
from zoo.baselines.pf_clustering import FLAT_SEGMENT, EnergyCorrection, lattice_clusters, pf_clusters
from zoo.baselines.pf_clustering.cluster_variables import Variables, plane_place
from zoo.baselines.pf_clustering.corrections import DETECTORS, FILES, cluster_variables
from zoo.cards import registry
from zoo.clustering.lattice import flat
from zoo.clustering.pf_clusters import PFClusters
from zoo.detectors import cms_barrel
from zoo.errors import InvalidFile
from zoo.evaluation.bootstrap import ClusterBootstrap, spread
from zoo.files import checksums, write_json
from zoo.simulation import flat_segment
from zoo.simulation.material import Material
from zoo.simulation.patches import PatchShape
from zoo.simulation.samples import PHOTONS, simulate
from zoo.simulation.showers import ShowerLibrary
from zoo.simulation.transport import TransportConfig
from zoo.version import __version__

SAVED_MODELS = run_record.ROOT / "saved_models"
ENERGY_EDGES = (1, 2, 5, 10, 20, 50, 100, 200)
"""GeV: the bins in which the barrel's resolution is reported."""
BLOCK = 2000
"""Events of the segment in memory at once."""


BARREL_PHOTONS = dataclasses.replace(
    PHOTONS,
    min_et_gev=0.3,
    min_energy_gev=0.3,
    max_energy_gev=240.0,  # the library's showers end at 250
    flat_fraction=0.3,
    max_abs_eta=cms_barrel.MAX_ETA,
    pileup=(20, 75),
    transport=TransportConfig(material=Material(scale=0.0), field_tesla=0.0),
    patch=PatchShape(window=(7, 7), search=(1, 1)),  # all that a shower can reach
)


@dataclass(frozen=True)
class CorrectionRecipe:
    """What decides the corrections."""

    flat_segment: int = 60_000  # training photons
    barrel: int = 120_000
    test: int = 20_000  # test photons of each detector
    pileup_free_fraction: float = 0.2  # of the barrel's
    knots: int = 8  # of ln E
    seed: int = 1


@dataclass(frozen=True, eq=False)
class PhotonClusters:
    """The cluster of each photon that has one: the nearest, less than a crystal away; [K] each."""

    energy_gev: Floats
    variables: Variables
    true_energy_gev: Floats
    shower: Ints
    photons: int  # all of them, with and without a cluster


def segment_photons(n: int, seed: int, split: str) -> PhotonClusters:
    """Simulates n single photons anywhere on the flat segment, 1 to 100 GeV, and clusters them."""
    segment = flat_segment.CLUSTEX_SEGMENT
    plane = flat(segment.n_rows, segment.n_columns)
    parts = []
    for number, start in enumerate(range(0, n, BLOCK)):
        # one stream of random numbers for each block
        rng = np.random.SeedSequence((seed, number)).generate_state(1)
        events = flat_segment.simulate_flat(min(BLOCK, n - start), int(rng[0]), split=split)
        clusters = lattice_clusters(plane, *events.hits(), config=FLAT_SEGMENT)
        event = owners(np.diff(clusters.row_splits))
        away = plane_place(plane, clusters.position_cm) - events.impact[event, 0]
        best = _nearest(event, np.hypot(*away.T))
        parts.append(
            _photon_clusters(
                clusters,
                "flat_segment",
                best,
                events.energy_gev[event[best], 0],
                events.shower[event[best], 0],
                len(events.energy_gev),
            )
        )
    return _joined(parts)


def barrel_photons(n: int, seed: int, split: str, pileup_free_fraction: float = 0.0) -> PhotonClusters:
    """Simulates n photons anywhere on the barrel's face, 0.3 to 240 GeV, and clusters them."""
    quiet = round(n * pileup_free_fraction)
    parts = []
    for index, (number, pileup) in enumerate(((n - quiet, BARREL_PHOTONS.pileup), (quiet, (0, 0)))):
        if not number:
            continue
        config = dataclasses.replace(BARREL_PHOTONS, pileup=pileup)
        records = simulate("photons", number, 2 * seed + index, split=split, config=config, truth=False)
        clusters = cluster_records(records)
        event = owners(np.diff(clusters.row_splits))
        away = np.hypot(
            (clusters.eta - np.asarray(records.true_eta)[event]) / cms_barrel.ETA_PITCH,
            wrap_phi(clusters.phi - np.asarray(records.true_phi)[event]) / cms_barrel.PHI_PITCH,
        )
        best = _nearest(event, away)
        true = np.asarray(records.true_energy_gev, np.float64)[event[best]]
        shower = np.asarray(records.shower_row)[event[best]]
        parts.append(_photon_clusters(clusters, "barrel", best, true, shower, int(records.attrs["events"])))
    return _joined(parts)


def cluster_records(records: ak.Array) -> PFClusters:
    """Clusters the hits of calorimeter objects, with the sample's thresholds."""
    hits = ak.flatten(records.hits)
    sigma = np.asarray(hits.noise_gev)
    return pf_clusters(
        row_splits(np.asarray(ak.num(records.hits))),
        np.asarray(hits.ieta),
        np.asarray(hits.iphi),
        np.asarray(hits.energy_gev),
        seed_threshold_gev=BARREL_PHOTONS.noise.seed_threshold_gev(sigma),
    )


def train(recipe: CorrectionRecipe, out: Path) -> Path:
    """Fits both corrections and measures them.

    Args:
        recipe: The recipe.
        out: The run folder; made if missing.

    Returns:
        The folder, with a JSON file for each detector and `run.json`.

    Raises:
        InvalidFile: The folder cannot be written or holds a run already.
    """
    run_record.prepare_folder(out)
    if (out / run_record.RUN_JSON).exists():
        raise InvalidFile(out, "holds a run already.", "Choose another --out.")
    facts = {
        "format": run_record.FORMAT,
        "model": "pf_clustering",
        "status": "running",
        "code_version": __version__,
        "recipe": dataclasses.asdict(recipe),
        "library_sha256": ShowerLibrary.shipped().sha256,
    }
    session = run_record.Session(facts, out)
    session.save()
    metrics: list[dict[str, Any]] = []
    showers: dict[str, int] = {}
    for detector in DETECTORS:
        fitted, test = samples(recipe, detector)
        correction = EnergyCorrection.fit(
            fitted.energy_gev, fitted.variables, fitted.true_energy_gev, knots=recipe.knots
        )
        write_json(out / f"{detector}.json", correction.to_dict(), indent=None)
        metrics += measure(detector, test, correction)
        for split, photons in (("train", fitted), ("test", test)):
            showers[f"{detector}_{split}"] = len(np.unique(photons.shower))
    files = checksums(out, FILES)
    session.save(
        status="finished", finished=run_record.now(), files=files, metrics=metrics, unique_showers=showers
    )
    return out


def samples(recipe: CorrectionRecipe, detector: str) -> tuple[PhotonClusters, PhotonClusters]:
    """Returns the training and the test photons of a detector."""
    if detector == "flat_segment":
        return (
            segment_photons(recipe.flat_segment, recipe.seed, "train"),
            segment_photons(recipe.test, recipe.seed, "test"),
        )
    return (
        barrel_photons(recipe.barrel, recipe.seed, "train", recipe.pileup_free_fraction),
        barrel_photons(recipe.test, recipe.seed, "test", recipe.pileup_free_fraction),
    )


def measure(detector: str, test: PhotonClusters, correction: EnergyCorrection) -> list[dict[str, Any]]:
    """Returns the card's metrics: widths before and after the correction, errors over showers."""
    true = test.true_energy_gev
    after = correction.apply(test.energy_gev, test.variables)
    words: dict[str, Any] = {
        "sample": f"{test.photons} photons on the {detector.replace('_', ' ')}, test showers",
        "baseline_name": "uncorrected",
    }
    if detector == "flat_segment":
        errors = [energy - true for energy in (after, test.energy_gev)]
        found = _widths(errors, test.shower)
        note = "half of the central 68 % of E - E_true, 1-100 GeV"
        return [_metric("flat segment: sigma_E", *found, unit="GeV", note=note, **words)]
    metrics = []
    for low, high in itertools.pairwise(ENERGY_EDGES):
        inside = (true >= low) & (true < high)
        ratios = [(energy / true)[inside] for energy in (after, test.energy_gev)]
        found = _widths([ratio / np.median(ratio) for ratio in ratios], test.shower[inside])
        note = "half of the central 68 % of E/E_true, over the median"
        metrics.append(_metric(f"barrel: resolution, {low}-{high} GeV", *found, note=note, **words))
    return metrics


def release(run: Path, tag: str, saved_models: Path = SAVED_MODELS) -> Path:
    """Makes a tag of a finished run: copies its files and records them in the card.

    Args:
        run: The run folder.
        tag: Name of the data and an integer.
        saved_models: Where tags live.

    Raises:
        InvalidFile: The run is not finished, or the tag exists.
    """
    facts = run_record.read_run(run)
    if facts.get("status") != "finished":
        raise InvalidFile(run, "the run is not finished.", "Start it again with another --out.")
    card = registry.info("pf_clustering")
    assert card.path is not None
    target = saved_models / card.name / tag
    if tag in card.tags or target.exists():
        raise InvalidFile(target, "the tag exists.", "Released tags never change: choose the next one.")
    target.mkdir(parents=True)
    try:
        for name in (*FILES, run_record.RUN_JSON):
            shutil.copyfile(run / name, target / name)
        extra = {"showers": facts["unique_showers"], "code_version": __version__}
        record_tag(card.path, tag, facts["files"], facts["metrics"], extra=extra)
    except BaseException:
        shutil.rmtree(target)
        raise
    return target


def _nearest(event: Ints, away: Floats) -> Ints:
    """Returns the nearest cluster of each event, if it is less than a crystal away."""
    order = np.lexsort((away, event))
    best = order[np.flatnonzero(np.diff(event[order], prepend=-1))]
    return best[away[best] < 1.0]


def _photon_clusters(
    clusters: PFClusters, detector: str, best: Ints, true_energy_gev: Floats, shower: Ints, photons: int
) -> PhotonClusters:
    variables = {name: values[best] for name, values in cluster_variables(clusters, detector).items()}
    return PhotonClusters(clusters.energy_gev[best], variables, true_energy_gev, shower, photons)


def _joined(parts: Sequence[PhotonClusters]) -> PhotonClusters:
    def all_of(values: Iterator[Any]) -> Any:
        return np.concatenate(list(values))

    return PhotonClusters(
        all_of(part.energy_gev for part in parts),
        {name: all_of(part.variables[name] for part in parts) for name in parts[0].variables},
        all_of(part.true_energy_gev for part in parts),
        all_of(part.shower for part in parts),
        sum(part.photons for part in parts),
    )


def _widths(samples_: Sequence[Floats], shower: Ints) -> list[Floats]:
    """[1 + R] half-widths of the central 68 %: nominal, and in each replica of the showers."""
    bootstrap = ClusterBootstrap(shower)
    weights = bootstrap.event_weights(np.arange(len(shower)))
    widths = []
    for values in samples_:
        order = np.argsort(values)
        upto = np.cumsum(weights[:, order], axis=1)
        middle = (upto - 0.5 * weights[:, order]) / upto[:, -1:]
        ends = np.array([np.interp((0.158655, 0.841345), row, values[order]) for row in middle])
        widths.append(0.5 * (ends[:, 1] - ends[:, 0]))
    return widths


def _metric(name: str, after: Floats, before: Floats, **words: str) -> dict[str, Any]:
    short = [float(f"{number:.4g}") for number in (after[0], spread(after), before[0], spread(before))]
    keys = ("value", "error", "baseline", "baseline_error")
    return {"name": name, **dict(zip(keys, short, strict=True)), **words}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the fields of the recipe, the folder and the tag."""
    for field in dataclasses.fields(CorrectionRecipe):
        name = "--" + field.name.replace("_", "-")
        parser.add_argument(
            name, type=type(field.default), default=field.default, help=f"default {field.default}"
        )
    parser.add_argument("--out", type=Path, help="run folder (default runs/pf_clustering-<n>)")
    parser.add_argument("--tag", help="make a tag of the run")


def run(options: argparse.Namespace) -> None:
    """Fits, measures and, with a tag, releases."""
    recipe = CorrectionRecipe(
        **{field.name: getattr(options, field.name) for field in dataclasses.fields(CorrectionRecipe)}
    )
    folder = train(recipe, options.out or run_record.free_folder("pf_clustering"))
    for metric in run_record.read_run(folder)["metrics"]:
        print("{name:34s} {value:8.4g} +- {error:.1g}, {baseline_name} {baseline:.4g}".format(**metric))
    print(release(folder, options.tag, SAVED_MODELS) if options.tag else folder)
