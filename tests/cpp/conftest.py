"""The compiled programs of the C++ client and a toy tag for them."""

import shutil

import pytest
from programs import build, build_folder, tensorflow_folder
from toy_tag import write_toy_tag


@pytest.fixture(scope="session")
def binaries(tmp_path_factory):
    """The folder of the compiled apps and tests."""
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler (c++, g++, clang++) on the PATH")
    if not (tensorflow_folder() / "libtensorflow_cc.so.2").exists():
        pytest.skip(f"{tensorflow_folder()} has no libtensorflow_cc.so.2: not a Linux wheel")
    folder = build_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "lock").touch()  # of `build`: is it writable?
    except OSError:
        folder = tmp_path_factory.mktemp("cpp_build")
    return build(folder, compiler)


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """The folder of the toy tag."""
    return write_toy_tag(tmp_path_factory.mktemp("toy") / "toy_v1")
