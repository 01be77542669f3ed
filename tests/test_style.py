"""How tests, benchmarks and examples are written: walks the syntax tree of every file."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted(
    path for folder in ("tests", "benchmarks", "examples") for path in (ROOT / folder).rglob("*.py")
)
NAMED_TUPLES = {"_asdict", "_fields", "_field_defaults", "_make", "_replace"}  # their public methods
PATCHED = re.compile(r"(zoo|training|tuning)(\.\w+)*\._[a-z]\w*")


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in NAMED_TUPLES


def private_names(source: str) -> list[str]:
    """Returns the private names of others that a source uses: imported, read, or replaced by a test.

    `__wrapped__` goes past a decorator, and is no better.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            parts = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            if parts[0] in ("zoo", "training", "tuning"):
                found += filter(private, parts)
        elif isinstance(node, ast.Import):
            found += [part for alias in node.names for part in alias.name.split(".") if private(part)]
        elif isinstance(node, ast.Attribute) and (private(node.attr) or node.attr == "__wrapped__"):
            if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")):
                found.append(node.attr)
        elif isinstance(node, ast.Call) and isinstance(node.func, (ast.Attribute, ast.Name)):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            words = [one.value for one in node.args if isinstance(one, ast.Constant)]
            if called in ("setattr", "getattr", "delattr", "patch"):
                words = [word for word in words if isinstance(word, str)]
                found += [word for word in words if private(word) or PATCHED.fullmatch(word)]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_uses_a_private_name_of_the_project(path):
    assert not private_names(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "source",
    [
        "from zoo.exporting.verification import _fresh_process",
        "import zoo._private",
        "data._write(1)",
        "self.model._folded(kernel)",
        "untrained.__wrapped__('drn')",
        "monkeypatch.setattr(data, '_probe', 1)",
        "monkeypatch.setattr('training.release.publish._measure', 1)",
    ],
)
def test_private_names_are_found(source):
    assert len(private_names(source)) == 1


@pytest.mark.parametrize(
    "source", ["self._read()", "a._replace(x=1)", "_ = model.__class__", "def _f(): _f()"]
)
def test_own_private_names_are_allowed(source):
    assert not private_names(source)
