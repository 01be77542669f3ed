"""`zoo export` and `zoo verify`."""

from __future__ import annotations

import argparse
from pathlib import Path

from zoo.commands.console import SubParsers, add_command, check_output_folder, starting_tensorflow, steps
from zoo.errors import InvalidFile
from zoo.inference.loading import network_of

__all__ = ["add_to"]


def add_to(commands: SubParsers[argparse.ArgumentParser]) -> None:
    """Adds the sub-commands."""
    text = "Export a model as SavedModel, frozen graph and ONNX, with goldens and a manifest."
    parser = add_command(commands, "export", _export, text, "zoo export drn --out exported/")
    parser.add_argument(
        "model", help="a name such as drn or drn.barrel_v1, or the folder of a run such as ./runs/drn-001"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder to write; replaced if it is an earlier export"
    )

    text = "Reload every artefact of an exported folder in a fresh process and compare it with the goldens."
    parser = add_command(commands, "verify", _verify, text, "zoo verify exported/")
    parser.add_argument("folder", type=Path, help="a folder that `zoo export` wrote")
    parser.add_argument(
        "--processes", type=int, default=2, help="artefacts reloaded at the same time (default 2)"
    )


def _export(arguments: argparse.Namespace) -> int:
    network_of(arguments.model)  # is there such a model?
    check_output_folder(arguments.out)
    with starting_tensorflow():
        from zoo.exporting.export import export
        from zoo.inference.loading import load

        model = load(arguments.model)
    with steps("export", 6) as tell:
        export(model, arguments.out, progress=tell)
    print(arguments.out)
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    if not arguments.folder.is_dir():
        raise InvalidFile(arguments.folder, "no such folder.", "Expected a folder that `zoo export` wrote.")
    from zoo.exporting.verification import RUNS, read_manifest, verify

    read_manifest(arguments.folder)

    with steps("verify", len(RUNS) + 1) as tell:
        report = verify(arguments.folder, processes=max(arguments.processes, 1), progress=tell)
    from rich.console import Console
    from rich.table import Table

    table = Table("", "artefact", "asked", "rows", "largest difference / tolerance", "flips", box=None)
    for check in report.checks:
        mark = "[green]ok[/]" if check.ok else "[red]FAIL[/]"
        table.add_row(
            mark,
            check.artefact,
            check.how,
            str(check.rows),
            check.problem or f"{check.largest:.3f}",
            str(len(check.flips)),
        )
    output = Console(soft_wrap=True)
    output.print(table)
    for check in report.checks:
        for flip in check.flips:
            output.print(
                f"{check.artefact}, {check.how}: {flip.case}, {flip.output}: {flip.margin:.3g} x tolerance"
            )
    output.print(f"{report.folder}: {'[green]verified[/]' if report.ok else '[red]FAILED[/]'}")
    return 0 if report.ok else 1
