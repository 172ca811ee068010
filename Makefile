# Two commands on a fresh machine with python 3.11+ and make: `make run`, `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A virtual environment is made anew only when what it is made from has changed, so a second start needs no network.
STAMP = $(VENV)/$(1)-$(shell cat pyproject.toml constraints.txt | cksum | cut -d' ' -f1).stamp
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: run demo serve test lint bench clean

run: demo serve

demo: $(call STAMP,run)
	@$(BIN)/loopcast replay interstate_traffic

serve: $(call STAMP,run)
	@exec $(BIN)/loopcast serve

test: $(call STAMP,test)
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(call STAMP,lint)
	$(BIN)/ruff check platform platform_tests
	$(BIN)/ruff format --check platform platform_tests
	$(BIN)/mypy
	$(BIN)/lint-imports
	cd platform && LOOPCAST_HOME=.. ../$(BIN)/dg check defs --no-check-yaml

bench: $(call STAMP,bench)
	$(BIN)/python platform_tests/benchmarks/run.py $(BENCH)

clean:
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "loopcast needs python 3.11 or newer: make run PYTHON=python3.11")'
	@$(PYTHON) -m venv $(VENV)

$(call STAMP,run): $(BIN)/python
	@echo "Setting up (about a minute, once) ..."
	@$(INSTALL) -e .
	@touch $@

$(call STAMP,test): $(BIN)/python
	@echo "Setting up for tests (about a minute, once) ..."
	@$(INSTALL) -e '.[test,lint]'
	@touch $@ $(call STAMP,run) $(call STAMP,lint)

$(call STAMP,lint): $(BIN)/python
	@$(INSTALL) -e '.[lint]'
	@touch $@ $(call STAMP,run)

$(call STAMP,bench): $(BIN)/python
	@$(INSTALL) -e '.[bench]'
	@touch $@ $(call STAMP,run)
