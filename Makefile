# Two commands do everything on a fresh machine with Python 3.11: `make export` and `make test`.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
STAMP := $(VENV)/.installed
# Four at most: each holds PyTorch and a toolkit or two in memory. 0 runs the tests in one process.
WORKERS ?= logical
PYTEST := $(RUN) -m pytest --numprocesses $(WORKERS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: help setup export verify test test-all test-fast lint clean

help:
	@echo "make setup      create $(VENV) and install the pinned packages"
	@echo "make export     write all nine artefacts of the committed checkpoint into artifacts/"
	@echo "make verify     measure the artefacts again and compare them with their manifests"
	@echo "make test       lint, types and every test that a change can break, in about six minutes on two cores"
	@echo "make test-all   the same, then statistics, kills, fuzzing and soaking: what continuous integration runs"
	@echo "make test-fast  the tests that take seconds"
	@echo "make lint       ruff, mypy and the workflow file"

setup: $(STAMP)

# torch first and by itself: where a CPU build is offered under this version, pip takes it. The constraints pin what the
# toolkits bring along, because artefacts are only reproducible with the same converters.
$(STAMP): pyproject.toml .ci/constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt --editable ".[all]"
	@touch $@

export: $(STAMP)
	$(RUN) -m export all

verify: $(STAMP)
	$(RUN) -m export verify artifacts

lint: $(STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/parity.yml

test: lint
	$(PYTEST) -m "not thorough"

test-all: test
	$(PYTEST) -m thorough

test-fast: $(STAMP)
	$(PYTEST) -m "not slow and not thorough"

clean:
	rm -rf artifacts .pytest_cache .ruff_cache .mypy_cache .hypothesis
