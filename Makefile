#: make demo     real calls on a real Asterisk, told while they happen; ONCE=1 ends after them
#: make test     everything: lint, types, layers, all tests, on a real Asterisk as well
#: make check    what every commit passes: the same without Asterisk, in under a minute
#: make bench    measures the router beside the native dialplan; QUICK=1 coarsely, in about three minutes
#: make fuzz     100,000 hostile API answers, as many AGI peers; ROUNDS=1000 fewer; SEED=7 makes the same ones again
#: make profile  where the router's time goes
#:
#: make lint     format, lint, types, layers
#: make unit     unit and component tests
#: make system   tests on the real Asterisk
#: make docker-test  the demo in containers, and the router's image alone; brings a Docker daemon where there is none
#: make setup    only installs what all of these need: Debian packages, Python packages into .venv, a test server by npm
#: make clean    removes everything that was made here
#:
#: PYTHON=python3.13 chooses the interpreter, WORKERS=4 how many tests run at a time

PYTHON ?= python3
WORKERS ?= $(shell nproc)
VENV := .venv
BIN := $(VENV)/bin
OIDC := .cache/oidc-provider

.PHONY: help setup sandbox check lint unit system test demo docker-test bench fuzz profile clean

help:
	@sed -n 's/^#: \?//p' Makefile

setup: $(VENV)/.done $(OIDC)/.done

$(VENV)/.done: pyproject.toml
	@PYTHON=$(PYTHON) tools/install-system-packages
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@tools/quietly "Installing Python packages into $(VENV)" $(BIN)/python -m pip install --editable '.[dev]'
	@touch $@

# The token endpoint of the tests. Nothing but they need it, so the demo does without npm's registry.
$(OIDC)/.done: tests/component/oidc/package.json $(VENV)/.done
	@mkdir -p $(OIDC) && cp $< $(OIDC)
	@tools/quietly "Installing the token endpoint of the tests into $(OIDC)" $(BIN)/npm --prefix $(OIDC) install \
		--no-package-lock --no-audit --no-fund
	@touch $@

sandbox: $(VENV)/.done
	@$(BIN)/python -m sandbox

check: lint unit

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: setup
	$(BIN)/pytest -q -n $(WORKERS) --dist worksteal tests/unit tests/component

system: sandbox
	$(BIN)/pytest -q -n $(WORKERS) --dist worksteal tests/system

test: lint unit system

demo: sandbox
	@$(BIN)/python -m sandbox.demo $(if $(ONCE),--once)

bench: sandbox
	@$(BIN)/python -m bench $(if $(QUICK),--quick)

fuzz: setup
	@$(BIN)/python -m tests.fuzz $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED))

profile: sandbox
	@test -x $(BIN)/py-spy || tools/quietly "Installing the profiler into $(VENV)" \
		$(BIN)/python -m pip install --editable '.[dev,bench]'
	@$(BIN)/python -m bench.profile

docker-test: sandbox
	@docker/with-daemon $(BIN)/pytest -q -s tests/docker

clean:
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
