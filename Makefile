PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TORCH ?= torch==2.13.0
# Without a GPU, torch's own index has a build without CUDA; `make setup TORCH_INDEX=https://pypi.org/simple` asks for the other.
TORCH_INDEX ?= $(if $(shell command -v nvidia-smi),https://pypi.org/simple,https://download.pytorch.org/whl/cpu)

export PIP_DISABLE_PIP_VERSION_CHECK := 1

TRITONS := 3.6 3.7 3.8 3.9
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-triton lint lit update-filecheck

help: ## print this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 26

setup: $(VENV)/.installed ## create .venv with everything that tests and tools need

$(VENV)/.installed: pyproject.toml
	@echo 'installing torch and the tools into $(VENV): a few minutes the first time'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import torch' 2>/dev/null || $(BIN)/pip install -q --retries 1 --index-url '$(TORCH_INDEX)' '$(TORCH)' \
		|| $(BIN)/pip install -q '$(TORCH)'
	@$(BIN)/pip install -q -e '.[dev]'
	@touch $@

demo: setup ## eager attention, level by level, down to the kernel
	$(BIN)/flashlight-demo

test: setup ## every test that needs no GPU
	$(BIN)/python -m pytest -n 2 tests

test-triton: setup $(TRITONS:%=test-triton-%) ## the kernels' tests with each Triton release that pyproject.toml admits

$(TRITONS:%=test-triton-%): test-triton-%: build/triton/%/installed
	PYTHONPATH=$(CURDIR)/build/triton/$* $(BIN)/python -c 'import triton; assert triton.__version__.startswith("$*."), triton.__version__'
	PYTHONPATH=$(CURDIR)/build/triton/$* $(BIN)/python -m pytest -n 2 tests/test_kernels.py tests/test_ahead_of_time.py

build/triton/%/installed: | setup
	$(BIN)/pip install --target $(@D) --no-deps 'triton==$*.*'
	touch $@

lint: setup ## style and types
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/pyright --pythonpath $(BIN)/python

lit: setup ## the FileCheck files through lit, as in LLVM
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/lit -v filecheck

update-filecheck: setup ## write the expected text of filecheck/ again: read the diff before you commit it
	$(BIN)/python -m flashlight_mlir.tools.update_filecheck
