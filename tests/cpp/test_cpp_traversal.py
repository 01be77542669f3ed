"""The traversals in C++ against those in Python, on random graphs, and the corner cases in C++."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from zoo.data.clusters import Clusters
from zoo.models.supercluster.traversal import STRATEGIES, Edges, traverse

CPP = Path(__file__).resolve().parents[2] / "cpp"


def run(*command):
    done = subprocess.run(
        [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The compiled test; it needs no TensorFlow and no CMake."""
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler (c++, g++, clang++) on the PATH")
    binary = tmp_path_factory.mktemp("traversal") / "test_traversal"
    source = CPP / "tests" / "test_traversal.cpp"
    flags = ["-std=c++17", "-O0", "-Wall", "-Wextra", "-Werror", f"-I{CPP / 'include'}"]
    run(compiler, *flags, source, "-o", binary)
    return binary


def write_graphs(folder, seed=8, n_events=300, most=16):
    """Random graphs with ties in ET and in probability, empty events, seeds without an edge to themselves.

    Returns the same as Python takes it: numbers are float32, so that both sides read equal ones.
    """
    random = np.random.default_rng(seed)
    counts = random.integers(0, most + 1, n_events)
    splits = np.concatenate([[0], np.cumsum(counts)])
    total = int(splits[-1])
    energy = np.round(random.exponential(4, total), 1)
    eta, phi = np.round(random.uniform(-1.4, 1.4, (total,)), 1), random.uniform(-np.pi, np.pi, total)
    table = np.stack([energy, eta, phi, energy * random.uniform(0.9, 1.0, total)], axis=1).astype("float32")
    edges, sizes = [], []
    for n in counts:
        linked = (random.random((n, n)) < 0.6) | (np.eye(n) * random.random((n, n)) > 0.02)
        linked &= (random.random(n) < 0.5)[:, None]
        edges.append(random.permutation(np.argwhere(linked)))
        sizes.append(linked.sum())
    edges, edge_splits = np.concatenate(edges), np.concatenate([[0], np.cumsum(sizes)])
    probability = (random.integers(0, 9, len(edges)) / 8).astype("float32")
    own = edges[:, 0] == edges[:, 1]
    probability[own] = np.maximum(probability[own], random.random(own.sum()).astype("float32"))
    for name, values in {
        "clusters": table,
        "row_splits": splits.astype("int64"),
        "edges": edges.astype("int64"),
        "edge_splits": edge_splits.astype("int64"),
        "probability": probability,
    }.items():
        np.save(folder / f"{name}.npy", values)
    start = np.repeat(splits[:-1], np.diff(edge_splits))
    return Clusters(splits, *table.T), Edges(edges[:, 0] + start, edges[:, 1] + start, probability)


def test_corner_cases(program):
    assert "passed" in run(program)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(("threshold", "min_et_gev"), [(0.5, 4.0), (0.25, 0.0)])
def test_agrees_with_python(program, tmp_path, strategy, threshold, min_et_gev):
    clusters, edges = write_graphs(tmp_path)
    run(program, tmp_path, tmp_path, strategy, threshold, min_et_gev)
    found = traverse(clusters, edges, strategy, threshold=threshold, min_et_gev=min_et_gev)
    seeds = np.repeat(found.seed, np.diff(found.member_splits))
    np.testing.assert_array_equal(np.load(tmp_path / "members.npy"), np.stack([seeds, found.members], axis=1))
    sums = np.stack([found.energy_gev, found.raw_energy_gev, found.eta, found.phi, found.et_gev], axis=1)
    np.testing.assert_allclose(np.load(tmp_path / "sums.npy"), sums, rtol=1e-6, atol=1e-6)
    assert len(found.seed) > 250 and len(found.members) > 1.5 * len(found.seed)
