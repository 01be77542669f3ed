"""What the pages show must be there."""

import ast
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "cpp" / "README.md", *(ROOT / "docs").rglob("*.md")])
NAMED = re.compile(
    r"`((?:zoo|training|tuning|benchmarks)(?:\.\w+)+)|((?:zoo|training|tuning|benchmarks|tests|cpp|docs)/[\w/.-]*\.\w+)`"
)
SHOWN = re.compile(r"^from (zoo[\w.]*) import ([\w, ]+)$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_imports_on_a_page_work(page):
    for module, names in SHOWN.findall(page.read_text(encoding="utf-8")):
        if "shower_mean" not in module:  # the model that the page itself adds
            found = importlib.import_module(module)
            assert [name for name in names.split(", ") if not hasattr(found, name)] == [], module


def exists(dotted):
    """Returns whether a dotted name is a module or something in one."""
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for name in parts[end:]:
            found = getattr(found, name, None)
        return found is not None
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_modules_and_files_that_a_page_names_are_there(page):
    missing = []
    for dotted, path in NAMED.findall(page.read_text(encoding="utf-8")):
        if "shower_mean" in dotted + path:  # the model that the page itself adds
            continue
        if (dotted and not exists(dotted)) or (
            path and not any((root / path).exists() for root in (ROOT, ROOT / "cpp" / "include"))
        ):
            missing.append(dotted or path)
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_of_a_page_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    files = [target.partition("#")[0] for target in targets if "://" not in target]
    assert [name for name in files if name and not (page.parent / name).exists()] == []


@pytest.mark.parametrize(
    "package", sorted((ROOT / "zoo").rglob("__init__.py")), ids=lambda path: path.parent.name
)
def test_the_table_of_a_package_names_what_is_in_it(package):
    text = ast.get_docstring(ast.parse(package.read_text(encoding="utf-8"))) or ""
    head = re.search(r"^\| (module|package) .*\n\| --- .*\n((?:\|.*\n?)*)", text, re.MULTILINE)
    rows = head[2].splitlines() if head else []
    names = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    there = {path.stem for path in package.parent.iterdir()}
    assert names <= there
