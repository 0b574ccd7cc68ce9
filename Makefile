# Every target works on a fresh Debian or Ubuntu with Python 3.11+ and make alone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help install dev demo test clients lint bench peers calibrate docs trust plants test-cluster clean

help:  ## what can be made
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Regard needs Python 3.11 or later; found: $$($(PYTHON) --version). Try: make PYTHON=python3.12 install"; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { rm -rf $(VENV); if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing python3-venv"; apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null && $(PYTHON) -m venv $(VENV); \
	  else echo "Python cannot make virtual environments here. Run: sudo apt-get install python3-venv"; exit 1; fi; }

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing Regard and its locked dependencies into $(VENV)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

install: $(VENV)/.installed  ## a working .venv/bin/regard

dev: $(VENV)/.installed-dev  ## what the tests and linters need, too
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || { if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing Chromium for the browser tests"; apt-get update -qq && apt-get install -y -qq chromium >/dev/null; \
	  else echo "No Chromium found: the browser tests will be skipped. Run: sudo apt-get install chromium"; fi; }

demo: install  ## a made-up company in your browser
	@$(BIN)/regard demo

test: dev  ## every test, with the rules of the house
	@$(BIN)/python -m pytest -n 2 --dist loadfile

clients: dev  ## the official npm clients the intake is tried with, into your cache
	@$(BIN)/python tests/intake/packages.py

lint: dev  ## ruff, mypy and the layers
	@$(BIN)/ruff check src tests benchmarks
	@$(BIN)/ruff format --check src tests benchmarks
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: install peers  ## re-measure every published figure, those beside the peers, too
	@$(BIN)/python -m benchmarks
	@for what in proof lifetimes effects steps subsets; do $(BIN)/python -m benchmarks $$what || exit 1; done

trust: dev  ## every promise of RELIABILITY.md, checked in full
	@REGARD_TRUST=full REGARD_TRUST_RESULTS=tests/trust/results.json $(BIN)/python -m pytest tests/trust; code=$$?; \
	  $(BIN)/python tests/trust/told.py tests/trust/results.json && exit $$code

peers: .venv-peers/.installed  ## the libraries that benchmarks compare with, in .venv-peers

.venv-peers/.installed: requirements-peers.lock
	@$(PYTHON) -m venv .venv-peers
	@echo "Installing the peers into .venv-peers"
	@.venv-peers/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-peers.lock
	@touch $@

calibrate: dev  ## re-measure how often intervals hold and alarms are false, into docs/calibration.md
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python tests/calibration/truths.py > docs/calibration.md.new && mv docs/calibration.md.new docs/calibration.md

plants: install  ## is what is planted into made-up companies found, how soon, and what rings besides (half an hour)
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks plants

docs: dev  ## write the reference from the code
	@$(BIN)/python -m docs.build

test-cluster: .venv-cluster/.installed  ## questions about journeys on a Spark cluster of three processes, in .venv-cluster
	@.venv-cluster/bin/python -m pytest tests/cluster

.venv-cluster/.installed: requirements-cluster.lock pyproject.toml
	@$(PYTHON) -m venv .venv-cluster
	@command -v java >/dev/null || { if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing Java"; apt-get update -qq && apt-get install -y -qq default-jre-headless >/dev/null; \
	  else echo "Spark needs Java 17 or later. Run: sudo apt-get install default-jre-headless"; exit 1; fi; }
	@echo "Installing Regard and Spark into .venv-cluster"
	@.venv-cluster/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-cluster.lock
	@.venv-cluster/bin/python -m pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@

clean:
	rm -rf $(VENV) .venv-peers .venv-cluster .mypy_cache .ruff_cache .pytest_cache
