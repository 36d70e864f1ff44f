# make app    the page at http://127.0.0.1:7860        make test   every test
# make lint   ruff and mypy                            make soak   the long counts
# make bench  speed, beside the plain way              make clean  removes what make made
# make versions  the unit tests under each other version of Python that is installed
#
# ARGS goes to the program: make app ARGS="--model user/name", make test ARGS="-k sampler".
# PYTHON is the interpreter that the virtual environment is made with: make app PYTHON=python3.12.

PYTHON ?= python3
ARGS ?=
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check

.DELETE_ON_ERROR:
.PHONY: app test lint versions soak bench clean

# Ctrl-C ends the app, and is no error of make's.
app: $(VENV)/.installed
	@trap : INT; $(RUN) app.py $(ARGS) || test $$? -eq 130

# Two processes share the tests, a file each. A missing Chromium is installed first: tests/browser/conftest.py.
PYTEST := -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test: $(VENV)/.installed-dev
	@$(RUN) $(PYTEST) $(ARGS)

lint: $(VENV)/.installed-dev
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy
	@$(RUN) -m tests.count_lines

versions: $(VENV)/.installed-dev
	@$(RUN) -m tests.versions $(ARGS)

soak: $(VENV)/.installed-dev
	@$(RUN) $(PYTEST) tests/soak tests/browser --every-look -raP $(ARGS)

bench: $(VENV)/.installed-dev
	@$(RUN) -m tests.benchmarks.bench_stream $(ARGS)
	@$(RUN) -m tests.benchmarks.bench_engine
	@$(RUN) -m tests.benchmarks.bench_page
	@$(RUN) -m tests.benchmarks.bench_lens
	@$(RUN) -m tests.benchmarks.bench_crowd
	@$(RUN) -m tests.benchmarks.bench_training

clean:
	@rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One after another, so that it is seen how far it is, and then all together, so that they fit each other.
# The stamps are written last, so that an installation that was cut short is begun again.
$(VENV)/.installed: requirements.txt training/requirements.txt | $(RUN)
	@echo "Installing what the app and training need; the first time takes some minutes:"
	@sed 's/ *#.*//' $^ | grep . | while read -r each; do echo "  $$each"; $(PIP) "$$each" </dev/null || exit 1; done
	@$(PIP) -r requirements.txt -r training/requirements.txt
	@echo "Compiling the loops that write ..."
	@$(RUN) -m model generate --length 1 >/dev/null 2>&1
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt requirements-mcp.txt $(VENV)/.installed
	@echo "Installing what the tests need ..."
	@$(PIP) -r requirements-dev.txt
	@touch $@

$(RUN):
	@$(PYTHON) -c 'import sys; sys.exit("char-lstm needs Python 3.10 or newer: make PYTHON=python3.12" if sys.version_info < (3, 10) else 0)'
	@echo "Making a virtual environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
