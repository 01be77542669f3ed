"""What the pages show must be there."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "cpp" / "README.md", *(ROOT / "docs").rglob("*.md")])
SHOWN = re.compile(r"^from (zoo[\w.]*) import ([\w, ]+)$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_imports_on_a_page_work(page):
    for module, names in SHOWN.findall(page.read_text(encoding="utf-8")):
        if "shower_mean" not in module:  # the model that the page itself adds
            found = importlib.import_module(module)
            assert [name for name in names.split(", ") if not hasattr(found, name)] == [], module
