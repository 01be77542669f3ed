"""`zoo simulate`, `zoo predict` and `zoo evaluate`: ROOT file in, ROOT file or report out."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.baselines.baseline import baseline
from zoo.cards.registry import is_folder, split_name
from zoo.commands.console import (
    SubParsers,
    add_command,
    bar,
    check_input_files,
    check_output_file,
    check_output_folder,
    console,
    starting_tensorflow,
)
from zoo.errors import InvalidValue, UnknownName
from zoo.version import __version__

if TYPE_CHECKING:
    import awkward as ak

    from zoo.models.network import Network
    from zoo.simulation.showers import ShowerLibrary
    from zoo.simulation.sources import Sample

__all__ = ["add_to"]

SPLITS = ("train", "validation", "test")


def add_to(commands: SubParsers[argparse.ArgumentParser]) -> None:
    """Adds the sub-commands."""
    text = "Simulate a sample into a ROOT file; the same seed gives the same content."
    example = "zoo simulate electrons --n 20000 --seed 1 --out electrons.root"
    parser = add_command(commands, "simulate", _simulate, text, example)
    parser.add_argument(
        "sample",
        help="electrons or photons (calorimeter objects); superclusters or resonance (PF clusters); "
        "diphotons, single_photons, ... (candidates of the mass regressor), "
        "ttbar, qcd, single_pion, ... (whole events); docs/simulation.md",
    )
    parser.add_argument("--n", type=int, required=True, help="number of objects, or of events")
    parser.add_argument("--seed", type=int, default=1, help="seed (default 1)")
    parser.add_argument("--out", type=Path, required=True, help="ROOT file to write")
    parser.add_argument("--split", default="test", choices=SPLITS, help="which showers to use (default test)")
    parser.add_argument(
        "--showers",
        type=Path,
        metavar="FOLDER",
        help="another shower library (photons.npz, electrons.npz); --shift grindhammer_peters writes it",
    )
    parser.add_argument(
        "--pool",
        type=Path,
        metavar="FILE",
        help="other collisions for whole events; zoo.simulation.pythia_collisions writes them",
    )
    parser.add_argument(
        "--shift",
        help="a detector or showers unlike the training's: grindhammer_peters, noise, thresholds, dead",
    )
    pileup = parser.add_mutually_exclusive_group()
    pileup.add_argument("--no-pileup", action="store_true", help="no other interactions")
    pileup.add_argument(
        "--pileup", type=int, nargs=2, metavar=("LEAST", "MOST"), help="other interactions, e.g. 55 75"
    )
    parser.add_argument(
        "--processes", type=int, default=1, help="worker processes (default 1); the content is the same"
    )

    text = "Run a model on a ROOT file."
    example = "zoo predict drn electrons.root --out predictions.root"
    parser = add_command(commands, "predict", _predict, text, example)
    _add_input(parser)
    parser.add_argument("--out", type=Path, required=True, help="ROOT file to write, tree `predictions`")
    parser.add_argument("--batch-size", type=int, default=64, help="objects a batch (default 64)")

    text = "Compare a model with its baselines on a ROOT file with truth."
    example = "zoo evaluate drn electrons.root --out report/"
    parser = add_command(commands, "evaluate", _evaluate, text, example)
    _add_input(parser)
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for report.json, plots and index.html"
    )
    parser.add_argument(
        "--without", action="append", default=[], metavar="BASELINE", help="leave a baseline out, e.g. bdt"
    )
    parser.add_argument("--batch-size", type=int, default=64, help="objects a batch (default 64)")


def _add_input(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", help="a name such as drn or drn.barrel_v1, or the folder of a run such as ./runs/drn-001"
    )
    parser.add_argument(
        "file", type=Path, help="ROOT file of `zoo simulate`, or an own ntuple with --branch-map"
    )
    parser.add_argument(
        "--branch-map", type=Path, metavar="TOML", help="which branch of an own ntuple is which field"
    )


def _simulate(arguments: argparse.Namespace) -> int:
    for name, least in (("n", 1), ("seed", 0), ("processes", 1)):
        if getattr(arguments, name) < least:
            raise InvalidValue(f"--{name}", f"an integer >= {least}", getattr(arguments, name))
    check_output_file(arguments.out)
    from zoo.data.files.writers import write_root
    from zoo.simulation.samples import simulate

    sample, library = _configured(arguments)
    with bar(f"simulate {sample.name}", arguments.n, cumulative=True) as show:
        records = simulate(
            sample.name,
            arguments.n,
            arguments.seed,
            split=arguments.split,
            config=sample,
            library=library,
            processes=arguments.processes,
            progress=show,
        )
    metadata = {name: getattr(arguments, name) for name in ("sample", "n", "seed", "split", "shift")}
    metadata |= {
        "config": dataclasses.asdict(sample),
        "code_version": __version__,
        "library_sha256": library.sha256,
    }
    write_root(arguments.out, records, metadata, schema=sample.schema)
    print(arguments.out)
    return 0


def _configured(arguments: argparse.Namespace) -> tuple[Sample, ShowerLibrary]:
    """Returns the sample with everything that the options change, and its showers."""
    from zoo.simulation.samples import SAMPLES
    from zoo.simulation.shifts import SHIFTS
    from zoo.simulation.sources import Files

    if arguments.sample not in SAMPLES:
        raise UnknownName("sample", arguments.sample, SAMPLES)
    if arguments.shift is not None and arguments.shift not in SHIFTS:
        raise UnknownName("shift", arguments.shift, SHIFTS)
    shift, sample = SHIFTS.get(arguments.shift), SAMPLES[arguments.sample]
    if shift:
        sample = shift.config(sample)
    changes: dict[str, object] = {}
    if arguments.pool is not None:
        check_input_files([arguments.pool])
        if "pool" not in (field.name for field in dataclasses.fields(sample)):
            raise InvalidValue("--pool", "a sample of whole events, such as ttbar", arguments.sample)
        changes["pool"] = str(arguments.pool)
    if arguments.no_pileup:
        changes["pileup"] = (0, 0)
    elif arguments.pileup is not None:
        changes["pileup"] = tuple(arguments.pileup)
    with console().status("showers"):
        library = shift.library(arguments.showers) if shift else Files(arguments.showers).showers
    return dataclasses.replace(sample, **changes), library


def _predict(arguments: argparse.Namespace) -> int:
    network = _check(arguments)
    check_output_file(arguments.out)
    from zoo.data.files.readers import read_root
    from zoo.inference.predictions_file import write_predictions

    origin, found = _answers(arguments, network, arguments.file)
    records = read_root(arguments.file, arguments.branch_map, schema=network.schema, truth=False, check=False)
    if "event_id" in records.fields:
        import awkward as ak

        found = ak.with_field(found, records.event_id, "event_id")
    metadata = {"model": origin, "file": arguments.file.name, "code_version": __version__}
    # Vectors of one length, e.g. the parameters of a distribution, become fixed arrays in the tree.
    outputs = network.card.outputs
    sizes = {spec.name: spec.dims[1] for spec in outputs if len(spec.dims) == 2 and spec.dims[1] > 0}
    features = {spec.name: spec.features for spec in outputs if len(spec.dims) == 3}
    write_predictions(arguments.out, found, metadata, sizes=sizes, features=features)
    print(arguments.out)
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    network = _check(arguments)
    check_output_folder(arguments.out)
    baselines = list(network.baselines)
    for name in arguments.without:
        unwanted = [other for other in baselines if name == other or other.startswith(f"{name}_")]
        if not unwanted:
            raise UnknownName("baseline", name, baselines, where=f"the report of {network.name}")
        baselines = [other for other in baselines if other not in unwanted]
    from zoo.data.files.readers import read_metadata, read_root

    records = read_root(arguments.file, arguments.branch_map, schema=network.schema)
    tag = "" if is_folder(arguments.model) else split_name(arguments.model)[1] or network.card.default_tag
    origin, outputs = _answers(arguments, network, records)
    others = {}
    for name in baselines:
        with console().status(f"baseline {name}"):
            others[name] = baseline(name).beside(tag)(records)
    metadata = {
        "model": origin,
        "file": arguments.file.name,
        "code_version": __version__,
        "sample": read_metadata(arguments.file),
    }
    with console().status("report"):
        network.evaluate(records, outputs, out=arguments.out, baselines=others, metadata=metadata)
    print(arguments.out / "index.html")
    return 0


def _check(arguments: argparse.Namespace) -> Network:
    """Checks model and files before anything slow; returns the network."""
    if arguments.batch_size < 1:
        raise InvalidValue("--batch-size", "an integer >= 1", arguments.batch_size)
    check_input_files([arguments.file, *([arguments.branch_map] if arguments.branch_map else [])])
    from zoo.inference.loading import network_of

    network = network_of(arguments.model)
    if not is_folder(arguments.model) and not network.card.tags:
        raise InvalidValue(f"weights of {network.name}", "a released tag", "none is released yet")
    return network


def _answers(
    arguments: argparse.Namespace, network: Network, records: ak.Array | Path
) -> tuple[str, ak.Array]:
    """Runs the model under a progress bar; returns where its weights came from, and the outputs."""
    from zoo.data.files.readers import count_objects

    total = count_objects(arguments.file, arguments.branch_map, network.schema)
    with starting_tensorflow():
        from zoo.inference.loading import load
        from zoo.inference.predicting import predict

        model = load(arguments.model)
    with bar(f"predict {model.origin}", total) as advance:
        found = predict(
            model, records, arguments.batch_size, branch_map=arguments.branch_map, progress=advance
        )
    return model.origin, found
