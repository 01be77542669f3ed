"""Who may import whom: walks the syntax tree of every file, so that no import has to be run."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("tensorflow", "keras", "tensorflow_probability", "tf_keras", "tf2onnx", "onnx", "onnxruntime")
OPTIONAL = (
    "iminuit", "hist", "mplhep", "lightgbm", "vector", "keras_tuner", "sklearn", "tensorboard",
    "tf2onnx", "onnx", "onnxruntime", "pythia8mc",
)  # fmt: skip
NUMPY_ONLY = (
    "zoo.angles", "zoo.arrays", "zoo.cards", "zoo.clustering", "zoo.data", "zoo.detectors", "zoo.errors",
    "zoo.evaluation", "zoo.files", "zoo.simulation", "zoo.version",
)  # fmt: skip
FILES = sorted(path for folder in ("zoo", "training", "tuning") for path in (ROOT / folder).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path) for path in FILES}


def imports(path: Path, *, everywhere: bool, types: bool = False) -> set[str]:
    """Returns what a file imports, everywhere or when it is imported itself; `types`: for annotations too."""
    package = (
        module_name(path).split(".") if path.name == "__init__.py" else module_name(path).split(".")[:-1]
    )
    found = set()

    def visit(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) and not everywhere:
                continue
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test) and not types:
                for other in child.orelse:
                    visit(other)
                continue
            if isinstance(child, ast.Import):
                found.update(alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = package[: len(package) - child.level + 1] if child.level else []
                module = ".".join([*base, *([child.module] if child.module else [])])
                names = {f"{module}.{alias.name}" for alias in child.names}
                found.update(names if names <= MODULES else {module, *names})  # of a package its modules
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


def touches(found: set[str], *names: str) -> set[str]:
    return {module for module in found for name in names if module == name or module.startswith(name + ".")}


def ids(path: Path) -> str:
    return module_name(path)


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Returns the groups of nodes that reach each other."""

    def reached(start: str) -> set[str]:
        seen, todo = set(), [start]
        while todo:
            for node in graph[todo.pop()] - seen:
                seen.add(node)
                todo.append(node)
        return seen

    reach = {node: reached(node) for node in graph}
    groups = {frozenset(other for other in reach[node] if node in reach[other]) for node in graph}
    return sorted(sorted(group) for group in groups if group)


def import_graph() -> dict[str, set[str]]:
    """Returns the modules of the project that each imports, inside functions and for types too."""
    return {
        module_name(path): (imports(path, everywhere=True, types=True) & MODULES) - {module_name(path)}
        for path in FILES
    }


def only_shows(path: Path) -> bool:
    """Returns whether a file holds imports, a docstring and `__all__` alone."""
    return all(
        isinstance(node, (ast.Import, ast.ImportFrom, ast.Expr))
        or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
    )


def test_no_module_imports_itself_in_a_circle():
    assert circles(import_graph()) == []


def test_no_package_imports_itself_in_a_circle():
    """What only shows what lies deeper, such as the `__init__` of a package, counts for itself."""
    packages = {module_name(path) for path in FILES if path.name.startswith("__") or only_shows(path)}
    home = {name: name if name in packages else name.rpartition(".")[0] + ".*" for name in import_graph()}
    graph: dict[str, set[str]] = {package: set() for package in home.values()}
    for name, found in import_graph().items():
        graph[home[name]] |= {home[other] for other in found} - {home[name]}
    assert circles(graph) == []


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_layers_of_the_project(path):
    name = module_name(path)
    found = imports(path, everywhere=True)
    if name.startswith("zoo"):
        assert not touches(found, "training", "tuning")
    if name.startswith("training"):
        assert not touches(found, "tuning")
    for part in ("zoo.layers", "zoo.losses", "zoo.distributions"):
        if name.startswith(part):
            assert not touches(
                found, "zoo.models", "zoo.data", "zoo.cards.registry", "zoo.baselines", "zoo.evaluation"
            )
    if name.startswith("zoo.models."):
        packages = {".".join(m.split(".")[:3]) for m in touches(found, "zoo.models") if m.count(".") > 1}
        assert packages <= {".".join(name.split(".")[:3]), "zoo.models.network"}
    if name.startswith("zoo.baselines"):
        assert not touches(found, "zoo.models", "zoo.layers", "zoo.losses", "zoo.distributions", *HEAVY)


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_modules_that_must_not_know_tensorflow(path):
    name = module_name(path)
    found = imports(path, everywhere=True)
    networks = (*HEAVY, "zoo.layers", "zoo.losses", "zoo.distributions")
    if name not in ("zoo.data.dataset", "zoo.data.feeding.dataset") and name.startswith(NUMPY_ONLY):
        assert not touches(found, *networks, "zoo.data.feeding.dataset", "zoo.inference", "zoo.exporting")
    if name.startswith("zoo.models."):
        last = name.split(".")[3:]
        if last[:1] in (["config"], ["events"]):
            assert not touches(found, *networks)
        if last[:1] in ([], ["report"], ["distribution"]):
            assert not touches(imports(path, everywhere=False), *networks)


@pytest.mark.parametrize("path", [path for path in FILES if path.is_relative_to(ROOT / "zoo")], ids=ids)
def test_optional_packages_are_imported_inside_functions_alone(path):
    assert not touches(imports(path, everywhere=False), *OPTIONAL)


def test_only_keras_compat_touches_private_keras():
    for path in FILES:
        if path.name != "keras_compat.py" and path.parts[-2:] != ("trainer", "multiworker.py"):
            assert not touches(imports(path, everywhere=True), "keras.src"), path


def test_importing_the_package_is_free():
    found = imports(ROOT / "zoo" / "__init__.py", everywhere=False)
    assert found <= {
        "__future__",
        "__future__.annotations",
        "importlib",
        "os",
        "typing",
        "typing.TYPE_CHECKING",
        "typing.Any",
        "zoo.version",
        "zoo.version.__version__",
    }
    assert not imports(ROOT / "zoo" / "version.py", everywhere=True)


@pytest.mark.parametrize(
    "name",
    [
        "zoo.__main__",
        "zoo.inference.loading",
        "zoo.inference.predicting",
        "zoo.exporting.export",
        "zoo.exporting.verification",
    ],
)
def test_the_path_to_an_error_message_is_light(name):
    """What these import at module level, followed through the package, holds no TensorFlow."""
    seen: set[str] = set()
    todo = [name]
    while todo:
        module = todo.pop()
        path = ROOT / (module.replace(".", "/") + ".py")
        path = path if path.is_file() else ROOT / module.replace(".", "/") / "__init__.py"
        if module in seen or not path.is_file():
            continue
        seen.add(module)
        found = imports(path, everywhere=False)
        assert not touches(found, *HEAVY), module
        todo += touches(found, "zoo")
    assert len(seen) > 3


def test_no_catch_all_modules():
    banned = {"utils", "helpers", "common", "misc", "util", "helper"}
    assert not [path for path in FILES if path.stem in banned or path.parent.name in banned]


def test_only_the_methods_that_keras_names_need_no_docstring():
    """The arguments of a layer stand in the docstring of its class."""
    named = {"build", "call", "compute_output_shape", "get_config"}
    bare = set()
    for folder in ("layers", "losses", "models"):
        for path in (ROOT / "zoo" / folder).rglob("[!_]*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                public = isinstance(node, ast.ClassDef) and not node.name.startswith("_")
                for method in node.body if public else ():
                    if isinstance(method, ast.FunctionDef) and not ast.get_docstring(method):
                        bare.add((module_name(path), node.name, method.name))
    assert not [each for each in bare if each[-1] not in named and not each[-1].startswith("_")]


def test_files_stay_small():
    long = {
        module_name(path): n
        for path in FILES
        if (n := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert not long, f"more than 400 lines: {long}"


def test_workers_keep_groups_of_tests_together(request):
    """pytest-xdist 3.8 loses them with pytest 9.2, and each worker builds everything."""
    if not hasattr(request.config, "workerinput"):
        pytest.skip("the suite runs in one process")
    assert request.node.nodeid.rpartition("@")[2] == str(request.node.path)
