# make demo    simulate electrons, predict, compare with the BDT, write the report, export, verify, run from C++
# make test    lint, types and the tests of every area: a few minutes
# make ci      the other tests that CI runs: every released tag, preset and runtime
# make bench   the slow checks and the speed tables
# make clean   what the others wrote, the virtual environment included

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
DEMO   := demo
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check

export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: demo test ci lint bench clean

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "reco-zoo needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -c constraints.txt -e '.[physics,onnx]'
	touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -c constraints.txt -e '.[dev]'
	touch $@ $(VENV)/.demo

demo: $(VENV)/.demo
	PATH="$(abspath $(BIN)):$$PATH" bash examples/demo.sh $(DEMO)

test: $(VENV)/.test lint
	$(BIN)/python -m pytest -m "not slow and not ci" -n 2 --dist loadgroup --durations=15

ci: $(VENV)/.test
	$(BIN)/python -m pytest -m "ci and not slow" -n 2 --dist loadgroup --durations=15

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.test
	$(BIN)/python -m pytest -m slow
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) $(DEMO) cpp/build .pytest_cache .mypy_cache .ruff_cache
