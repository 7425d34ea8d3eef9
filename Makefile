# Two commands do everything on a fresh machine with Python 3.11: `make export` and `make test`.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
STAMP := $(VENV)/.installed
TOOLS := .cache/tools
# Four at most: each holds PyTorch and a toolkit or two in memory. 0 runs the tests in one process.
WORKERS ?= logical
PYTEST := $(RUN) -m pytest --numprocesses $(WORKERS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: help setup phone kotlin apk arm lock audit export verify test test-all test-arm test-fast fuzz kills lint clean

help:
	@echo "make setup      create $(VENV) and install the pinned packages"
	@echo "make phone      install ONNX Runtime Web, for the phone page and the tests in JavaScript (needs Node.js)"
	@echo "make kotlin     install the Kotlin compiler and ONNX Runtime for Android, for the Android core (needs Node.js and Java)"
	@echo "make apk        build the Android app, build/wavefill.apk, from packages alone (docs/android.md says which)"
	@echo "make arm        make an ARM system for the emulator, for the tests on ARM (needs Debian 12's apt, and qemu-user)"
	@echo "make export     write all nine artefacts of the committed checkpoint into artifacts/"
	@echo "make verify     measure the artefacts again and compare them with their manifests"
	@echo "make test       lint, types and every test that a change can break, in about six minutes on two cores"
	@echo "make test-all   the same, then statistics, kills, fuzzing and soaking: what continuous integration runs"
	@echo "make test-arm   the artefacts on emulated ARM processors, and in the library that Android phones load"
	@echo "make test-fast  the tests that take seconds"
	@echo "make fuzz       10,000 damaged inputs for every reader, in processes that are watched (hours)"
	@echo "make kills      200 random SIGKILLs over export, train, generate and inpaint; a quarter of an hour"
	@echo "make lint       ruff, mypy and the workflow file"
	@echo "make lock       pin every package and its hashes again (UPGRADE=--upgrade: at newer versions)"
	@echo "make audit      list pinned packages with known vulnerabilities"

setup: $(STAMP)

# Every package by its SHA-256; how the lock files are made and checked: docs/supply_chain.md.
$(STAMP): pyproject.toml .ci/install .ci/constraints.txt .ci/cuda.txt .ci/torch_cpu.txt
	$(PYTHON) -m venv $(VENV)
	.ci/install $(VENV)
	@touch $@

# Packages for JavaScript, by their hashes: ONNX Runtime Web for the phone page, and what drives a browser in its tests.
PHONE := benchmarks/phone/node_modules/.package-lock.json
phone: $(PHONE)

# The Kotlin compiler and ONNX Runtime's library for Android (150 MB), by their hashes (docs/supply_chain.md); the compiler needs Java.
KOTLIN := android_demo/node_modules/.package-lock.json
kotlin: $(KOTLIN)

# A small ARM system in .cache: Debian's Python for arm64 and the runtimes' aarch64 wheels, by their hashes (docs/arm.md).
ARM := .cache/arm/root/.made
arm: $(ARM)

$(ARM): .ci/arm.py .ci/constraints.txt
	$(PYTHON) .ci/arm.py .cache/arm/root
	@touch $@

$(KOTLIN): android_demo/package.json android_demo/package-lock.json
	npm ci --prefix android_demo --ignore-scripts --no-audit --no-fund
	@touch $@

apk: $(STAMP) $(KOTLIN)
	$(RUN) -m export onnx --scheme w8a8
	$(RUN) -m android_demo.packaging

$(PHONE): benchmarks/phone/package.json benchmarks/phone/package-lock.json
	npm ci --prefix benchmarks/phone --ignore-scripts --no-audit --no-fund
	@touch $@

$(TOOLS)/.installed: .ci/tools.txt
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: -r $<
	@touch $@

lock: $(TOOLS)/.installed
	$(TOOLS)/bin/python .ci/lock.py $(UPGRADE)

audit: $(TOOLS)/.installed
	$(TOOLS)/bin/python .ci/audit.py

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
	@command -v npm > /dev/null && $(MAKE) --no-print-directory phone kotlin || echo "no npm, or no packages from it: tests of ONNX Runtime Web and of Kotlin are skipped"
	$(PYTEST) -m "not thorough"

test-all: test
	$(PYTEST) -m thorough

test-arm: $(STAMP) arm
	@command -v npm > /dev/null && $(MAKE) --no-print-directory kotlin || echo "no npm, or no packages from it: Android's library is not run"
	$(RUN) -m pytest parity_tests/benchmarks/arm

test-fast: $(STAMP)
	$(PYTEST) -m "not slow and not thorough"

fuzz: $(STAMP)
	$(RUN) -m parity_tests.fuzz --count 10000

kills: $(STAMP)
	$(RUN) -m parity_tests.kills --count 200

clean:
	rm -rf artifacts .pytest_cache .ruff_cache .mypy_cache .hypothesis
