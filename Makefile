# `make demo` and `make test` are the two commands to know; both set up everything they need.
# Assumes only make, python3 with venv, and pip.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
BENCH_VENV := .venv-bench
LOCK_VENV := .venv-lock
DEEP_VENV := .venv-deep

# How long the long run is.
PURE_STEPS ?= 1000000
WHOLE_STEPS ?= 10000
MUTANTS_AT_ONCE ?= 2
# Which version is replaced, a git revision; the last release where nothing is given.
OLD ?=
# Which mutations are tried, all where nothing is given: MUTANTS='consent_sync.domain.retry.*'.
MUTANTS ?=
# Fewer noticed mutations than this share, in percent, fail.
MUTATION_SCORE ?= 75

# Nothing may follow the summary of the tests, whichever folder make is started from.
MAKEFLAGS += --no-print-directory

# The stamps below depend on each other's order.
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help venv demo test check format-check lint types floors tests check-deep check-upgrade check-postgres mutations format bench lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

# --- environments: a stamp file per lock file, so that a second run does nothing ---

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.lock | $(BIN)/python
	$(PIP) install --require-hashes -r requirements/run.lock
	@touch $@

$(VENV)/.dev: requirements/dev.lock | $(BIN)/python
	$(PIP) install --require-hashes -r requirements/dev.lock
	@touch $(VENV)/.run $@

$(VENV)/.project: pyproject.toml | $(VENV)/.run
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(DEEP_VENV)/.deep: requirements/deep.lock pyproject.toml
	$(PYTHON) -m venv $(DEEP_VENV)
	$(DEEP_VENV)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/deep.lock
	$(DEEP_VENV)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation --editable .
	@touch $@

$(BENCH_VENV)/.bench: requirements/bench.lock pyproject.toml
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/bench.lock
	$(BENCH_VENV)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation --editable .
	@touch $@

venv: $(VENV)/.dev $(VENV)/.project  ## set up .venv for work on the project

# --- the two commands ---

demo: $(VENV)/.run $(VENV)/.project  ## run the main job on simulated platforms
	@$(BIN)/consent-sync demo

test: check tests  ## everything a change must pass

# --- the parts of the test ---

check: format-check lint types floors  ## all checks except the tests

format-check: venv  ## is the code formatted?
	$(BIN)/ruff format --check --quiet .

lint: venv  ## lint rules
	$(BIN)/ruff check --quiet .

types: venv  ## strict types
	$(BIN)/mypy --no-error-summary

floors: venv  ## who may import whom
	$(BIN)/lint-imports --no-logo

tests: venv  ## all tests, with branch coverage
	$(BIN)/python -m pytest --cov --cov-report=term

format: venv  ## format and repair what can be repaired
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format --quiet .

check-deep: venv  ## the long run before a release: a million steps of the rules, ten thousand of the whole
	$(BIN)/python -m tests.deep pure $(PURE_STEPS)
	$(BIN)/python -m tests.deep whole $(WHOLE_STEPS)
	$(MAKE) check-upgrade
	$(MAKE) mutations

check-upgrade: venv  ## two versions side by side: an older one (OLD=revision) is replaced under load
	$(BIN)/python -m bench.upgrade --old '$(OLD)'

check-postgres: venv  ## the store on an older PostgreSQL: 16, or the release in the folder POSTGRES_BIN
	PGSERVER_POSTGRES_VERSION=16 $(BIN)/python -m pytest -q tests/contracts tests/storage tests/side_by_side \
		tests/system/test_replicas.py tests/system/test_backup.py

mutations: $(DEEP_VENV)/.deep  ## does a test notice each small change of the rules? hours, too
	rm -rf mutants
	HISTORIES=20 $(DEEP_VENV)/bin/mutmut run --max-children $(MUTANTS_AT_ONCE) $(if $(MUTANTS),'$(MUTANTS)')
	$(DEEP_VENV)/bin/python -m tests.mutations $(MUTATION_SCORE)

# --- the rest ---

bench: $(BENCH_VENV)/.bench  ## measure everything that has a goal
	$(BENCH_VENV)/bin/python -m bench

$(LOCK_VENV)/.lock: requirements/lock.lock
	$(PYTHON) -m venv $(LOCK_VENV)
	$(LOCK_VENV)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/lock.lock
	@touch $@

# Universal: one file serves every supported Python; no header, because it would name the machine.
COMPILE = $(LOCK_VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-config --upgrade --strip-extras pyproject.toml --extra build

lock: $(LOCK_VENV)/.lock  ## write the lock files anew, with the newest versions
	$(COMPILE) -o requirements/run.lock
	$(COMPILE) --extra dev --extra speed -c requirements/run.lock -o requirements/dev.lock
	$(COMPILE) --extra dev --extra deep -c requirements/dev.lock -o requirements/deep.lock
	$(COMPILE) --extra bench -c requirements/run.lock -o requirements/bench.lock

clean:  ## remove what the targets made
	rm -rf $(VENV) $(BENCH_VENV) $(LOCK_VENV) $(DEEP_VENV) mutants .venv-tools build dist *.egg-info .coverage .coverage.* \
		.mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
