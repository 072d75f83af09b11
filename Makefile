# Everything runs in .venv. `make demo` and `make test` set it up themselves.
# PYTHON names another Python. PyTorch's CPU build is found by tools/install.py; TORCH_INDEX names another place.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
export TORCH_INDEX

# uv reads no configuration of pip: where torch comes from is UV_FIND_LINKS=FOLDER, or --torch-backend's index.
LOCK := pyproject.toml --quiet --universal --python-version 3.11 --no-annotate --no-header \
	--override requirements/left-out.txt $(if $(UV_FIND_LINKS),,--torch-backend cpu)

# The decisions that tests/unit is to hold to account. Engine, HTTP and trainer run in processes of their own.
PURE := pruning quality voting
FLOOR := 95

.PHONY: help setup demo serve test test-unit slow coverage check lock fix openapi audit bench clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

INSTALL = @test -n "$(PYTHON)" || { echo "make: there is no Python 3.11 to 3.13: install one, or name it with PYTHON=/path"; exit 2; }; \
	$(PYTHON) tools/install.py .venv --editable

setup: .venv/ready ## create .venv with server, trainer and tools

.venv/ready: pyproject.toml requirements/dev.txt tools/install.py
	$(INSTALL) --tools
	@touch $@ .venv/serves

.venv/serves: pyproject.toml requirements/cpu.txt tools/install.py
	$(INSTALL)
	@touch $@

demo: .venv/serves ## ask the bundled model a few questions
	@$(BIN)/python -m arrol_serve.demo

serve: .venv/serves ## serve the bundled model on 127.0.0.1:8000
	@$(BIN)/arrol-serve

test: setup ## run the tests
	@$(BIN)/python -m pytest

test-unit: setup ## run the tests that need no engine, in less than a minute
	@$(BIN)/python -m pytest tests/unit tests/architecture

slow: setup ## run the tests that take minutes each, among them those on another vLLM, which pip fetches
	@$(BIN)/python -m pytest -n 0 -m "slow and not gpu"

coverage: setup ## which lines of pruning, head and vote their tests reach, with a floor
	@$(BIN)/python -m pytest -n 0 tests/unit/pruning tests/unit/quality tests/unit/test_voting.py \
		$(foreach part,$(PURE),--cov=arrol_serve.$(part)) \
		--cov-branch --cov-report=term:skip-covered --cov-fail-under=$(FLOOR)

check: setup ## lint, format, types, import contracts, spelling
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/codespell

lock: ## choose the versions in requirements/ anew where pyproject.toml asks for it; UPGRADE=-U: the newest
	@test -x .uv/bin/uv || { $(PYTHON) -m venv .uv && .uv/bin/pip install --quiet uv==0.13.9; }
	@.uv/bin/uv pip compile $(LOCK) $(UPGRADE) --extra cpu --extra train --extra dev --output-file requirements/dev.txt
	@cp requirements/dev.txt requirements/cpu.txt
	@.uv/bin/uv pip compile $(LOCK) --extra cpu --output-file requirements/cpu.txt

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
