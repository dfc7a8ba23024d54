# kronstream: every task of this repository. `make` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# most tests wait for what other processes do: three of them for two processors
PROCESSES ?= $(shell $(PYTHON) -c 'import os; print(min(8, max(2, (os.cpu_count() or 1) * 3 // 2)))')
PEERS := arq celery dramatiq saq streaq taskiq
PEERS_VENV := .venv-peers

.PHONY: help setup redis prometheus envtest demo test test-fast coverage lint format manifests chart verify bench soak fuzz lock wheel image e2e-image e2e clean

help: ## list the tasks
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "kronstream needs Python 3.11 or newer: set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

# the libraries of the benchmark, each apart: they want different clients of Redis
$(PEERS_VENV)/%/.installed: benchmarks/peers/%.lock
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

setup: $(STAMP) ## make .venv with everything pinned by hash

redis: ## see to it that a redis-server or valkey-server is there
	@bash scripts/redis.sh

prometheus: ## see to it that prometheus and promtool are there
	@bash scripts/prometheus.sh

envtest: $(STAMP) ## fetch or build kube-apiserver, etcd, kubectl and helm into the cache
	@$(BIN)/kronstream envtest --controller-manager --helm

demo: $(STAMP) redis ## run the main job on an embedded control plane (DEMO_SECONDS=N stops by itself)
	@$(BIN)/kronstream dev --demo $(if $(DEMO_SECONDS),--for $(DEMO_SECONDS))

manifests: $(STAMP) ## generate crds/, docs/openapi.json and the table of metrics from the code
	@$(BIN)/kronstream crds --write crds
	@$(BIN)/kronstream openapi --write docs/openapi.json
	@$(BIN)/python -m kronstream.cli.metrictable --write docs/observe.md

chart: envtest ## generate what follows from crds/ and the settings in charts/, and deploy/ from the chart
	@$(BIN)/python -m scripts.chart
	@$(BIN)/python -m scripts.deploy

verify: $(STAMP) ## generated files are as generated
	@$(BIN)/kronstream crds --check crds
	@$(BIN)/python -m scripts.chart --check
	@$(BIN)/kronstream openapi --check docs/openapi.json
	@$(BIN)/python -m kronstream.cli.metrictable --check docs/observe.md

lint: $(STAMP) ## ruff, mypy strict, the layers, the licences of the dependencies
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python scripts/licences.py

format: $(STAMP) ## ruff, writing
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

DECISIONS := domain outcomeevent cron plan duration resources condition dst recurrence rule occurrences exclusion jitter schedule limits keys judgement
coverage: $(STAMP) ## every branch of the decisions is tested
	@$(BIN)/pytest -q -n 2 $(DECISIONS:%=tests/unit/test_%*.py) \
		--cov=kronstream.domain --cov-report=term-missing:skip-covered --cov-fail-under=100

test: lint verify coverage envtest redis prometheus ## everything that must pass, on real parts (PROCESSES=N at once)
	@$(BIN)/pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder --durations=30 $(DECISIONS:%=--ignore-glob='*/unit/test_%*.py')

test-fast: $(STAMP) ## pure and in-memory tests alone
	@$(BIN)/pytest tests/unit tests/contract -m "not chaos"

bench: envtest redis $(PEERS:%=$(PEERS_VENV)/%/.installed) ## the benchmarks, with every peer and limit in one run (BENCHMARKS="workers peers": some)
	@$(BIN)/python -m benchmarks $(BENCHMARKS)

soak: $(STAMP) redis ## ten minutes of mixed load while workers and Redis are killed (SOAK_SECONDS=N, SEED=N, SOAK_RATE=0.5)
	@PYTHONPATH=tests $(BIN)/python -m soak

fuzz: envtest redis ## more than 5,000 made-up calls of the HTTP API, counted (FUZZ_EXAMPLES=N for each operation, N journeys)
	@FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-120} $(BIN)/pytest -n 0 --timeout 3600 tests/integration/test_api_fuzz.py

lock: ## pin every dependency again, with hashes
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra traces pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group dev pyproject.toml -o requirements-dev.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group build -o requirements-build.lock
	@for peer in $(PEERS); do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header benchmarks/peers/$$peer.in -o benchmarks/peers/$$peer.lock; done

wheel: $(STAMP) ## build the wheel into dist/
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation -w dist .

IMAGE ?= kronstream:$(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' operator/kronstream/__init__.py)
export IMAGE BASE PLATFORM ARCHIVE PUSH BUILDER CONTEXT PIP_INDEX_URL
image: ## build the image with docker, buildah or podman (IMAGE=, BASE=, PLATFORM=, ARCHIVE=file.tar, PUSH=1)
	@bash scripts/image.sh

e2e-image: ## build the image of the e2e suite that has functions of its own, on $(IMAGE)
	@IMAGE=$(IMAGE)-own BASE=$(IMAGE) CONTEXT=e2e/own bash scripts/image.sh

e2e: $(STAMP) ## chart and image on the cluster that KUBECONFIG names (E2E_IMAGE=, E2E_LOAD=; docs/images.md)
	@$(BIN)/pytest e2e --timeout 1800 $(E2E_OPTIONS)

clean: ## remove what the tasks made here (not the cache of binaries)
	rm -rf $(VENV) $(PEERS_VENV) dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov
