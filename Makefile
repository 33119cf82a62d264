# Streetward. `make demo` runs the main job, `make test` passes the tests; each sets up what it needs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 2

.PHONY: help setup setup-dev demo test test-fast lint bench docs image clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.base ## virtual environment with what the product needs
setup-dev: $(VENV)/.dev ## the same with what tests, lint and training need

$(VENV)/.base: pyproject.toml constraints.txt scripts/setup scripts/apt-packages.txt
	scripts/setup "$(PYTHON)" "$(VENV)" demo
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt scripts/setup scripts/apt-packages.txt
	scripts/setup "$(PYTHON)" "$(VENV)" demo,train,cluster,dev
	@touch $@ $(VENV)/.base

demo: $(VENV)/.base ## simulated cameras, worker, hub, city platform and loudspeaker; open http://127.0.0.1:8000
	@exec $(BIN)/vision demo $(DEMO)

test: $(VENV)/.dev ## the whole test suite
	@# Real browsers, SIP phones and RTSP servers race for ports on a shared machine: one more try each, and it is counted.
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --reruns 1 $(TESTS)

test-fast: $(VENV)/.dev ## without slow tests, browsers and servers: what one runs while writing
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "not slow and not browser and not server" $(TESTS)

lint: $(VENV)/.dev ## style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile

bench: $(VENV)/.dev ## every benchmark, quickly; one by name: vision bench NAME
	for name in ingest detect accuracy events hub cases end_to_end; do $(BIN)/vision bench $$name --quick; done

docs: $(VENV)/.dev ## regenerate configs/schema.json and docs/configuration.md
	$(BIN)/vision config schema > configs/schema.json
	$(BIN)/vision config reference > docs/configuration.md

image: ## container images for CPU and CUDA
	docker build --target cpu -t streetward:cpu .
	docker build --target cuda -t streetward:cuda .

clean: ## what demo and tests left behind, and the virtual environment
	rm -rf $(VENV) var runs build *.egg-info
