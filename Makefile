# Everything runs from a fresh checkout: each target sets up .venv first when it is missing or out of date.
PYTHON ?= python3
PAPER ?= chung2014
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
# The key of an environment: what it was installed from.
STAMP := $(VENV)/installed-$(shell cat pyproject.toml constraints.txt | cksum | cut -d' ' -f1)

.DEFAULT_GOAL := help
.PHONY: help install sweep test test-slow test-browser lint types format tensorboard paper bench clean

help: ## list these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

# Python compiles what it imports; compiling all of torch beforehand would take longer than installing it.
install: $(STAMP) ## make .venv and install rnnbench with its tools, pinned by constraints.txt

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e ".[dev]"
	@rm -f $(VENV)/installed-*; touch $(STAMP)

sweep: $(STAMP) ## the main job: five models, two tasks, three seeds; ends with the comparison table
	$(BIN)/rnnbench train -m experiment=quickstart

test: $(STAMP) ## the test suite (minutes)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not gpu and not browser"

test-slow: $(STAMP) ## the long tests
	$(BIN)/python -m pytest -m "slow and not gpu"

test-browser: $(STAMP) ## TensorBoard in a real Chromium (needs chromium and the browser extra)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[browser]"
	$(BIN)/python -m pytest -m browser

lint: $(STAMP) ## ruff
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(STAMP) ## pyright
	$(BIN)/pyright

format: $(STAMP) ## ruff, writing
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

tensorboard: $(STAMP) ## all runs on http://127.0.0.1:6006
	$(BIN)/tensorboard --host 127.0.0.1 --logdir $${RNNBENCH_RUNS:-runs}/runs

paper: $(STAMP) ## run what is missing of PAPER=... and make its table; QUICK=1 for a small form
	$(BIN)/rnnbench reproduce $(PAPER) --workers $(WORKERS) $(if $(QUICK),--quick)

bench: $(STAMP) ## the cost of the framework against a bare training loop
	$(BIN)/rnnbench bench overhead

clean: ## remove the environment and caches; runs stay
	rm -rf $(VENV) .pytest_cache .ruff_cache build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
