# The commands of the project. `make demo` and `make test` need only Python 3.11 or later (with venv)
# and make: they create .venv and install into it what constraints.txt names. `make` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# uv draws progress bars on a terminal and lists every package elsewhere, which nobody wants in a log.
QUIET := $(shell test -t 2 || echo --quiet)
INSTALL := $(BIN)/uv pip install $(QUIET) --python $(BIN)/python -c constraints.txt -b constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test kernels check format integration faults servers bench clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.runtime ## the whole path on this machine: sensors, broker, rules, alerts
	@$(BIN)/lifeline demo

test: $(VENV)/.dev ## every test that needs no server
	@$(BIN)/pytest -n 3 --dist loadgroup -m "not integration" --ignore=tests/integration tests

kernels: $(VENV)/.dev ## compile what judges samples, once, which else the first start does; some two minutes
	@$(BIN)/python -P -c 'from lifeline.engine.warming import warm; warm()'

check: $(VENV)/.dev ## formatting, lint, types, and which room may import which
	@failed=0; for step in "ruff format --check ." "ruff check ." "mypy" "lint-imports --no-logo"; do \
	  echo "$$step"; $(BIN)/$$step || failed=1; \
	done; exit $$failed

format: $(VENV)/.dev ## rewrite the code in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

integration: $(VENV)/.dev servers ## the tests that need Mosquitto, InfluxDB and Kafka; installs these first
	@# Three at a time, since they wait half of their time; the long ones come first, as they are named.
	@$(BIN)/pytest -n 3 --dist loadgroup --no-loadscope-reorder -m integration tests/faults tests/integration

faults: $(VENV)/.dev servers ## the cluster and InfluxDB under kill -9 and minutes of absence; some fifteen minutes
	@LIFELINE_LINK_AWAY_S=300 $(BIN)/pytest -m integration -s \
	  tests/faults/test_cluster_digest.py tests/faults/test_cluster_controls.py \
	  tests/faults/test_cluster_live.py tests/faults/test_cluster_link.py
	@LIFELINE_INFLUX_AWAY_S=120 $(BIN)/pytest -m integration -s tests/faults/test_influx_delivery.py

servers: ## install Mosquitto, InfluxDB 1.8.10 and 1.6.7, and Apache Kafka, where missing
	@.ci/servers

bench: $(VENV)/.dev servers ## the figures of the README, on this machine
	@$(BIN)/python benchmarks/run.py

clean: ## remove the environment and whatever was built; the cache of servers stays
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The two stamps say for which pyproject.toml and constraints.txt the environment was made.
$(VENV)/.runtime: $(BIN)/uv pyproject.toml constraints.txt
	@echo "Installing lifeline into $(VENV) ..."
	@$(INSTALL) -e .
	@touch $@

$(VENV)/.dev: $(BIN)/uv pyproject.toml constraints.txt
	@echo "Installing lifeline and what its tests need into $(VENV) ..."
	@$(INSTALL) -e '.[dev]'
	@touch $(VENV)/.runtime $@

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Lifeline needs Python 3.11 or later; this is $$($(PYTHON) --version 2>&1)." \
	    "Name another one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  echo "This Python cannot make environments. On Debian: apt-get install python3-venv"; exit 1; }
	@echo "Creating $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv
