# What people do with this checkout. `make setup` is the first of all; every other target brings it along.
#
# Needed: Python 3.11 to 3.13, make, a package registry. Everything else is fetched into .venv or into a cache
# outside the tree (AGENTS_CACHE_DIR).

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTHONS := python3.13 python3.12 python3.11 python3
WORKERS ?= 4
KILLS ?= 1000
SECONDS ?= 60
MINUTES ?= 30
TESTS ?= tests

export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := $(VENV)

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench crash soak fuzz fmt map sbom

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY)  ## .venv with everything pinned; quick when nothing changed
	@:

# A version manager leaves commands behind that start no Python, so each candidate has to prove itself.
# The tool that installs everything else is pinned by version and hash, like the rest by uv.lock.
$(BIN)/uv: .ci/uv.txt
	@test -x $(BIN)/python || for python in $(PYTHONS); do \
	  $$python -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	    2>/dev/null && $$python -m venv $(VENV) && break; \
	done; \
	test -x $(BIN)/python || { echo "make: no Python 3.11, 3.12 or 3.13 with venv found; install one and try again" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .ci/uv.txt
	@touch $@

# uv is not in the lock, so the sync must leave alone what it does not know.
$(READY): $(BIN)/uv pyproject.toml uv.lock
	@$(BIN)/uv sync --frozen --inexact --quiet
	@touch $@

demo: setup  ## the whole thing here: a local Slack in the browser, a model, a ledger
	@$(BIN)/agents demo

test: setup  ## everything, fast parts first; brings local-slack and chromium
	@$(BIN)/python -m tests.support.bring
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --hypothesis-profile=full $(TESTS)

check: setup  ## formatting, lint, types, layers and unit tests, in under a minute
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --cache-dir $(VENV)/import-linter
	@$(BIN)/pytest -q -n $(WORKERS) tests/unit

bench: setup  ## the numbers of the README, measured here
	@$(BIN)/python -m tests.bench

crash: setup  ## kill -9 the bot KILLS times and count what was lost (nothing) and paid twice (nothing)
	@$(BIN)/python -m tests.crash --kills $(KILLS)

soak: setup  ## let the bot work for MINUTES with a provider in trouble; fails where something grows or a promise breaks
	@$(BIN)/python -m tests.soak --minutes $(MINUTES)

$(VENV)/fuzz: .ci/fuzz.txt
	@$(BIN)/uv pip install --quiet --require-hashes --no-deps --target $@ -r .ci/fuzz.txt
	@touch $@

fuzz: setup $(VENV)/fuzz  ## feed streams, Markdown, commands and answers with what coverage finds, for SECONDS
	@PYTHONPATH=$(VENV)/fuzz $(BIN)/python -m tests.fuzz --seconds $(SECONDS)

sbom: setup  ## a bill of materials (CycloneDX) of what runs in production, on standard output
	@$(BIN)/uv export --quiet --frozen --no-dev --format cyclonedx1.5 --preview-features sbom-export

fmt: setup  ## format, and fix what can be fixed
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --fix --quiet .

map: setup  ## draw the map of docs/architecture.md anew from the code
	@$(BIN)/python -m tests.support.room_map
