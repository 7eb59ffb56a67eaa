# Two commands do everything: `make run` and `make test`. Both install what they need, once.
PYTHON ?= python3
BIN := .venv/bin
COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options --no-header

.DEFAULT_GOAL := help
.PHONY: help install run test faults test-cluster check docs format bench audit sbom lock clean

help: ## Show this help
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

install: .venv/.installed ## Make .venv and install the pinned requirements

.venv/.installed: requirements-dev.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

run: install ## Start the service with simulated students and print where to look
	@$(BIN)/python -m src demo

# What kills, measures patience or builds has the machine for itself; the rest shares it, file by file.
ALONE := tests/deployment tests/faults tests/guide tests/integration tests/monitoring

test: install ## Run the whole test suite, with real services wherever they can be had
	@scripts/install-services $(if $(REQUIRE_SERVICES),--require)
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(addprefix --ignore=,$(ALONE)) || failed=1; \
		$(BIN)/python -m pytest $(ALONE) && exit $${failed:-0}

faults: install ## Run every fault test, the long ones too (about ten minutes)
	@scripts/install-services --require
	@REQUIRE_SERVICES=1 $(BIN)/python -m pytest tests/faults -m ""

check: install docs ## Check format, lint, types, layers and documentation
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: install ## Build the documentation site into dist/docs; a link that leads nowhere fails it
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs --quiet build

format: install ## Format the code and mend what can be mended
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: install ## Measure, and print each figure beside its floor
	@$(BIN)/python -m benchmarks

audit: install ## Look the pinned versions up among known vulnerabilities
	$(BIN)/pip-audit --strict --disable-pip --require-hashes --progress-spinner off --requirement requirements.txt

sbom: install ## Write dist/sbom.json, the list of what the service is made of
	@mkdir -p dist
	$(BIN)/cyclonedx-py requirements --output-reproducible --pyproject pyproject.toml requirements.txt -o dist/sbom.json

lock: install ## Pin the requirements anew, with hashes
	$(COMPILE) --output-file requirements.txt pyproject.toml
	$(COMPILE) --extra dev --extra traces --constraint requirements.txt --output-file requirements-dev.txt pyproject.toml

clean: ## Remove what the other targets made, the data of the demo included
	rm -rf .venv data dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
