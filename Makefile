# Two commands are enough: `make run` shows Groenmeter at work, `make test` tests it.
# PYTHON chooses the interpreter (3.11 to 3.14), ARGS goes to pytest. TESTERS files of tests run side by side: the
# acceptance tests, which come first, mostly wait.

PYTHON ?= python3
TESTERS ?= 3
NODES ?= 3
BIN := .venv/bin
SETUP := .venv/setup-done
UV := .venv/uv/bin/uv
UV_INSTALL := $(UV) pip install --quiet --system-certs --python $(BIN)/python

.DEFAULT_GOAL := help
.PHONY: help setup run stop test faults kafka bench regression lint types generated lock

help: ## Show what there is to make
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(SETUP) ## The virtual environment, from requirements.lock

run: ## Start the stack with the made-up sample organisation and show what it counted
	@echo "1/4 Python packages"
	@$(MAKE) --no-print-directory setup
	@echo "2/4 database, broker, processors and door"
	@$(BIN)/groenmeter up --detach
	@echo "3/4 sample organisation"
	@$(BIN)/groenmeter sample load
	@echo "4/4 what runs where, and what was counted"
	@$(BIN)/groenmeter sample tour

stop: ## End the stack; its data stay
	@$(BIN)/groenmeter down

test: setup ## Every test, with the real database and broker
	@$(BIN)/python -m pytest --numprocesses $(TESTERS) --dist loadfile --no-loadscope-reorder $(ARGS)

faults: setup ## Random faults in one run: FAULTS=300 of them, SEED= to repeat one, KAFKA=3 for a real cluster
	@FAULTS=$(or $(FAULTS),300) FAULTS_SEED=$(SEED) FAULTS_KAFKA=$(KAFKA) $(BIN)/python -m pytest --capture=no tests/faults $(ARGS)

kafka: setup ## The acceptance tests of a measurement's way on a real Apache Kafka of NODES nodes
	@$(BIN)/python -m pytest --kafka $(NODES) $(addprefix tests/acceptance/test_,door.py query.py import.py targets.py kafka.py) $(ARGS)

bench: setup ## How fast it is, beside others: BENCH=name for one of tests/bench
	@$(BIN)/python -m tests.bench $(BENCH)

regression: setup ## Whether an event is clearly more work than at the last commit
	@$(BIN)/python -m tests.bench.regression

lint: setup ## Style
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: setup ## Static types
	@$(BIN)/mypy

generated: setup ## Whether the generated documents are those of the code
	@$(BIN)/python -m services.generate --check

lock: $(UV) ## Choose the newest packages anew
	$(UV) pip compile --quiet --upgrade --universal --generate-hashes --group dev --output-file requirements.lock pyproject.toml
	echo hatchling | $(UV) pip compile --quiet --universal --generate-hashes --no-annotate --no-header --constraint requirements.lock --output-file deploy/requirements.lock pyproject.toml -
	echo uv | $(UV) pip compile --quiet --upgrade --universal --generate-hashes --no-header --output-file .ci/uv.lock -

$(SETUP): requirements.lock pyproject.toml .ci/uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' \
		|| { echo "Groenmeter needs Python 3.11 to 3.14; choose one with make PYTHON=..." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv \
		|| { rm -rf .venv; echo "The venv module is missing; on Debian: apt install python3-venv" >&2; exit 1; }
	@$(MAKE) --no-print-directory $(UV)
	@echo "    installing"
	@$(UV_INSTALL) --require-hashes --requirement requirements.lock \
		|| $(BIN)/python -m pip --disable-pip-version-check install --require-hashes --requirement requirements.lock
	@$(UV_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(UV): .ci/uv.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "    fetching the installer (uv)"
	@$(BIN)/python -m pip --quiet --disable-pip-version-check install --upgrade --require-hashes \
		--target .venv/uv --requirement .ci/uv.lock
	@touch $@
