#: make demo     real calls on a real Asterisk, told while they happen; ONCE=1 ends after them
#: make test     everything: lint, types, layers, all tests, on a real Asterisk as well
#: make check    what every commit passes: the same without Asterisk, PostgreSQL, and processes that start anew
#: make bench    measures the router beside the native dialplan; QUICK=1 coarsely, in about three minutes;
#:               HISTORY=1 the pages of a history of a million calls instead, HISTORY=postgresql in that database
#:               STRANGERS=1 the delay of calls beside 2,000 idle and 300 slow connections to the REST API instead
#: make fuzz     100,000 hostile API answers, as many of CRMs and AGI peers; ROUNDS=1000 fewer; SEED=7 makes the same ones again
#: make profile  where the router's time goes
#:
#: make lint     format, lint, types, layers
#: make unit     unit and component tests
#: make system   tests on the real Asterisk, on PostgreSQL, and of the whole OpenAPI
#: make docker-test  the demo in containers, and the router's image alone; brings a Docker daemon where there is none
#: make tryton   a real CRM with a few people in it, to try connectors with; runs until it is interrupted
#: make setup    only installs what all of these need: Debian packages, Python packages into .venv, a test server by npm
#: make clean    removes everything that was made here
#:
#: PYTHON=python3.13 chooses the interpreter, WORKERS=4 how many tests run at a time (one more of those on Asterisk)

PYTHON ?= python3
WORKERS ?= $(shell nproc)
VENV := .venv
BIN := $(VENV)/bin
OIDC := .cache/oidc-provider

# Each of the many processes of the tests would otherwise compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup sandbox tryton prepared check lint unit system test demo docker-test bench fuzz profile clean

help:
	@sed -n 's/^#: \?//p' Makefile

setup: $(VENV)/.done $(OIDC)/.done

$(VENV)/.done: pyproject.toml tools/install-system-packages
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

tryton: $(VENV)/.done
	@$(BIN)/python -m sandbox.tryton --serve

prepared: sandbox
	@$(BIN)/python -m sandbox.tryton

check: lint unit

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: setup
	$(BIN)/pytest -q -n $(WORKERS) --dist worksteal -m "not long" tests/unit tests/component

# One more than there are cores: these tests wait half of their time, for phones that ring and for what has to be quiet.
system: prepared
	$(BIN)/pytest -q -n $$(($(WORKERS) + 1)) --dist worksteal -m long tests/system tests/component

# Types keep one core busy for a minute; meanwhile what the system tests need is fetched and unpacked.
test: setup
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint prepared
	@$(MAKE) --no-print-directory unit system

demo: sandbox
	@$(BIN)/python -m sandbox.demo $(if $(ONCE),--once)

bench: $(if $(HISTORY),setup,sandbox)
	@$(BIN)/python -m bench$(if $(STRANGERS),.strangers,$(if $(HISTORY),.history $(if $(filter \
		postgresql,$(HISTORY)),--postgresql)) $(if $(QUICK),--quick))

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
