"""`zoo reconstruct`: events of rechits or PF clusters in, superclusters out."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.commands.console import (
    SubParsers,
    add_command,
    bar,
    check_input_files,
    check_output_file,
    starting_tensorflow,
)
from zoo.errors import InvalidValue

if TYPE_CHECKING:
    import awkward as ak

__all__ = ["add_to"]


def add_to(commands: SubParsers[argparse.ArgumentParser]) -> None:
    """Adds the sub-command."""
    text = "Reconstruct electrons and photons: rechits or PF clusters to superclusters with energies."
    example = "zoo reconstruct clusters.root --out superclusters.root --superclustering mustache --energy bdt"
    parser = add_command(commands, "reconstruct", _reconstruct, text, example)
    parser.add_argument(
        "file",
        type=Path,
        help="ROOT file of `zoo simulate superclusters`, or an own ntuple with --branch-map",
    )
    parser.add_argument("--out", type=Path, required=True, help="ROOT file, tree `supercluster_events`")
    parser.add_argument(
        "--superclustering",
        default="supercluster",
        help="mustache, or a network: name, tag, or folder such as ./runs/x (default supercluster)",
    )
    parser.add_argument(
        "--energy",
        default="drn",
        help="raw, bdt, or a network: name, tag, or folder such as ./runs/x (default drn)",
    )
    parser.add_argument(
        "--strategy", default="cascade", help="how edges become superclusters (default cascade)"
    )
    parser.add_argument("--batch-size", type=int, default=64, help="windows and objects a batch (default 64)")
    parser.add_argument(
        "--branch-map", type=Path, metavar="TOML", help="which branch of an own ntuple is which field"
    )


def _reconstruct(arguments: argparse.Namespace) -> int:
    if arguments.batch_size < 1:
        raise InvalidValue("--batch-size", "an integer >= 1", arguments.batch_size)
    check_input_files([arguments.file, *([arguments.branch_map] if arguments.branch_map else [])])
    check_output_file(arguments.out)
    from zoo.data.files.readers import count_objects
    from zoo.data.files.writers import write_root
    from zoo.data.kinds.clusters import SUPERCLUSTER_EVENTS
    from zoo.reconstruction.chain import Chain, input_kind, stretches
    from zoo.version import __version__

    chain = Chain(
        superclustering=arguments.superclustering,
        energy=arguments.energy,
        strategy=arguments.strategy,
        batch_size=arguments.batch_size,
    )
    kind = input_kind(arguments.file, arguments.branch_map)
    total = count_objects(arguments.file, arguments.branch_map, kind)
    with starting_tensorflow() if chain.needs_tensorflow else nullcontext():
        origins = chain.origins()
    metadata = {**origins, "file": arguments.file.name, "code_version": __version__}
    with bar("reconstruct", total) as advance:

        def parts() -> Iterator[ak.Array]:
            for part in stretches(arguments.file, arguments.branch_map):
                yield chain(part)
                advance(len(part))

        write_root(arguments.out, parts(), metadata, schema=SUPERCLUSTER_EVENTS)
    print(arguments.out)
    return 0
