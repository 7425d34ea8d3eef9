# Two commands do everything on a fresh machine with Python 3.11: `make export` and `make test`.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
STAMP := $(VENV)/.installed

.PHONY: help setup export verify test test-fast kills lint clean

help:
	@echo "make setup      create $(VENV) and install the pinned packages"
	@echo "make export     write all nine artefacts of the committed checkpoint into artifacts/"
	@echo "make verify     measure the artefacts again and compare them with their manifests"
	@echo "make test       lint, types and every test"
	@echo "make test-fast  the tests that take seconds"
	@echo "make kills      200 random SIGKILLs over export, train, generate and inpaint; a quarter of an hour"
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
	$(RUN) -m pytest

test-fast: $(STAMP)
	$(RUN) -m pytest -m "not slow"

kills: $(STAMP)
	$(RUN) -m parity_tests.kills --count 200

clean:
	rm -rf artifacts .pytest_cache .ruff_cache .mypy_cache .hypothesis
