# make demo   train on data/, evaluate, predict: the main job from nothing
# make test   lint, types, layers, tests

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: install demo test test-slow faults lint types layers unit golden clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "polyhead needs Python 3.11 or newer; name one with make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check --quiet -c constraints.txt -e '.[all,dev]'
	@touch $@

demo: install
	$(BIN)/polyhead train data/train.json --dev data/dev.json --encoder minilm --output saved_model
	$(BIN)/polyhead evaluate saved_model data/test.json
	$(BIN)/polyhead predict saved_model "John lives in New York." "When does Zoë start at Siemens in Düsseldorf?"

test: lint types layers unit

lint: install
	$(BIN)/ruff check src tests benchmarks examples
	$(BIN)/ruff format --check src tests benchmarks examples

types: install
	$(BIN)/mypy

layers: install
	$(BIN)/lint-imports

# One process a core, each with one thread: tiny models gain nothing from more. In the files' order: by the number of their
# tests the longest, which have few, would come last, and one process would wait for the other.
unit: install
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

# Trains on real data for minutes; needs the data sets beside the checkout.
test-slow: install
	$(BIN)/pytest -m slow -v

# Kills, full disks, damaged and hostile files: all of what `make test` runs a part of.
faults: install
	OMP_NUM_THREADS=1 $(BIN)/pytest tests/faults -m "slow or not slow" -n auto --dist load

# Rewrite the golden files after a wanted change of CLI help, public names or bundle layout.
golden: install
	POLYHEAD_UPDATE_GOLDEN=1 $(BIN)/pytest tests/golden

clean:
	rm -rf $(VENV) saved_model runs
