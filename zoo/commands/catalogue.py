"""`zoo list` and `zoo info`: the cards. No TensorFlow."""

from __future__ import annotations

import argparse
from pathlib import Path

from zoo.cards.registry import info, list_models
from zoo.commands.console import SubParsers, add_command

__all__ = ["add_to"]


def add_to(commands: SubParsers[argparse.ArgumentParser]) -> None:
    """Adds the sub-commands."""
    parser = add_command(commands, "list", _list, "List the models.", "zoo list --task energy")
    parser.add_argument("filter", nargs="?", default=None, help="shell pattern for the name, e.g. 'dr*'")
    parser.add_argument("--task", help="only models for this task, e.g. energy")
    parser.add_argument("--kind", choices=("set", "image", "baseline"), help="only models of this kind")
    parser.add_argument("--markdown", action="store_true", help="print the Markdown table of the README")
    parser.add_argument("--update", type=Path, metavar="README", help="rewrite the table in a README")

    parser = add_command(commands, "info", _info, "Show a model's card.", "zoo info drn")
    parser.add_argument("model", help="a name, with or without a tag")
    parser.add_argument("--markdown", action="store_true", help="print the card as Markdown source")


def _list(arguments: argparse.Namespace) -> int:
    names = list_models(arguments.filter, task=arguments.task, kind=arguments.kind)
    if arguments.kind is None and arguments.task is None:
        names += list_models(arguments.filter, kind="baseline")
    cards = [info(name) for name in names]
    if arguments.update is not None:
        from zoo.cards.model_table import update_readme

        changed = update_readme(arguments.update, cards)
        print(f"{arguments.update}: {'table rewritten' if changed else 'is current'}")
        return 0
    if arguments.markdown:
        from zoo.cards.model_table import model_table

        print(model_table(cards), end="")
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None)
    for name in ("model", "weights", "parameters"):
        table.add_column(name, no_wrap=True, justify="right" if name == "parameters" else "left")
    table.add_column("what it is")
    for card in cards:
        preset = card.presets.get(card.default_preset)
        tags = [f"{name} *" if name == card.default_tag else name for name in card.tags]
        parameters = f"{preset.parameters:,}" if preset else ""
        table.add_row(card.name, "\n".join(tags) or "none yet", parameters, f"{card.title} ({card.task})")
    table.caption, table.caption_justify = "* default", "left"
    Console().print(table)
    return 0


def _info(arguments: argparse.Namespace) -> int:
    page = info(arguments.model).markdown()
    if arguments.markdown:
        print(page, end="")
        return 0
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(page))
    return 0
