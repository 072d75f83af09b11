# Everything runs in .venv. `make demo` and `make test` set it up themselves.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# On machines where pip would fetch PyTorch's CUDA build for the CPU engine, name PyTorch's CPU index:
#   make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.PHONY: help setup demo serve test check fix openapi audit bench clean

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: .venv/ready ## create .venv and install everything into it

.venv/ready: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing arrol-serve, vLLM and the tools into .venv (some minutes the first time)"
	@$(PIP) -e '.[cpu,train,dev]'
	@# vLLM pulls these in from PyPI; they are built for another torch, break the import of
	@# transformers, and nothing here uses them.
	@$(BIN)/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	@touch $@

demo: setup ## ask the bundled model a few questions
	@$(BIN)/python -m arrol_serve.demo

serve: setup ## serve the bundled model on 127.0.0.1:8000
	@$(BIN)/arrol-serve

test: setup ## run the tests
	@$(BIN)/python -m pytest

check: setup ## lint, format, types, import contracts, spelling
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/codespell

fix: setup ## repair what ruff can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

openapi: setup ## rewrite openapi.yaml from the routes
	@$(BIN)/arrol-serve openapi > openapi.yaml

audit: setup ## look for known vulnerabilities in what is installed; asks PyPI, see .ci/audit
	@test -x .audit/bin/pip-audit || { $(PYTHON) -m venv .audit && .audit/bin/pip install --quiet pip-audit==2.10.1; }
	@.audit/bin/pip-audit --path "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"

bench: setup ## rerun every measurement, rewrite the README's tables and docs/benchmarks.md
	@$(BIN)/python -m benchmarks all

clean: ## remove caches, keep .venv
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist
