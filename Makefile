# make demo    sets everything up, places a real call on a real Asterisk, and tells its story
# make test    sets everything up and runs all checks and tests
# make check   what every commit passes: lint, types, layers, unit and component tests (under a minute)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2

.PHONY: help setup sandbox check lint unit system test demo clean

help:
	@sed -n 's/^# //p' Makefile

setup: $(VENV)/.done

$(VENV)/.done: pyproject.toml
	@PYTHON=$(PYTHON) tools/install-system-packages
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Python packages into $(VENV)"
	@$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

sandbox: setup
	@$(BIN)/python -m sandbox

check: lint unit

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: setup
	$(BIN)/pytest -q tests/unit tests/component

system: sandbox
	$(BIN)/pytest -q -n $(WORKERS) tests/system

test: lint unit system

demo: sandbox
	$(BIN)/python -m sandbox.demo $(if $(ONCE),--once)

clean:
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
