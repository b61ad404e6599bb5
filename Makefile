# The two commands of the README (demo, test) and what a developer needs. Everything runs in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= out

# The locally learned networks that come with snnsim, as model-neurons.
LEARNED := diehl-cook-400 first-spike-100 first-spike-400 first-spike-1600 patches-128 patches-256 patches-512

.PHONY: demo test check lint format weights learned gpu clean

demo: $(VENV)/.demo  ## install and run the main job: figure, table and report under $(OUT)
	$(BIN)/snnsim mnist --out $(OUT)

test: $(VENV)/.dev  ## install and run the whole test suite
	$(BIN)/python -m pytest --durations=10

check: lint test

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

weights: $(VENV)/.dev  ## train all shipped weights anew (about 20 minutes)
	$(BIN)/snnsim train --dataset mnist --jobs 1 --out snnsim/weights/mnist
	$(BIN)/snnsim train --dataset digits --jobs 1 --out snnsim/weights/digits

learned: $(VENV)/.dev  ## train the shipped locally learned networks anew (minutes) and export them
	@for name in $(LEARNED); do \
	  $(BIN)/snnsim learn mnist --model $${name%-*} --neurons $${name##*-} --out build/learned/$$name && \
	  $(BIN)/snnsim learn --out build/learned/$$name --export snnsim/weights/mnist/learned/$$name.npz || exit 1; done

# A machine with a card is often lent for minutes and offline: plain python3, with NumPy, Numba, numba-cuda, pytest and hypothesis.
gpu:  ## GPU tests and benchmarks, under 8 minutes; GPU="--backend cpu --quick" rehearses them without a card
	PYTHONPATH="$(CURDIR):$(CURDIR)/kernels:$(CURDIR)/models:$(CURDIR)/benchmarks$${PYTHONPATH:+:$$PYTHONPATH}" $(PYTHON) -m gpu $(GPU)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v < (3, 14) else \
	  f"snnsim needs Python 3.11 to 3.13, $(PYTHON) is {v[0]}.{v[1]}: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "no virtual environment could be made; on Debian and Ubuntu: apt install python3-venv"; exit 1; }

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

# constraints.txt pins what the tests compare figures with; the user's range stays open.
$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/.demo

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
