# `make demo` and `make test` need nothing but Python: the first of them makes .venv
# and installs the exact versions of requirements/dev.txt into it.

PYTHON ?= python3
DEMO_ARGS ?=
PYTEST_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
UNFINISHED := $(VENV)/.installing

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow lint format clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) \
	  | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'
	@echo 'Options: PYTHON=python3.12  DEMO_ARGS="..."  PYTEST_ARGS="-k name"'

install: $(STAMP) ## make .venv with the pinned packages (the others do so if need be)

demo: $(STAMP) ## data, head, denoisers, table and picture, in minutes on a CPU
	$(BIN)/python tools/demo.py $(DEMO_ARGS)

test: $(STAMP) ## every test but the slow ones
	$(BIN)/python -m pytest -m "not slow" $(PYTEST_ARGS)

# Pytest exits with 5 where it collects nothing, and having no slow test is no failure.
test-slow: $(STAMP) ## the slow tests
	@echo '$(BIN)/python -m pytest -m slow $(PYTEST_ARGS)'
	@$(BIN)/python -m pytest -m slow $(PYTEST_ARGS) \
	  || { code=$$?; [ $$code -eq 5 ] || exit $$code; }

lint: $(STAMP) ## style and likely bugs, changing nothing
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

format: $(STAMP) ## mend what ruff can mend
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

clean: ## remove caches, build files and the demo's results; keeps .venv
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache work_dirs/demo
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

# A package that pip was stopped in the middle of can look installed to the next pip.
# So an unfinished environment is thrown away; pip's cache makes that cheap.
$(STAMP): requirements/dev.txt setup.py
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "mmdenoise: no '$(PYTHON)' found: install Python 3.11 to 3.14, or name yours with PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' || { \
	  echo "mmdenoise: '$(PYTHON)' is $$($(PYTHON) --version 2>&1); the pinned environment needs 3.11 to 3.14: name one with PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "mmdenoise: '$(PYTHON)' has no venv module: install it (Debian, Ubuntu: the package python3-venv)" >&2; exit 1; }
	@if [ -e $(UNFINISHED) ]; then \
	  echo "The last installation into $(VENV) was not finished: starting it again."; \
	  rm -rf $(VENV); fi
	@mkdir -p $(VENV) && touch $(UNFINISHED) && rm -f $(STAMP)
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements/dev.txt
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation -e .
	@mv $(UNFINISHED) $(STAMP)
