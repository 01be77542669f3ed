"""Builds the programs of the C++ client against the TensorFlow of this Python, and runs them."""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

CPP = Path(__file__).resolve().parents[2] / "cpp"
UNIT_TESTS = ("json", "npy", "tensor", "manifest")
APPS = ("minimal", "verify_golden", "run_objects", "time_model")


def run(command, expect=0, **environment):
    """Runs a program; returns stdout and stderr together."""
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        env={"TF_CPP_MIN_LOG_LEVEL": "2", **os.environ, **environment},
    )
    assert done.returncode == expect, f"{command} gave {done.returncode}, not {expect}:\n{done.stdout}"
    return done.stdout


def tensorflow_folder():
    """The folder of the TensorFlow package, without importing it."""
    return Path(next(iter(importlib.util.find_spec("tensorflow").submodule_search_locations)))


def build_folder():
    """A folder that survives between runs, one for each TensorFlow, compiler and place of the checkout."""
    tools = f"{tensorflow_folder()} {shutil.which('c++')} {shutil.which('cmake')}"
    return CPP / "build" / f"pytest-{hashlib.sha256(f'{CPP} {tools}'.encode()).hexdigest()[:8]}"


def compile_directly(folder, compiler):
    """What CMakeLists.txt does, for machines without CMake."""
    tensorflow = tensorflow_folder()
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", f"-I{CPP / 'include'}"]
    flags += ["-isystem", tensorflow / "include"]
    link = [f"-L{tensorflow}", "-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2", "-pthread"]
    link += ["-fuse-ld=gold"] if shutil.which("ld.gold") else []  # GNU ld takes 10 s for each program
    link += [f"-Wl,-rpath,{tensorflow}"]
    headers = list((CPP / "include").rglob("*.h*"))
    for name in (*APPS, *(f"test_{part}" for part in (*UNIT_TESTS, "model"))):
        is_test = name.startswith("test_")
        source, program = CPP / ("tests" if is_test else "apps") / f"{name}.cpp", folder / name
        newest = max(path.stat().st_mtime for path in (source, *headers))
        if program.exists() and program.stat().st_mtime > newest:
            continue
        new = folder / f"{name}.new"  # the old one may be running
        run(
            [compiler, "-O0" if is_test else "-O1", *flags, source, "-o", new]
            + (link if name.removeprefix("test_") not in UNIT_TESTS else [])
        )
        new.replace(program)


def build(folder, compiler):
    """Builds all programs into a folder, with CMake where there is one."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs at once must not write one build
        if shutil.which("cmake") is None:
            compile_directly(folder, compiler)
        else:
            generator = ["-G", "Ninja"] if shutil.which("ninja") else []
            # -O1 compiles faster than the -O2 of a release and still finds what -Wall looks for.
            options = [f"-DPython3_EXECUTABLE={sys.executable}", "-DCMAKE_CXX_FLAGS_RELEASE=-O1"]
            run(["cmake", "-S", CPP, "-B", folder, *options, *generator])
            run(["cmake", "--build", folder, "--parallel", str(os.cpu_count() or 1)])
    return folder
