# make study         install, then run the quickstart study
# make test          install, then run every test
# make check         install, then formatting, lint, layers, types and the fast tests
# make test-gpu      install, then the tests that need CUDA; says what it skips and why
# make bench-losses  install, then speed and memory of the losses against peers (minutes)
# make bench-search  install, then what the decisions of a study of 10,000 trials cost (minutes)

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# One thread per process: the tests run many processes on few cores.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest

.PHONY: study test check lint fast test-gpu bench-losses bench-search clean

study: .venv/.installed
	$(BIN)/study run search_spaces/quickstart.yaml

test: .venv/.installed-dev
	$(PYTEST)

check: lint fast

lint: .venv/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

fast: .venv/.installed-dev
	$(PYTEST) -m "not slow"

test-gpu: .venv/.installed-dev
	$(PYTEST) -m gpu -rs

bench-losses: .venv/.installed
	$(BIN)/python -m benchmarks.losses

bench-search: .venv/.installed
	$(BIN)/python -m benchmarks.search

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.installed: pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing into .venv: a minute or two, once"
	$(PIP) -e .
	@touch $@

.venv/.installed-dev: .venv/.installed
	$(PIP) -e '.[dev]'
	@touch $@

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
