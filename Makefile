# make app       serve the page at http://127.0.0.1:7860
# make quick     run tests/unit, but for what starts programs or takes seconds: 30 seconds
# make test      run tests/unit, tests/integration and tests/browser
# make lint      run ruff, mypy, import-linter, oxlint, prettier and TypeScript, look for known vulnerabilities
# make versions  run the unit tests under each other version of Python that is installed
# make soak      run tests/soak: what takes minutes by its nature
# make bench     measure speed, beside the plain way in PyTorch
# make release   check this version, build it and make its tag; nothing is published
# make lines     print how many lines each package has
# make clean     remove what make made
#
# ARGS are passed to the program: make app ARGS="--model user/name", make test ARGS="-k sampler".
# PYTHON makes the virtual environment: make app PYTHON=python3.12.

PYTHON ?= python3
ARGS ?=
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check

.DELETE_ON_ERROR:
.PHONY: app quick test lint versions soak bench release lines clean

# Ctrl-C is the usual way to stop the app, so it is no error.
app: $(VENV)/.installed
	@trap : INT; $(RUN) app.py $(ARGS) || test $$? -eq 130

# Four processes share the tests, a file each: two cores finish them sooner than with two processes, because tests wait.
# A missing Chromium is installed first: tests/browser/conftest.py.
# With the variable set, each of the processes that tests start would compile the project again: 0.2 of its 1.5 seconds.
PYTEST := PYTHONDONTWRITEBYTECODE= $(RUN) -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder

# Two processes: unit tests do not wait, and each process takes 5 seconds to import what they test.
quick: $(VENV)/.installed-dev
	@$(PYTEST) --numprocesses 2 tests/unit -m "not slow" $(ARGS)

# The first command compiles the kernels, which the four processes would otherwise do at the same time.
test: $(VENV)/.installed-dev
	@PYTHONDONTWRITEBYTECODE= $(RUN) -m model generate ROMEO: --length 1 >/dev/null
	@$(PYTEST) $(ARGS)

lint: $(VENV)/.installed-dev
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy
	@$(VENV)/bin/lint-imports --no-logo
	@$(RUN) -m tests.check_scripts
	@$(RUN) -m tests.audit

versions: $(VENV)/.installed-dev
	@$(RUN) -m tests.versions $(ARGS)

soak: $(VENV)/.installed-dev
	@$(PYTEST) tests/soak -raP $(ARGS)

bench: $(VENV)/.installed-dev
	@$(RUN) -m tests.benchmarks.bench_stream
	@$(RUN) -m tests.benchmarks.bench_engine
	@$(RUN) -m tests.benchmarks.bench_page
	@$(RUN) -m tests.benchmarks.bench_lens
	@$(RUN) -m tests.benchmarks.bench_crowd
	@$(RUN) -m tests.benchmarks.bench_attacks
	@$(RUN) -m tests.benchmarks.bench_training

release: $(VENV)/.installed-dev
	@$(RUN) -m tests.release $(ARGS)

# Without the libraries in web/vendor.
lines:
	@for part in app.py setup.py char_lstm model training ui web deploy tests/*/; do \
	  git ls-files "$$part" | grep -E '\.(py|js|css|html|wat|c)$$' | grep -v ^web/vendor/ | tr '\n' '\0' | xargs -0 cat | wc -l | tr '\n' ' '; \
	  echo "$$part"; \
	done

clean:
	@rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One package at a time, to show the progress; then all at once, so that pip checks that they fit each other.
# The stamp is written last, so that an interrupted installation is repeated.
$(VENV)/.installed: requirements.txt training/requirements.txt | $(RUN)
	@echo "Installing what the app and training need; the first time takes some minutes:"
	@sed 's/ *#.*//' $^ | grep . | while read -r each; do echo "  $$each"; $(PIP) "$$each" </dev/null || exit 1; done
	@$(PIP) -r requirements.txt -r training/requirements.txt
	@echo "Compiling the int8 kernels ..."
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
