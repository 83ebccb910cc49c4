# `make demo` and `make test` need nothing but Python: the first of them makes .venv
# and installs the exact versions of requirements/dev.txt into it.
# With FAMILY=openmmlab they do the same with OpenMMLab's own releases of the hosts, in
# .venv-openmmlab by requirements/openmmlab.txt; this needs a C++ compiler as well.

FAMILY ?= onedl
DEMO_ARGS ?=
PYTEST_ARGS ?=
# A process a core, each of one thread: many small tests fill cores better than threads.
# A file's tests stay together, since they share what was costly to make.
PYTEST_JOBS ?= logical

ifeq ($(FAMILY),onedl)
PYTHON ?= python3
VENV := .venv
LOCK := requirements/dev.txt
NEWEST := 3.14
VERSIONS := 3.11 to 3.14
else ifeq ($(FAMILY),openmmlab)
PYTHON ?= python3.11
VENV := .venv-openmmlab
LOCK := requirements/openmmlab.txt
NEWEST := 3.11
VERSIONS := 3.11
else
$(error FAMILY is 'onedl' or 'openmmlab', not '$(FAMILY)')
endif
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
UNFINISHED := $(VENV)/.installing
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(PYTEST_JOBS) --maxprocesses 8 --dist loadfile
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help install baselines demo test test-slow lint check-docs docs format clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) \
	  | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'
	@echo 'Options: PYTHON=python3.12  DEMO_ARGS="..."  PYTEST_ARGS="-k name"  PYTEST_JOBS=4'
	@echo '         FAMILY=openmmlab: on that family of hosts; compiles MMCV at first'

install: $(STAMP) ## make .venv with the pinned packages (the others do so if need be)

# Constrained, so that no package of the environment moves.
baselines: $(STAMP) ## add the packages of CBM3D (non-commercial) and SpandrelDenoiser
	$(PIP_INSTALL) -c $(LOCK) -r requirements/baselines.txt

demo: $(STAMP) ## data, head, denoisers, table and picture, in minutes on a CPU
	$(BIN)/python -m mmdenoise demo $(DEMO_ARGS)

test: $(STAMP) ## every test but the slow ones
	$(PYTEST) -m "not slow" $(PYTEST_ARGS)

# One after the other: some kill processes of theirs at a certain moment.
# Pytest exits with 5 where it collects nothing, and having no slow test is no failure.
test-slow: $(STAMP) ## the slow tests
	@echo '$(BIN)/python -m pytest -m slow $(PYTEST_ARGS)'
	@$(BIN)/python -m pytest -m slow $(PYTEST_ARGS) \
	  || { code=$$?; [ $$code -eq 5 ] || exit $$code; }

lint: $(STAMP) ## style and likely bugs, changing nothing
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

check-docs: $(STAMP) ## dead links, placeholders, commands and options that are not there
	$(BIN)/python .ci/check_docs.py

docs: $(STAMP) ## the pages and the API reference as a web site, in site/
	$(PIP_INSTALL) -q -c $(LOCK) -r requirements/docs.txt
	$(BIN)/python -m mkdocs build --strict --quiet

format: $(STAMP) ## mend what ruff can mend
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

clean: ## remove caches, build files and the demo's results; keeps environments
	rm -rf build dist site *.egg-info .pytest_cache .ruff_cache work_dirs/demo
	find . -path './.venv*' -prune -o -name __pycache__ -type d -exec rm -rf {} +

# A package that pip was stopped in the middle of can look installed to the next pip.
# So an unfinished environment is thrown away; pip's cache makes that cheap.
$(STAMP): $(LOCK) setup.py
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "mmdenoise: no '$(PYTHON)' found: install Python $(VERSIONS), or name yours with PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= tuple(map(int, "$(NEWEST)".split("."))))' || { \
	  echo "mmdenoise: '$(PYTHON)' is $$($(PYTHON) --version 2>&1); the pinned environment needs $(VERSIONS): name one with PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "mmdenoise: '$(PYTHON)' has no venv module: install it (Debian, Ubuntu: the package python3-venv)" >&2; exit 1; }
ifeq ($(FAMILY),openmmlab)
	@command -v $(firstword $(CXX)) >/dev/null 2>&1 || { \
	  echo "mmdenoise: no C++ compiler '$(firstword $(CXX))' found, and MMCV is compiled here: install one (Debian, Ubuntu: the package g++)" >&2; exit 1; }
	@echo "This compiles MMCV, without a word and for 20 minutes to an hour on two cores, unless pip keeps a wheel of an earlier time."
endif
	@if [ -e $(UNFINISHED) ]; then \
	  echo "The last installation into $(VENV) was not finished: starting it again."; \
	  rm -rf $(VENV); fi
	@mkdir -p $(VENV) && touch $(UNFINISHED) && rm -f $(STAMP)
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
ifeq ($(FAMILY),openmmlab)
	sed '/^mmcv==/d' $(LOCK) > $(VENV)/without-mmcv.txt
	$(PIP_INSTALL) -r $(VENV)/without-mmcv.txt
	MMCV_WITH_OPS=1 FORCE_CUDA=0 CUDA_VISIBLE_DEVICES= $(PIP_INSTALL) --no-build-isolation -r $(LOCK)
else
	$(PIP_INSTALL) -r $(LOCK)
endif
	$(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@mv $(UNFINISHED) $(STAMP)
